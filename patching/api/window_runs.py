"""``/window-runs/``: what windows did, instance by instance; and its owner's word on it."""

from typing import Any

import django_filters
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from patching import promoting, run_reviews, workflow
from patching.api.change_requests import ChangeRequestDetail
from patching.api.failures import FailureOut
from patching.api.filters import PlaceFilter
from patching.models import PatchBaseline, RunOutcome, RunReview, WindowRun
from portal.governance.api_parts import In, Verbs
from portal.governance.deciding import LONGEST_REASON


class WindowRunOut(serializers.ModelSerializer[WindowRun]):
    """One execution of a window, in AWS's words."""

    account = serializers.CharField(source="account_region.account.account_id")
    region = serializers.CharField(source="account_region.region")
    window_name = serializers.CharField(
        source="window.name", default="", help_text="Empty for the daily scan."
    )
    verdict = serializers.ChoiceField(
        choices=RunReview.Verdict.choices,
        source="review.verdict",
        default=None,
        allow_null=True,
        help_text="What its owner says of it; null while nobody was asked.",
    )

    class Meta:
        model = WindowRun
        fields: tuple[str, ...] = (
            "id",
            "account",
            "region",
            "window",
            "window_name",
            "aws_window_id",
            "execution_id",
            "status",
            "status_details",
            "started_at",
            "ended_at",
            "verdict",
        )
        read_only_fields = fields


class OutcomeOut(serializers.ModelSerializer[RunOutcome]):
    """What became of one instance in one task."""

    instance_id = serializers.CharField(source="instance_id_text")
    status = serializers.CharField(
        help_text="AWS's word, or NOT_STARTED for an instance whose turn never came."
    )

    class Meta:
        model = RunOutcome
        fields = (
            "instance_id",
            "task",
            "task_kind",
            "status",
            "status_details",
            "started_at",
            "ended_at",
        )
        read_only_fields = fields


class WindowRunDetail(WindowRunOut):
    """A run with its outcomes."""

    outcomes = serializers.SerializerMethodField()

    class Meta(WindowRunOut.Meta):
        fields = (*WindowRunOut.Meta.fields, "outcomes")
        read_only_fields = fields

    @extend_schema_field(OutcomeOut(many=True))
    def get_outcomes(self, run: WindowRun) -> Any:
        return OutcomeOut(run.outcomes.order_by("task", "instance_id_text"), many=True).data


class ConfirmIn(In):
    note = serializers.CharField(
        required=False,
        default="",
        allow_blank=True,
        max_length=LONGEST_REASON,
        help_text="What was looked at.",
    )


class ProblemIn(In):
    reason = serializers.CharField(
        min_length=run_reviews.SHORTEST_REASON,
        max_length=LONGEST_REASON,
        help_text="What is wrong, such as: checkout answers with 500 since 04:10.",
    )


class PromoteIn(In):
    baselines = serializers.PrimaryKeyRelatedField(
        many=True,
        allow_empty=False,
        queryset=PatchBaseline.objects.none(),
        help_text="Ids of baselines of later environments.",
    )
    how = serializers.ChoiceField(
        choices=[promoting.BY_DATE, promoting.BY_LIST],
        default=promoting.BY_DATE,
        help_text="date pins the tested rules, list names exactly what was installed.",
    )
    title = serializers.CharField(min_length=3, max_length=120)
    reason = serializers.CharField(min_length=10, max_length=LONGEST_REASON)

    def get_fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = super().get_fields()
        if "request" in self.context:
            visible = PatchBaseline.objects.visible_to(self.context["request"].user).live()
            fields["baselines"].child_relation.queryset = visible
        return fields


class WindowRunFilter(PlaceFilter):
    window = django_filters.NumberFilter("window")
    status = django_filters.CharFilter("status", help_text="AWS's word, such as SKIPPED_OVERLAPPING.")
    started_after = django_filters.IsoDateTimeFilter("started_at", lookup_expr="gte")
    started_before = django_filters.IsoDateTimeFilter("started_at", lookup_expr="lt")

    class Meta:
        model = WindowRun
        fields = ("window", "status")


class WindowRuns(Verbs):
    """Runs of your teams' windows, or of all if your work needs them."""

    queryset = WindowRun.objects.select_related("account_region__account", "window", "review")
    serializer_class = WindowRunOut
    detail_class = WindowRunDetail
    filterset_class = WindowRunFilter

    @extend_schema(request=ConfirmIn, responses={200: WindowRunDetail})
    @action(detail=True, methods=["post"])
    def confirm(self, request: Request, pk: int) -> Response:
        """Everything works. For members of the team that owns the window."""
        return self.do(run_reviews.confirm, ConfirmIn)

    @extend_schema(request=ProblemIn, responses={201: FailureOut})
    @action(detail=True, methods=["post"], url_path="report-problem")
    def report_problem(self, request: Request, pk: int) -> Response:
        """Patching did harm: open a failure record. For members of the team that owns the window."""
        with self.held() as run:
            record = run_reviews.report_problem(run, by=self.request.user, **self.read(ProblemIn))
        return Response(FailureOut(record).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=PromoteIn, responses={201: ChangeRequestDetail})
    @action(detail=True, methods=["post"])
    def promote(self, request: Request, pk: int) -> Response:
        """Draft a request that later environments get what this run has tested, and nothing newer."""
        run, asked = self.get_object(), self.read(PromoteIn)
        items = promoting.items(run, asked["baselines"], asked["how"])
        draft = workflow.draft(by=request.user, title=asked["title"], reason=asked["reason"], items=items)
        answer = ChangeRequestDetail(draft, context=self.get_serializer_context())
        return Response(answer.data, status=status.HTTP_201_CREATED)

    @extend_schema(request=ProblemIn, responses={201: FailureOut})
    @action(detail=True, methods=["post"])
    def halt(self, request: Request, pk: int) -> Response:
        """Stop what it has tested from going further. For the lead of the owning team and security operations."""
        with self.held() as run:
            record = promoting.halt(run, by=self.request.user, **self.read(ProblemIn))
        return Response(FailureOut(record).data, status=status.HTTP_201_CREATED)
