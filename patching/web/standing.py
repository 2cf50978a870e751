"""What is true in AWS of rows that were approved, for lists and pages. Reads resource states, a few queries a page."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from patching.models import MaintenanceWindow, PatchBaseline, PatchGroup, ResourceState
from patching.models.governed import Governed
from portal.governance import roles
from portal.governance.models import User

Condition = ResourceState.Condition
TROUBLED = (Condition.FAILED, Condition.PARKED, Condition.MISSING, Condition.DRIFTED)
# what a page shows of several: the worst first
_WORST = (
    Condition.FAILED,
    Condition.PARKED,
    Condition.MISSING,
    Condition.DRIFTED,
    Condition.PENDING,
    Condition.OUT_OF_SYNC,
    Condition.IN_SYNC,
)


@dataclass(frozen=True)
class Standing:
    """One row in AWS: the worst of its resources, and all of them."""

    condition: str
    states: tuple[ResourceState, ...] = ()


def worst(states: Iterable[ResourceState]) -> str:
    found = {state.condition for state in states}
    return next((condition for condition in _WORST if condition in found), Condition.PENDING)


def of_windows(windows: Sequence[MaintenanceWindow]) -> None:
    """Give each window its ``standing``: the window, its targets and its tasks."""
    uids = {str(window.uid) for window in windows}
    found: dict[str, list[ResourceState]] = {}
    for state in _states(windows, ("window", "target", "task")):
        uid = state.key.partition(":")[0]
        if uid in uids:
            found.setdefault(uid, []).append(state)
    _give(windows, {window: found.get(str(window.uid), []) for window in windows})


def of_groups(groups: Sequence[PatchGroup]) -> None:
    """Give each group its ``standing``: the registrations of its baselines."""
    found: dict[tuple[int, str], list[ResourceState]] = {}
    for state in _states(groups, ("registration",)):
        name = state.key.rpartition(":")[0]
        found.setdefault((state.account_region_id, name), []).append(state)
    _give(groups, {group: found.get((group.account_region_id, group.name), []) for group in groups})


def of_baselines(baselines: Sequence[PatchBaseline], user: User) -> None:
    """Give each baseline its ``standing`` over the account-regions that its reader sees, and its ``groups``."""
    keys = {str(baseline.uid): baseline for baseline in baselines}
    states = ResourceState.objects.filter(kind="baseline", key__in=keys).select_related(
        "account_region__account"
    )
    if not roles.reads_all(user):
        states = states.filter(
            account_region__selectors__application__team__in=roles.teams_of(user)
        ).distinct()
    found: dict[str, list[ResourceState]] = {}
    for state in states.exclude(condition=Condition.REMOVED):
        found.setdefault(state.key, []).append(state)
    _give(baselines, {baseline: found.get(key, []) for key, baseline in keys.items()})
    groups = (
        PatchGroup.objects.visible_to(user).live().select_related("account_region__account", "environment")
    )
    users: dict[str, list[PatchGroup]] = {}
    for group in groups:
        for name in set(group.spec["baselines"].values()):
            users.setdefault(name, []).append(group)
    for baseline in baselines:
        baseline.groups = users.get(baseline.name, [])  # type: ignore[attr-defined]


def _states(rows: Sequence[Any], kinds: tuple[str, ...]) -> Iterable[ResourceState]:
    places = {row.account_region_id for row in rows}
    return ResourceState.objects.filter(account_region__in=places, kind__in=kinds).exclude(
        condition=Condition.REMOVED
    )


def _give(rows: Sequence[Governed], states: dict[Any, list[ResourceState]]) -> None:
    for row in rows:
        mine = states.get(row, [])
        condition = "removed" if row.retired_at else worst(mine)
        row.standing = Standing(condition, tuple(mine))  # type: ignore[attr-defined]
