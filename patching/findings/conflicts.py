"""Openings that must not be together: zones of one application, a window with itself, too many in one account-region.

Pure, and one sweep over the openings in the order of time: what it costs grows with the openings and with the
conflicts found, not with the pairs of windows.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from patching.findings.planned import Run

ZONES, ITSELF, TOO_MANY = "zones", "itself", "too_many"
OPEN_AT_ONCE = (
    5  # executions of windows in one account and Region. Source: AWS service quotas of Systems Manager
)


@dataclass(frozen=True)
class Conflict:
    """What is open together that must not be, and from when to when."""

    kind: str  # zones, itself or too_many
    runs: tuple[Run, ...]  # two; of too_many all that are open
    start: datetime
    end: datetime


def conflicts(
    runs: Iterable[Run], *, limit: Callable[[Any], int] = lambda place: OPEN_AT_ONCE
) -> list[Conflict]:
    """Every conflict among these openings, in the order of time.

    ``limit`` says how many windows may be open at once in an account and Region, given as the windows name it.
    """
    runs = list(runs)
    found = [*_zones(runs), *_itself(runs), *_too_many(runs, limit)]
    return sorted(found, key=lambda one: (one.start, one.kind, [run.window.name for run in one.runs]))


def open_together(runs: Iterable[Run]) -> Iterator[tuple[Run, Run]]:
    """Each pair of openings that overlap, the earlier one first. One that starts as another ends is not with it."""
    still_open: list[Run] = []
    for run in sorted(runs, key=_start):
        still_open = [one for one in still_open if one.end > run.start]
        for other in still_open:
            yield other, run
        still_open.append(run)


def _zones(runs: Iterable[Run]) -> Iterator[Conflict]:
    """Zones of one application and environment are not down together, in whatever account they are."""
    for group in _grouped(runs, lambda run: run.window.whose):
        for one, other in open_together(group):
            if one.window is not other.window and one.window.spec["az"] != other.window.spec["az"]:
                yield Conflict(ZONES, (one, other), other.start, min(one.end, other.end))


def _itself(runs: Iterable[Run]) -> Iterator[Conflict]:
    """AWS skips a run while the one before it of the same window still goes on."""
    for group in _grouped(runs, lambda run: run.window):
        for one, other in open_together(group):
            yield Conflict(ITSELF, (one, other), other.start, min(one.end, other.end))


def _too_many(runs: Iterable[Run], limit: Callable[[Any], int]) -> Iterator[Conflict]:
    """From when one more is open than AWS runs at once, until one of them closes."""
    for group in _grouped(runs, lambda run: run.window.place):
        most = limit(group[0].window.place)
        still_open: list[Run] = []
        for run in sorted(group, key=_start):
            still_open = [one for one in still_open if one.end > run.start]
            still_open.append(run)
            if len(still_open) > most:
                yield Conflict(TOO_MANY, tuple(still_open), run.start, min(one.end for one in still_open))


def _grouped(runs: Iterable[Run], key: Callable[[Run], Hashable]) -> list[list[Run]]:
    groups: dict[Hashable, list[Run]] = defaultdict(list)
    for run in runs:
        groups[key(run)].append(run)
    return list(groups.values())


def _start(run: Run) -> tuple[datetime, str]:
    return run.start, run.window.name
