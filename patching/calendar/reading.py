"""The calendar of one person: windows, holds, words, runs, freezes and ends of exemptions, in few queries."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import F, Q, QuerySet

from patching import limits
from patching.calendar import conflicts
from patching.calendar.entries import LONGEST, Band, Entry, Hold, Past, Timed, Word, entries
from patching.models import (
    Freeze,
    MaintenanceWindow,
    Occurrence,
    Waiver,
    WindowHold,
    WindowRun,
)
from patching.models.holds import FreezeQuerySet
from portal.governance.models import User


@dataclass(frozen=True)
class Ending:
    """An exemption that ends, with how many instances go back to patching then."""

    at: datetime
    allowed_by: str
    instances: int


@dataclass(frozen=True)
class Calendar:
    """What lies between two moments, in order of time, of the windows that were asked for."""

    start: datetime
    end: datetime
    entries: list[Entry]
    bands: list[Band]
    endings: list[Ending]

    @property
    def conflicts(self) -> list[conflicts.Conflict]:
        """Each once, the first to come first."""
        found = {conflict: None for one in self.entries for conflict in one.conflicts}
        return sorted(found, key=lambda one: (one.at, one.claim))


def between(
    user: User,
    start: datetime,
    end: datetime,
    *,
    at: datetime,
    shown: QuerySet[MaintenanceWindow] | None = None,
) -> Calendar:
    """What this person may see between two moments; ``shown`` narrows it to some of the windows.

    Conflicts are judged among all windows of the account-regions concerned, whoever may see those.
    """
    visible = MaintenanceWindow.objects.visible_to(user)
    rows = visible if shown is None else visible.filter(pk__in=shown.order_by().values("pk"))
    mine = set(rows.filter(_there(start)).values_list("pk", flat=True))
    # whether production comes first shows only in whole rounds
    first, last = conflicts.round_of(start)[0], conflicts.round_of(end)[1]
    windows = _windows(mine, visible, first)
    pks = [window.pk for window in windows]
    found = entries(
        windows,
        first,
        last,
        at=at,
        holds=_holds(pks, first, last, at=at),
        words=_words(pks, first, last),
        runs=_runs(pks, first, last),
    )
    bands = _bands(Freeze.objects.all(), first, last)
    places = {window.place: str(window.row.account_region) for window in windows if window.mine}
    at_once = {window.place: limits.limit(window.row.account_region, "open_at_once") for window in windows}
    conflicts.mark(found, bands, at=at, places=places, limits=at_once)
    ours = [window for window in windows if window.mine]
    return Calendar(
        start,
        end,
        [one for one in found if one.window.mine and one.end > start and one.start < end],
        [
            band
            for band in bands
            if band.starts_at < end and band.ends_at > start and any(band.covers(one) for one in ours)
        ],
        _endings(ours, start, end),
    )


def ahead(at: datetime, end: datetime) -> list[Entry]:
    """Every opening from a moment on and before another, of all live windows that belong to an application."""
    rows = MaintenanceWindow.objects.live().exclude(application=None)
    rows = rows.select_related("application__team", "environment", "account_region__account")
    windows = [_timed(row, mine=True) for row in rows]
    pks = [window.pk for window in windows]
    return entries(windows, at, end, at=at, holds=_holds(pks, at, end, at=at), words=_words(pks, at, end))


def of_window(
    row: MaintenanceWindow, start: datetime, end: datetime, *, at: datetime
) -> dict[datetime, Entry]:
    """Openings of one window by the moment that names them; a moved one as it will open."""
    window = _timed(row, mine=True)
    found = entries(
        [window],
        start,
        end,
        at=at,
        holds=_holds([row.pk], start, end, at=at),
        words=_words([row.pk], start, end),
    )
    return {one.planned_at: one for one in sorted(found, key=lambda one: one.opens)}


def _there(start: datetime) -> Q:
    return Q(retired_at=None) | Q(retired_at__gt=start)


def _windows(mine: set[int], visible: QuerySet[MaintenanceWindow], start: datetime) -> list[Timed]:
    """The windows that are shown, and those that share an account-region or an application with what is visible."""
    near = Q(account_region__in=visible.order_by().values("account_region"))
    near |= Q(application__in=visible.order_by().exclude(application=None).values("application"))
    rows = MaintenanceWindow.objects.filter(_there(start)).filter(near)
    rows = rows.select_related("application__team", "environment", "account_region__account")
    return [_timed(row, row.pk in mine) for row in rows]


def _timed(row: Any, mine: bool) -> Timed:
    return Timed(
        pk=row.pk,
        name=row.name,
        spec=row.spec,
        place=row.account_region_id,
        uid=str(row.uid),
        application=row.application.slug if row.application else "",
        environment=row.environment.slug if row.environment else "",
        rank=row.environment.rank if row.environment else 0,
        production=bool(row.environment and row.environment.is_production),
        since=row.created_at,
        changed=row.changed_at,
        until=row.retired_at,
        mine=mine,
        row=row,
    )


def _holds(windows: Iterable[int], start: datetime, end: datetime, *, at: datetime) -> list[Hold]:
    rows = WindowHold.objects.filter(window__in=windows, starts_at__lt=end, ends_at__gt=start)
    said = dict(Freeze.objects.overlapping(start, end).values_list("pk", "changed_at"))
    return [
        Hold(
            one.window_id,
            one.starts_at,
            one.until,
            one.reason,
            one.source,
            one.ended_at or said.get(_freeze_of(one.source)) or min(one.starts_at, at),
        )
        for one in rows
    ]


def _freeze_of(source: str) -> int | None:
    kind, _, number = source.partition(":")
    return int(number) if kind == "freeze" and number.isdecimal() else None


def _words(windows: Iterable[int], start: datetime, end: datetime) -> list[Word]:
    about = Q(run_at__range=(start - LONGEST, end)) | Q(moved_to__range=(start - LONGEST, end))
    rows = Occurrence.objects.live().filter(about, window__in=windows)
    return [
        Word(
            pk=one.pk,
            window=one.window_id,
            run_at=one.run_at,
            moved_to=one.moved_to,
            reason=one.revision.request.reason,
            changed=one.changed_at,
            overrides=bool(one.spec.get("override")),
            is_extra=one.is_extra,
        )
        for one in rows.select_related("revision__request")
    ]


def _runs(windows: Iterable[int], start: datetime, end: datetime) -> list[Past]:
    rows = WindowRun.objects.filter(window__in=windows, started_at__range=(start - LONGEST, end))
    return [
        Past(
            one.pk,
            one.window_id,
            one.started_at,
            one.ended_at,
            one.status,
            getattr(getattr(one, "review", None), "verdict", ""),
        )
        for one in rows.select_related("review").order_by("started_at")
        if one.window_id is not None
    ]


def _bands(freezes: FreezeQuerySet, start: datetime, end: datetime) -> list[Band]:
    rows = freezes.live().overlapping(start, end).select_related("application", "environment")
    return [
        Band(
            one.pk,
            one.name,
            one.starts_at,
            one.ends_at,
            one.application.slug if one.application else None,
            one.environment.slug if one.environment else None,
            one.account_region_id,
        )
        for one in rows
    ]


def _endings(windows: Iterable[Timed], start: datetime, end: datetime) -> list[Ending]:
    """Deferrals and exclusions of these windows' instances, by the word that allowed them."""
    members = {(window.place, one) for window in windows for one in window.spec["instances"]}
    over = Q(ended_at=None) | Q(ended_at__gte=F("ends_at"))
    rows = Waiver.objects.filter(
        over, ends_at__range=(start, end), instance__account_region__in={place for place, _ in members}
    )
    told: dict[tuple[datetime, str], int] = {}
    for waiver in rows.select_related("instance"):
        if (waiver.instance.account_region_id, waiver.instance.instance_id) in members:
            key = waiver.ends_at, waiver.allowed_by
            told[key] = told.get(key, 0) + 1
    return sorted((Ending(*key, number) for key, number in told.items()), key=lambda one: one.at)
