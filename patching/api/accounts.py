"""``/accounts/``: account-regions with their health; operators push and pull them here."""

from collections.abc import Callable

import django_filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from patching import operating
from patching.models import AccountRegion
from portal.governance.api_parts import NothingIn, Scope, Verbs


class AccountOut(serializers.ModelSerializer[AccountRegion]):
    """One account in one Region, and how pushing and pulling there goes."""

    account_id = serializers.CharField(source="account.account_id")
    name = serializers.CharField(source="account.name")
    patch_group_tag = serializers.CharField(source="account.patch_group_tag")
    window_tag = serializers.CharField(source="account.window_tag")
    health = serializers.SerializerMethodField()
    push_waits = serializers.SerializerMethodField()

    class Meta:
        model = AccountRegion
        fields = (
            "id",
            "account_id",
            "name",
            "region",
            "is_active",
            "patch_group_tag",
            "window_tag",
            "health",
            "failures",
            "last_error_code",
            "last_error",
            "backoff_until",
            "push_waits",
            "last_pushed_at",
            "last_pulled_at",
        )
        read_only_fields = fields

    def get_health(self, place: AccountRegion) -> str:
        """ok, failing (the last try went wrong), waiting (never read yet) or off."""
        if not place.is_active:
            return "off"
        if place.failures or place.last_error_code:
            return "failing"
        return "ok" if place.last_pulled_at else "waiting"

    def get_push_waits(self, place: AccountRegion) -> bool:
        """Whether something approved has yet to be pushed."""
        return place.push_wanted > place.push_done


class AccountFilter(django_filters.FilterSet):
    account = django_filters.CharFilter("account__account_id", help_text="12 digits.")

    class Meta:
        model = AccountRegion
        fields = ("account", "region", "is_active")


class Accounts(Verbs):
    """Account-regions in which you have an application, or all if your work needs them."""

    queryset = AccountRegion.objects.select_related("account")
    serializer_class = AccountOut
    filterset_class = AccountFilter

    @extend_schema(request=NothingIn, responses={202: AccountOut})
    @action(detail=True, methods=["post"], scope=Scope.OPERATE)
    def push(self, request: Request, pk: int) -> Response:
        """Have it pushed now, whatever its backoff says. For operators."""
        return self._wish(operating.push_now)

    @extend_schema(request=NothingIn, responses={202: AccountOut})
    @action(detail=True, methods=["post"], scope=Scope.OPERATE)
    def pull(self, request: Request, pk: int) -> Response:
        """Have its inventory and compliance read now. For operators."""
        return self._wish(operating.pull_now)

    def _wish(self, verb: Callable[..., AccountRegion]) -> Response:
        place = self.get_object()
        self.read(NothingIn)
        shown = AccountOut(verb(place, by=self.request.user))
        return Response(shown.data, status=status.HTTP_202_ACCEPTED)
