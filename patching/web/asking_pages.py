"""Pages that ask: choose what, fill in, see what it would make, save as a draft or submit. Also edits of requests."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render

from patching import (
    baseline_outlook,
    findings,
    freeze_effects,
    impact,
    openings,
    permissions,
    rules,
    system_facts,
    words,
    workflow,
)
from patching.around import Around
from patching.findings import Finding
from patching.impact import Impact
from patching.items import check_items, name_of, with_defaults
from patching.models import ChangeRequest
from patching.web.asking import AskForm, Item, zones
from patching.web.opening_runs import Run
from patching.web.repeated import EDIT
from patching.web.strip import Strip, strip_of
from patching.web.window_forms import RUNS, WindowForm
from portal.governance import clock, roles
from portal.governance.errors import DomainError, FieldProblem, InvalidInput
from portal.governance.models import User

MakeForm = Callable[..., AskForm]
FEW = 4  # messages or effects beside a form
WHY = {"title", "reason", "note"}
REARRANGE = "task-"  # buttons that add, remove and move tasks


@dataclass(frozen=True)
class Line:
    """One object of a preview."""

    kind: str
    name: str
    text: str
    environment: str
    effect: str = ""


@dataclass(frozen=True)
class Preview:
    """What a filled-in form would ask for."""

    impact: Impact
    lines: tuple[Line, ...]
    findings: tuple[Finding, ...]
    strip: Strip | None
    runs: tuple[tuple[str, Run], ...]  # of several windows, the next first; a single one shows its own
    deciders: tuple[str, ...]
    around: Around


def answer(
    request: HttpRequest,
    make: MakeForm,
    *,
    heading: str,
    about: str = "",
    change: ChangeRequest | None = None,
    context: Mapping[str, Any] | None = None,
) -> HttpResponse:
    """Show a form of ``AskForm``, preview what it would ask for, or take it. ``make(data)`` makes the form."""
    form, status = make(), 200
    preview: Preview | None = None
    against: list[str] = []
    do = request.POST.get("do", "")
    if EDIT in request.POST:
        form = make(request.POST)
        preview, against = _looked_at(make, form.data, request.user)
    elif request.method == "POST":
        form = make(request.POST)
        if _asks(form):
            preview = preview_of(form, request.user)
        if form.is_valid() and do in ("draft", "submit"):
            try:
                saved = _save(request, form, change, submit=do == "submit")
                return redirect("patching:request-detail", saved.pk)
            except InvalidInput as problem:
                form.tell(problem.problems)
            except DomainError as problem:
                form.add_error(None, str(problem))
                status = problem.http_status
        if status == 200 and not form.is_valid():
            status = _refusing(request, was_shown=do == "preview" and preview is not None)
        if do.startswith(REARRANGE) and isinstance(form, WindowForm):
            form, status = _rearranged(make, form, request.POST, do.removeprefix(REARRANGE)), 200
    elif form.initial.get("title") or form.has_rules:
        preview, against = _first_preview(make, form, request.user)
    effects = _on_patches(preview)
    return render(
        request,
        "patching/ask.html",
        {
            "form": form,
            "preview": preview,
            "effects": effects,
            "several": len(effects) > 1,
            "against": against or _against(form),
            "heading": heading,
            "about": about,
            "change": change,
            "zones": zones() if "timezone" in form.fields else [],
            **(context or {}),
        },
        status=status,
    )


def _refusing(request: HttpRequest, *, was_shown: bool) -> int:
    """The status of a form that lacks something. A preview does without title and reason."""
    if "HX-Request" not in request.headers:
        return 400
    return 200 if was_shown else 422  # htmx swaps a 422 and leaves a 400 alone


def _rearranged(make: MakeForm, judged: WindowForm, data: QueryDict, do: str) -> AskForm:
    """The form as it was filled in, with its tasks rearranged; what is wrong is told when it is sent."""
    form = make()
    assert isinstance(form, WindowForm)
    form.rearrange(data, do, judged)
    return form


def preview_of(form: AskForm, user: User) -> Preview | None:
    """What a form would make; what rules say against it is put under its fields."""
    items = form.items()
    problems = [FieldProblem(*one) for one in check_items(items, system_facts.allowed())]
    if not problems:
        items = [with_defaults(one) for one in items]
        team = rules.team_of(items) or roles.teams_of(user).first()
        if team is not None:
            problems = [FieldProblem(*one) for one in rules.check(items, by=user, team=team, quotas=False)]
    if problems:
        form.tell(problems)
        return None
    around = Around(items)
    return Preview(
        impact=impact.of(around),
        lines=tuple(_lines(items)),
        findings=tuple(findings.of(around)),
        strip=strip_of(around),
        runs=tuple(_next_runs(items)),
        deciders=tuple(permissions.SLOT_NAMES[slot] for slot in permissions.slots_needed(items)),
        around=around,
    )


def _on_patches(preview: Preview | None) -> list[dict[str, Any]]:
    """What each baseline comes to that is all it asks for: in place of the one it changes, and by itself."""
    items = preview.around.items if preview else []
    if (
        preview is None
        or len(items) > FEW
        or any(one["kind"] != "baseline" or not one["spec"] for one in items)
    ):
        return []
    now = clock.now()
    outlooks = [baseline_outlook.outlook(one["spec"]["definition"], now) for one in items]
    changes = baseline_outlook.changes(preview.around, now)
    return [{"change": one, "outlook": other} for one, other in zip(changes, outlooks, strict=True)]


def _next_runs(items: list[Item]) -> list[tuple[str, Run]]:
    specs = [one["spec"] for one in items if one["kind"] == "window" and one["spec"]]
    if len(specs) < 2:
        return []
    now = clock.now()
    found = [
        (spec["name"], Run(start, start + timedelta(hours=spec["duration"]), ZoneInfo(spec["timezone"])))
        for spec in specs
        for start in openings.next_starts(spec, start=now, count=RUNS, since=now)
    ]
    return sorted(found, key=lambda one: one[1].start)[:RUNS]


def _lines(items: list[Item]) -> list[Line]:
    order = ("freeze", "occurrence", "window", "patch-group", "baseline")
    ordered = sorted(items, key=lambda one: order.index(one["kind"]))
    return [
        Line(
            words.KINDS[one["kind"]],
            name_of(one),
            words.in_a_line(one["kind"], one["spec"]),
            one["spec"].get("environment", ""),
            # of one alone: a calendar of forty would reckon every opening forty times while somebody types
            _effect(one) if len(items) == 1 else "",
        )
        for one in ordered
        if one["spec"]
    ]


def _effect(item: Item) -> str:
    told = freeze_effects.BY_KIND.get(item["kind"])
    return told(None, item["spec"]) if told else ""


def _first_preview(make: MakeForm, form: AskForm, user: User) -> tuple[Preview | None, list[str]]:
    """What the answers to begin with would make, or what rules say against them; the form itself stays unmarked."""
    if isinstance(form, WindowForm):
        filled = make(form.answers())
        form.judged = cast(WindowForm, filled)
        return _looked_at(lambda _: filled, None, user)
    return _looked_at(make, form.answers(), user)


def _looked_at(make: MakeForm, answers: Any, user: User) -> tuple[Preview | None, list[str]]:
    filled = make(answers)
    if not _asks(filled):
        return None, []
    preview = preview_of(filled, user)
    return preview, [] if preview else _against(filled)


def _against(form: AskForm) -> list[str]:
    """What is wrong with what it asks for, each with the field's name; titles and reasons come later."""
    if not form.is_bound:
        return []
    found = []
    for name, errors in form.errors.items():
        if name in WHY:
            continue
        label = f"{form.fields[name].label}: " if name in form.fields else ""
        found += [f"{label}{said}" for said in errors]
    return found[:FEW]


