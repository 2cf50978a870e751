"""``/patch-groups/``, ``/baselines/`` and ``/windows/``: what was approved, and what AWS holds of it."""

from datetime import date, datetime
from typing import Any

import django_filters
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from patching import calendar, findings, openings, schedules, versions
from patching.api.calendar import CalendarIn, CalendarOut, shown
from patching.api.effects import DayIn, OutlookOut
from patching.api.filters import LiveFilter, OwnerFilter, PlaceFilter
from patching.api.finding_parts import FoundOut, found_out
from patching.api.item_schema import reference
from patching.api.preparing import Preparing
from patching.baseline_outlook import outlook
from patching.models import MaintenanceWindow, PatchBaseline, PatchGroup
from portal.governance import clock
from portal.governance.api_parts import In, Visible

COMMON = ("id", "uid", "name", "application", "environment", "spec", "spec_digest", "change_request")
TIMES = ("created_at", "changed_at", "retired_at")
SHOWN_RUNS = 3
NARROWED_BY = {
    "application": "An application's slug.",
    "environment": "An environment's slug.",
    "account": "12 digits.",
    "region": "Such as eu-central-1.",
    "team": "A team's slug.",
    "name": "One window.",
}


@extend_schema_field(reference("PatchGroupSpec"))
class GroupSpec(serializers.JSONField):
    """What was approved."""


@extend_schema_field(reference("BaselineSpec"))
class BaselineSpec(serializers.JSONField):
    """What was approved."""


@extend_schema_field(reference("WindowSpec"))
class WindowSpec(serializers.JSONField):
    """What was approved."""


class GovernedOut(serializers.ModelSerializer[Any]):
    """A row that exists because a request was approved."""

    application = serializers.CharField(source="application.slug", allow_null=True, default=None)
    environment = serializers.CharField(source="environment.slug", allow_null=True, default=None)
    change_request = serializers.IntegerField(
        source="revision.request_id", help_text="The change request whose approval made it what it is."
    )


class PlacedOut(GovernedOut):
    """One that lies in one account-region."""

    account = serializers.CharField(source="account_region.account.account_id")
    region = serializers.CharField(source="account_region.region")


class GroupOut(PlacedOut):
    """Instances that share a baseline per operating system."""

    spec = GroupSpec()

    class Meta:
        model = PatchGroup
        fields = (*COMMON, "account", "region", "availability_zone", *TIMES)
        read_only_fields = fields


class BaselineOut(GovernedOut):
    """What is approved for installation, and after how long."""

    spec = BaselineSpec()

    class Meta:
        model = PatchBaseline
        fields = (*COMMON, "operating_system", *TIMES)
        read_only_fields = fields


class WindowOut(PlacedOut):
    """When patching happens, with its tasks."""

    spec = WindowSpec()
    schedule_in_words = serializers.SerializerMethodField()
    next_runs = serializers.SerializerMethodField()

    class Meta:
        model = MaintenanceWindow
        fields = (
            *COMMON,
            "account",
            "region",
            "availability_zone",
            "schedule_in_words",
            "next_runs",
            *TIMES,
        )
        read_only_fields = fields

    def get_schedule_in_words(self, window: MaintenanceWindow) -> str:
        """Such as “Thursday after the second Tuesday of each month, 02:00 Europe/London”."""
        spec = window.spec
        return schedules.explain(spec["schedule"], timezone=spec["timezone"], offset=spec.get("offset", 0))

    @extend_schema_field(serializers.ListField(child=serializers.DateTimeField()))
    def get_next_runs(self, window: MaintenanceWindow) -> list[str]:
        """The next times it opens, in UTC; none once it is retired."""
        return [] if window.retired_at else _runs(window, SHOWN_RUNS)


class RunsOut(serializers.Serializer[Any]):
    """When a window opens."""

    timezone = serializers.CharField(help_text="The zone in which the schedule is read.")
    runs = serializers.ListField(child=serializers.DateTimeField(), help_text="In UTC.")


class RunsIn(In):
    count = serializers.IntegerField(min_value=1, max_value=100, default=12)


class GroupFilter(OwnerFilter, PlaceFilter, LiveFilter):
    class Meta:
        model = PatchGroup
        fields = ("name",)


class BaselineFilter(OwnerFilter, LiveFilter):
    class Meta:
        model = PatchBaseline
        fields = ("name", "operating_system")


class WindowFilter(OwnerFilter, PlaceFilter, LiveFilter):
    team = django_filters.CharFilter("application__team__slug", help_text="A team's slug.")

    class Meta:
        model = MaintenanceWindow
        fields = ("name",)


class WordOut(serializers.Serializer[Any]):
    """One approval of a version."""

    slot = serializers.CharField()
    by = serializers.CharField(source="by.username")
    at = serializers.DateTimeField()


