"""``/compliance/``: how the fleet stands, and the scans and findings behind it. Numbers equal their lists."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from patching import exclusions, posture
from patching.api.filters import SlugFilter
from patching.models import PatchFinding, Scan
from patching.posture.standing import Step, with_step
from portal.governance import clock
from portal.governance.api_parts import In, Visible


class FiguresOut(serializers.Serializer[Any]):
    """How many running instances stand how: in SSM's words, raw and net.

    Raw is SSM's word with what our exclusions hide counted as missing; net counts what an approved exemption in
    force excuses as compliant. ``excused`` ones are among the non-compliant ones.
    """

    total = serializers.IntegerField()
    ssm_compliant = serializers.IntegerField(help_text="SSM's word. List: status=ssm_compliant")
    compliant = serializers.IntegerField(help_text="Raw. List: status=compliant")
    hidden = serializers.IntegerField(
        help_text="ssm_compliant less compliant: an exclusion hides what is missing. List: status=hidden"
    )
    noncompliant = serializers.IntegerField(help_text="Raw. List: status=non_compliant")
    excused = serializers.IntegerField(help_text="List: status=excused")
    net_compliant = serializers.IntegerField(
        help_text="Net: compliant or excused. List: status=net_compliant"
    )
    stale = serializers.IntegerField(help_text="Last scan too old to count. List: status=stale_scan")
    unknown = serializers.IntegerField(help_text="Never scanned, or not managed. List: status=unknown")


class FleetOut(FiguresOut):
    """All that you may see."""

    instances = serializers.CharField(help_text="The list behind total; add the status for the others.")


class SliceOut(FleetOut):
    """One application or environment."""

    key = serializers.CharField(help_text="Its slug; none for what belongs to none.")
    name = serializers.CharField()


class SeverityOut(serializers.Serializer[Any]):
    """What is open of one severity."""

    severity = serializers.CharField(source="step")
    findings = serializers.IntegerField(help_text="Missing or failed patches, one per instance.")
    patches = serializers.IntegerField()
    instances = serializers.IntegerField()
    list = serializers.CharField(help_text="The findings.")


class GapOut(serializers.Serializer[Any]):
    """Instances that patching does not reach, for one reason."""

    gap = serializers.CharField(source="gap.name")
    name = serializers.CharField(source="gap.label")
    advice = serializers.CharField(source="gap.advice")
    total = serializers.IntegerField(source="instances")
    instances = serializers.CharField(source="list", help_text="The list behind total.")


class SummaryOut(serializers.Serializer[Any]):
    """How the fleet stands at one moment."""

    as_of = serializers.DateTimeField()
    fleet = FleetOut()
    by_application = SliceOut(many=True)
    by_environment = SliceOut(many=True)
    by_severity = SeverityOut(many=True)
    gaps = GapOut(many=True)


class DayOut(serializers.Serializer[Any]):
    """How all you may see stood at the end of one day."""

    day = serializers.DateField()
    instances = serializers.IntegerField()
    ssm_compliant = serializers.IntegerField(help_text="SSM's word.")
    compliant = serializers.IntegerField(help_text="Raw: less what our exclusions hid.")
    net_compliant = serializers.IntegerField(help_text="Net: compliant or excused.")
    noncompliant = serializers.IntegerField()
    unknown = serializers.IntegerField()
    excused = serializers.IntegerField()
    missing_patches = serializers.IntegerField()


class DaysIn(In):
    days = serializers.IntegerField(min_value=1, max_value=366, default=30)


class Summary(viewsets.ViewSet):
    """How the fleet stands: all of it, by application, by environment, by severity."""

    @extend_schema(operation_id="compliance_summary", responses=SummaryOut)
    def list(self, request: Request) -> Response:
        """Every number with the address of the list that it counts."""
        user, at = request.user, clock.now()
        summary = {
            "as_of": at,
            "fleet": self._figures(posture.fleet(user, at=at)),
            "by_application": [
                self._slice("application", one) for one in posture.by_application(user, at=at)
            ],
            "by_environment": [
                self._slice("environment", one) for one in posture.by_environment(user, at=at)
            ],
            "by_severity": [
                {**vars(one), "list": self._address("compliance-finding-list", severity=one.step)}
                for one in posture.by_severity(user, at=at)
            ],
            "gaps": [
                {**vars(one), "list": self._address("instance-list", running="true", gap=one.gap.name)}
                for one in posture.coverage_gaps(user, at=at)
            ],
        }
        return Response(SummaryOut(summary).data)

    @extend_schema(operation_id="compliance_trend", parameters=[DaysIn], responses=DayOut(many=True))
    @action(detail=False, methods=["get"])
    def trend(self, request: Request) -> Response:
        """The last days, oldest first; a day on which nothing was read is left out."""
        asked = DaysIn(data=request.query_params.dict())
        asked.is_valid(raise_exception=True)
        days = posture.trend(request.user, days=asked.validated_data["days"])
        return Response(DayOut(days, many=True).data)

    def _slice(self, what: str, one: posture.Slice) -> Mapping[str, Any]:
        return {"key": one.key, "name": one.label, **self._figures(one.figures, **{what: one.key})}

    def _figures(self, figures: posture.Figures, **filters: str) -> Mapping[str, Any]:
        rows = self._address("instance-list", running="true", **filters)
        derived = {"hidden": figures.hidden, "net_compliant": figures.net_compliant}
        return {**vars(figures), **derived, "instances": rows}

    def _address(self, name: str, **filters: str) -> str:
        return f"{reverse(f'api:{name}', request=self.request)}?{urlencode(filters)}"


class ScanOut(serializers.ModelSerializer[Scan]):
    """One instance's patch state at one time, in SSM's counts, with the baseline that judged it."""

    instance = serializers.IntegerField(source="instance.pk")  # type: ignore[assignment]
    instance_id = serializers.CharField(source="instance.instance_id")
    application = serializers.CharField(source="instance.application.slug", allow_null=True, default=None)
    environment = serializers.CharField(source="instance.environment.slug", allow_null=True, default=None)
    baseline = serializers.CharField(source="baseline.name", allow_null=True, default=None)

    class Meta:
        model = Scan
        fields = (
            "id",
            "instance",
            "instance_id",
            "application",
            "environment",
            "is_latest",
            "operation",
            "started_at",
            "ended_at",
            "is_compliant",
            "baseline",
            "aws_baseline_id",
            "judged_by_expected",
            "patch_group",
            "installed",
            "installed_other",
            "installed_pending_reboot",
            "installed_rejected",
            "missing",
            "failed",
            "not_applicable",
            "critical_noncompliant",
            "security_noncompliant",
            "other_noncompliant",
            "reboot_option",
        )
        read_only_fields = fields


class ScanFilter(django_filters.FilterSet):
    instance = django_filters.NumberFilter("instance__pk", help_text="An instance's id.")
    instance_id = django_filters.CharFilter("instance__instance_id", help_text="Such as i-0123456789abcdef0.")
    application = SlugFilter("instance__application__slug")
    environment = SlugFilter("instance__environment__slug")
    latest = django_filters.BooleanFilter("is_latest", help_text="true lists each instance's last scan.")
    compliant = django_filters.BooleanFilter("is_compliant")
    ended_after = django_filters.IsoDateTimeFilter("ended_at", lookup_expr="gte")
    ended_before = django_filters.IsoDateTimeFilter("ended_at", lookup_expr="lt")

    class Meta:
        model = Scan
        fields = ("operation",)


class Scans(Visible):
    """Scans of your instances."""

    queryset = Scan.objects.select_related("instance__application", "instance__environment", "baseline")
    serializer_class = ScanOut
    filterset_class = ScanFilter


class FindingOut(serializers.ModelSerializer[PatchFinding]):
    """One patch that one instance lacks, failed to install or must restart for."""

    instance = serializers.IntegerField(source="instance.pk")  # type: ignore[assignment]
    instance_id = serializers.CharField(source="instance.instance_id")
    application = serializers.CharField(source="instance.application.slug", allow_null=True, default=None)
    environment = serializers.CharField(source="instance.environment.slug", allow_null=True, default=None)
    severity = serializers.CharField(source="step", help_text="On our four steps, or other.")
    severity_in_aws = serializers.CharField(source="severity")
    cves = serializers.ListField(child=serializers.CharField())
    hidden = serializers.BooleanField(
        help_text="SSM no longer tells of it, because an exclusion makes the baseline reject it: still missing."
    )
    exclusion = serializers.SerializerMethodField()

    class Meta:
        model = PatchFinding
        fields = (
            "id",
            "instance",
            "instance_id",
            "application",
            "environment",
            "patch_id",
            "title",
            "classification",
            "severity",
            "severity_in_aws",
            "cves",
            "state",
            "hidden",
            "exclusion",
            "first_seen_at",
            "last_seen_at",
            "resolved_at",
        )
        read_only_fields = fields

    def get_exclusion(self, finding: PatchFinding) -> str | None:
        """The exemption whose exclusion covers it, such as EX-7; of a hidden one also after its end."""
        cover: exclusions.Cover | None = self.context["covers"].get(finding.pk)
        return cover.waiver.allowed_by if cover else None


class FindingFilter(django_filters.FilterSet):
    """Open findings on running instances, unless ``resolved=true`` asks for what is done."""

    instance = django_filters.NumberFilter("instance__pk", help_text="An instance's id.")
    instance_id = django_filters.CharFilter("instance__instance_id", help_text="Such as i-0123456789abcdef0.")
    application = SlugFilter("instance__application__slug")
    environment = SlugFilter("instance__environment__slug")
    severity = django_filters.ChoiceFilter("step", choices=[(step.value, step.value) for step in Step])
    patch = django_filters.CharFilter("patch_id", help_text="Such as KB5039227.")
    cve = django_filters.CharFilter(method="with_cve", help_text="Such as CVE-2026-1234.")
    hidden = django_filters.BooleanFilter(help_text="Whether SSM no longer tells of it.")
    resolved = django_filters.BooleanFilter(method="done")

    class Meta:
        model = PatchFinding
        fields = ("state",)

    def filter_queryset(self, queryset: Any) -> Any:
        found = super().filter_queryset(queryset)
        if self.form.cleaned_data["resolved"]:
            return found
        return found.filter(pk__in=posture.findings_matching(self.request.user).values("pk"))

    def with_cve(self, queryset: Any, name: str, value: str) -> Any:
        return queryset.filter(pk__in=posture.findings_matching(self.request.user, cve=value).values("pk"))

    def done(self, queryset: Any, name: str, value: bool) -> Any:
        return queryset.exclude(resolved_at=None) if value else queryset.filter(resolved_at=None)


class Findings(Visible):
    """What is open on your instances, patch by patch."""

    queryset = PatchFinding.objects.select_related("instance__application", "instance__environment")
    serializer_class = FindingOut
    filterset_class = FindingFilter

    def get_queryset(self) -> QuerySet[Any]:
        return with_step(super().get_queryset())

    def get_serializer(self, *args: Any, **kwargs: Any) -> Any:
        rows = list(args[0]) if kwargs.get("many") else list(args)
        covers = exclusions.covers_of(rows, clock.now()) if rows else {}
        kwargs["context"] = {**self.get_serializer_context(), "covers": covers}
        return super().get_serializer(*args, **kwargs)
