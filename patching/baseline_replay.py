"""Two baselines over the same patches: what one approves sooner, later, newly or never, and what is lost. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from patching.approval import Patch
from patching.baseline_effect import Prepared, first_approved


@dataclass(frozen=True)
class Moved:
    """One patch, and when it is approved before and after; None is never."""

    patch: Patch
    before: datetime | None
    after: datetime | None

    @property
    def days(self) -> float | None:
        """How many days later; negative is sooner. None where it is never approved on one side."""
        if self.before is None or self.after is None:
            return None
        return (self.after - self.before) / timedelta(days=1)


@dataclass(frozen=True)
class Replay:
    """What would have been different for these patches."""

    patches: int
    sooner: Sequence[Moved]
    later: Sequence[Moved]
    newly: Sequence[Moved]  # never approved before
    no_more: Sequence[Moved]  # never approved after

    @property
    def same(self) -> int:
        return self.patches - len(self.sooner) - len(self.later) - len(self.newly) - len(self.no_more)

    @property
    def days_sooner(self) -> float:
        """The median."""
        return median(-one.days for one in self.sooner if one.days is not None) if self.sooner else 0.0

    @property
    def days_later(self) -> float:
        return median(one.days for one in self.later if one.days is not None) if self.later else 0.0


@dataclass(frozen=True)
class Lost:
    """A Windows patch that its successor makes unnecessary before it is approved: it is never installed."""

    patch: Patch
    approved_at: datetime
    successor: str
    superseded_at: datetime


def replay(
    before: Mapping[str, Any] | None, after: Mapping[str, Any], prepared: Prepared, among: Iterable[int]
) -> Replay:
    """Compare two baselines over some patches of a catalogue, by their numbers in it. No baseline approves nothing."""
    nothing: Sequence[datetime | None] = [None] * len(prepared)
    first = first_approved(before, prepared) if before is not None else nothing
    second = first_approved(after, prepared)
    moved = [Moved(prepared.patches[number], first[number], second[number]) for number in sorted(set(among))]
    return Replay(
        patches=len(moved),
        sooner=[one for one in moved if one.days is not None and one.days < 0],
        later=[one for one in moved if one.days is not None and one.days > 0],
        newly=[one for one in moved if one.before is None and one.after is not None],
        no_more=[one for one in moved if one.before is not None and one.after is None],
    )


def lost(
    baseline: Mapping[str, Any], prepared: Prepared, supersedes: Mapping[str, Iterable[str]]
) -> list[Lost]:
    """What is superseded before this baseline approves it. ``supersedes``: by KB, the KBs that it replaces.

    Windows drops a superseded update from its offer, whether its successor is approved or not.
    """
    released = {one.id: one.released for one in prepared.patches if one.released}
    successor: dict[str, tuple[datetime, str]] = {}
    for name, replaced in supersedes.items():
        at = released.get(name)
        for one in replaced if at else ():
            if at is not None and at < successor.get(one, (at + timedelta(days=1), ""))[0]:
                successor[one] = at, name
    found = {}
    for patch, approved_at in zip(prepared.patches, first_approved(baseline, prepared), strict=True):
        at, name = successor.get(patch.id, (None, ""))
        if approved_at is not None and at is not None and at < approved_at:
            found[patch.id] = Lost(patch, approved_at, name, at)
    return list(found.values())
