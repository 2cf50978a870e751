"""Planned windows gathered from rows and items, and what is found on them."""

from collections.abc import Mapping
from typing import Any

from patching import run_paces
from patching.around import Around
from patching.findings.checking import check
from patching.findings.members import about_instances
from patching.findings.planned import Planned
from patching.findings.telling import WARNING, Finding
from patching.items import is_new
from patching.models import AccountRegion, MaintenanceWindow
from patching.sizing import Node
from portal.governance import clock


def of(around: Around) -> list[Finding]:
    """Findings on what items ask for, together with the windows that stay; their defaults filled in."""
    found = [*check(planned_after(around), clock.now(), run_paces.known()), *about_instances(around)]
    return sorted(found, key=lambda one: one.level != WARNING)


def of_window(window: MaintenanceWindow) -> list[Finding]:
    """Findings on one window as it is, among the windows of its application."""
    item = {"action": "change", "kind": "window", "target": window.pk, "spec": window.spec}
    around = Around([item])
    windows = [
        planned(one.spec, around, asked=one.pk == window.pk, since=one.created_at)
        for one in around.windows
        if one.application_id == window.application_id
    ]
    return [*check(windows, clock.now(), run_paces.known()), *about_instances(around)]


def planned_after(around: Around, place: AccountRegion | None = None) -> list[Planned]:
    """Windows as they would be after these items: of the same applications, or all of one account-region."""
    asked = [one["spec"] for one in around.items if one["kind"] == "window" and one["action"] != "delete"]
    slugs = {spec["application"] for spec in asked}
    if place is not None:
        asked = [spec for spec in asked if _where(spec) == (place.account.account_id, place.region)]
    named = {(_where(spec), spec["name"]) for spec in asked}
    touched = {one["target"] for one in around.items if one["kind"] == "window" and not is_new(one)}
    stay = [
        row
        for row in around.windows
        if row.pk not in touched
        # of a request that took effect the rows are there already
        and (_where(row.spec), row.name) not in named
        and (row.account_region_id == place.pk if place else row.spec["application"] in slugs)
    ]
    return [
        *(planned(spec, around) for spec in asked),
        *(planned(row.spec, around, asked=False, since=row.created_at) for row in stay),
    ]


def planned_now(around: Around, place: AccountRegion) -> list[Planned]:
    """Windows of one account-region as they are."""
    here = [row for row in around.windows if row.account_region_id == place.pk]
    return [planned(row.spec, around, asked=False, since=row.created_at) for row in here]


def _where(spec: Mapping[str, Any]) -> tuple[str, str]:
    return spec["account"], spec["region"]


def planned(spec: Mapping[str, Any], around: Around, **more: Any) -> Planned:
    environment = around.environments.get(spec["environment"])
    return Planned(
        spec,
        rank=environment.rank if environment else 0,
        production=bool(environment and environment.is_production),
        environment=environment.name if environment else spec["environment"],
        known={
            one: Node(one, system=row.operating_system, zone=row.availability_zone)
            for one in spec["instances"]
            if (row := around.instances.get(one)) is not None
        },
        **more,
    )
