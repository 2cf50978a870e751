"""``/reports/``: whole tables for people and spreadsheets, as JSON or CSV."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, viewsets
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from patching import posture
from patching.models import Scan
from portal.governance import clock
from portal.governance.spreadsheets import as_csv

COMPLIANCE_COLUMNS = (
    "account",
    "region",
    "application",
    "environment",
    "instance_id",
    "name",
    "operating_system",
    "ssm_status",
    "status",
    "excused",
    "net_status",
    "scanned_at",
    "baseline",
    "missing",
    "failed",
    "pending_reboot",
    "critical_noncompliant",
    "security_noncompliant",
    "other_noncompliant",
)
REPORTS = {"compliance": "Compliance of every running instance"}
FORMATS = ("json", "csv")


class CsvRenderer(BaseRenderer):
    """A report as a file for a spreadsheet; an error stays readable."""

    media_type = "text/csv"
    format = "csv"
    charset = "utf-8"

    def render(self, data: Any, accepted_media_type: Any = None, renderer_context: Any = None) -> str:
        if "results" not in data:
            return as_csv([data], ("code", "detail"))
        return as_csv(data["results"], COMPLIANCE_COLUMNS)


class ReportOut(serializers.Serializer[Any]):
    """A report that can be had."""

    name = serializers.CharField()
    title = serializers.CharField()
    formats = serializers.ListField(child=serializers.CharField())
    url = serializers.CharField()


class ReportsOut(serializers.Serializer[Any]):
    """All reports; the list is short and has one page."""

    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    results = ReportOut(many=True)


class ComplianceRowOut(serializers.Serializer[Any]):
    """One instance and its last scan; counts are null where there was none."""

    account = serializers.CharField()
    region = serializers.CharField()
    application = serializers.CharField()
    environment = serializers.CharField()
    instance_id = serializers.CharField()
    name = serializers.CharField()
    operating_system = serializers.CharField()
    ssm_status = serializers.CharField(help_text="SSM's word.")
    status = serializers.CharField(
        help_text="Raw: non_compliant too where an exclusion hides what is missing."
    )
    excused = serializers.BooleanField(help_text="By an exemption in force.")
    net_status = serializers.CharField(help_text="Net: compliant where excused.")
    scanned_at = serializers.DateTimeField(allow_null=True)
    baseline = serializers.CharField()
    missing = serializers.IntegerField(allow_null=True)
    failed = serializers.IntegerField(allow_null=True)
    pending_reboot = serializers.IntegerField(allow_null=True)
    critical_noncompliant = serializers.IntegerField(allow_null=True)
    security_noncompliant = serializers.IntegerField(allow_null=True)
    other_noncompliant = serializers.IntegerField(allow_null=True)


class ComplianceReportOut(serializers.Serializer[Any]):
    """The whole table, and when it was true."""

    as_of = serializers.DateTimeField()
    results = ComplianceRowOut(many=True)


class Reports(viewsets.ViewSet):
    """Reports on what you may see."""

    lookup_field = "name"
    lookup_value_converter = "slug"

    def get_renderers(self) -> list[BaseRenderer]:
        return [JSONRenderer(), CsvRenderer()] if self.action == "retrieve" else [JSONRenderer()]

    @extend_schema(operation_id="reports_list", responses=ReportsOut)
    def list(self, request: Request) -> Response:
        """Which reports there are."""
        rows = [
            {
                "name": name,
                "title": title,
                "formats": FORMATS,
                "url": reverse("api:report-detail", [name], request=request),
            }
            for name, title in REPORTS.items()
        ]
        return Response({"next": None, "previous": None, "results": rows})

    @extend_schema(
        operation_id="reports_retrieve",
        responses={(200, "application/json"): ComplianceReportOut, (200, "text/csv"): str},
        parameters=[
            OpenApiParameter("name", str, OpenApiParameter.PATH, enum=tuple(REPORTS)),
            OpenApiParameter("format", str, enum=FORMATS),
            OpenApiParameter("application", str, description="An application's slug, or none."),
            OpenApiParameter("environment", str, description="An environment's slug, or none."),
        ],
    )
    def retrieve(self, request: Request, name: str) -> Response:
        """One report, whole: as JSON, or with ``?format=csv`` for a spreadsheet."""
        if name not in REPORTS:
            raise Http404
        at = clock.now()
        filters = {key: request.query_params.get(key, "") for key in ("application", "environment")}
        report = {"as_of": at, "results": compliance_rows(request, filters)}
        answer = Response(ComplianceReportOut(report).data)
        if request.accepted_renderer.format == "csv":
            answer["Content-Disposition"] = f'attachment; filename="{name}-{at:%Y-%m-%d}.csv"'
        return answer


def compliance_rows(request: Request, filters: Mapping[str, str]) -> Sequence[Mapping[str, Any]]:
    """One row per running instance that the caller may see; as many as the compliance page counts."""
    instances = posture.instances_matching(request.user, **filters).select_related(
        "account_region__account", "application", "environment"
    )
    scans = {
        scan.instance_id: scan
        for scan in Scan.objects.newest().visible_to(request.user).select_related("baseline")
    }
    return [_row(instance, scans.get(instance.pk)) for instance in instances.order_by("name", "instance_id")]


def _row(instance: Any, scan: Scan | None) -> Mapping[str, Any]:
    return {
        "account": instance.account_region.account.account_id,
        "region": instance.account_region.region,
        "application": instance.application.slug if instance.application else "",
        "environment": instance.environment.slug if instance.environment else "",
        "instance_id": instance.instance_id,
        "name": instance.name,
        "operating_system": instance.operating_system,
        "ssm_status": instance.ssm_status,
        "status": instance.status,
        "excused": instance.excused,
        "net_status": posture.Status.COMPLIANT.value if instance.excused else instance.status,
        "scanned_at": scan.ended_at if scan else None,
        "baseline": (scan.baseline.name if scan.baseline else scan.aws_baseline_id) if scan else "",
        "missing": scan.missing if scan else None,
        "failed": scan.failed if scan else None,
        "pending_reboot": scan.installed_pending_reboot if scan else None,
        "critical_noncompliant": scan.critical_noncompliant if scan else None,
        "security_noncompliant": scan.security_noncompliant if scan else None,
        "other_noncompliant": scan.other_noncompliant if scan else None,
    }
