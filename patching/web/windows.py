"""Pages of maintenance windows: all of them, and one with its next runs in its own time and in UTC."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from patching import exclusions, findings, openings, run_paces, schedules, task_times, words
from patching.models import MaintenanceWindow, ManagedInstance, Occurrence, Waiver
from patching.sizing import Paces
from patching.web import alerts, runs, standing
from patching.web.common import history_of, how_they_stand, may_ask_for
from patching.web.filters import PlacedFilter
from patching.web.freezes import holds_of
from patching.web.opening_runs import Run
from portal.governance import clock, lists, roles

RUNS = 12


COLUMNS = (
    lists.Column("Window", lambda one: one.name, "name"),
    lists.Column("Application", lambda one: one.application, "application__slug"),
    lists.Column("Environment", lambda one: one.environment, "environment__rank", shown=False),
    lists.Column("Opens", lambda one: one.opens),
    lists.Column("Next run", lambda one: one.next_run),
    lists.Column("Duration", lambda one: words.length_in_words(one.spec)),
    lists.Column("Instances", lambda one: len(one.spec["instances"]), css="r"),
    lists.Column("In AWS", lambda one: one.standing.condition),
    lists.Column("Account and Region", lambda one: one.account_region, shown=False),
    lists.Column("Expression", lambda one: one.spec["schedule"], shown=False),
)


@login_required
@require_GET
def window_list(request: HttpRequest) -> HttpResponse:
    """Windows that are approved, with when they open next."""
    rows = (
        MaintenanceWindow.objects.visible_to(request.user)
        .live()
        .select_related("application", "environment", "account_region__account")
    )
    return lists.show(
        request,
        "patching/window_list.html",
        rows=rows,
        columns=COLUMNS,
        name="windows",
        filters=PlacedFilter,
        decorate=_decorate,
        context={"may_ask": roles.teams_of(request.user).exists()},
    )


def _decorate(rows: list[Any]) -> None:
    standing.of_windows(rows)
    at = clock.now()
    for row in rows:
        row.opens = words.schedule_in_words(row.spec)
        starts = openings.next_starts(row.spec, start=at, count=1, since=row.created_at)
        row.next_run = starts[0] if starts else None


@login_required
@require_GET
def window_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """One window: in words, its next runs, its tasks, its instances, and what is true of it in AWS."""
    rows = MaintenanceWindow.objects.visible_to(request.user).select_related(
        "application__team", "environment", "account_region__account", "revision__request"
    )
    window = get_object_or_404(rows, pk=pk)
    _decorate([window])
    members = _members(window)
    context = {
        "window": window,
        "spec": window.spec,
        "in_words": _in_words(window),
        "runs": _runs(window),
        "past": runs.past_runs(window),
        "alerts": alerts.of_window(request.user, window),
        "changes": _clock_changes(window),
        "holds": holds_of(request.user, window),
        "openings": window.occurrences.live().ahead(clock.now()),
        "tasks": _tasks(window.spec, members),
        "members": members,
        **how_they_stand(request.user, window, "home_window"),
        "findings": [] if window.retired_at else findings.of_window(window),
        "sizes": [] if window.retired_at else _sizes(window),
        "history": history_of(window, "window"),
        "may_ask": may_ask_for(request.user, window),
    }
    return render(request, "patching/window_detail.html", context)


def _tasks(spec: Mapping[str, Any], members: list[Any]) -> list[dict[str, Any]]:
    """Its tasks in their order, each with when it begins and what is left then; without instances none begins."""
    systems = [one.operating_system for one in members]
    begun = task_times.begins(
        spec["tasks"],
        systems,
        duration=spec["duration"],
        cutoff=spec["cutoff"],
        paces=run_paces.known() if systems else Paces(),
    )
    when = {one.name: one.in_words for one in begun} if systems else {}
    ordered = sorted(spec["tasks"], key=lambda task: task["priority"])
    return [{**task, "begins": when.get(task["name"], "")} for task in ordered]


def _sizes(window: MaintenanceWindow) -> list[findings.Size]:
    return findings.sizes_of(findings.company_of(window, findings.around_window(window)))


def _in_words(window: Any) -> str:
    spec = window.spec
    work = spec["duration"] - spec["cutoff"]
    told = f"{window.opens}, open for {spec['duration']} h. New work may start for {work} h"
    if spec["cutoff"]:
        told += f"; the last {spec['cutoff']} h are for finishing what runs"
    return f"{told}."


def _runs(window: Any) -> list[Run]:
    if window.retired_at:
        return []
    length = timedelta(hours=window.spec["duration"])
    starts = openings.next_starts(window.spec, start=clock.now(), count=RUNS, since=window.created_at)
    words = list(window.occurrences.live().ahead(clock.now()))
    notes = {one.run_at: _kept_shut(one) for one in words if not one.is_extra}
    instead = {one.moved_to: _instead(one) for one in words if one.moved_to and one.moved_to > clock.now()}
    starts = sorted({*starts, *instead})[:RUNS]
    others = _company(window, starts)
    zone = ZoneInfo(window.spec["timezone"])
    return [
        Run(start, start + length, zone, instead.get(start) or notes.get(start) or others.get(start, ""))
        for start in starts
    ]


def _kept_shut(one: Occurrence) -> str:
    return "Moved to another time" if one.moved_to else "Skipped"


def _instead(one: Occurrence) -> str:
    planned = openings.in_words([one.run_at], one.window.spec["timezone"])
    return f"Extra, for {planned}, which never came" if one.is_extra else f"Instead of {planned}"


def _company(window: Any, starts: list[datetime]) -> dict[datetime, str]:
    """By start, other windows of this account-region that the reader's team owns and that are open then."""
    if not starts:
        return {}
    length = timedelta(hours=window.spec["duration"])
    others = (
        MaintenanceWindow.objects.live()
        .filter(account_region=window.account_region, application=window.application_id)
        .exclude(pk=window.pk)
    )
    found: dict[datetime, list[str]] = {}
    for other in others:
        theirs = timedelta(hours=other.spec["duration"])
        runs = openings.next_starts(
            other.spec, start=starts[0] - theirs, count=4 * RUNS, since=other.created_at
        )
        for start in starts:
            if any(run < start + length and start < run + theirs for run in runs):
                found.setdefault(start, []).append(other.name)
    return {start: f"While {words.listed(names)} is open" for start, names in found.items()}


def _clock_changes(window: MaintenanceWindow) -> list[str]:
    spec = window.spec
    try:
        changes = schedules.clock_changes(
            spec["schedule"], timezone=spec["timezone"], offset=spec["offset"], start=clock.now()
        )
    except schedules.ScheduleError:
        return []
    return [str(change) for change in changes]


def _members(window: MaintenanceWindow) -> list[Any]:
    """Its instances; those that an exemption keeps out have its end, those in a side group what they go without."""
    found = list(
        ManagedInstance.objects.filter(
            account_region=window.account_region, instance_id__in=window.spec["instances"]
        ).select_related("environment", "account_region__account")
    )
    at = clock.now()
    waivers = Waiver.objects.in_force(at).deferrals().filter(instance__in=found)
    sides = exclusions.sides_of(found, at)
    until: dict[int, datetime] = {}
    for waiver in waivers:
        until[waiver.instance_id] = max(waiver.ends_at, until.get(waiver.instance_id, waiver.ends_at))
    for one in found:
        one.left_out_until = until.get(one.pk)
        one.side = sides.get(one.pk)
    return found
