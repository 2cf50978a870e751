"""Pages of change requests: what waits for me, all of them, one of them, and its verbs."""

from typing import Any

import django_filters
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET, require_POST

from patching import (
    baseline_outlook,
    effect_words,
    findings,
    impact,
    permissions,
    quotas,
    sealing,
    shell,
    workflow,
)
from patching.around import Around
from patching.contents import items_of
from patching.models import ChangeRequest, MaintenanceWindow, ManagedInstance, PatchGroup
from patching.web import facts, progress, since, verdict
from patching.web.forms import DecisionForm
from patching.web.strip import strip_of
from portal.governance import audit, audit_words, clock, lists, roles
from portal.governance.buttons import press
from portal.governance.conversation_web import CommentForm, panel
from portal.governance.errors import DomainError, InvalidInput
from portal.governance.looks import look
from portal.governance.models import Team
from portal.governance.signing_in import signed_in_at

State = ChangeRequest.State
TABS = ("changes", "effect", "instances", "discussion", "timeline")
INSTANCES_PER_PAGE = 50
MANY, OPENED = 4, 2  # of many objects, the riskiest stand open


def _teams(request: HttpRequest | None) -> QuerySet[Team]:
    """Teams whose requests this person may see."""
    if request is None:
        return Team.objects.none()
    return Team.objects.all() if roles.reads_all(request.user) else roles.teams_of(request.user)


