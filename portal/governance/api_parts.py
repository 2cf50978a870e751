"""What every endpoint shares: strict input, decisions, If-Match, and lists of what somebody may see."""

from collections.abc import Callable, Mapping
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers, status, viewsets
from rest_framework.exceptions import APIException, ErrorDetail
from rest_framework.request import Request
from rest_framework.response import Response

from portal.governance.deciding import LONGEST_REASON
from portal.governance.models import ApiToken, User
from portal.governance.signing_in import signed_in_at

Scope = ApiToken.Scope
Errors = dict[str, list[ErrorDetail]]


class In(serializers.Serializer[Any]):
    """What somebody sends. A field nobody knows is an error, and every bad field is named at once."""

    def problems(self, data: Mapping[str, Any]) -> Errors:
        """Further mistakes that can be told from the body alone, by field."""
        return {}

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return super().to_internal_value(data)  # which refuses it
        known = ", ".join(self.fields) or "none"
        errors: dict[str, Any] = {
            str(name): [ErrorDetail(f"“{name}” is not a field here; known are: {known}.", "unknown")]
            for name in data
            if name not in self.fields
        }
        errors |= self.problems(data)
        try:
            value = super().to_internal_value(data)
        except serializers.ValidationError as wrong:
            errors |= wrong.detail if isinstance(wrong.detail, dict) else {"non_field_errors": wrong.detail}
        if errors:
            raise serializers.ValidationError(errors)
        return value


class NothingIn(In):
    """An empty body."""


class ReasonIn(In):
    """Why, in a sentence."""

    reason = serializers.CharField(
        required=False, allow_blank=True, default="", max_length=LONGEST_REASON, help_text="Why, for the log."
    )


class DecisionIn(ReasonIn):
    """A word on exactly what was read: the revision's number and digest as the request shows them."""

    revision = serializers.IntegerField(min_value=1, help_text="The revision that was read.")
    digest = serializers.CharField(max_length=64, help_text="Its digest.")


class PersonOut(serializers.ModelSerializer[User]):
    """Somebody, as others see them."""

    name = serializers.CharField(source="__str__", read_only=True)

    class Meta:
        model = User
        fields: tuple[str, ...] = ("username", "name")
        read_only_fields = fields


class DecisionOut(serializers.Serializer[Any]):
    """One person's word on one revision."""

    revision = serializers.IntegerField(source="revision.number")
    slot = serializers.CharField()
    outcome = serializers.CharField(help_text="approve, reject or request_changes.")
    reason = serializers.CharField()
    decided_by = PersonOut()
    on_behalf_of = PersonOut(allow_null=True)
    decided_at = serializers.DateTimeField()


class RevisionOut(serializers.Serializer[Any]):
    """One version of what was asked for."""

    number = serializers.IntegerField()
    digest = serializers.CharField()
    author = PersonOut()
    created_at = serializers.DateTimeField()
    note = serializers.CharField()


class PreconditionFailed(APIException):
    """Somebody else was faster: If-Match names another version than the current one."""

    status_code = status.HTTP_412_PRECONDITION_FAILED
    default_code = "precondition_failed"


IF_MATCH = OpenApiParameter(
    "If-Match",
    str,
    OpenApiParameter.HEADER,
    description="The digest that was read. If it is no longer the current one, nothing is saved and the answer is 412.",
)


def raise_unless_matches(request: Request, label: str, digest: str) -> None:
    """Compare If-Match with the current digest. Call it while the row is locked."""
    wanted = request.headers.get("If-Match", "*")
    named = {tag.strip().strip('"') for tag in wanted.split(",")}
    if "*" not in named and digest not in named:
        raise PreconditionFailed(
            f"{label} was changed by someone else: its digest is {digest} now. Read it again."
        )


class Visible(viewsets.ReadOnlyModelViewSet[Any]):
    """Rows that the caller may see, newest first; what they may not see is not there."""

    lookup_value_converter = "int"
    scope: str = Scope.REQUEST
    detail_class: type[serializers.BaseSerializer[Any]] | None = None

    def get_queryset(self) -> QuerySet[Any]:
        rows: Any = super().get_queryset()
        return rows.visible_to(self.request.user)

    def get_serializer_class(self) -> Any:
        return self.serializer_class if self.action == "list" else self.detail_class or self.serializer_class


class Verbs(Visible):
    """Rows with verbs: each is a POST that calls the same function as the page and answers with the row."""

    def read(self, serializer: type[In], *, partial: bool = False) -> dict[str, Any]:
        """The body, checked."""
        body = serializer(data=self.request.data, partial=partial, context=self.get_serializer_context())
        body.is_valid(raise_exception=True)
        return dict(body.validated_data)

    def decide(self, verb: Callable[..., Any]) -> Response:
        """Give the caller's word, as freshly signed in as their session or token is."""
        row = self.get_object()
        word = self.read(DecisionIn)
        return self.answer(verb(row, by=self.request.user, signed_in_at=signed_in_at(self.request), **word))

    def answer(self, row: Any, http_status: int = status.HTTP_200_OK) -> Response:
        """The row as it is now, with its digest as ETag."""
        # read anew, because the verb's row lacks what the answer needs and what others just wrote
        fresh = self.get_queryset().get(pk=row.pk)
        serializer: Any = self.detail_class
        shown = serializer(fresh, context=self.get_serializer_context())
        return Response(shown.data, status=http_status, headers=etag(fresh))


def etag(row: Any) -> dict[str, str]:
    return {"ETag": f'"{row.current.digest}"'} if row.current else {}