class VersionOut(serializers.Serializer[Any]):
    """What was approved at one time; its spec is empty where the request removed it."""

    number = serializers.IntegerField(help_text="From 1, the oldest.")
    action = serializers.CharField()
    change_request = serializers.IntegerField(source="revision.request_id")
    revision = serializers.IntegerField(source="revision.number")
    asked_by = serializers.CharField(source="revision.request.requested_by.username")
    approvals = WordOut(source="words", many=True)
    since = serializers.DateTimeField(help_text="When the last approval was given.")
    until = serializers.DateTimeField(allow_null=True, help_text="When another version took its place.")
    spec = serializers.JSONField()
    spec_digest = serializers.CharField(source="digest")


class Governed(Visible):
    """A list shows what is in effect, unless ``live=false`` asks for what was retired."""

    def filter_queryset(self, queryset: Any) -> Any:
        if self.action == "list" and not self.request.query_params.get("live"):
            queryset = queryset.live()
        return super().filter_queryset(queryset)

    @extend_schema(responses=VersionOut(many=True))
    @action(detail=True, methods=["get"], pagination_class=None, filterset_class=None)
    def versions(self, request: Request, pk: int) -> Response:
        """Every version that was approved, the newest first, with who asked for it and who approved it."""
        found = versions.of(self.get_object())
        return Response(VersionOut(found, many=True).data)


class PatchGroups(Governed):
    """Patch groups of your applications."""

    queryset = PatchGroup.objects.select_related(
        "application", "environment", "revision", "account_region__account"
    )
    serializer_class = GroupOut
    filterset_class = GroupFilter


class Baselines(Governed):
    """Baselines of your applications, and those shared by all."""

    queryset = PatchBaseline.objects.select_related("application", "environment", "revision")
    serializer_class = BaselineOut
    filterset_class = BaselineFilter

    @extend_schema(
        parameters=[
            OpenApiParameter("on", date, description="Such as 2026-06-30; now unless said otherwise.")
        ],
        responses=OutlookOut,
    )
    @action(detail=True, methods=["get"], pagination_class=None, filterset_class=None)
    def effect(self, request: Request, pk: int) -> Response:
        """What it approves of all known patches on a day, and when the rest will be."""
        asked = DayIn(data=request.query_params.dict())
        asked.is_valid(raise_exception=True)
        return Response(OutlookOut(outlook(self.get_object().spec["definition"], asked.moment())).data)


class Windows(Preparing, Governed):
    """Maintenance windows of your applications."""

    queryset = MaintenanceWindow.objects.select_related(
        "application", "environment", "revision", "account_region__account"
    )
    serializer_class = WindowOut
    filterset_class = WindowFilter

    @extend_schema(
        parameters=[
            OpenApiParameter("count", int, description="How many, 1 to 100; 12 unless said otherwise.")
        ],
        responses=RunsOut,
    )
    @action(detail=True, methods=["get"], url_path="next-runs", pagination_class=None, filterset_class=None)
    def next_runs(self, request: Request, pk: int) -> Response:
        """The next times it opens."""
        window = self.get_object()
        asked = RunsIn(data=request.query_params.dict())
        asked.is_valid(raise_exception=True)
        runs = _runs(window, asked.validated_data["count"])
        return Response({"timezone": window.spec["timezone"], "runs": runs})

    @extend_schema(responses=FoundOut)
    @action(detail=True, methods=["get"], pagination_class=None, filterset_class=None)
    def findings(self, request: Request, pk: int) -> Response:
        """What speaks against the window as it is, with changes to ask for, its size and the quotas of its place."""
        window = self.get_object()
        if window.retired_at:
            return Response({"findings": [], "sizes": [], "quotas": []})
        around = findings.around_window(window)
        windows = findings.company_of(window, around)
        return Response(found_out(findings.of_window(window), windows, around, live=True))

    @extend_schema(
        parameters=[
            OpenApiParameter("from", datetime, description="From when on; now unless said otherwise."),
            OpenApiParameter(
                "to", datetime, description="Until when, 100 days later at most; 31 unless said."
            ),
            *(OpenApiParameter(name, str, description=text) for name, text in NARROWED_BY.items()),
            OpenApiParameter("conflicts", bool, description="true leaves only openings with a conflict."),
        ],
        responses=CalendarOut,
        filters=False,
    )
    @action(detail=False, methods=["get"], pagination_class=None)
    def calendar(self, request: Request) -> Response:
        """What they do when: openings with holds, moves and runs applied, their conflicts, and freezes."""
        asked = CalendarIn(
            data={key: value for key, value in request.query_params.dict().items() if key not in NARROWED_BY}
        )
        asked.is_valid(raise_exception=True)
        between = asked.validated_data
        found = calendar.between(
            request.user,
            between["from"],
            between["to"],
            at=clock.now(),
            shown=self.filter_queryset(self.get_queryset()),
        )
        return Response(shown(found, only_conflicts=between["conflicts"]))


def _runs(window: MaintenanceWindow, count: int) -> list[str]:
    starts = openings.next_starts(window.spec, start=clock.now(), count=count, since=window.created_at)
    return [f"{moment:%Y-%m-%dT%H:%M:%SZ}" for moment in starts]
