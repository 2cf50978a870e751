"""The home of each role, and the compliance pages with the lists behind their figures."""

from collections.abc import Sequence
from typing import Any

from django.contrib.auth.decorators import login_required
from django.db.models import Count
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_GET

from patching import exclusions, posture
from patching.models import ManagedInstance, PatchFinding
from patching.standings import link
from portal.dashboards.filters import FindingFilter, InstanceFilter
from portal.dashboards.queries import Board
from portal.governance import clock, lists, roles

TABS = (
    {"key": "fleet", "label": "Fleet"},
    {"key": "applications", "label": "By application"},
    {"key": "environments", "label": "By environment"},
    {"key": "severities", "label": "By severity"},
)

SLICE_COLUMNS = (
    lists.Column("Name", lambda row: row.key),
    lists.Column("Team", lambda row: row.team),
    lists.Column("Running instances", lambda row: row.figures.total),
    lists.Column("Compliant (SSM says)", lambda row: row.figures.ssm_compliant),
    lists.Column("Compliant (raw)", lambda row: row.figures.compliant),
    lists.Column("Compliant or excused (net)", lambda row: row.figures.net_compliant),
    lists.Column("Not compliant", lambda row: row.figures.noncompliant),
    lists.Column("Of these excused", lambda row: row.figures.excused),
    lists.Column("Old scan", lambda row: row.figures.stale),
    lists.Column("Unknown", lambda row: row.figures.unknown),
    *(
        lists.Column(f"Lack a patch, {step}", lambda row, step=step: row.severities[step])
        for step in posture.Step
    ),
)
SEVERITY_COLUMNS = (
    lists.Column("Severity", lambda row: row.step),
    lists.Column("Open findings", lambda row: row.findings),
    lists.Column("Patches", lambda row: row.patches),
    lists.Column("Instances", lambda row: row.instances),
)


def _day_head(name: str) -> str:
    words = name.replace("_", " ")
    return words.replace("ssm", "SSM") if words.startswith("ssm") else words.capitalize()


DAY_COLUMNS = tuple(
    lists.Column(_day_head(name), lambda row, name=name: getattr(row, name))
    for name in (*posture.Day._fields, "net_compliant")
)
INSTANCE_COLUMNS = (
    lists.Column("Instance", lambda row: row.name, "name"),
    lists.Column("Id", lambda row: row.instance_id, shown=False),
    lists.Column("Application", lambda row: row.application, "application__slug"),
    lists.Column("Team", lambda row: row.application and row.application.team, shown=False),
    lists.Column("Environment", lambda row: row.environment, "environment__rank"),
    lists.Column("Account", lambda row: row.account_region, "account_region", shown=False),
    lists.Column("Operating system", lambda row: row.operating_system, "operating_system"),
    lists.Column("Status", lambda row: row.status, "status"),
    lists.Column("SSM says", lambda row: row.ssm_status, shown=False),
    lists.Column("Excused", lambda row: row.excused, shown=False),
    lists.Column("Critical", lambda row: row.open_findings[posture.Step.CRITICAL], css="r"),
    lists.Column("Open findings", lambda row: row.open_findings["all"], css="r"),
    lists.Column("Scanned", lambda row: row.scanned_at, "scanned_at"),
    lists.Column("Patch group", lambda row: row.home_group, shown=False),
    lists.Column("Patch group tag", lambda row: row.group_name, shown=False),
    lists.Column("Window tag", lambda row: row.window_value, shown=False),
)
FINDING_COLUMNS = (
    lists.Column("Patch", lambda row: row.patch_id, "patch_id"),
    lists.Column("Title", lambda row: row.title, shown=False),
    lists.Column("Severity", lambda row: row.severity or "Unspecified", "step_rank"),
    lists.Column("State", lambda row: row.state, "state"),
    lists.Column("Instance", lambda row: row.instance.name, "instance__name"),
    lists.Column("Instance id", lambda row: row.instance.instance_id, shown=False),
    lists.Column("Application", lambda row: row.instance.application, "instance__application__slug"),
    lists.Column("Environment", lambda row: row.instance.environment, "instance__environment__rank"),
    lists.Column("Known since", lambda row: row.first_seen_at, "first_seen_at"),
    lists.Column("Hidden by an exclusion", lambda row: row.hidden, shown=False),
    lists.Column("Exclusion", lambda row: row.cover and row.cover.waiver.allowed_by, shown=False),
    lists.Column("CVEs", lambda row: " ".join(row.cves), shown=False),
)


@login_required
@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """What this person has to do, and how what they answer for stands."""
    return render(request, "dashboards/home.html", {"board": Board(request.user)})


@login_required
@require_GET
def compliance(request: HttpRequest) -> HttpResponseBase:
    """The fleet by application, environment and severity; every number opens its list."""
    board, tab = Board(request.user), request.GET.get("tab", "")
    tab = tab if tab in {one["key"] for one in TABS} else "fleet"
    if request.GET.get("format") == "csv":
        columns, rows = _export(board, tab)
        return lists.export(f"compliance-{tab}-{board.at:%Y-%m-%d}.csv", columns, rows)
    return render(request, "dashboards/compliance.html", {"board": board, "tabs": TABS, "tab": tab})


@login_required
@require_GET
def instances(request: HttpRequest) -> HttpResponse:
    """The instances behind a number."""
    return lists.show(
        request,
        "dashboards/instances.html",
        rows=posture.instances_matching(request.user),
        columns=INSTANCE_COLUMNS,
        name="instances",
        filters=InstanceFilter,
        decorate=_count_findings,
    )


@login_required
@require_GET
def findings(request: HttpRequest) -> HttpResponse:
    """The patches behind a number, one row for each instance that lacks one."""
    return lists.show(
        request,
        "dashboards/findings.html",
        rows=posture.findings_matching(request.user),
        columns=FINDING_COLUMNS,
        name="findings",
        filters=FindingFilter,
        context={"my_teams": set(roles.teams_of(request.user).values_list("pk", flat=True))},
        decorate=_say_what_excuses,
    )


def _export(board: Board, tab: str) -> tuple[Sequence[lists.Column], Sequence[Any]]:
    if tab == "applications":
        return SLICE_COLUMNS, board.applications
    if tab == "environments":
        return SLICE_COLUMNS, board.environments
    if tab == "severities":
        return SEVERITY_COLUMNS, board.severities
    return DAY_COLUMNS, board.trend


def _say_what_excuses(rows: list[PatchFinding]) -> None:
    """Give each finding of a page the exclusion that covers it and the patch it is about, in a query each."""
    link(rows)
    covers = exclusions.covers_of(rows, clock.now())
    for row in rows:
        row.cover = covers.get(row.pk)  # type: ignore[attr-defined]


def _count_findings(rows: list[ManagedInstance]) -> None:
    """Give each instance of a page its open findings by severity, in one query."""
    counts: dict[int, dict[str, int]] = {row.pk: dict.fromkeys([*posture.Step, "all"], 0) for row in rows}
    found = posture.with_step(PatchFinding.objects.open().filter(instance__in=rows))
    for one in found.order_by().values("instance", "step").annotate(findings=Count("pk")):
        counts[one["instance"]][one["step"]] += one["findings"]
        counts[one["instance"]]["all"] += one["findings"]
    for row in rows:
        row.open_findings = counts[row.pk]  # type: ignore[attr-defined]
