"""What a baseline does with the catalogue, today, later, and in place of another one. Reads only."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
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
    """One patch whose approval a change moves, and the first window run that could bring it."""

    patch: Patch
    before: datetime | None
    after: datetime | None
    lands_at: datetime | None
    lacking: int  # instances touched that lack it now


@dataclass(frozen=True)
class Difference:
    """What a change of one baseline does: today, and had it applied for the last six months."""

    name: str
    system: str
    patches: int
    newly_approved: Sequence[Turn]
    newly_blocked: Sequence[Turn]
    moved: Sequence[Turn]  # approved later by themselves, on another day than before
    instances: int
    past: Replay
    lost: Sequence[Lost]
    lost_before: int


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


def differences(around: Around, at: datetime) -> list[Difference]:
    """One for each baseline that a request makes or changes."""
    found, catalogues = [], {}
    for item in around.items:
        if item["kind"] != "baseline" or item["action"] == "delete":
            continue
        after = item["spec"]["definition"]
        row = around.row(item)
        before = row.spec["definition"] if isinstance(row, PatchBaseline) else None
        system = system_of(after)
        if before is not None and system_of(before) != system:
            before = None
        if system not in catalogues:
            catalogues[system] = known_patches.prepared(system)
        name = item["spec"].get("name") or (row.name if row else "")
        found.append(_difference(name, before, after, catalogues[system], _touched(around, name, system), at))
    return found


def _difference(
    name: str,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any],
    prepared: Prepared,
    instances: Sequence[ManagedInstance],
    at: datetime,
) -> Difference:
    new = effect_of(after, prepared, as_of=at)
    old = effect_of(before, prepared, as_of=at).approved if before is not None else 0
    first = first_approved(before, prepared) if before is not None else [None] * len(prepared)
    second = first_approved(after, prepared)
    turned = _Turns(prepared, first, second, instances, at)
    moving = [n for n in prepared.numbers(new.waiting) if first[n] != second[n] and not old >> n & 1]
    return Difference(
        name=name,
        system=prepared.system,
        patches=len(prepared),
        newly_approved=turned.of(prepared.numbers(new.approved & ~old)),
        newly_blocked=turned.of(prepared.numbers(old & ~new.approved)),
        moved=turned.of(moving),
        instances=len(instances),
        past=replay(before, after, prepared, _seen(prepared, instances, at)),
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
        patch, after = self.prepared.patches[number], self.second[number]
        begin = max(self.at, after) if after else None
        return Turn(patch, self.first[number], after, self._run(begin), len(self.lacking.get(patch.id, ())))

    def _run(self, begin: datetime | None) -> datetime | None:
        if begin is None:
            return None
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
    groups: list[tuple[int | None, Sequence[str]]] = [
        (group.account_region_id, group.spec.get("instances", ())) for group in around.groups_using(name)
    ]
    asked = [
        one["spec"] for one in around.items if one["kind"] == "patch-group" and one["action"] != "delete"
    ]
    groups += [(None, one["instances"]) for one in asked if name in one.get("baselines", {}).values()]
    ids = {instance for _, instances in groups for instance in instances}
    rows = ManagedInstance.objects.present().filter(instance_id__in=ids, operating_system=system)
    places = {place for place, _ in groups if place is not None}
    return [one for one in rows if one.account_region_id in places or one.instance_id in around.instances]