class RequestFilter(django_filters.FilterSet):
    """What a list of requests is narrowed by."""

    q = django_filters.CharFilter(method="search", label="Title or number")
    state = django_filters.ChoiceFilter(choices=State.choices, label="State", empty_label="All states")
    team = django_filters.ModelChoiceFilter(
        queryset=_teams, field_name="team", label="Team", empty_label="All teams"
    )
    by = django_filters.ChoiceFilter(
        method="asked_by", choices=[("me", "Me")], label="Asked by", empty_label="Anybody"
    )

    class Meta:
        model = ChangeRequest
        fields: list[str] = []

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.form.fields["q"].widget.input_type = "search"

    def search(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        number = value.strip().upper().removeprefix("CR-")
        by_number = Q(pk=int(number)) if number.isascii() and number.isdecimal() and len(number) < 15 else Q()
        return rows.filter(Q(title__icontains=value) | by_number if by_number else Q(title__icontains=value))

    def asked_by(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return rows.filter(requested_by=self.request.user)


def _environments(request: ChangeRequest) -> str:
    return ", ".join(one.name for one in request.facts.environments)  # type: ignore[attr-defined]


COLUMNS = (
    lists.Column("Request", lambda one: one.title, "title"),
    lists.Column("Number", lambda one: one.number, shown=False),
    lists.Column("What it touches", lambda one: one.facts.objects),
    lists.Column("Instances", lambda one: one.facts.instances, css="r"),
    lists.Column("Environments", _environments, shown=False),
    lists.Column("Asked by", lambda one: one.requested_by, "requested_by__username"),
    lists.Column("Team", lambda one: one.team, shown=False),
    lists.Column("State", workflow.effective_state, "state"),
    lists.Column("Submitted", lambda one: one.submitted_at, "submitted_at"),
)


@login_required
@require_GET
def request_list(request: HttpRequest) -> HttpResponse:
    """Every request that this person may see."""
    rows = ChangeRequest.objects.visible_to(request.user).select_related("requested_by", "team", "current")
    return lists.show(
        request,
        "patching/request_list.html",
        rows=rows,
        columns=COLUMNS,
        name="requests",
        filters=RequestFilter,
        decorate=_decorate,
        context={"may_ask": _may_ask(request)},
    )


def _decorate(rows: list[ChangeRequest]) -> None:
    facts.add_to(rows)
    for row in rows:
        row.effective = workflow.effective_state(row)  # type: ignore[attr-defined]


@login_required
@require_GET
def inbox(request: HttpRequest) -> HttpResponse:
    """What waits for this person: decisions first, production and removals before the rest."""
    sections = []
    for title, empty, rows in (
        ("Waits for your decision", True, shell.to_decide(request.user)),
        ("Sent back to you", False, shell.to_answer(request.user)),
        ("Failed, to be pushed again", False, shell.to_retry(request.user)),
        ("Your drafts", False, shell.drafts(request.user)),
    ):
        found = list(rows.select_related("requested_by", "team", "current"))
        _decorate(found)
        found.sort(key=_risk)
        if found or empty:
            sections.append({"title": title, "rows": found, "empty": empty})
    context = {"sections": sections, "may_ask": _may_ask(request)}
    return render(request, "patching/inbox.html", context)


def _risk(row: ChangeRequest) -> tuple[Any, ...]:
    told = row.facts  # type: ignore[attr-defined]
    return (not told.production, not told.removes, row.lapses_at is None, row.lapses_at, row.pk)


def _may_ask(request: HttpRequest) -> bool:
    return roles.teams_of(request.user).exists()


@login_required
@require_GET
def request_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """One request: what to decide first, what it is based on below."""
    return _page(request, visible(request, pk))


@login_required
@require_POST
def request_decide(request: HttpRequest, pk: int) -> HttpResponse:
    """Approve, ask for changes or reject, on the revision that was read."""
    change = visible(request, pk)
    form = DecisionForm(request.POST)
    if not form.is_valid():
        return _page(request, change, form=form, status=400)
    said = form.cleaned_data

    def invalid(problem: InvalidInput) -> HttpResponse:
        for one in problem.problems:
            form.add_error("reason", one.message)
        return _page(request, change, form=form, status=400)

    return press(
        request,
        change,
        workflow.decide,
        told=lambda change: _decided(change, said["outcome"], said["revision"]),
        refused=refused,
        invalid=invalid,
        stale=lambda problem: _page(
            request, change, form=form, status=409, stale=(said["revision"], str(problem))
        ),
        signed_in_at=signed_in_at(request),
        **said,
    )


def _decided(change: ChangeRequest, outcome: str, revision: int) -> str:
    done = {"approve": "approved", "reject": "rejected", "request_changes": "asked for changes to"}
    sentence = f"You {done[outcome]} revision {revision} of {change.number}."
    if outcome == "approve" and change.state == State.SUBMITTED:
        left = [permissions.SLOT_NAMES[slot] for slot in permissions.open_slots(change)]
        sentence += f" It now waits for {' and '.join(left)}."
    return sentence


@login_required
@require_POST
def request_submit(request: HttpRequest, pk: int) -> HttpResponse:
    """Put it before those who decide."""

    def told(change: ChangeRequest) -> str:
        who = " and ".join(permissions.SLOT_NAMES[slot] for slot in change.needs)
        return f"{change.number} is submitted. It waits for {who}."

    return press(request, visible(request, pk), workflow.submit, told=told, refused=refused)


@login_required
@require_POST
def request_withdraw(request: HttpRequest, pk: int) -> HttpResponse:
    """Take it back."""
    return press(
        request,
        visible(request, pk),
        workflow.withdraw,
        told="{0.number} is withdrawn.".format,
        refused=refused,
        reason=request.POST.get("reason", ""),
    )


@login_required
@require_POST
def request_retry(request: HttpRequest, pk: int) -> HttpResponse:
    """Push what failed again."""
    return press(
        request,
        visible(request, pk),
        workflow.retry,
        told="{0.number} is pushed again within a minute.".format,
        refused=refused,
    )


def visible(request: HttpRequest, pk: int) -> ChangeRequest:
    """The request, or 404 for what this person may not see."""
    rows = ChangeRequest.objects.visible_to(request.user).select_related("team", "requested_by", "current")
    return get_object_or_404(rows, pk=pk)


def refused(
    request: HttpRequest, change: ChangeRequest, problem: DomainError, *, comment: CommentForm | None = None
) -> HttpResponse:
    """The page as it is now, with why nothing was done; a comment's form says so itself."""
    if comment is None:
        messages.error(request, str(problem))
    return _page(request, visible(request, change.pk), status=problem.http_status, comment=comment)


def _page(
    request: HttpRequest,
    change: ChangeRequest,
    *,
    form: DecisionForm | None = None,
    status: int = 200,
    stale: tuple[int, str] | None = None,
    comment: CommentForm | None = None,
) -> HttpResponse:
    items = items_of(change.current) if change.current else []
    around = Around(items)
    touched = impact.of(around)
    tab = "discussion" if comment else request.GET.get("tab", "changes")
    tab = tab if tab in TABS else "changes"
    is_open = change.state in ChangeRequest.OPEN
    baselines = is_open and sum(one["kind"] == "baseline" and one["action"] != "delete" for one in items)
    effect_tab = [{"key": "effect", "label": "Effect on patches", "count": baselines}] if baselines else []
    talk = panel(change, request.user, comment)
    decision = verdict.verdict(change, request.user, touched) if stale is None else None
    why = verdict.reason_for(touched)
    context = {
        "change": change,
        "revision": change.current,
        "state": workflow.effective_state(change),
        "is_open": change.state in ChangeRequest.OPEN,
        "impact": touched,
        "what": verdict.what(change, touched),
        "why": why,
        "verdict": decision,
        "form": form or DecisionForm(),
        "stale": _moved(change, stale) if stale else None,
        "moved": sealing.what_moved(change, items) if decision else [],
        "slots": verdict.slots(change, request.user, verdict.needs_of(change, items), why),
        "findings": [*findings.of_request(change), *findings.of(around)]
        if change.state in ChangeRequest.OPEN
        else [],
        "progress": progress.of(change, touched.places),
        "may": _may(request, change),
        "talk": talk,
        "tab": tab,
        "tabs": [
            {"key": "changes", "label": "Changes", "count": len(items)},
            *effect_tab,
            {"key": "instances", "label": "Affected instances", "count": touched.reach},
            {"key": "discussion", "label": "Discussion", "count": len(talk["comments"])},
            {"key": "timeline", "label": "Timeline", "count": None},
        ],
        **_tab(request, change, around, tab),
    }
    if context["is_open"]:
        context["sizes"] = findings.sizes_of(findings.planned_after(around))
        # a freeze makes nothing in AWS that a quota counts
        counted = touched.places if set(touched.kinds) - {"freeze"} else ()
        context["quotas"] = quotas.fit(around, counted)
    if request.method == "GET" and (earlier := look(change, request.user)):
        context["since"] = since.of(change, earlier)
    return render(request, "patching/request_detail.html", context, status=status)


def _tab(request: HttpRequest, change: ChangeRequest, around: Around, tab: str) -> dict[str, Any]:
    """What the chosen tab shows; the others cost nothing."""
    if tab == "timeline":
        entries = audit.timeline(change).select_related("actor").order_by("-seq")
        return {"events": [audit_words.event(entry) for entry in entries]}
    if tab == "discussion":
        return {}
    if tab == "effect":
        return {"differences": baseline_outlook.differences(around, clock.now())}
    if tab == "instances":
        rows = sorted(_affected(request, around), key=lambda one: (-_rank(one), str(one)))
        page = Paginator(rows, INSTANCES_PER_PAGE).get_page(request.GET.get("page"))
        return {"page": page, "members": [_member(one, around) for one in page]}
    changes = effect_words.changes_of(change, around)
    opened = OPENED if len(changes) > MANY else len(changes)
    return {"changes": changes, "opened": opened, "strip": strip_of(around)}


def _affected(request: HttpRequest, around: Around) -> list[ManagedInstance]:
    """Instances that the request names, and those of the reader's that its baselines judge."""
    judged = {one.pk for one in around.judged}
    mine = ManagedInstance.objects.visible_to(request.user).filter(pk__in=judged) if judged else ()
    seen = {one.pk for one in mine}
    return [*around.instances.values(), *(one for one in around.judged if one.pk in seen)]


def _rank(instance: Any) -> int:
    return instance.environment.rank if instance.environment else 0


def _member(instance: Any, around: Around) -> dict[str, Any]:
    """An instance with its group and window, as its tags have them and as they would be."""
    after: dict[str, str | None] = {"patch-group": instance.patch_group, "window": instance.window_name}
    for model, kind in ((PatchGroup, "patch-group"), (MaintenanceWindow, "window")):
        for row in around.rows.values():
            if isinstance(row, model) and instance.instance_id in row.spec["instances"]:
                after[kind] = ""
    for item in around.items:
        if instance.instance_id in item["spec"].get("instances", ()):
            after[item["kind"]] = item["spec"]["name"]
    return {
        "instance": instance,
        "group": (instance.patch_group, after["patch-group"]),
        "window": (instance.window_name, after["window"]),
    }


def _moved(change: ChangeRequest, stale: tuple[int, str]) -> dict[str, Any]:
    """What changed since somebody opened the page, for a decision on what is no longer there."""
    number, sentence = stale
    read = change.revisions.filter(number=number).first()
    change = ChangeRequest.objects.select_related("current__author").get(pk=change.pk)
    assert change.current is not None
    moved = effect_words.moved_between(read, change.current) if read else []
    return {"sentence": sentence, "read": number, "now": change.current, "moved": moved}


def _may(request: HttpRequest, change: ChangeRequest) -> dict[str, bool]:
    """Which verbs this person has here; the others are not shown."""
    user = request.user
    answered = not (change.current and change.current.decisions.filter(closes=True).exists())
    return {
        "edit": change.state in ChangeRequest.OPEN and permissions.may_edit(user, change),
        "submit": change.state in (State.DRAFT, State.CHANGES_REQUESTED)
        and answered
        and roles.is_member(user, change.team),
        "withdraw": State.WITHDRAWN in ChangeRequest.TRANSITIONS[change.state]
        and permissions.may_withdraw(user, change),
        "retry": change.state in (State.FAILED, State.PARTIALLY_APPLIED) and permissions.may_retry(user),
    }
