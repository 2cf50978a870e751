"""``/audit/``, ``/me/`` and ``/tokens/``: the log, who is calling, and with what."""

from typing import Any

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import mixins, serializers, viewsets
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import BaseRouter
from rest_framework.views import APIView

from portal.governance import audit, roles, tokens
from portal.governance.api_idempotency import OncePerKey
from portal.governance.api_parts import PersonOut, Scope, Visible
from portal.governance.models import ApiToken, AuditEntry, User


class AuditOut(serializers.ModelSerializer[AuditEntry]):
    """One thing that happened, with the hash that seals it and the entry before."""

    actor = serializers.CharField(source="actor_name")
    team = serializers.CharField(source="team.slug", allow_null=True, default=None)

    class Meta:
        model = AuditEntry
        fields = (
            "id",
            "seq",
            "at",
            "real_at",
            "actor",
            "action",
            "object_type",
            "object_id",
            "object_label",
            "team",
            "reason",
            "detail",
            "prev_hash",
            "hash",
        )
        read_only_fields = fields


class AuditFilter(django_filters.FilterSet):
    actor = django_filters.CharFilter("actor__username", help_text="A user name.")
    team = django_filters.CharFilter("team__slug", help_text="A team's slug.")
    after = django_filters.IsoDateTimeFilter("at", lookup_expr="gte")
    before = django_filters.IsoDateTimeFilter("at", lookup_expr="lt")

    class Meta:
        model = AuditEntry
        fields = ("action", "object_type", "object_id")


class Audit(Visible):
    """The audit log, as far as you may read it, newest first."""

    queryset = AuditEntry.objects.select_related("team")
    serializer_class = AuditOut
    filterset_class = AuditFilter

    def get_queryset(self) -> QuerySet[Any]:
        return audit.visible_to(self.request.user).select_related("team")


class TokenOut(serializers.ModelSerializer[ApiToken]):
    """A token without its secret."""

    id = serializers.CharField(source="token_key", help_text="The first letters of the token.")

    class Meta:
        model = ApiToken
        fields = ("id", "name", "scopes", "created", "expiry", "last_used_at")
        read_only_fields = fields


class Tokens(OncePerKey, mixins.ListModelMixin, mixins.DestroyModelMixin, viewsets.GenericViewSet[ApiToken]):
    """Your own tokens. New ones are made on the page, by whoever is signed in there."""

    queryset = ApiToken.objects.all()
    serializer_class = TokenOut
    lookup_field = "token_key"
    lookup_url_kwarg = "id"
    lookup_value_converter = "str"
    scope = Scope.READ  # whoever holds a token may end it

    def get_queryset(self) -> QuerySet[ApiToken]:
        rows = super().get_queryset()
        return rows.filter(user=self.request.user) if self.request.user.is_authenticated else rows.none()

    def perform_destroy(self, instance: ApiToken) -> None:
        tokens.revoke(instance, by=self.request.user)


class MembershipOut(serializers.Serializer[Any]):
    """A team you belong to."""

    team = serializers.CharField(source="team.slug")
    name = serializers.CharField(source="team.name")
    is_lead = serializers.BooleanField()


class MeOut(PersonOut):
    """Who is calling."""

    roles = serializers.SerializerMethodField()
    teams = MembershipOut(source="memberships", many=True)
    token = serializers.SerializerMethodField()

    class Meta(PersonOut.Meta):
        fields = (*PersonOut.Meta.fields, "roles", "teams", "token")
        read_only_fields = fields

    def get_roles(self, user: User) -> list[str]:
        """Roles held now; ciso also for a dated delegate."""
        return sorted(roles.roles_of(user))

    @extend_schema_field(TokenOut(allow_null=True))
    def get_token(self, user: User) -> Any:
        """The token of this call; null in a browser session."""
        token = self.context["request"].auth
        return TokenOut(token).data if isinstance(token, ApiToken) else None


class Me(APIView):
    """Who you are to Patchwarden, and what this token may do."""

    @extend_schema(operation_id="me", responses=MeOut)
    def get(self, request: Request) -> Response:
        return Response(MeOut(request.user, context={"request": request}).data)


def register(router: BaseRouter) -> None:
    router.register("audit", Audit, "audit")
    router.register("tokens", Tokens, "token")
