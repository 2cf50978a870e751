"""Pages of freezes and single openings: what keeps windows shut, which windows, and the doors to ask for it."""

from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import django_filters
from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from patching import freeze_effects, freezing, holding_words, openings, shutting_words
from patching.models import Freeze, MaintenanceWindow, Occurrence, WindowHold
from patching.permissions import ROWS
from patching.shutting_items import in_utc, key_of
from patching.web import alerts
from patching.web.asking import AskForm, RemovalForm
from patching.web.asking_pages import answer
from patching.web.asking_times import CalendarForm, FreezeForm, OccurrenceForm
from patching.web.common import history_of
from patching.web.filters import WhoseFilter
from portal.governance import clock, lists, roles
from portal.governance.models import User
from portal.governance.signing_in import SignedInRequest

ENDED, RUNNING, AHEAD = "ended", "running", "ahead"

COLUMNS = (
    lists.Column("Freeze", lambda one: one.name, "name"),
    lists.Column("Whose windows", lambda one: shutting_words.whom_it_binds(one.spec)),
    lists.Column("Windows", lambda one: one.windows, css="r"),
    lists.Column("From", lambda one: one.starts_at, "starts_at"),
    lists.Column("Until", lambda one: one.ends_at, "ends_at"),
    lists.Column("Why", lambda one: one.spec["reason"]),
    lists.Column("State", lambda one: holding_words.state_of(one)),
)


