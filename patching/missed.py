"""Openings that should have come and did not: AWS shows no run though we have looked since. Reads rows only."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from patching import openings, versions
from patching.models import MaintenanceWindow, Occurrence, WindowHold, WindowRun

LATE = timedelta(minutes=30)
EARLY = timedelta(minutes=10)
LOOK_BACK = timedelta(days=8)


def last_of(window: MaintenanceWindow, at: datetime) -> datetime | None:
    """Its last opening of these days, where that never came and nobody has asked for another instead."""
    until = _seen_until(window, at)
    expected = [
        start
        for one in _courses(window, at - LOOK_BACK)
        for start in openings.next_starts(
            one.spec, start=one.since, count=200, since=window.created_at, until=one.until
        )
        if start <= until
    ]
    if not expected or not _never_came(window, expected[-1]):
        return None
    settled = Occurrence.objects.live().filter(window=window, run_at=expected[-1]).exists()
    return None if settled else expected[-1]


def is_missed(window: MaintenanceWindow, opening: datetime, at: datetime) -> bool:
    """Whether this was an opening of the window as it stood then, and never came."""
    if opening > _seen_until(window, at):
        return False
    course = next(_courses(window, opening))
    if course.since > opening:
        return False
    theirs = openings.next_starts(course.spec, start=opening, count=1, since=window.created_at)
    return theirs == [opening] and _never_came(window, opening)


def was_missed(window: MaintenanceWindow, opening: datetime, at: datetime) -> bool:
    """The same of an opening that somebody has spoken of already, whatever has become of its window since."""
    return opening + LATE <= at and _never_came(window, opening)


class Course(NamedTuple):
    """A time in which a window opened by one schedule."""

    spec: Mapping[str, Any]
    since: datetime
    until: datetime | None


def _courses(window: MaintenanceWindow, since: datetime) -> Iterator[Course]:
    """The schedules by which a window has opened since a moment, the oldest first; at least the one of now."""
    if window.changed_at > since:
        for one in reversed(versions.of(window)):
            if one.spec and one.until is not None and one.until > since:
                yield Course(one.spec, max(one.since, since), one.until)
    yield Course(window.spec, max(window.changed_at, since), None)


def _seen_until(window: MaintenanceWindow, at: datetime) -> datetime:
    """The latest opening of which a run would have been read by now."""
    read_at = window.account_region.last_pulled_at
    return min(at, read_at or window.changed_at) - LATE


def _never_came(window: MaintenanceWindow, opening: datetime) -> bool:
    around = (opening - EARLY, opening + LATE)
    if WindowRun.objects.filter(window=window, started_at__range=around).exists():
        return False
    return not WindowHold.objects.in_force(opening).filter(window=window).exists()
