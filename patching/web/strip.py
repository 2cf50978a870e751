"""A round of patching drawn as a strip: environments as rows, openings as bars, soak time between."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from patching import findings, openings, schedules
from patching.around import Around
from patching.findings.planned import Planned, Run
from patching.words import counted, listed
from portal.governance import clock

WIDTH, LEFT, TOP, ROW = 760, 96, 20, 30


@dataclass(frozen=True)
class Bar:
    """One opening."""

    x: float
    y: float
    width: float
    conflict: bool


@dataclass(frozen=True)
class Tick:
    """One day on the scale; some carry their name."""

    x: float
    label: str


@dataclass(frozen=True)
class Soak:
    """The pause between two environments."""

    x1: float
    y1: float
    x2: float
    y2: float
    label: str

    @property
    def text(self) -> tuple[float, float]:
        return self.x1 + 4, self.y1 + 3


@dataclass(frozen=True)
class Step:
    """One environment of the round: from its first opening to the end of its last, and the pause before it."""

    environment: str
    start: datetime
    end: datetime
    timezone: str
    soak: str
    before: str  # the environments that come first and have not ended by then
    conflict: bool


@dataclass(frozen=True)
class Strip:
    """Everything that the drawing needs, placed."""

    height: int
    rows: tuple[tuple[str, int], ...]
    ticks: tuple[Tick, ...]
    bars: tuple[Bar, ...]
    soaks: tuple[Soak, ...]
    told: str  # the same in words, for those who do not see it
    steps: tuple[Step, ...]  # the same in lines, where there is no room to draw
    from_patch_tuesday: bool  # no opening of it comes before Microsoft publishes next


def strip_of(around: Around) -> Strip | None:
    """The next round of the windows that items ask for; None where there is nothing to compare."""
    at = clock.now()
    cycle = schedules.publications(at, count=1)[0]
    windows = [one for one in findings.planned_after(around) if one.asked]
    runs = [run for window in windows if (run := _opening(window, cycle, at))]
    if len(runs) < 2:
        return None
    zone = ZoneInfo(runs[0].window.timezone)
    first = min(run.start for run in runs).astimezone(zone).replace(hour=0, minute=0) - timedelta(days=1)
    last = max(run.end for run in runs).astimezone(zone) + timedelta(days=1)
    scale = (WIDTH - LEFT) / max((last - first) / timedelta(days=1), 1)

    def across(moment: datetime) -> float:
        return round(LEFT + (moment - first) / timedelta(days=1) * scale, 1)

    ranks = sorted({(run.window.rank, run.window.environment) for run in runs})
    rows = {environment: TOP + 6 + number * ROW for number, (_, environment) in enumerate(ranks)}
    bars, clashing = [], set[str]()
    for run in sorted(runs, key=lambda one: one.start):
        clash = any(
            other is not run and other.window.whose == run.window.whose and run.overlap(other)
            for other in runs
        )
        width = max(8.0, across(run.end) - across(run.start))
        bars.append(Bar(across(run.start), rows[run.window.environment], round(width, 1), clash))
        if clash:
            clashing.add(run.window.environment)
    soaks = _soaks(runs, ranks, rows, across)
    return Strip(
        height=TOP + len(rows) * ROW + 4,
        rows=tuple((environment, y + 11) for environment, y in rows.items()),
        ticks=tuple(_ticks(first, last, across)),
        bars=tuple(bars),
        soaks=tuple(soaks),
        steps=tuple(_steps(runs, ranks, clashing)),
        from_patch_tuesday=all(run.start >= cycle for run in runs),
        told="Next round: "
        + "; ".join(
            f"{run.window.name} {openings.in_words([run.start], run.window.timezone)}"
            for run in sorted(runs, key=lambda one: one.start)
        ),
    )


def _opening(window: Planned, cycle: datetime, at: datetime) -> Run | None:
    """Its first opening of a cycle, so that all windows are in the same one; of what ends before, the next there is."""
    return window.first_from(cycle) or next(iter(window.runs(at, 1)), None)


def _steps(runs: Sequence[Any], ranks: Sequence[tuple[int, str]], clashing: Collection[str]) -> list[Step]:
    found: list[Step] = []
    for _, environment in ranks:
        mine = [run for run in runs if run.window.environment == environment]
        start, end = min(run.start for run in mine), max(run.end for run in mine)
        overtaken = [one.environment for one in found if start < one.end]
        pause = start - found[-1].end if found and not overtaken else timedelta()
        soak = _length(pause) if pause > timedelta() else ""
        zone = mine[0].window.timezone
        found.append(Step(environment, start, end, zone, soak, listed(overtaken), environment in clashing))
    return found


def _length(pause: timedelta) -> str:
    return counted(pause.days, "day") if pause.days else f"{int(pause.total_seconds() // 3600)} h"


def _ticks(first: datetime, last: datetime, across: Any) -> list[Tick]:
    days = (last - first).days + 1
    every = max(1, round(days / 6))
    found = []
    for number in range(days):
        day = first + timedelta(days=number)
        named = number % every == 0 and number < days - 1
        found.append(Tick(across(day), f"{day.day} {day:%b}" if named else ""))
    return found


def _soaks(
    runs: Sequence[Any], ranks: Sequence[tuple[int, str]], rows: Mapping[str, int], across: Any
) -> list[Soak]:
    found = []
    for (_, earlier), (_, later) in zip(ranks, ranks[1:], strict=False):
        end = max(run.end for run in runs if run.window.environment == earlier)
        start = min(run.start for run in runs if run.window.environment == later)
        if start <= end:
            continue
        label = f"{_length(start - end)} of soak"
        found.append(Soak(across(end), rows[earlier] + 8, across(start), rows[later] + 8, label))
    return found