class FreezeFilter(WhoseFilter):
    """Freezes by whose and whether they are over."""

    when = django_filters.ChoiceFilter(
        choices=[(RUNNING, "In force"), (AHEAD, "Ahead"), (ENDED, "Over or removed")],
        label="State",
        empty_label="In force and ahead",
        method="by_time",
    )

    class Meta:
        model = Freeze
        fields = ("application", "environment")

    def by_time(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        now = clock.now()
        live = rows.filter(retired_at=None)
        chosen = {
            RUNNING: live.filter(starts_at__lte=now, ends_at__gt=now),
            AHEAD: live.filter(starts_at__gt=now),
            ENDED: rows.filter(ends_at__lte=now) | rows.exclude(retired_at=None),
        }
        return chosen[value]

    @property
    def qs(self) -> Any:
        found = super().qs
        if self.is_bound and self.form.is_valid() and self.form.cleaned_data.get("when"):
            return found
        return found.filter(retired_at=None, ends_at__gt=clock.now())


@login_required
@require_GET
def freeze_list(request: HttpRequest) -> HttpResponse:
    """When windows stay shut, of what this person may see and of everybody."""
    rows = Freeze.objects.visible_to(request.user).select_related("application", "environment")
    return lists.show(
        request,
        "patching/freeze_list.html",
        rows=rows,
        columns=COLUMNS,
        name="freezes",
        decorate=_decorate,
        filters=FreezeFilter,
        context={"may_ask": roles.teams_of(request.user).exists()},
    )


def _decorate(freezes: list[Any]) -> None:
    held = WindowHold.objects.filter(source__in=[freezing.source_of(one) for one in freezes])
    counts = Counter(held.order_by().values_list("source", flat=True))
    for one in freezes:
        one.binds, one.stands = shutting_words.whom_it_binds(one.spec), holding_words.state_of(one)
        one.windows = counts[freezing.source_of(one)]


@login_required
@require_GET
def freeze_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """One freeze: the windows that it shuts, the openings that fall out, what comes late, and how it stands in AWS."""
    rows = Freeze.objects.visible_to(request.user).select_related(
        "application__team", "environment", "account_region__account", "revision__request"
    )
    freeze = get_object_or_404(rows, pk=pk)
    held = WindowHold.objects.filter(source=freezing.source_of(freeze)).select_related("window")
    seen = set(MaintenanceWindow.objects.visible_to(request.user).values_list("pk", flat=True))
    shut = [] if freeze.retired_at else freeze_effects.windows_shut(freeze.spec)
    context = {
        "freeze": freeze,
        "binds": shutting_words.whom_it_binds(freeze.spec),
        "state": holding_words.state_of(freeze),
        "shut": [one for one in shut if one.window.pk in seen],
        "unseen": sum(one.window.pk not in seen for one in shut),
        "effect": "" if freeze.retired_at else freeze_effects.of_freeze(None, freeze.spec),
        "standing": holding_words.standing([one for one in held if one.window_id in seen]),
        "may_ask": freeze.retired_at is None and _may_change(request, freeze),
        "may_read_request": _reads_request(request, freeze),
        "history": history_of(freeze, "freeze") if _reads_request(request, freeze) else [],
    }
    return render(request, "patching/freeze_detail.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def freeze_ask(request: HttpRequest) -> HttpResponse:
    """Ask for a freeze."""
    named = ("application", "environment", "starts_at", "ends_at")
    initial = {name: request.GET[name] for name in named if name in request.GET}

    def make(data: Any = None) -> AskForm:
        return FreezeForm(data, user=request.user, initial=initial)

    return answer(request, make, heading="Ask for a freeze", about="No window under it opens until it ends.")


@login_required
@require_http_methods(["GET", "POST"])
def freeze_calendar(request: HttpRequest) -> HttpResponse:
    """Ask for the freezes of a calendar, in one request."""

    def make(data: Any = None) -> AskForm:
        files = None if data is None else request.FILES
        return CalendarForm(data, files, user=request.user, initial={"title": "Freezes of a calendar"})

    return answer(
        request, make, heading="Ask for the freezes of a calendar", about="Each event becomes one freeze."
    )


@login_required
@require_http_methods(["GET", "POST"])
def freeze_change(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask for a change to a freeze."""
    freeze = _changeable(request, pk)
    initial = {**FreezeForm.filled_from(freeze.spec), "title": f"Change the freeze {freeze.name}"}

    def make(data: Any = None) -> AskForm:
        return FreezeForm(data, user=request.user, target=freeze.pk, initial=initial)

    return answer(request, make, heading=f"Ask for a change to {freeze.name}")


@login_required
@require_http_methods(["GET", "POST"])
def freeze_remove(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask that a freeze ends now, or never begins."""
    freeze = _changeable(request, pk)
    return _remove(request, "freeze", freeze, "Windows that it keeps shut open again once this is approved.")


@login_required
@require_http_methods(["GET", "POST"])
def window_occurrence(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask to skip or move one opening of a window."""
    rows = MaintenanceWindow.objects.visible_to(request.user).live().select_related("application__team")
    window = get_object_or_404(rows, pk=pk)
    if window.application is None or not roles.is_member(request.user, window.application.team):
        raise Http404
    chosen = request.GET.get("run_at", "")
    with suppress(ValueError, OverflowError):
        chosen = key_of(in_utc(chosen))
    initial = {"title": f"One opening of {window.name}"} | ({"run_at": chosen} if chosen else {})
    if fix := alerts.opening_instead(request, window):
        initial |= _made_up_for(window, fix)

    def make(data: Any = None) -> AskForm:
        return OccurrenceForm(data, window=window, initial=initial)

    heading = f"Skip or move an opening of {window.name}"
    about = "The window stays shut for that opening; its schedule stays as it is."
    if fix:
        heading = f"Ask for an extra opening of {window.name}"
        about = "It makes up for the one that never came; the schedule stays as it is."
    return answer(request, make, heading=heading, about=about)


def _made_up_for(window: MaintenanceWindow, fix: Mapping[str, Any]) -> dict[str, Any]:
    zone = window.spec["timezone"]
    when = openings.in_words([in_utc(fix["run_at"])], zone)
    return {
        **OccurrenceForm.filled_from({**fix, "override": False}, zone),
        "title": f"Extra opening of {window.name}"[:120],
        "reason": f"It should have opened on {when}, and AWS shows no run.",
    }


@login_required
@require_http_methods(["GET", "POST"])
def occurrence_remove(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask that an opening comes as the schedule says after all."""
    rows = Occurrence.objects.visible_to(request.user).live().select_related("application__team")
    one = get_object_or_404(rows, pk=pk)
    if one.application is None or not roles.is_member(request.user, one.application.team):
        raise Http404
    about = "The window opens as its schedule says, and no extra window does."
    if one.is_extra:
        about = "No extra window opens to make up for the opening that never came."
    return _remove(request, "occurrence", one, about)


def form_for(request: SignedInRequest, item: dict[str, Any], said: dict[str, str]) -> Any:
    """A maker of the form for an open request's freeze or opening, filled in; None where only JSON says it."""
    spec, target = item["spec"], item["target"]
    if item["kind"] == "freeze":
        initial = {**FreezeForm.filled_from(spec), **said}

        def make_freeze(data: Any = None) -> AskForm:
            return FreezeForm(data, user=request.user, target=target, initial=initial, editing=True)

        return make_freeze
    rows = MaintenanceWindow.objects.visible_to(request.user).live()
    window = rows.filter(name=spec["window"], account_region__region=spec["region"]).first()
    if window is None:
        return None
    filled = {**OccurrenceForm.filled_from(spec, window.spec["timezone"]), **said}

    def make_opening(data: Any = None) -> AskForm:
        more = {"window": window, "kept": [spec["run_at"]], "editing": True}
        return OccurrenceForm(data, target=target, initial=filled, **more)

    return make_opening


def holds_of(user: User, window: MaintenanceWindow) -> list[dict[str, Any]]:
    """What keeps a window shut now or later, each with the page of its word where this person may open it."""
    ahead = WindowHold.objects.ahead(clock.now()).filter(window=window).select_related("window")
    freezes = set(Freeze.objects.visible_to(user).values_list("pk", flat=True))
    told = []
    for one in holding_words.standing(list(ahead)):
        kind, _, pk = one.hold.source.partition(":")
        url = ""
        if kind == "freeze" and int(pk) in freezes:
            url = reverse("patching:freeze-detail", args=[pk])
        elif kind == "failure":
            url = reverse("patching:failure-detail", args=[pk])
        told.append(
            {"hold": one.hold, "state": one.state, "word": one.word, "way_back": one.way_back, "url": url}
        )
    return told


def _remove(request: HttpRequest, kind: str, row: Any, about: str) -> HttpResponse:
    initial = {"title": f"Remove {row.name}"[:120]}

    def make(data: Any = None) -> AskForm:
        return RemovalForm(data, kind=kind, row=row, initial=initial)

    return answer(request, make, heading=f"Ask to remove {row.name}", about=about)


def _changeable(request: HttpRequest, pk: int) -> Any:
    freeze = get_object_or_404(ROWS["freeze"].objects.visible_to(request.user).live(), pk=pk)
    if not _may_change(request, freeze):
        raise Http404
    return freeze


def _may_change(request: HttpRequest, freeze: Freeze) -> bool:
    """Members of the team that owns the application; of a freeze that binds several, members of any team."""
    if freeze.application is None:
        return roles.teams_of(request.user).exists()
    return roles.is_member(request.user, freeze.application.team)


def _reads_request(request: HttpRequest, freeze: Freeze) -> bool:
    team = freeze.revision.request.team
    return roles.reads_all(request.user) or roles.is_member(request.user, team)
