"""Which baseline judges whom in which window, and which freezes keep it shut: gathered from rows and items."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from django.conf import settings

from patching.around import Around
from patching.deadlines import AHEAD
from patching.findings.late import Judged, cannot_comply
from patching.findings.planned import Planned
from patching.findings.telling import Finding
from patching.items import is_new
from patching.models import Freeze, ManagedInstance, PatchBaseline
from patching.shutting_items import ends_of, starts_of
from portal.governance import clock


def late(windows: Iterable[Planned], around: Around, *, only: str = "") -> list[Finding]:
    """What cannot be on in time in these windows, with baselines, groups and freezes as they would be."""
    judged = _judged(list(windows), around)
    return list(cannot_comply(judged, settings.PATCH_WITHIN_DAYS, clock.now(), only=only))


def _judged(windows: list[Planned], around: Around) -> Iterable[Judged]:
    groups = {one: spec for spec in _groups(around) for one in spec["instances"]}
    baselines = _baselines(around)
    systems = _systems({one for window in windows for one in window.spec["instances"]})
    freezes = _freezes(around)
    for window in windows:
        frozen = tuple(
            (spec["name"], (starts_of(spec), ends_of(spec))) for spec in freezes if _shuts(spec, window)
        )
        named = {
            groups[one]["baselines"].get(systems[one])
            for one in window.spec["instances"]
            if one in groups and one in systems
        }
        for name in sorted(named & set(baselines)):
            application, definition = baselines[name]
            own = application == window.spec["application"]
            yield Judged(window, name, definition, frozen, editable=own)


def _groups(around: Around) -> list[Mapping[str, Any]]:
    """Patch groups as they would be."""
    touched = {one["target"] for one in around.items if one["kind"] == "patch-group" and not is_new(one)}
    asked = [
        one["spec"] for one in around.items if one["kind"] == "patch-group" and one["action"] != "delete"
    ]
    return [*(group.spec for group in around.groups if group.pk not in touched), *asked]


def _baselines(around: Around) -> dict[str, tuple[str, Mapping[str, Any]]]:
    """Application and definition of each baseline as it would be, by name."""
    live = PatchBaseline.objects.live().select_related("application")
    found = {
        one.name: (one.application.slug if one.application else "", one.spec["definition"]) for one in live
    }
    for item in around.items:
        if item["kind"] == "baseline" and item["action"] != "delete":
            found[item["spec"]["name"]] = item["spec"]["application"], item["spec"]["definition"]
    return found


def _systems(ids: Iterable[str]) -> dict[str, str]:
    rows = ManagedInstance.objects.present().filter(instance_id__in=ids).exclude(operating_system="")
    return dict(rows.values_list("instance_id", "operating_system"))


def _freezes(around: Around) -> list[Mapping[str, Any]]:
    """Freezes of the months ahead as they would be."""
    touched = {one["target"] for one in around.items if one["kind"] == "freeze" and not is_new(one)}
    ahead = Freeze.objects.live().overlapping(clock.now(), clock.now() + AHEAD)
    asked = [one["spec"] for one in around.items if one["kind"] == "freeze" and one["action"] != "delete"]
    return [*(one.spec for one in ahead if one.pk not in touched), *asked]


def _shuts(freeze: Mapping[str, Any], window: Planned) -> bool:
    names = ("application", "environment", "account", "region")
    return all(freeze[name] in ("", window.spec[name]) for name in names)


def instances_judged_by(baseline: str, around: Around) -> dict[tuple[str, str], set[str]]:
    """Ids of instances that a baseline judges, by account and Region, with the groups as they would be."""
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for spec in _groups(around):
        if baseline in spec["baselines"].values():
            found[spec["account"], spec["region"]].update(spec["instances"])
    return found
