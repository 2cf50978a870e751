"""Pages of patch groups: all of them, and one with what judges it and who is in it."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from patching import exclusions, promoting, system_facts, words
from patching.models import MaintenanceWindow, ManagedInstance, PatchBaseline, PatchGroup, WindowRun
from patching.web import standing
from patching.web.common import history_of, how_they_stand, may_ask_for
from patching.web.filters import PlacedFilter
from portal.governance import clock, lists, roles

PER_PAGE = 50


def _baselines(group: PatchGroup) -> str:
    return ", ".join(sorted(group.spec["baselines"].values()))


COLUMNS = (
    lists.Column("Patch group", lambda one: one.name, "name"),
    lists.Column("Application", lambda one: one.application, "application__slug"),
    lists.Column("Environment", lambda one: one.environment, "environment__rank"),
    lists.Column("Judged by", _baselines),
    lists.Column("Instances", lambda one: len(one.spec["instances"]), css="r"),
    lists.Column("In AWS", lambda one: one.standing.condition),
    lists.Column("Account and Region", lambda one: one.account_region, shown=False),
)


@login_required
@require_GET
def group_list(request: HttpRequest) -> HttpResponse:
    """Patch groups that are approved."""
    rows = (
        PatchGroup.objects.visible_to(request.user)
        .live()
        .select_related("application", "environment", "account_region__account")
    )
    return lists.show(
        request,
        "patching/group_list.html",
        rows=rows,
        columns=COLUMNS,
        name="patch-groups",
        filters=PlacedFilter,
        decorate=standing.of_groups,
        context={"may_ask": roles.teams_of(request.user).exists()},
    )


@login_required
@require_GET
def group_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """One patch group."""
    rows = PatchGroup.objects.visible_to(request.user).select_related(
        "application__team", "environment", "account_region__account", "revision__request"
    )
    group = get_object_or_404(rows, pk=pk)
    standing.of_groups([group])
    members = ManagedInstance.objects.filter(
        account_region=group.account_region, instance_id__in=group.spec["instances"]
    ).select_related("account_region__account", "environment")
    page = Paginator(members, PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "group": group,
        "judged": _judged(request, group),
        "unasked": _unasked(group),
        "page": page,
        "members": _members(page.object_list),
        **how_they_stand(request.user, group, "group"),
        "windows": _windows(group),
        "history": history_of(group, "patch-group"),
        "may_ask": may_ask_for(request.user, group),
        "tested": [] if group.retired_at else _tested(request, group),
    }
    return render(request, "patching/group_detail.html", context)


def _members(rows: Iterable[ManagedInstance]) -> list[tuple[ManagedInstance, exclusions.Side | None]]:
    """Each instance with the side group it is in; it stays a member of this one."""
    found = list(rows)
    sides = exclusions.sides_of(found, clock.now())
    return [(one, sides.get(one.pk)) for one in found]


def _judged(request: HttpRequest, group: Any) -> list[dict[str, Any]]:
    """Each operating system with its baseline, in words and in AWS."""
    names = set(group.spec["baselines"].values())
    known = {
        one.name: one for one in PatchBaseline.objects.visible_to(request.user).live().filter(name__in=names)
    }
    states = {state.key: state for state in group.standing.states}
    judged = []
    for system, name in sorted(group.spec["baselines"].items()):
        baseline = known.get(name)
        judged.append(
            {
                "system": words.system_name(system),
                "name": name,
                "baseline": baseline,
                "line": words.baseline_in_a_line(baseline.spec["definition"]) if baseline else "",
                "state": states.get(f"{group.name}:{system}"),
            }
        )
    return judged


def _tested(request: HttpRequest, group: PatchGroup) -> list[WindowRun]:
    """Runs of earlier environments that the baselines of a group could take over."""
    names = group.spec["baselines"].values()
    mine = PatchBaseline.objects.live().filter(name__in=names, application=group.application)
    return promoting.tested_for(list(mine.select_related("environment")), by=request.user)


def _unasked(group: PatchGroup) -> list[tuple[system_facts.Unasked, int]]:
    """Defaults that judge some of its instances, because it names no baseline for what they run; how many."""
    rows = ManagedInstance.objects.present().filter(
        account_region=group.account_region, instance_id__in=group.spec["instances"]
    )
    running = Counter(rows.exclude(operating_system="").values_list("operating_system", flat=True))
    lacking = sorted(set(running) - set(group.spec["baselines"]))
    found = [(system_facts.unasked(group.account_region, system), running[system]) for system in lacking]
    return [(one, number) for one, number in found if one is not None]


def _windows(group: PatchGroup) -> list[tuple[MaintenanceWindow, int]]:
    """Windows in which its instances are patched, with how many of them."""
    mine = set(group.spec["instances"])
    windows = MaintenanceWindow.objects.live().filter(account_region=group.account_region)
    shared = [(window, len(mine & set(window.spec["instances"]))) for window in windows]
    return [(window, number) for window, number in shared if number]
