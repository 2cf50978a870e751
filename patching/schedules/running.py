"""When a schedule runs: local times become instants, with time zones, their changes of clock, and offsets."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice, pairwise, takewhile
from typing import Literal
from zoneinfo import ZoneInfo

from patching.schedules.forms import FIRST_YEAR, LAST_YEAR, At, Cron, Rate, Schedule
from patching.schedules.names import MONTHS
from patching.schedules.reading import check_offset, parse, read_zone

_EARLIEST = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC)
_LATEST = datetime(LAST_YEAR + 1, 1, 1, tzinfo=UTC)


def next_runs(
    expression: str,
    *,
    timezone: str = "UTC",
    offset: int = 0,
    start: datetime,
    count: int = 10,
    end: datetime | None = None,
    anchor: datetime | None = None,
) -> list[datetime]:
    """The next runs in UTC, from `start` on and before `end`.

    `anchor` is when the schedule began to count: a window's StartDate, or when it was made. rate( ) counts
    from it. With an offset, a day that the cron named before the anchor brings no run, as AWS has it, even
    where that day plus the offset still lies ahead. Without an anchor, `start` is the anchor.
    """
    schedule, zone = parse(expression), read_zone(timezone)
    check_offset(offset, schedule)
    start = _within_calendar(start)
    anchor = start if anchor is None else _within_calendar(anchor)
    runs = _runs(schedule, zone, offset, max(start, anchor), anchor)
    if end is not None:
        runs = takewhile(lambda run: run < end, runs)
    return list(islice(runs, max(count, 0)))


def _within_calendar(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("Times must carry a zone: a run has no meaning without one.")
    return min(max(moment, _EARLIEST), _LATEST).astimezone(UTC)


def _runs(
    schedule: Schedule, zone: ZoneInfo, offset: int, first: datetime, anchor: datetime
) -> Iterator[datetime]:
    if isinstance(schedule, Rate):
        yield from _rate_runs(schedule.interval, first, anchor)
        return
    wait = timedelta(days=offset)
    if isinstance(schedule, At):
        bases = iter([schedule.moment])
    else:
        bases = schedule.moments(max(_local(anchor, zone), _local(first, zone) - wait))
    for base in bases:
        run = _instant(base + wait, zone)
        if run is not None and run >= first:
            yield run


def _rate_runs(interval: timedelta, first: datetime, anchor: datetime) -> Iterator[datetime]:
    run = anchor + interval * -((anchor - first) // interval)
    while run < _LATEST:
        yield run
        run += interval


def _local(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None)


def _instant(local: datetime, zone: ZoneInfo) -> datetime | None:
    """When clocks show a local time: never where they jump over it, the first where they show it twice."""
    instant = local.replace(tzinfo=zone).astimezone(UTC)
    return instant if _local(instant, zone) == local else None


@dataclass(frozen=True)
class ClockChange:
    """A run at a local time that the clocks of its zone skip, or show twice."""

    local: datetime
    timezone: str
    kind: Literal["skipped", "repeated"]

    def __str__(self) -> str:
        when = f"{self.local.day} {MONTHS[self.local.month - 1]} {self.local:%Y, %H:%M}"
        if self.kind == "skipped":
            return f"{when} does not exist in {self.timezone} (clocks go forward): that run is skipped."
        return f"{when} comes twice in {self.timezone} (clocks go back): it runs once."


def clock_changes(
    expression: str, *, timezone: str = "UTC", offset: int = 0, start: datetime, days: int = 366
) -> list[ClockChange]:
    """The runs that changes of the clocks touch, the first on each day that has one."""
    schedule, zone = parse(expression), read_zone(timezone)
    check_offset(offset, schedule)
    if not isinstance(schedule, Cron):
        return []
    first = _local(_within_calendar(start), zone).date()
    changes = (_first_change(schedule, zone, offset, day) for day in _days_of_change(first, days, zone))
    return [change for change in changes if change]


def _first_change(cron: Cron, zone: ZoneInfo, offset: int, day: date) -> ClockChange | None:
    wait = timedelta(days=offset)
    for base in cron.moments(datetime.combine(day, time.min) - wait):
        local = base + wait
        if local.date() != day:
            break
        if kind := _change_at(local, zone):
            return ClockChange(local, zone.key, kind)
    return None


def _days_of_change(first: date, days: int, zone: ZoneInfo) -> Iterator[date]:
    midnights = (datetime.combine(first, time.min, zone) + timedelta(days=day) for day in range(days + 1))
    for today, tomorrow in pairwise(midnights):
        if today.utcoffset() != tomorrow.utcoffset():
            yield today.date()


def _change_at(local: datetime, zone: ZoneInfo) -> Literal["skipped", "repeated"] | None:
    if _instant(local, zone) is None:
        return "skipped"
    first, second = (local.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    return "repeated" if first.utcoffset() != second.utcoffset() else None
