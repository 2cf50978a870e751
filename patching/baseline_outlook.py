"""What a baseline does with the catalogue, today, later, and in place of another one. Reads only."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from patching import known_patches
from patching.approval import LEVELS, WINDOWS, Patch
from patching.around import Around
from patching.baseline_effect import Effect, Outcome, Prepared, effect_of, first_approved, system_of
from patching.baseline_replay import Lost, Replay, lost, replay
from patching.models import MaintenanceWindow, ManagedInstance, PatchBaseline, PatchFinding
from patching.models import Patch as Known
from patching.posture import next_run

LOOKED_BACK = timedelta(days=180)


@dataclass(frozen=True)
class Outlook:
    """What one baseline approves on a day, at what level, and when the rest will be."""

    at: datetime
    patches: int
    levels: Sequence[tuple[str, int]]
    waiting: Sequence[Outcome]  # the soonest first
    never: int
    lost: Sequence[Lost]

    @property
    def approved(self) -> int:
        return sum(number for _, number in self.levels)


@dataclass(frozen=True)
class Turn:
    """One patch whose approval a change moves."""

    patch: Patch
    before: datetime | None
    after: datetime | None
    lacking: int  # instances touched that lack it now
    run_from: Callable[[datetime | None], datetime | None] = field(repr=False, compare=False)

    @property
    def lands_at(self) -> datetime | None:
        """The first window run that could bring it."""
        return self.run_from(self.after)


@dataclass(frozen=True)
class Change:
    """What a change of one baseline does today."""

    name: str
    system: str
    is_new: bool
    patches: int
    newly_approved: Sequence[Turn]
    newly_blocked: Sequence[Turn]
    moved: Sequence[Turn]  # neither approved before nor after, and on another day than before, or never
    groups: int
    instances: int
    lost: Sequence[Lost]
    lost_before: int


@dataclass(frozen=True)
class Difference(Change):
    """The same, and what it would have done, had it applied for the last six months."""

    past: Replay


def outlook(definition: Mapping[str, Any], at: datetime, prepared: Prepared | None = None) -> Outlook:
    """The effect of a baseline, a CreatePatchBaseline request, on all that is known of its operating system."""
    prepared = prepared or known_patches.prepared(system_of(definition))
    effect = effect_of(definition, prepared, as_of=at)
    waiting = sorted(effect.outcomes(effect.waiting), key=lambda one: (one.approves_at or at, one.patch.id))
    return Outlook(
        at=at,
        patches=len(prepared),
        levels=_levels(effect),
        waiting=waiting,
        never=effect.never.bit_count(),
        lost=_lost(definition, prepared),
    )


def approved_between(
    definition: Mapping[str, Any], start: datetime, end: datetime, products: Sequence[str]
) -> list[Patch]:
    """Patches for these products that a baseline does not approve at one moment and does at another."""
    prepared = known_patches.prepared(system_of(definition), products)
    before, after = (effect_of(definition, prepared, as_of=moment).approved for moment in (start, end))
    return [prepared.patches[number] for number in prepared.numbers(after & ~before)]


def differences(around: Around, at: datetime) -> list[Difference]:
    """One for each baseline that a request makes or changes."""
    found = []
    for one in _changed(around):
        past = replay(one.before, one.after, one.prepared, _seen(one.prepared, one.instances, at))
        found.append(Difference(**vars(_change(one, at)), past=past))
    return found


def changes(around: Around, at: datetime) -> list[Change]:
    """The same without the past, which takes longer to look up: for what is still being written."""
    return [_change(one, at) for one in _changed(around)]


@dataclass(frozen=True)
class _Changed:
    """A baseline as it is and as a request wants it, and what it is about."""

    name: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any]
    prepared: Prepared
    groups: int
    instances: Sequence[ManagedInstance]


def _changed(around: Around) -> Iterator[_Changed]:
    for item in around.items:
        if item["kind"] != "baseline" or item["action"] == "delete":
            continue
        after = item["spec"]["definition"]
        row = around.row(item)
        before = row.spec["definition"] if isinstance(row, PatchBaseline) else None
        system = system_of(after)
        if before is not None and system_of(before) != system:
            before = None
        name = item["spec"].get("name") or (row.name if row else "")
        groups, instances = len(around.groups_using(name)), _touched(around, name, system)
        yield _Changed(name, before, after, known_patches.prepared(system), groups, instances)


def _change(one: _Changed, at: datetime) -> Change:
    prepared, before, after = one.prepared, one.before, one.after
    new = effect_of(after, prepared, as_of=at)
    earlier = effect_of(before, prepared, as_of=at) if before is not None else None
    old = earlier.approved if earlier else 0
    waiting = (new.waiting | (earlier.waiting if earlier else 0)) & ~(old | new.approved)
    first = first_approved(before, prepared) if before is not None else [None] * len(prepared)
    second = first_approved(after, prepared)
    turned = _Turns(prepared, first, second, one.instances, at)
    moving = [n for n in prepared.numbers(waiting) if first[n] != second[n]]
    return Change(
        name=one.name,
        system=prepared.system,
        is_new=before is None,
        patches=len(prepared),
        newly_approved=turned.of(prepared.numbers(new.approved & ~old)),
        newly_blocked=turned.of(prepared.numbers(old & ~new.approved)),
        moved=turned.of(moving),
        groups=one.groups,
        instances=len(one.instances),
        lost=_lost(after, prepared),
        lost_before=len(_lost(before, prepared)) if before is not None else 0,
    )


class _Turns:
    """Says of patches when they land on the instances that a change touches."""

    def __init__(
        self,
        prepared: Prepared,
        first: Sequence[datetime | None],
        second: Sequence[datetime | None],
        instances: Sequence[ManagedInstance],
        at: datetime,
    ) -> None:
        self.prepared, self.first, self.second, self.at = prepared, first, second, at
        places = {one.account_region_id for one in instances}
        named = {(one.account_region_id, one.window_name) for one in instances}
        rows = MaintenanceWindow.objects.live().filter(account_region__in=places)
        self.windows = [one for one in rows if (one.account_region_id, one.name) in named]
        self.lacking: dict[str, set[int]] = {}
        open_ones = PatchFinding.objects.open().filter(instance__in=instances).order_by()
        for patch_id, instance in open_ones.values_list("patch_id", "instance"):
            self.lacking.setdefault(patch_id, set()).add(instance)
        self.runs: dict[datetime, datetime | None] = {}

    def of(self, numbers: Iterable[int]) -> list[Turn]:
        """The newest first, what is lacked before all."""
        turns = [self._turn(number) for number in numbers]
        newest = sorted(turns, key=lambda one: (one.patch.released is None, one.patch.released), reverse=True)
        return sorted(newest, key=lambda one: -one.lacking)

    def _turn(self, number: int) -> Turn:
        patch = self.prepared.patches[number]
        lacking = len(self.lacking.get(patch.id, ()))
        return Turn(patch, self.first[number], self.second[number], lacking, self._run)

    def _run(self, after: datetime | None) -> datetime | None:
        if after is None:
            return None
        begin = max(self.at, after)
        if begin not in self.runs:
            starts = [start for window in self.windows if (start := next_run(window, begin))]
            self.runs[begin] = min(starts, default=None)
        return self.runs[begin]


def _levels(effect: Effect) -> list[tuple[str, int]]:
    """How many are approved at each level, the highest first."""
    found = dict.fromkeys(reversed(LEVELS), 0)
    for (level, _), mask in effect.by_level.items():
        found[level] += mask.bit_count()
    return [(level, number) for level, number in found.items() if number]


def _lost(definition: Mapping[str, Any], prepared: Prepared) -> list[Lost]:
    """Of Windows, what is superseded before it is approved, the newest first."""
    if prepared.system != WINDOWS:
        return []
    rows = Known.objects.filter(operating_system=WINDOWS).exclude(supersedes=[])
    found = lost(definition, prepared, dict(rows.values_list("name", "supersedes")))
    return sorted(found, key=lambda one: one.approved_at, reverse=True)


def _seen(prepared: Prepared, instances: Sequence[ManagedInstance], at: datetime) -> set[int]:
    """The patches, by number, that these instances were seen to lack in the last six months."""
    rows = PatchFinding.objects.filter(instance__in=instances, last_seen_at__gte=at - LOOKED_BACK).order_by()
    names = set(rows.values_list("patch_id", "title").distinct())
    ids, titles = {name for name, _ in names}, {title for _, title in names}
    return {
        number
        for number, patch in enumerate(prepared.patches)
        if patch.id in ids and (prepared.system == WINDOWS or _spelled(patch) in titles)
    }


def _spelled(patch: Patch) -> str:
    """A Linux patch as a finding's title names it."""
    release = f"-{patch.release}" if patch.release else ""
    return f"{patch.id}:{patch.epoch}:{patch.version}{release}"


def _touched(around: Around, name: str, system: str) -> list[ManagedInstance]:
    """Instances of this system in the groups that use the baseline, as they are and as the request wants them."""
    asked = [
        one["spec"] for one in around.items if one["kind"] == "patch-group" and one["action"] != "delete"
    ]
    wanted = {
        one for spec in asked if name in spec.get("baselines", {}).values() for one in spec["instances"]
    }
    found = {one.pk: one for one in around.judged_by(name, system)}
    for one in around.instances.values():
        if one.instance_id in wanted and one.operating_system == system:
            found[one.pk] = one
    return list(found.values())
