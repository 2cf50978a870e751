"""Availability zones of one application that would be down together. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

from patching.findings.planned import Planned, Run
from patching.findings.telling import WARNING, Finding, and_more, clock_of, day_of
from patching.words import counted


def overlapping(windows: Sequence[Planned], runs: Mapping[Planned, list[Run]]) -> Iterator[Finding]:
    """Zones of one application and environment must not be down together."""
    for one, other in combinations(windows, 2):
        if one.whose != other.whose or one.spec["az"] == other.spec["az"] or not (one.asked or other.asked):
            continue
        pairs = [(a, b) for a in runs[one] for b in runs[other] if a.overlap(b)]
        if not pairs:
            continue
        first, second = min(pairs, key=lambda pair: max(pair[0].start, pair[1].start))
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
        )
