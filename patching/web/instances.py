"""Pages of instances: what inventory found, and of one, why it is unpatched."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_GET

from patching import exclusions, words
from patching.models import (
    MaintenanceWindow,
    ManagedInstance,
    PatchFinding,
    PatchGroup,
    RunOutcome,
    Scan,
    Waiver,
)
from patching.posture import why_unpatched, words_of
from patching.standings import link
from patching.web.filters import InstanceFilter
from portal.governance import clock, lists, roles

FINDINGS_PER_PAGE = 25
SCANS_SHOWN = 8
OUTCOMES_SHOWN = 8

COLUMNS = (
    lists.Column("Instance", lambda one: one.name or one.instance_id, "name"),
    lists.Column("Id", lambda one: one.instance_id, shown=False),
    lists.Column("Application", lambda one: one.application, "application__slug"),
    lists.Column("Environment", lambda one: one.environment, "environment__rank", shown=False),
    lists.Column("Operating system", lambda one: words.system_name(one.operating_system), "operating_system"),
    lists.Column("Zone", lambda one: one.availability_zone, "availability_zone"),
    lists.Column("Patch group", lambda one: one.side or one.patch_group),
    lists.Column("Window", lambda one: one.window_name),
    lists.Column("Agent", lambda one: one.ping_status if one.is_managed else "not managed", "ping_status"),
    lists.Column("Compliance", lambda one: one.words.raw),
    lists.Column("SSM says", lambda one: one.words.ssm, shown=False),
    lists.Column("Excused", lambda one: one.words.excused, shown=False),
    lists.Column("Missing", lambda one: one.scan.missing if one.scan else None, css="r"),
    lists.Column("Account and Region", lambda one: one.account_region, shown=False),
    lists.Column("Auto Scaling group", lambda one: one.auto_scaling_group, shown=False),
    lists.Column("Last scan", lambda one: one.scan.ended_at if one.scan else None, shown=False),
)


@login_required
@require_GET
def instance_list(request: HttpRequest) -> HttpResponse:
    """Instances as inventory last saw them."""
    rows = ManagedInstance.objects.visible_to(request.user).select_related(
        "application", "environment", "account_region__account"
    )
    return lists.show(
        request,
        "patching/instance_list.html",
        rows=rows,
        columns=COLUMNS,
        name="instances",
        filters=InstanceFilter,
        decorate=_decorate,
    )


def _decorate(rows: list[Any]) -> None:
    """Latest scan and standing of each row of a page."""
    scans = {scan.instance_id: scan for scan in Scan.objects.newest().filter(instance__in=rows)}
    at = clock.now()
    said, sides = words_of(rows, at), exclusions.sides_of(rows, at)
    for row in rows:
        row.scan = scans.get(row.pk)
        row.words = said[row.pk]
        row.status = row.words.raw
        row.side = sides.get(row.pk)
        row.system = words.system_name(row.operating_system) if row.operating_system else ""


@login_required
@require_GET
def instance_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """One instance: the chain from agent to scan, what it lacks, and what is known of it."""
    rows = ManagedInstance.objects.visible_to(request.user).select_related(
        "application__team", "environment", "account_region__account"
    )
    instance = get_object_or_404(rows, pk=pk)
    _decorate([instance])
    at = clock.now()
    findings = Paginator(instance.findings.open().order_by("patch_id"), FINDINGS_PER_PAGE)
    page = findings.get_page(request.GET.get("page"))
    waivers = Waiver.objects.in_force(at).filter(instance=instance)
    links = why_unpatched(instance)
    broken = next((link for link in links if link.holds is False), None)
    context = {
        "instance": instance,
        "links": [_link(link) for link in links],
        "holding": sum(link.holds is True for link in links),
        "broken": broken,
        "stops": broken is not None and broken.key not in ("turn", "last_run", "scan"),
        "page": page,
        "rows": _with_covers(instance, page.object_list, at),
        "hidden": instance.findings.open().filter(hidden=True).count(),
        "scans": _scans(instance),
        "outcomes": _outcomes(instance),
        "group": _first(PatchGroup, instance, instance.side.group if instance.side else instance.patch_group),
        "window": _first(MaintenanceWindow, instance, instance.window_name),
        "deferrals": waivers.deferrals(),
        "exclusions": waivers.exclusions(),
        "tags": sorted(instance.tags.items()),
        "may_ask": instance.application is not None
        and instance.gone_at is None
        and roles.is_member(request.user, instance.application.team),
    }
    return render(request, "patching/instance_detail.html", context)


def _with_covers(
    instance: ManagedInstance, findings: Iterable[PatchFinding], at: datetime
) -> list[tuple[PatchFinding, exclusions.Cover | None]]:
    """Each finding with the exclusion that covers it."""
    rows = list(findings)
    for row in rows:
        row.instance = instance
    link(rows)
    covers = exclusions.covers_of(rows, at)
    return [(row, covers.get(row.pk)) for row in rows]


def _scans(instance: ManagedInstance) -> list[tuple[Scan, bool]]:
    """Its last scans, and whether the baseline of a side group judged."""
    parents = {one.restores_to for one in exclusions.of_instances([instance]).get(instance.pk, ())}
    return [
        (scan, any(exclusions.is_side_of(scan.patch_group, parent) for parent in parents))
        for scan in instance.scans.select_related("baseline")[:SCANS_SHOWN]
    ]


def _outcomes(instance: ManagedInstance) -> list[RunOutcome]:
    """What became of it in the last runs of its windows."""
    rows = instance.run_outcomes.exclude(run__window=None).select_related("run")
    return list(rows.order_by("-run__started_at", "task")[:OUTCOMES_SHOWN])


def _link(link: Any) -> dict[str, Any]:
    """One link of the chain as the chain component takes it."""
    pages = {
        "group": ("patching:group-detail", "Open patch group"),
        "baseline": ("patching:baseline-detail", "Open baseline"),
        "window": ("patching:window-detail", "Open window"),
        "run": ("patching:window-detail", "See its next runs"),
        "turn": ("patching:run-detail", "Open the run"),
    }
    shown = {"holds": link.holds, "title": link.title, "evidence": link.evidence}
    if link.pk and link.key in pages:
        name, label = pages[link.key]
        shown |= {"url": reverse(name, args=[link.pk]), "label": label}
    return shown


def _first(model: Any, instance: ManagedInstance, name: str) -> Any:
    if not name:
        return None
    return model.objects.live().filter(account_region=instance.account_region, name=name).first()
