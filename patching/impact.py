"""How far a request reaches: instances, environments, what opens at once, quotas before and after. Reads only."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from patching import findings, openings, rules
from patching.around import Around
from patching.items import MOST_TASKS
from patching.models import (
    AccountRegion,
    Environment,
    MaintenanceWindow,
    ManagedInstance,
)
from patching.words import KINDS, counted, listed
from portal.governance import clock

Item = Mapping[str, Any]
OPEN_AT_ONCE = 5  # AWS runs so many windows at a time in an account and Region


@dataclass(frozen=True)
class FirstRun:
    """The first run under the new rules."""

    window: str
    at: datetime
    timezone: str


@dataclass(frozen=True)
class Quota:
    """One AWS quota of one place, today and after approval."""

    label: str
    now: int
    after: int
    limit: int

    @property
    def text(self) -> str:
        moved = f"{self.now} \N{RIGHTWARDS ARROW} {self.after}" if self.now != self.after else str(self.now)
        return f"{moved} of {self.limit}"

    @property
    def segments(self) -> list[dict[str, Any]]:
        kept = min(self.now, self.after)
        role = "bad" if self.after > self.limit else "wait"
        return [{"role": "low", "value": kept}, {"role": role, "value": max(0, self.after - kept)}]


@dataclass(frozen=True)
class Impact:
    """What a request touches, in figures."""

    kinds: Mapping[str, int]
    actions: Mapping[str, int]
    places: Sequence[AccountRegion]
    environments: Sequence[tuple[Environment, int]]
    instances: int
    gain: int
    lose: int
    at_once: int
    left_out: int
    first_run: FirstRun | None

    @property
    def production(self) -> int:
        """Instances of production among those that are touched."""
        return sum(number for environment, number in self.environments if environment.is_production)

    @property
    def touches_production(self) -> bool:
        return any(environment.is_production for environment, _ in self.environments)

    @property
    def objects(self) -> str:
        """6 windows, 3 baselines and 3 patch groups."""
        order = ("window", "baseline", "patch-group")
        return listed(
            counted(self.kinds[kind], KINDS[kind].lower()) for kind in order if self.kinds.get(kind)
        )

    @property
    def news(self) -> str:
        """9 are new, 3 are changed."""
        said = {
            "create": ("is new", "are new"),
            "adopt": ("is adopted", "are adopted"),
            "change": ("is changed", "are changed"),
            "delete": ("is removed", "are removed"),
        }
        parts = [
            f"{self.actions[action]} {one if self.actions[action] == 1 else many}"
            for action, (one, many) in said.items()
            if self.actions.get(action)
        ]
        return listed(parts)


def of(around: Around) -> Impact:
    """The figures of a request's items."""
    items = around.items
    specs = [one["spec"] for one in items if one["action"] != "delete"]
    rows = list(around.rows.values())
    ids = {one for spec in [*specs, *(row.spec for row in rows)] for one in spec.get("instances", ())}
    windows = [one["spec"] for one in items if one["kind"] == "window" and one["action"] != "delete"]
    wanted = {one for spec in windows for one in spec["instances"]}
    touched = [row for row in rows if isinstance(row, MaintenanceWindow)]
    left = {one for row in touched for one in row.spec["instances"]}
    staying = [row for row in around.windows if row not in touched]
    held = {one for row in staying for one in row.spec["instances"]}
    planned = [window for window in findings.planned_after(around) if window.asked]
    return Impact(
        kinds=dict(Counter(one["kind"] for one in items)),
        actions=dict(Counter(one["action"] for one in items)),
        places=around.places,
        environments=_environments(around),
        instances=len(ids),
        gain=len(wanted - left - held),
        lose=len(left - wanted - held),
        at_once=findings.most_open_at_once(planned, clock.now())[1],
        left_out=_auto_scaling(specs),
        first_run=_first_run(windows),
    )


def quotas(around: Around, place: AccountRegion) -> list[Quota]:
    """Windows, baselines, windows open at once and the fullest window of one place, now and after."""
    live = [row.spec for row in around.windows if row.account_region_id == place.pk]
    here = [group for group in around.groups if group.account_region_id == place.pk]
    used_now = {name for group in here for name in group.spec["baselines"].values()}
    mine = [one for one in around.items if _where(one) in (None, (place.account.account_id, place.region))]
    tasks_now = max((len(spec["tasks"]) for spec in live), default=0)
    asked = _asked(mine, "window")
    used_after = used_now | {
        name for spec in _asked(mine, "patch-group") for name in spec["baselines"].values()
    }
    at = clock.now()
    open_now = findings.most_open_at_once(findings.planned_now(around, place), at)[0]
    open_after = findings.most_open_at_once(findings.planned_after(around, place), at)[0]
    new = [spec for spec in asked if spec["name"] not in {one["name"] for one in live}]
    gone = sum(
        isinstance(row := around.row(one), MaintenanceWindow) and row.account_region_id == place.pk
        for one in mine
        if one["action"] == "delete"
    )
    return [
        # the daily scan window is ours as well
        Quota("Windows", len(live) + 1, len(live) + 1 + len(new) - gone, rules.WINDOWS_PER_PLACE),
        Quota("Baselines", len(used_now), len(used_after), rules.BASELINES_PER_PLACE),
        Quota("Windows open at once", open_now, open_after, OPEN_AT_ONCE),
        Quota(
            "Tasks in the fullest window",
            tasks_now,
            max([tasks_now, *(len(spec["tasks"]) for spec in asked)]),
            MOST_TASKS,
        ),
    ]


def _where(item: Item) -> tuple[str, str] | None:
    spec = item["spec"]
    return (spec["account"], spec["region"]) if "account" in spec else None


def _asked(items: Sequence[Item], kind: str) -> list[Mapping[str, Any]]:
    return [one["spec"] for one in items if one["kind"] == kind and one["action"] != "delete"]


def _environments(around: Around) -> list[tuple[Environment, int]]:
    """Environments touched, the most important first, with their instances."""
    slugs = {one["spec"].get("environment", "") for one in around.items}
    slugs |= {row.environment.slug for row in around.rows.values() if row.environment}
    found = Counter(one.environment.slug for one in around.instances.values() if one.environment)
    named = [around.environments[slug] for slug in slugs | set(found) if slug in around.environments]
    return [(one, found[one.slug]) for one in sorted(named, key=lambda one: -one.rank)]


def _auto_scaling(specs: Sequence[Mapping[str, Any]]) -> int:
    """Instances of the named applications and environments that Auto Scaling replaces, so nothing patches them."""
    count = 0
    pairs = {(spec["application"], spec["environment"]) for spec in specs if "instances" in spec}
    for application, environment in pairs:
        count += (
            ManagedInstance.objects.present()
            .filter(application__slug=application, environment__slug=environment)
            .exclude(auto_scaling_group="")
            .count()
        )
    return count


def _first_run(windows: Sequence[Mapping[str, Any]]) -> FirstRun | None:
    at = clock.now()
    runs = [
        FirstRun(spec["name"], start, spec["timezone"])
        for spec in windows
        for start in openings.next_starts(spec, start=at, count=1)
    ]
    return min(runs, key=lambda run: run.at, default=None)
