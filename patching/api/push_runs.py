"""``/push-runs/``: what was planned and written in AWS, and how it ended."""

from typing import Any

import django_filters
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from patching import run_contents
from patching.api.filters import PlaceFilter
from patching.models import Operation, PushRun
from portal.governance.api_parts import Visible


class PushRunOut(serializers.ModelSerializer[PushRun]):
    """One pass over one account-region."""

    account = serializers.CharField(source="account_region.account.account_id")
    region = serializers.CharField(source="account_region.region")

    class Meta:
        model = PushRun
        fields: tuple[str, ...] = (
            "id",
            "account",
            "region",
            "state",
            "trigger",
            "writes",
            "error_code",
            "error",
            "started_at",
            "finished_at",
        )
        read_only_fields = fields


class OperationOut(serializers.ModelSerializer[Operation]):
    """One AWS write: the frozen request, committed before it was sent."""

    kind = serializers.CharField(source="resource.kind")
    label = serializers.CharField(source="resource.label")  # type: ignore[assignment]

    class Meta:
        model = Operation
        fields = (
            "id",
            "uid",
            "action",
            "call",
            "kind",
            "label",
            "request",
            "state",
            "attempts",
            "aws_id",
            "error_code",
            "error",
            "at",
            "resolved_at",
        )
        read_only_fields = fields


class ChangeOut(serializers.Serializer[Any]):
    """One field that differs."""

    field = serializers.CharField()
    live = serializers.JSONField(allow_null=True)
    desired = serializers.JSONField(allow_null=True)


class StepOut(serializers.Serializer[Any]):
    """One planned step."""

    action = serializers.CharField()
    kind = serializers.CharField()
    key = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    changes = ChangeOut(many=True)


class PushRunDetail(PushRunOut):
    """A pass with its plan and its writes; of those a team sees the ones that its requests brought about."""

    plan = serializers.SerializerMethodField()
    operations = serializers.SerializerMethodField()

    class Meta(PushRunOut.Meta):
        fields = (*PushRunOut.Meta.fields, "plan", "operations")
        read_only_fields = fields

    @extend_schema_field(StepOut(many=True))
    def get_plan(self, run: PushRun) -> Any:
        return StepOut(run_contents.plan_for(self.context["request"].user, run), many=True).data

    @extend_schema_field(OperationOut(many=True))
    def get_operations(self, run: PushRun) -> Any:
        return OperationOut(run_contents.operations_for(self.context["request"].user, run), many=True).data


class PushRunFilter(PlaceFilter):
    state = django_filters.MultipleChoiceFilter(choices=PushRun.State.choices)
    started_after = django_filters.IsoDateTimeFilter("started_at", lookup_expr="gte")
    started_before = django_filters.IsoDateTimeFilter("started_at", lookup_expr="lt")

    class Meta:
        model = PushRun
        fields = ("state",)


class PushRuns(Visible):
    """Pushes of account-regions in which you have an application, or all if your work needs them."""

    queryset = PushRun.objects.select_related("account_region__account")
    serializer_class = PushRunOut
    detail_class = PushRunDetail
    filterset_class = PushRunFilter
