"""``/accounts/``: account-regions with their health; operators push and pull them here."""

from datetime import datetime
from typing import Any

import django_filters
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from patching import drift as drifts
from patching import onboarding, operating, unmanaged, watch
from patching.api.drifts import DriftOut
from patching.api.exchange import Exporting
from patching.models import AccountRegion, Unmanaged
from portal.governance import roles
from portal.governance.api_parts import In, NothingIn, Scope, Verbs
from portal.governance.deciding import LONGEST_REASON
from portal.governance.errors import NotAllowed


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
        fields: tuple[str, ...] = (
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
            "identity_arn",
            "identity_at",
            "wanted_at",
            "circuit_until",
            "drift_policy",
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


class ConcernOut(serializers.Serializer[Any]):
    """One thing that is wrong there."""

    code = serializers.CharField()
    what = serializers.CharField()
    todo = serializers.CharField()


class AccountDetail(AccountOut):
    """The same with what is wrong there, the worst first, and what an operator asks besides."""

    concerns = serializers.SerializerMethodField()
    last_good_push_at = serializers.SerializerMethodField()
    open_drifts = serializers.SerializerMethodField()
    parked = serializers.SerializerMethodField()

    class Meta(AccountOut.Meta):
        fields = (*AccountOut.Meta.fields, "concerns", "last_good_push_at", "open_drifts", "parked")
        read_only_fields = fields

    def to_representation(self, instance: AccountRegion) -> Any:
        (self.seen,) = watch.over([instance])
        return super().to_representation(instance)

    @extend_schema_field(ConcernOut(many=True))
    def get_concerns(self, place: AccountRegion) -> Any:
        return ConcernOut(self.seen.concerns, many=True).data

    def get_last_good_push_at(self, place: AccountRegion) -> datetime | None:
        return self.seen.last_good_push

    def get_open_drifts(self, place: AccountRegion) -> int:
        return self.seen.open_drifts

    def get_parked(self, place: AccountRegion) -> int:
        return self.seen.parked


class PolicyIn(In):
    """What a push does about changes made outside, from now on."""

    policy = serializers.ChoiceField(choices=AccountRegion.DriftPolicy.choices)
    reason = serializers.CharField(
        min_length=drifts.SHORTEST_REASON, max_length=LONGEST_REASON, help_text="Why, for the log."
    )


class UnmanagedOut(serializers.ModelSerializer[Unmanaged]):
    """A baseline, window or patching association that is not ours. We never touch it."""

    content: Any = serializers.DictField(
        help_text="AWS's own words: `listed`, `tags`, `read_at`, and `reply` or `targets` and `tasks`."
    )

    class Meta:
        model = Unmanaged
        fields = ("id", "kind", "aws_id", "name", "content", "first_seen_at", "last_seen_at")
        read_only_fields = fields


class AccountFilter(django_filters.FilterSet):
    account = django_filters.CharFilter("account__account_id", help_text="12 digits.")

    class Meta:
        model = AccountRegion
        fields = ("account", "region", "is_active")


class Accounts(Exporting, Verbs):
    """Account-regions in which you have an application, or all if your work needs them."""

    queryset = AccountRegion.objects.select_related("account")
    serializer_class = AccountOut
    detail_class = AccountDetail
    filterset_class = AccountFilter

    @extend_schema(request=NothingIn, responses={202: AccountDetail})
    @action(detail=True, methods=["post"], scope=Scope.OPERATE)
    def push(self, request: Request, pk: int) -> Response:
        """Have it pushed now, whatever its backoff says. For operators."""
        return self.do(operating.push_now, http_status=status.HTTP_202_ACCEPTED)

    @extend_schema(request=NothingIn, responses={202: AccountDetail})
    @action(detail=True, methods=["post"], scope=Scope.OPERATE)
    def pull(self, request: Request, pk: int) -> Response:
        """Have its inventory and compliance read now. For operators."""
        return self.do(operating.pull_now, http_status=status.HTTP_202_ACCEPTED)

    @extend_schema(request=NothingIn, responses={200: AccountDetail})
    @action(detail=True, methods=["post"], scope=Scope.OPERATE)
    def prove(self, request: Request, pk: int) -> Response:
        """Assume the role there and ask AWS who we are; 422 says in words what is wrong. For operators."""
        place = self.get_object()
        self.raise_if_changed(place)  # without a lock: AWS is asked meanwhile
        self.read(NothingIn)
        return self.answer(onboarding.prove(place, by=self.request.user))

    @extend_schema(responses=UnmanagedOut(many=True))
    @action(detail=True, methods=["get"], pagination_class=None, filterset_class=None)
    def unmanaged(self, request: Request, pk: int) -> Response:
        """Baselines and windows there that are not managed here. For those whose work needs the whole account."""
        place = self.get_object()
        if not roles.reads_all(self.request.user):
            raise NotAllowed("What is not managed here may be any team's; it is shown to those who see all.")
        return Response(UnmanagedOut(unmanaged.visible_to(self.request.user, place), many=True).data)

    @extend_schema(responses=DriftOut(many=True))
    @action(detail=True, methods=["get"], pagination_class=None, filterset_class=None)
    def drifts(self, request: Request, pk: int) -> Response:
        """What is changed there outside Patchwarden now; `/drifts/` also lists what is closed."""
        mine = drifts.visible_to(self.request.user).filter(resource__account_region=self.get_object())
        return Response(DriftOut(mine.filter(state="open"), many=True).data)

    @extend_schema(request=PolicyIn, responses={200: AccountDetail})
    @action(detail=True, methods=["post"], url_path="drift-policy", scope=Scope.OPERATE)
    def drift_policy(self, request: Request, pk: int) -> Response:
        """Say what a push does about changes made outside. For operators and security operations."""
        return self.do(drifts.set_policy, PolicyIn)
