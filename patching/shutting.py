"""From when until when a window is shut, by all holds on it together, and when AWS opens it again. Pure.

Holds of one window form one timeline, so that the end of one does not undo another (design.md §6.7).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

# A window at rest loses nothing by being shut early; a portal that is down when a hold begins would be late.
AHEAD = timedelta(hours=24)
BEGUN = timedelta(minutes=2)  # so long after an opening AWS has begun its run, which disabling does not stop
# EventBridge Scheduler is right to the minute; a window that opens just then must be enabled by then
BACK_BEFORE = timedelta(minutes=5)


class Hold(Protocol):
    """A hold as far as time goes."""

    pk: int
    starts_at: datetime
    ends_at: datetime


class Openings(Protocol):
    """When a window opens between two moments, the first included."""

    def __call__(self, start: datetime, end: datetime) -> Sequence[datetime]: ...


@dataclass(frozen=True)
class Shut:
    """Disabled now, on the word of these holds, and enabled again by AWS itself at ``until``."""

    until: datetime
    holds: tuple[int, ...]  # primary keys, in order


def at_moment(holds: Iterable[Hold], openings: Openings, at: datetime) -> Shut | None:
    """How a window is to be at a moment: shut, with its way back, or None where it is open.

    Holds that begin before the way back push it out to their own end.
    """
    lines = sorted((begins(one, openings), one.ends_at, one.pk) for one in holds)
    until, held = at, set[int]()
    for start, end, pk in lines:
        if start <= until and end > at:
            until, held = max(until, end), held | {pk}
    back = back_at(until, openings)
    return Shut(back, tuple(sorted(held))) if held and at < back else None


def begins(hold: Hold, openings: Openings) -> datetime:
    """When AWS is to be told of a hold: ahead of its start, but after the last opening that it leaves alone."""
    early = hold.starts_at - AHEAD
    before = [one for one in openings(early, hold.starts_at) if one < hold.starts_at]
    return min(max([early, *(one + BEGUN for one in before)]), hold.starts_at)


def back_at(end: datetime, openings: Openings) -> datetime:
    """When a window is enabled again: at the end, or a little before it where it opens right then."""
    soon = [one for one in openings(end, end + BACK_BEFORE) if one < end + BACK_BEFORE]
    return end - BACK_BEFORE if soon and not openings(end - BACK_BEFORE, end) else end


def changes(holds: Iterable[Hold], openings: Openings) -> list[datetime]:
    """Every moment at which ``at_moment`` may answer something else."""
    found = set()
    for one in holds:
        found |= {begins(one, openings), one.ends_at, back_at(one.ends_at, openings)}
    return sorted(found)
