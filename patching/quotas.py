"""AWS's quotas of one place: used now, asked for, and left, as if everything asked for were there. Reads only."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from patching import findings, limits
from patching.around import Around
from patching.items import MOST_INSTANCES
from patching.models import AccountRegion, Occurrence
from patching.sizing import AUTOMATIONS, wanted_at_once
from portal.governance import clock

Item = Mapping[str, Any]
NEARLY_FULL = 0.9
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
    usual_source: ClassVar[str] = SOURCES["default"]

    @property
    def asked(self) -> int:
        return self.after - self.now

    @property
    def left(self) -> int:
        return self.limit - self.after

    @property
    def fits(self) -> bool:
        """What is asked for has room; where too much is there already, a request that adds nothing is not to blame."""
        return self.after <= self.limit or self.asked <= 0

    @property
    def over(self) -> int:
        """How many too many there are after approval."""
        return max(0, self.after - self.limit)

    @property
    def share(self) -> float:
        """How much of it is used after approval."""
        return self.after / self.limit if self.limit else 1.0

    @property
    def is_tight(self) -> bool:
        """It does not fit, or what is asked for nearly fills it."""
        return not self.fits or (self.asked > 0 and self.share >= NEARLY_FULL)

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


@dataclass(frozen=True)
class InPlace:
    """Every quota of one place, with those first that decide whether a request fits there."""

    place: AccountRegion
    rows: tuple[Quota, ...]

    @property
    def fits(self) -> bool:
        return all(one.fits for one in self.rows)

    @property
    def tight(self) -> list[Quota]:
        return [one for one in self.rows if one.is_tight]

    @property
    def asked(self) -> list[Quota]:
        """Those that something is asked of and that have room for it."""
        return [one for one in self.rows if one.asked and not one.is_tight]

    @property
    def untouched(self) -> list[Quota]:
        return [one for one in self.rows if not one.asked and not one.is_tight]

    @property
    def fullest(self) -> Quota:
        """Of what something is asked of, the one with the least room; of all where nothing is."""
        return max([one for one in self.rows if one.asked] or self.rows, key=lambda one: one.share)


@dataclass(frozen=True)
class Fit:
    """How a request fits into every place that it touches, the least room first."""

    places: tuple[InPlace, ...]

    @property
    def full(self) -> list[InPlace]:
        return [one for one in self.places if not one.fits]

    @property
    def near(self) -> list[InPlace]:
        return [one for one in self.places if one.fits and one.tight]

    @property
    def roomy(self) -> list[InPlace]:
        return [one for one in self.places if not one.tight]

    @property
    def only(self) -> InPlace | None:
        return self.places[0] if len(self.places) == 1 else None


def fit(around: Around, places: Iterable[AccountRegion]) -> Fit:
    """Every quota of every place that is touched, as if everything asked for were there."""
    found = [InPlace(place, tuple(of(around, place))) for place in places]
    return Fit(
        tuple(sorted(found, key=lambda one: (one.fits, not one.tight, -one.fullest.share, one.place.pk)))
    )


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

    extra_now, extra_after = _extra_windows(around, place)
    return [
        # the daily scan window is ours as well
        aws(
            "Windows",
            "windows",
            len(now) + extra_now + 1,
            len(after) + extra_after + 1,
            strange["window"],
            adopted["window"],
        ),
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


def _extra_windows(around: Around, place: AccountRegion) -> tuple[int, int]:
    """Windows that openings moved to another time have there, as they are and as they would be."""
    ahead = Occurrence.objects.live().filter(account_region=place, moved_to__gt=clock.now())
    known = set(ahead.values_list("pk", flat=True))
    change = 0
    for item in around.items:
        if item["kind"] != "occurrence":
            continue
        row = around.row(item)
        will = item["action"] != "delete" and bool(item["spec"].get("moved_to")) and _is_in(item, place)
        change += will - (row is not None and row.pk in known)
    return len(known), len(known) + change


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
