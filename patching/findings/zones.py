"""Availability zones of one application that would be down together. Pure."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

from patching.findings.conflicts import ZONES, conflicts
from patching.findings.edits import Edit
from patching.findings.planned import Planned, Run
from patching.findings.shifting import later as later_by
from patching.findings.telling import WARNING, Finding, and_more, clock_of, day_of
from patching.words import counted


def overlapping(windows: Sequence[Planned], runs: Mapping[Planned, list[Run]]) -> Iterator[Finding]:
    """Zones of one application and environment must not be down together."""
    found: dict[tuple[Planned, Planned], list[tuple[Run, Run]]] = defaultdict(list)
    order = {window: number for number, window in enumerate(windows)}
    for conflict in conflicts(run for window in windows for run in runs[window]):
        if conflict.kind == ZONES:
            earlier, second = sorted(conflict.runs, key=lambda run: order[run.window])
            found[earlier.window, second.window].append((earlier, second))
    for (one, other), pairs in found.items():
        if not (one.asked or other.asked):
            continue
        first, second = pairs[0]
        hours = int(first.overlap(second).total_seconds() // 3600) or 1
        together = one.instances + other.instances
        start, end = max(first.start, second.start), min(first.end, second.end)
        zone = one.timezone
        later = first.window if first.start > second.start else second.window
        free = first.end if later is second.window else second.end
        yield Finding(
            WARNING,
            f"{one.name} and {other.name} overlap by {hours} h",
            f"{day_of(start, zone)}, {clock_of(start, zone)} to {clock_of(end, zone)} {zone}"
            f"{and_more(len(pairs) - 1)}: all {counted(together, 'instance')} of {one.whose[0]} "
            "may restart together.",
            f"Starting {later.name} at {clock_of(free, later.timezone)} removes the overlap.",
            code="overlap",
            about=f"{one.name}:{other.name}",
            edits=_moved(later, free - start),
        )


def _moved(window: Planned, by: timedelta) -> tuple[Edit, ...]:
    fields = later_by(window.spec, by)
    return (Edit.of(window, **fields),) if fields else ()
