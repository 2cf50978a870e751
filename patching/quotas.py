"""AWS's quotas of one place: used now, asked for, and left, as if everything asked for were there. Reads only."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from patching import findings, limits
from patching.around import Around
from patching.items import MOST_INSTANCES
from patching.models import AccountRegion
from patching.sizing import AUTOMATIONS, wanted_at_once
from portal.governance import clock

Item = Mapping[str, Any]
SOURCES = {
    "told": "Service Quotas",
    "default": f"AWS's default, {limits.DEFAULTS_AS_OF}",
    "ams": "AMS's own limit",
}


@dataclass(frozen=True)
class Quota:
    """One quota of one place, today and after approval."""

    label: str
    now: int
    after: int
    limit: int
    others: int = 0  # of those used now, not ours
    source: str = "default"  # told, default or ams

    @property
    def asked(self) -> int:
        return self.after - self.now

    @property
    def left(self) -> int:
        return self.limit - self.after

    @property
    def fits(self) -> bool:
        return self.after <= self.limit

    @property
    def source_in_words(self) -> str:
        return SOURCES[self.source]

    @property
    def text(self) -> str:
        moved = f"{self.now} \N{RIGHTWARDS ARROW} {self.after}" if self.asked else str(self.now)
        return f"{moved} of {self.limit}"

    @property
    def segments(self) -> list[dict[str, Any]]:
        kept = min(self.now, self.after)
        role = "bad" if not self.fits else "wait"
        return [{"role": "low", "value": kept}, {"role": role, "value": max(0, self.after - kept)}]


def of(around: Around, place: AccountRegion) -> list[Quota]:
    """Every quota that windows and baselines come up against there."""
    at = clock.now()
    now, after = findings.planned_now(around, place), findings.planned_after(around, place)
    groups_now, groups_after = _groups(around, place)
    strange = {kind: len(limits.others(place, kind)) for kind in ("window", "baseline")}
    adopted = Counter(one["kind"] for one in around.items if one["action"] == "adopt" and _is_in(one, place))
    uses = [_uses(groups) for groups in (groups_now, groups_after)]

    def aws(label: str, name: str, before: int, then: int, others: int = 0, gone: int = 0) -> Quota:
        source = "told" if name in place.quotas else "default"
        limit = limits.limit(place, name)
        return Quota(label, before + others, then + others - gone, limit, others, source)

    return [
        # the daily scan window is ours as well
        aws("Windows", "windows", len(now) + 1, len(after) + 1, strange["window"], adopted["window"]),
        aws("Tasks in the fullest window", "tasks", _most(now, _tasks), _most(after, _tasks)),
        # each window has one registration, of its tag
        aws("Targets in the fullest window", "targets", min(len(now), 1), min(len(after), 1)),
        aws("Baselines", "baselines", len(uses[0]), len(uses[1]), strange["baseline"], adopted["baseline"]),
        aws("Groups of the busiest baseline", "groups", *(max(one.values(), default=0) for one in uses)),
        aws(
            "Windows open at once",
            "open_at_once",
            findings.most_open_at_once(now, at)[0],
            findings.most_open_at_once(after, at)[0],
        ),
        Quota(
            "Automations at once in one window",
            _most(now, _automations),
            _most(after, _automations),
            AUTOMATIONS,
            source="ams",
        ),
        Quota(
            "Instances in the fullest window",
            _most(now, _instances),
            _most(after, _instances),
            MOST_INSTANCES,
            source="ams",
        ),
    ]


def _is_in(item: Item, place: AccountRegion) -> bool:
    spec = item["spec"]
    return "account" not in spec or (spec["account"], spec["region"]) == (
        place.account.account_id,
        place.region,
    )


def _groups(around: Around, place: AccountRegion) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    """Specs of the patch groups there, as they are and as they would be."""
    here = [group for group in around.groups if group.account_region_id == place.pk]
    asked = [one for one in around.items if one["kind"] == "patch-group" and one["action"] != "delete"]
    touched = {one["target"] for one in around.items if one["kind"] == "patch-group"} - {None}
    wanted = [one["spec"] for one in asked if _is_in(one, place)]
    names = {spec["name"] for spec in wanted}
    kept = [group.spec for group in here if group.pk not in touched and group.name not in names]
    return [group.spec for group in here], [*kept, *wanted]


def _uses(groups: Sequence[Mapping[str, Any]]) -> Counter[str]:
    """How many groups each baseline serves."""
    return Counter(name for spec in groups for name in set(spec["baselines"].values()))


def _most(windows: Sequence[findings.Planned], measure: Any) -> int:
    return max((measure(window) for window in windows), default=0)


def _tasks(window: findings.Planned) -> int:
    return len(window.tasks)


def _instances(window: findings.Planned) -> int:
    return window.instances


def _automations(window: findings.Planned) -> int:
    """The most that one of its tasks asks for."""
    return max(
        (wanted_at_once(task, window.instances) for task in window.tasks if task["type"] == "AUTOMATION"),
        default=0,
    )
