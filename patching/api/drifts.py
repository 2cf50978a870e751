"""``/drifts/``: what somebody changed in AWS outside Patchwarden; restore it, or ask to keep it."""

from typing import Any

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from patching import drift as drifts
from patching.api.push_runs import ChangeOut
from patching.models import Drift
from portal.governance.api_parts import In, NothingIn, Scope, Verbs
from portal.governance.deciding import LONGEST_REASON


class DriftOut(serializers.ModelSerializer[Drift]):
    """One change that was made behind our back, field by field."""

    account = serializers.CharField(source="resource.account_region.account.account_id")
    region = serializers.CharField(source="resource.account_region.region")
    kind = serializers.CharField(source="resource.kind")
    label = serializers.CharField(source="resource.label")  # type: ignore[assignment]
    aws_id = serializers.CharField(source="resource.aws_id")
    changes = serializers.SerializerMethodField()
    live = serializers.JSONField(
        allow_null=True, help_text="All of it as AWS shows it; null when it is gone."
    )

    class Meta:
        model = Drift
        fields = (
            "id",
            "account",
            "region",
            "kind",
            "label",
            "aws_id",
            "state",
            "changes",
            "live",
            "live_digest",
            "paused",
            "found_at",
            "closed_at",
        )
        read_only_fields = fields

    @extend_schema_field(ChangeOut(many=True))
    def get_changes(self, drift: Drift) -> Any:
        return ChangeOut(drift.changes, many=True).data


class RestoreIn(In):
    """Why it is restored, and what was looked at."""

    reason = serializers.CharField(
        min_length=drifts.SHORTEST_REASON, max_length=LONGEST_REASON, help_text="Why, for the log."
    )
    digest = serializers.CharField(
        required=False,
        default="",
        allow_blank=True,
        max_length=64,
        help_text="The live_digest that was read; nothing is restored if it has changed since (409).",
    )


class AskedOut(serializers.Serializer[Any]):
    """The request that was drafted; read it, then submit it."""

    change_request = serializers.IntegerField(source="pk")
    number = serializers.CharField()


class DriftFilter(django_filters.FilterSet):
    account = django_filters.CharFilter(
        "resource__account_region__account__account_id", help_text="12 digits."
    )
    region = django_filters.CharFilter("resource__account_region__region")
    state = django_filters.MultipleChoiceFilter(choices=Drift.Outcome.choices)
    kind = django_filters.CharFilter("resource__kind")

    class Meta:
        model = Drift
        fields = ("state", "paused")


class Drifts(Verbs):
    """Changes made outside to what your requests brought about, or all if your work needs them."""

    queryset = Drift.objects.all()
    serializer_class = DriftOut
    detail_class = DriftOut
    filterset_class = DriftFilter

    def get_queryset(self) -> QuerySet[Any]:
        return drifts.visible_to(self.request.user)

    @extend_schema(request=RestoreIn, responses={202: DriftOut})
    @action(detail=True, methods=["post"], scope=Scope.OPERATE)
    def restore(self, request: Request, pk: int) -> Response:
        """Have the next push overwrite exactly this change. For operators and security operations."""
        return self.do(drifts.restore, RestoreIn, http_status=status.HTTP_202_ACCEPTED)

    @extend_schema(request=RestoreIn, responses={202: DriftOut})
    @action(detail=True, methods=["post"], url_path="ask-to-restore")
    def ask_to_restore(self, request: Request, pk: int) -> Response:
        """Tell operators and security operations that it should be restored. For the team that owns it."""
        return self.do(drifts.ask_to_restore, RestoreIn, http_status=status.HTTP_202_ACCEPTED)

    @extend_schema(request=NothingIn, responses={201: AskedOut})
    @action(detail=True, methods=["post"])
    def adopt(self, request: Request, pk: int) -> Response:
        """Draft a request for what is live now; it is decided on like any other. For the team that owns it."""
        with self.held() as drift:
            self.read(NothingIn)
            made = drifts.adopt(drift, by=self.request.user)
        return Response(AskedOut(made).data, status=status.HTTP_201_CREATED)
