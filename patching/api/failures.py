"""``/failures/``: problems after patching, with the outcomes of then and what they hold."""

from typing import Any

import django_filters
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from patching import failures
from patching.models import FailureRecord
from portal.governance.api_parts import PersonOut, Visible


class FailureOutcomeOut(serializers.Serializer[Any]):
    """What became of one instance in one task, as it stood at the report."""

    instance = serializers.CharField()
    task = serializers.CharField()
    status = serializers.CharField()
    details = serializers.CharField()


class HeldWindowOut(serializers.Serializer[Any]):
    """A window that the failure keeps or kept shut."""

    window = serializers.IntegerField(source="window_id")
    name = serializers.CharField(source="window.name")
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField(source="until")
    released_at = serializers.DateTimeField(source="ended_at", allow_null=True)


class FailureOut(serializers.ModelSerializer[FailureRecord]):
    """One problem that an owner reported after a run."""

    number = serializers.CharField()
    application = serializers.SlugRelatedField[Any](slug_field="slug", read_only=True)
    environment = serializers.SlugRelatedField[Any](slug_field="slug", read_only=True)
    window_run = serializers.IntegerField(source="review.run_id", allow_null=True)
    outcomes = FailureOutcomeOut(many=True)
    holds = serializers.SerializerMethodField()
    reported_by = PersonOut()
    resolved_by = PersonOut(allow_null=True)

    class Meta:
        model = FailureRecord
        fields = (
            "id",
            "number",
            "application",
            "environment",
            "state",
            "window_run",
            "summary",
            "outcomes",
            "digest",
            "holds_until",
            "holds",
            "reported_by",
            "reported_at",
            "resolved_by",
            "resolved_at",
            "resolution",
        )
        read_only_fields = fields

    @extend_schema_field(HeldWindowOut(many=True))
    def get_holds(self, record: FailureRecord) -> Any:
        return HeldWindowOut(failures.holds_of(record), many=True).data


class FailureFilter(django_filters.FilterSet):
    application = django_filters.CharFilter("application__slug")
    environment = django_filters.CharFilter("environment__slug")
    state = django_filters.MultipleChoiceFilter(choices=FailureRecord.State.choices)

    class Meta:
        model = FailureRecord
        fields = ("state",)


class Failures(Visible):
    """Failures of your teams' applications, or all if your work needs them."""

    queryset = FailureRecord.objects.select_related(
        "application", "environment", "review", "reported_by", "resolved_by"
    )
    serializer_class = FailureOut
    detail_class = FailureOut
    filterset_class = FailureFilter
