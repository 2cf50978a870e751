"""What every endpoint shares: strict input, decisions, and rows that somebody may see, with their verbs."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from rest_framework import serializers, status, viewsets
from rest_framework.exceptions import ErrorDetail
from rest_framework.request import Request
from rest_framework.response import Response

from portal.governance.api_conditions import ConditionalSchema, etag_of, is_known, raise_unless_matches
from portal.governance.api_idempotency import OncePerKey
from portal.governance.deciding import LONGEST_REASON
from portal.governance.models import ApiToken, User
from portal.governance.signing_in import signed_in_at
from portal.governance.states import locked

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


class Visible(viewsets.ReadOnlyModelViewSet[Any]):
    """Rows that the caller may see, newest first; what they may not see is not there."""

    schema = ConditionalSchema()
    lookup_value_converter = "int"
    scope: str = Scope.REQUEST
    detail_class: type[serializers.BaseSerializer[Any]] | None = None

    def get_queryset(self) -> QuerySet[Any]:
        rows: Any = super().get_queryset()
        return rows.visible_to(self.request.user)

    def get_serializer_class(self) -> Any:
        return self.serializer_class if self.action == "list" else self.detail_class or self.serializer_class

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        row = self.get_object()
        shown = self.show(row)
        etag = etag_of(shown)
        raise_unless_matches(request, str(row), etag)
        if is_known(request, etag):
            return Response(status=status.HTTP_304_NOT_MODIFIED, headers={"ETag": etag})
        return Response(shown, headers={"ETag": etag})

    def show(self, row: Any) -> Any:
        """What a GET of this row answers."""
        return self.get_serializer(row).data


class Verbs(OncePerKey, Visible):
    """Rows with verbs: each is a POST that calls the same function as the page and answers with the row."""

    def read(self, serializer: type[In], *, partial: bool = False) -> dict[str, Any]:
        """The body, checked."""
        body = serializer(data=self.request.data, partial=partial, context=self.get_serializer_context())
        body.is_valid(raise_exception=True)
        return dict(body.validated_data)

    @contextmanager
    def held(self) -> Iterator[Any]:
        """The row, locked until the verb is done, and still what If-Match names.

        Every verb locks the row before it changes it, so nothing slips in between the comparison and the change.
        """
        row = self.get_object()
        self.request.data  # noqa: B018 - a body that trickles in must not keep others waiting for the lock
        with transaction.atomic():
            locked(row)
            row = self.get_queryset().get(pk=row.pk)
            self.raise_if_changed(row)
            yield row

    def raise_if_changed(self, row: Any) -> None:
        """Raises PreconditionFailed when the caller read another version of it."""
        if "If-Match" in self.request.headers:
            raise_unless_matches(self.request, str(row), etag_of(self.show(row)))

    def do(
        self,
        verb: Callable[..., Any],
        body: type[In] = NothingIn,
        http_status: int = status.HTTP_200_OK,
        **more: Any,
    ) -> Response:
        """Call a verb with the row, the caller and the body, and answer with the row."""
        with self.held() as row:
            row = verb(row, by=self.request.user, **self.read(body), **more)
        return self.answer(row, http_status)

    def decide(self, verb: Callable[..., Any]) -> Response:
        """Give the caller's word, as freshly signed in as their session or token is."""
        return self.do(verb, DecisionIn, signed_in_at=signed_in_at(self.request))

    def answer(self, row: Any, http_status: int = status.HTTP_200_OK) -> Response:
        """The row as it is now, with its ETag."""
        # read anew, because the verb's row lacks what the answer needs and what others just wrote
        shown = self.show(self.get_queryset().get(pk=row.pk))
        return Response(shown, status=http_status, headers={"ETag": etag_of(shown)})