def _asks(form: AskForm) -> bool:
    """Whether it says what it asks for, though perhaps not yet why."""
    return not set(form.errors) - WHY


@transaction.atomic
def _save(
    request: HttpRequest, form: AskForm, change: ChangeRequest | None, *, submit: bool
) -> ChangeRequest:
    """The request as saved, all of it or nothing. Raises what the verbs raise."""
    said = {"title": form.cleaned_data["title"], "reason": form.cleaned_data["reason"], "items": form.items()}
    if change is None:
        saved = workflow.draft(by=request.user, **said)
    else:
        saved = workflow.revise(change, by=request.user, note=form.cleaned_data.get("note", ""), **said)
    if submit:
        saved = workflow.submit(saved, by=request.user)
    messages.success(request, _told(saved, submit=submit, edited=change is not None))
    return saved


def _told(saved: ChangeRequest, *, submit: bool, edited: bool) -> str:
    number = saved.current.number if saved.current else 1
    if saved.state == ChangeRequest.State.SUBMITTED:
        who = " and ".join(permissions.SLOT_NAMES[slot] for slot in saved.needs)
        what = f"{saved.number} is submitted" if submit else f"Revision {number} of {saved.number} is saved"
        return f"{what}. It waits for {who}."
    if edited:
        return f"Revision {number} of {saved.number} is saved. Submit it when it is ready."
    return f"{saved.number} is saved as a draft. Submit it when it is ready."
