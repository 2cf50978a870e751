"""Planned windows gathered from rows and items, and what is found on them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from patching import limits, run_paces
from patching.around import Around
from patching.findings.baselines import about_baselines
from patching.findings.checking import check
from patching.findings.crowding import no_room, too_many_at_once
from patching.findings.judging import instances_judged_by, late
from patching.findings.members import about_instances
from patching.findings.planned import Planned
from patching.findings.sizes import Size, sizes
from patching.findings.telling import WARNING, Finding
from patching.items import is_new
from patching.models import AccountRegion, MaintenanceWindow, PatchBaseline
from patching.sizing import Node
from portal.governance import clock
from portal.governance.models import User


def of(around: Around) -> list[Finding]:
    """Findings on what items ask for, together with the windows that stay; their defaults filled in."""
    windows = planned_after(around)
    asked = [window for window in windows if window.asked]
    found = [
        *check(windows, clock.now(), run_paces.known()),
        *late([*asked, *_judged_anew(around, asked)], around),
        *late(_shut_anew(around, asked), around, only="freeze"),
        *_crowds(around),
        *about_instances(around),
        *about_baselines(around),
    ]
    return sorted(found, key=lambda one: one.level != WARNING)


def _crowds(around: Around) -> Iterator[Finding]:
    """Where an account and Region has no room for what is asked for."""
    for place in around.places:
        windows = planned_after(around, place)
        yield from too_many_at_once(windows, limits.limit(place, "open_at_once"), clock.now())
        strange = len(limits.others(place, "window"))
        adopted = sum(one["kind"] == "window" and one["action"] == "adopt" for one in around.items)
        # the daily scan window is ours as well
        used = len(planned_now(around, place)) + 1 + strange
        asked = len(windows) + 1 + strange - adopted - used
        yield from no_room(windows, used, strange, asked, limits.limit(place, "windows"))


def _with_company(around: Around, place: AccountRegion, windows: Sequence[Planned]) -> list[Planned]:
    """These windows, and the others of the account-region."""
    here = [one for one in windows if one.place == (place.account.account_id, place.region)]
    known = {one.name for one in here}
    return [*here, *(one for one in planned_now(around, place) if one.name not in known)]


def of_window(window: MaintenanceWindow) -> list[Finding]:
    """Findings on one window as it is, among the windows of its application."""
    around = around_window(window)
    windows = company_of(window, around)
    asked = [one for one in windows if one.asked]
    found = [
        *check(windows, clock.now(), run_paces.known()),
        *late(asked, around),
        *too_many_at_once(
            _with_company(around, window.account_region, windows),
            limits.limit(window.account_region, "open_at_once"),
            clock.now(),
        ),
        *about_instances(around),
    ]
    return sorted(found, key=lambda one: one.level != WARNING)


def of_baseline(baseline: PatchBaseline, *, by: User) -> list[Finding]:
    """Windows that this person sees in which what the baseline approves cannot be on in time."""
    around = around_baseline(baseline)
    rows = MaintenanceWindow.objects.visible_to(by).live()
    seen = {(_where(spec), name) for name, spec in rows.values_list("name", "spec")}
    return late([one for one in _judged_anew(around, []) if (one.place, one.name) in seen], around)


def around_window(window: MaintenanceWindow) -> Around:
    """The rows around a window as it is."""
    item = {"action": "change", "kind": "window", "target": window.pk, "spec": window.spec}
    return Around([item])


def around_baseline(baseline: PatchBaseline) -> Around:
    """The rows around a baseline as it is."""
    return Around([{"action": "change", "kind": "baseline", "target": baseline.pk, "spec": baseline.spec}])


def sizes_of(windows: Sequence[Planned]) -> list[Size]:
    """What is said of the length of each window that is asked for."""
    return list(sizes(windows, run_paces.known()))


def company_of(window: MaintenanceWindow, around: Around) -> list[Planned]:
    """One window as it is, asked about among the windows of its application."""
    return [
        planned(one.spec, around, asked=one.pk == window.pk, since=one.created_at)
        for one in around.windows
        if one.application_id == window.application_id
    ]


def _judged_anew(around: Around, asked: Sequence[Planned]) -> list[Planned]:
    """Windows that stay as they are, of instances that a baseline among the items judges."""
    names = {one["spec"]["name"] for one in around.items if one["kind"] == "baseline" and one["spec"]}
    reached: dict[tuple[str, str], set[str]] = {}
    for name in names:
        for place, ids in instances_judged_by(name, around).items():
            reached.setdefault(place, set()).update(ids)
    known = {(window.place, window.name) for window in asked}
    return [
        planned(row.spec, around, since=row.created_at)
        for row in around.windows
        if (_where(row.spec), row.name) not in known
        and not reached.get(_where(row.spec), set()).isdisjoint(row.spec["instances"])
    ]


def _shut_anew(around: Around, asked: Sequence[Planned]) -> list[Planned]:
    """Windows that stay as they are, of an application whose freeze is asked for; one that binds several names none."""
    slugs = {
        one["spec"]["application"] for one in around.items if one["kind"] == "freeze" and one["spec"]
    } - {""}
    known = {(window.place, window.name) for window in asked}
    return [
        planned(row.spec, around, since=row.created_at)
        for row in around.frozen
        if row.spec["application"] in slugs and (_where(row.spec), row.name) not in known
    ]


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
