"""When a window opens, from its spec: the next starts, and how to say them. Pure."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from patching import schedules

PAGE = 50


def next_starts(
    spec: Mapping[str, Any],
    *,
    start: datetime,
    count: int,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[datetime]:
    """The next starts of a window within its dates, in UTC; none where its schedule cannot be read.

    None starts from ``until`` on. ``since`` is when the window was made: a cron day before that brings no run, even
    where its offset lies ahead, and a rate counts from there, by whole seconds, in which openings are named.
    """
    begin, end = _day(spec["start_date"]), _day(spec["end_date"])
    since = since and since.replace(microsecond=0)
    end = min(filter(None, [end, until]), default=None)
    anchor = max(filter(None, [begin, since]), default=None)
    try:
        return schedules.next_runs(
            spec["schedule"],
            timezone=spec["timezone"],
            offset=spec["offset"],
            start=max(start, begin) if begin else start,
            count=count,
            end=end,
            anchor=anchor,
        )
    except schedules.ScheduleError:
        return []


def between(
    spec: Mapping[str, Any], start: datetime, end: datetime, *, since: datetime | None = None
) -> list[datetime]:
    """Every start from a moment on and before another."""
    found: list[datetime] = []
    while not found or len(found) % PAGE == 0:
        begin = found[-1] + timedelta(seconds=1) if found else start
        ahead = next_starts(spec, start=begin, count=PAGE, since=since)
        inside = [one for one in ahead if one < end]
        found += inside
        if len(inside) < PAGE:
            break
    return found


def in_words(moments: Iterable[datetime], timezone: str) -> str:
    """Wed 10 Jun 20:00, Wed 8 Jul 20:00 Europe/Berlin (the first 18:00 UTC)."""
    here = [moment.astimezone(ZoneInfo(timezone)) for moment in moments]
    if not here:
        return "no run ahead"
    days = ", ".join(f"{one:%a} {one.day} {one:%b} {one:%H:%M}" for one in here)
    if timezone == "UTC":
        return f"{days} UTC"
    first = here[0].astimezone(UTC)
    there = f"{first:%H:%M} UTC" if first.date() == here[0].date() else f"{first:%a %H:%M} UTC"
    return f"{days} {timezone} ({'the first ' if len(here) > 1 else ''}{there})"


def _day(text: str) -> datetime | None:
    return datetime.fromisoformat(text).replace(tzinfo=UTC) if text else None
