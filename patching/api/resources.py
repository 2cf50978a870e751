"""``/resources/``: what is ours in AWS, piece by piece; operators retry and park what a push could not do."""

from typing import Any

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from patching import operating, run_contents
from patching.api.filters import PlaceFilter
from patching.models import AccountRegion, ResourceState
from portal.governance.api_parts import In, NothingIn, Scope, Verbs
from portal.governance.deciding import LONGEST_REASON


class ResourceOut(serializers.ModelSerializer[ResourceState]):
    """One resource of ours in one account-region, and how it stands."""

    account = serializers.CharField(source="account_region.account.account_id")
    region = serializers.CharField(source="account_region.region")

    class Meta:
        model = ResourceState
        fields = (
            "id",
            "account",
            "region",
            "kind",
            "label",
            "aws_id",
            "condition",
            "condition_text",
            "reason_code",
            "failures",
            "retry_at",
            "changed_at",
        )
        read_only_fields = fields


class ParkIn(In):
    """Why it is left alone."""

    reason = serializers.CharField(
        min_length=operating.SHORTEST_REASON, max_length=LONGEST_REASON, help_text="Why, for the log."
    )


class ResourceFilter(PlaceFilter):
    condition = django_filters.MultipleChoiceFilter(choices=ResourceState.Condition.choices)

    class Meta:
        model = ResourceState
        fields = ("kind", "condition", "reason_code")


class Resources(Verbs):
    """Resources that your requests brought about, or all if your work needs them."""

    queryset = ResourceState.objects.select_related("account_region__account")
    serializer_class = ResourceOut
    detail_class = ResourceOut
    filterset_class = ResourceFilter

    def get_queryset(self) -> QuerySet[Any]:
        user = self.request.user
        rows = self.queryset.filter(account_region__in=AccountRegion.objects.visible_to(user))
        return run_contents.narrowed(user, rows)

    @extend_schema(request=NothingIn, responses={202: ResourceOut})
    @action(detail=True, methods=["post"], scope=Scope.OPERATE)
    def retry(self, request: Request, pk: int) -> Response:
        """Forget that it failed or was parked, and try it again now. For operators."""
        return self.do(operating.retry_resource, http_status=status.HTTP_202_ACCEPTED)

    @extend_schema(request=ParkIn, responses={202: ResourceOut})
    @action(detail=True, methods=["post"], scope=Scope.OPERATE)
    def park(self, request: Request, pk: int) -> Response:
        """Have pushes leave it alone until it is retried or something new is approved. For operators."""
        return self.do(operating.park_resource, ParkIn, http_status=status.HTTP_202_ACCEPTED)
