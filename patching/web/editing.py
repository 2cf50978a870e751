"""Doors to asking: what may be asked for, one object new or changed or removed, several at once, an open request."""

import json
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from patching import findings, permissions, presets, versions, words
from patching.approval import WINDOWS
from patching.around import Around
from patching.contents import items_of
from patching.models import (
    Application,
    ChangeRequest,
    Environment,
    MaintenanceWindow,
    PatchBaseline,
    PatchGroup,
)
from patching.models.governed import Governed
from patching.permissions import ROWS
from patching.web import adopting, alerts, freezes, wizard
from patching.web.asking import (
    AskForm,
    GroupForm,
    Item,
    RemovalForm,
    Scope,
    SeveralForm,
    held_elsewhere,
    scopes_of,
)
from patching.web.asking_pages import answer
from patching.web.baseline_forms import BaselineForm
from patching.web.common import may_ask_for
from patching.web.window_forms import WindowForm
from portal.governance import roles
from portal.governance.signing_in import SignedInRequest

NOUNS = {"baseline": "baseline", "patch-group": "patch group", "window": "window"}


@login_required
@require_GET
def request_new(request: HttpRequest) -> HttpResponse:
    """Choose what to ask for."""
    context = {"scopes": scopes_of(request.user), "may_ask": roles.teams_of(request.user).exists()}
    return render(request, "patching/request_new.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def window_new(request: HttpRequest) -> HttpResponse:
    """Ask for a new window."""
    return _placed_new(request, "window")


@login_required
@require_http_methods(["GET", "POST"])
def group_new(request: HttpRequest) -> HttpResponse:
    """Ask for a new patch group."""
    return _placed_new(request, "patch-group")


@login_required
@require_http_methods(["GET", "POST"])
def baseline_new(request: HttpRequest) -> HttpResponse:
    """Ask for a new baseline."""
    system = request.GET.get("system", "")
    system = system if system in words.SYSTEM_NAMES else WINDOWS
    preset = presets.named(system, request.GET.get("preset", "")) or presets.of_system(system)[0]
    initial = {
        **(BaselineForm.filled_from({"definition": preset.definition}) or {}),
        **_named(request, preset, system),
    }

    def make(data: Any = None) -> AskForm:
        return BaselineForm(data, user=request.user, initial=initial)

    about = f"Begins with: {preset.name}. {preset.about}"
    return answer(request, make, heading="Ask for a baseline", about=about)


def _named(request: HttpRequest, preset: presets.Preset, system: str) -> dict[str, str]:
    """A name to begin with, as the ready-made requests name theirs, and the environment that a stage is for."""
    first = Application.objects.filter(team__in=roles.teams_of(request.user)).first()
    if first is None:
        return {}
    stage = preset.key if Environment.objects.filter(slug=preset.key).exists() else ""
    short = "win" if system == WINDOWS else system.lower().replace("_", "-")
    name = "-".join(filter(None, [first.slug, stage, short]))
    return {"name": name[:128], "application": first.slug, "environment": stage}


@login_required
@require_http_methods(["GET", "POST"])
def several_new(request: HttpRequest) -> HttpResponse:
    """Ask for several changes at once."""

    def make(data: Any = None) -> AskForm:
        return SeveralForm(data, initial={"items_json": "[]"})

    return answer(request, make, heading="Ask for several changes")


@login_required
@require_http_methods(["GET", "POST"])
def window_change(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask for a change to a window."""
    return _change(request, "window", _row(request, MaintenanceWindow, pk))


@login_required
@require_http_methods(["GET", "POST"])
def group_change(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask for a change to a patch group."""
    return _change(request, "patch-group", _row(request, PatchGroup, pk))


@login_required
@require_http_methods(["GET", "POST"])
def baseline_change(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask for a change to a baseline."""
    return _change(request, "baseline", _row(request, PatchBaseline, pk))


@login_required
@require_http_methods(["GET", "POST"])
def window_remove(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask that a window goes."""
    return _remove(request, "window", _row(request, MaintenanceWindow, pk))


@login_required
@require_http_methods(["GET", "POST"])
def group_remove(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask that a patch group goes."""
    return _remove(request, "patch-group", _row(request, PatchGroup, pk))


@login_required
@require_http_methods(["GET", "POST"])
def baseline_remove(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask that a baseline goes."""
    return _remove(request, "baseline", _row(request, PatchBaseline, pk))


@login_required
@require_http_methods(["GET", "POST"])
def request_edit(request: SignedInRequest, pk: int) -> HttpResponse:
    """Write the next revision of an open request, in the form that fits it or as JSON."""
    rows = ChangeRequest.objects.visible_to(request.user).select_related("current", "team")
    change = get_object_or_404(rows, pk=pk)
    if change.state not in ChangeRequest.OPEN or not permissions.may_edit(request.user, change):
        return redirect("patching:request-detail", pk)
    items = items_of(change.current) if change.current else []
    if fix := request.GET.get("fix"):
        items = _fixed(fix, items)
    as_json = request.GET.get("as") == "json"
    make = None if as_json else _form_for(request, change, items)
    by_hand = make is None
    if make is None:
        make = _several(change, items)
    return answer(
        request,
        make,
        heading=f"Edit {change.number}",
        about="Saving writes a new revision. Decisions on the earlier one no longer count.",
        change=change,
        context={"json_url": "" if by_hand else f"{reverse('patching:request-edit', args=[pk])}?as=json"},
    )


# Which form


def _form_for(request: SignedInRequest, change: ChangeRequest, items: list[Item]) -> Any:
    """A maker of the form that says all that the items say; None where only JSON does."""
    said = {"title": change.title, "reason": change.reason}
    answers = wizard.answers_in(items)
    if answers is not None:

        def make_wizard(data: Any = None) -> AskForm:
            return wizard.HaWindowsForm(data, user=request.user, initial={**answers, **said}, editing=True)

        return make_wizard
    if len(items) != 1:
        return None
    item = items[0]
    if item["action"] == "adopt":
        return adopting.form_of(request, item, said)
    if item["kind"] in ("freeze", "occurrence") and item["action"] != "delete":
        return freezes.form_for(request, item, said)
    if item["action"] == "delete":
        row = ROWS[item["kind"]].objects.filter(pk=item["target"]).first()
        return _removal(item["kind"], row, initial=said, editing=True) if row else None
    return _object_form(request, item["kind"], item["spec"], target=item["target"], said=said, editing=True)


def _several(change: ChangeRequest, items: list[Item]) -> Any:
    initial = {
        "title": change.title,
        "reason": change.reason,
        "items_json": json.dumps(items, indent=2, ensure_ascii=False),
    }

    def make(data: Any = None) -> AskForm:
        return SeveralForm(data, initial=initial, editing=True)

    return make


def _object_form(
    request: HttpRequest,
    kind: str,
    spec: dict[str, Any],
    *,
    target: int | None,
    said: dict[str, str],
    editing: bool = False,
) -> Any:
    """A maker of the form for one object, filled in from its spec."""
    user = request.user
    if kind == "baseline":
        filled = BaselineForm.filled_from(spec)
        if filled is None:
            return None
        initial = {**filled, **said}

        def make_baseline(data: Any = None) -> AskForm:
            return BaselineForm(data, user=user, target=target, initial=initial, editing=editing)

        return make_baseline
    scope = _scope_of(request, spec)
    if scope is None:
        return None
    common = {"scope": scope, "target": target, "editing": editing, "kept": spec["instances"]}
    if kind == "window":
        filled = WindowForm.filled_from(spec)

        def make_window(data: Any = None) -> AskForm:
            return WindowForm(data, initial={**filled, **said}, **common)

        return make_window
    initial = {name: spec[name] for name in ("name", "az", "instances")} | said

    def make_group(data: Any = None) -> AskForm:
        return GroupForm(data, user=user, initial=initial, also=spec["baselines"], **common)

    return make_group


def _scope_of(request: HttpRequest, spec: dict[str, Any]) -> Scope | None:
    return next((one for one in scopes_of(request.user) if spec.items() >= one.spec().items()), None)


# What the doors share


def _placed_new(request: HttpRequest, kind: str) -> HttpResponse:
    scopes = scopes_of(request.user)
    key = request.GET.get("scope", "")
    scope = next((one for one in scopes if one.key == key), None)
    noun = NOUNS[kind]
    if scope is None:
        return render(request, "patching/choose_scope.html", {"scopes": scopes, "noun": noun, "kind": kind})
    name = f"{scope.application.slug}-{scope.environment.slug}"
    held = held_elsewhere(kind, scope)
    initial = {
        "name": name,
        "title": f"A {noun} for {scope.application.slug}, {scope.environment.name.lower()}",
        "instances": [one.instance_id for one in scope.instances() if one.instance_id not in held],
    }

    def make(data: Any = None) -> AskForm:
        if kind == "window":
            return WindowForm(data, scope=scope, initial=initial)
        return GroupForm(data, scope=scope, user=request.user, initial=initial)

    return answer(request, make, heading=f"Ask for a {noun}", about=f"For {scope}.", context={"scope": scope})


def _row(request: HttpRequest, model: type[Governed], pk: int) -> Governed:
    """A live row that this person sees, of a team that is theirs to ask for."""
    rows = model.objects.visible_to(request.user).live().select_related("application__team")
    row = get_object_or_404(rows, pk=pk)
    if not may_ask_for(request.user, row):
        raise Http404
    return row


def _fixed(fix: str, items: list[Item]) -> list[Item]:
    """The items of a request with one fix in them; as they are where there is no such fix any more."""
    around = Around(items)
    found = findings.items_with(fix, findings.of(around), findings.planned_after(around), around)
    return items if found is None else found


def _items_of_fix(request: HttpRequest, fix: str, row: Governed) -> list[Item] | None:
    """What a fix of a live window or baseline asks for, as the items of a new request."""
    if isinstance(row, MaintenanceWindow):
        around, found = findings.around_window(row), findings.of_window(row)
        windows = findings.company_of(row, around)
    elif isinstance(row, PatchBaseline):
        around, found, windows = findings.around_baseline(row), findings.of_baseline(row, by=request.user), []
    else:
        return None
    items = findings.items_with(fix, found, windows, around)
    # the object that was looked at stands among the items whether or not the fix is about it
    return None if items is None else [one for one in items if one not in around.items]


def _change(request: HttpRequest, kind: str, row: Governed) -> HttpResponse:
    said = {"title": f"Change the {NOUNS[kind]} {row.name}", "reason": ""}
    spec = {**row.spec, **(alerts.fields_of_fix(request, row) if isinstance(row, MaintenanceWindow) else {})}
    if (fix := request.GET.get("fix")) and (items := _items_of_fix(request, fix, row)):
        if [(one["kind"], one["target"]) for one in items] != [(kind, row.pk)]:
            return _ask_for(request, items, said)
        spec = items[0]["spec"]
    if earlier := _earlier(request, row):
        spec, said = dict(earlier.spec), _restoring(earlier, row, kind)
    make = _object_form(request, kind, spec, target=row.pk, said=said)
    if make is None and kind == "baseline":
        make = _by_hand(spec, row, said)
    if make is None:
        raise Http404
    return answer(request, make, heading=f"Ask for a change to {row.name}", context={"row": row})


def _ask_for(request: HttpRequest, items: list[Item], said: dict[str, str]) -> HttpResponse:
    """Several changes that belong together, ready to be asked for."""
    initial = {**said, "items_json": json.dumps(items, indent=2, ensure_ascii=False)}

    def make(data: Any = None) -> AskForm:
        return SeveralForm(data, initial=initial)

    return answer(
        request, make, heading="Ask for several changes", about="Together they settle what was found."
    )


def _earlier(request: HttpRequest, row: Governed) -> versions.Version | None:
    """The version that is to be restored, as ``?version=`` names its revision."""
    given = request.GET.get("version", "")
    return versions.at(row, int(given)) if given.isdecimal() and given.isascii() else None


def _restoring(earlier: versions.Version, row: Governed, kind: str) -> dict[str, str]:
    return {
        "title": f"Restore version {earlier.number} of the {NOUNS[kind]} {row.name}"[:120],
        "reason": f"Go back to what {earlier.revision.request.number} approved on {earlier.since:%-d %b %Y}.",
    }


def _by_hand(spec: dict[str, Any], row: Governed, said: dict[str, str]) -> Any:
    """A maker of the form that takes JSON, for a baseline that says more than fields can."""
    item = {"action": "change", "kind": "baseline", "target": row.pk, "spec": spec}
    initial = {**said, "items_json": json.dumps([item], indent=2, ensure_ascii=False)}

    def make(data: Any = None) -> AskForm:
        return SeveralForm(data, initial=initial)

    return make


def _remove(request: HttpRequest, kind: str, row: Governed) -> HttpResponse:
    said = {"title": f"Remove the {NOUNS[kind]} {row.name}", "reason": ""}
    return answer(
        request,
        _removal(kind, row, initial=said),
        heading=f"Ask to remove {row.name}",
        about="It leaves AWS once this is approved. What it did until then stays in the records.",
    )


def _removal(kind: str, row: Governed, **more: Any) -> Any:
    def make(data: Any = None) -> AskForm:
        return RemovalForm(data, kind=kind, row=row, **more)

    return make
