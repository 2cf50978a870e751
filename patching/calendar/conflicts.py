"""What speaks against openings as they lie: zones down together, too many at once, freezes, production first. Pure."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from patching import schedules
from patching.calendar.entries import HELD, Band, Entry
from patching.findings.conflicts import ITSELF, OPEN_AT_ONCE, TOO_MANY, ZONES, conflicts
from patching.findings.conflicts import Conflict as Together
from patching.findings.planned import Planned, Run
from patching.words import counted

CROWD, FREEZE, ORDER = "crowd", "freeze", "order"
LONGEST_ROUND = timedelta(days=36)  # from one Patch Tuesday to the next are 28 or 35 days


@dataclass(frozen=True)
class Conflict:
    """One thing that is wrong, of all openings that have part in it; said without names that a reader may not know."""

    kind: str  # zones, itself, crowd, freeze, order
    claim: str
    evidence: str
    at: datetime


def mark(
    entries: Sequence[Entry],
    bands: Iterable[Band],
    *,
    at: datetime,
    places: Mapping[int, str],
    limits: Mapping[int, int] | None = None,
) -> None:
    """Give each opening that is not over its conflicts.

    ``places`` are the names of account-regions, ``limits`` how many windows AWS runs at once in each.
    """
    ahead = [one for one in entries if one.end > at and one.run is None]
    opening = [one for one in ahead if one.opens]
    _together(opening, places, limits or {})
    _freezes(ahead, list(bands))
    _order(opening)


def round_of(moment: datetime) -> tuple[datetime, datetime]:
    """When Microsoft published before a moment, and when it will after it."""
    begins = _begins(moment, moment)
    after = bisect_right(begins, moment)
    return begins[after - 1], begins[after]


def _begins(first: datetime, last: datetime) -> list[datetime]:
    """When each round begins, from the one in which the first moment lies to the one after the last."""
    return schedules.publications(first - LONGEST_ROUND, end=last + LONGEST_ROUND, count=1000)


def _together(entries: Iterable[Entry], places: Mapping[int, str], limits: Mapping[int, int]) -> None:
    """What may not be open at one moment: zones of an application, a window twice, too many in an account-region."""
    by_run = {Run(cast(Planned, one.window), one.start, one.end): one for one in entries}
    crowds: dict[int, list[Together]] = defaultdict(list)
    for found in conflicts(by_run, limit=lambda place: limits.get(place, OPEN_AT_ONCE)):
        first, second, *_ = (by_run[run] for run in found.runs)
        if found.kind == TOO_MANY:
            crowds[first.window.place].append(found)
        elif found.kind == ITSELF:
            claim = f"{first.window.name} opens again while it is still open"
            _tell([second], Conflict(ITSELF, claim, "AWS skips the second run.", found.start))
        elif first.window.application:
            length = _length(found.end - found.start)
            claim = f"{first.window.name} and {second.window.name} overlap by {length}"
            told = f"All zones of {first.window.application} in this environment may restart together."
            _tell([first, second], Conflict(ZONES, claim, told, found.start))
    for place, found_there in crowds.items():
        for peak in _peaks(found_there):
            most = max(len(one.runs) for one in peak)
            conflict = Conflict(
                CROWD,
                f"{counted(most, 'window')} at once in {places.get(place, 'one account-region')}",
                f"AWS runs {limits.get(place, OPEN_AT_ONCE)} at a time in an account-region; "
                "the others wait and lose time.",
                peak[0].start,
            )
            _tell({by_run[run]: None for one in peak for run in one.runs}, conflict)


def _tell(entries: Iterable[Entry], conflict: Conflict) -> None:
    for one in entries:
        one.conflicts.append(conflict)


def _length(length: timedelta) -> str:
    minutes = int(length.total_seconds() // 60)
    return f"{minutes // 60} h" if minutes % 60 == 0 else f"{minutes // 60} h {minutes % 60:02} min"


def _peaks(found: Iterable[Together]) -> Iterator[list[Together]]:
    """Crowds that follow each other without a pause are one to people; they come in order of time."""
    peak: list[Together] = []
    for one in found:
        if peak and one.start > max(before.end for before in peak):
            yield peak
            peak = []
        peak.append(one)
    if peak:
        yield peak


def _freezes(entries: Iterable[Entry], bands: Sequence[Band]) -> None:
    """Openings that lie at least partly in a freeze that is meant for them."""
    if not bands:
        return
    for one in entries:
        for band in bands:
            if one.start < band.ends_at and one.end > band.starts_at and band.covers(one.window):
                told = (
                    "It stays shut until the freeze ends." if one.state == HELD else "It begins outside it."
                )
                if one.state != HELD and band.starts_at <= one.start < band.ends_at:
                    told = "The freeze keeps it shut once it is in force."
                claim = f"{one.window.name} lies in the freeze {band.name}"
                one.conflicts.append(Conflict(FREEZE, claim, told, one.start))


def _order(entries: Sequence[Entry]) -> None:
    """Production that is patched in a round before any earlier environment of its application was."""
    if not any(one.window.production for one in entries):
        return
    begins = _begins(entries[0].start, entries[-1].start)
    rounds: dict[tuple[str, int], list[Entry]] = defaultdict(list)
    for one in entries:
        if one.window.application:
            rounds[one.window.application, bisect_right(begins, one.start)].append(one)
    for (application, _), group in rounds.items():
        for one in group:
            before = [other for other in group if other.window.rank < one.window.rank]
            if not one.window.production or not before or min(other.end for other in before) <= one.start:
                continue
            first = min(before, key=lambda other: other.start)
            claim = f"{one.window.name} runs before {first.window.name}"
            told = f"Nothing shows a bad patch of {application} earlier in this round of patching."
            one.conflicts.append(Conflict(ORDER, claim, told, one.start))
