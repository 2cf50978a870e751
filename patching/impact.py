"""How far a request reaches: instances, environments, what opens at once. Reads only."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from patching import findings, openings
from patching.around import Around
from patching.models import (
    AccountRegion,
    Environment,
    MaintenanceWindow,
    ManagedInstance,
)
from patching.words import KINDS, counted, listed
from portal.governance import clock

Item = Mapping[str, Any]


@dataclass(frozen=True)
class FirstRun:
    """The first run under the new rules."""

    window: str
    at: datetime
    timezone: str


@dataclass(frozen=True)
class Impact:
    """What a request touches, in figures."""

    kinds: Mapping[str, int]
    actions: Mapping[str, int]
    places: Sequence[AccountRegion]
    environments: Sequence[tuple[Environment, int]]
    instances: int
    judged: int  # by its baselines, beside those
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
    def changes_patching(self) -> bool:
        """Whether windows, groups or baselines are among it, of which findings are found."""
        return any(self.kinds.get(kind) for kind in ("window", "patch-group", "baseline"))

    @property
    def reach(self) -> int:
        """Instances that it names or whose baseline it changes."""
        return self.instances + self.judged

    @property
    def objects(self) -> str:
        """6 windows, 3 baselines and 3 patch groups."""
        order = ("freeze", "occurrence", "window", "baseline", "patch-group")
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
    frozen = (window.spec for window in around.frozen)
    ids = {
        one for spec in [*specs, *(row.spec for row in rows), *frozen] for one in spec.get("instances", ())
    }
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
        judged=len(around.judged),
        gain=len(wanted - left - held),
        lose=len(left - wanted - held),
        at_once=findings.most_open_at_once(planned, clock.now())[1],
        left_out=_auto_scaling(specs),
        first_run=_first_run(windows),
    )


def _environments(around: Around) -> list[tuple[Environment, int]]:
    """Environments touched, the most important first, with their instances."""
    slugs = {one["spec"].get("environment", "") for one in around.items}
    slugs |= {row.environment.slug for row in around.rows.values() if row.environment}
    reached = [*around.instances.values(), *around.judged]
    found = Counter(one.environment.slug for one in reached if one.environment)
    for window in around.frozen:  # counted and not listed: they may be other teams'
        if window.environment:
            found[window.environment.slug] += len(window.spec["instances"])
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
