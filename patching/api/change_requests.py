"""``/change-requests/``: ask, revise, submit, decide, withdraw, retry. Every verb is the one the pages call."""

from collections.abc import Mapping
from typing import Any

import django_filters
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.exceptions import ErrorDetail
from rest_framework.request import Request
from rest_framework.response import Response

from patching import contents, findings, permissions, system_facts, workflow
from patching.api.effects import DifferenceOut
from patching.api.exchange import Importing
from patching.api.finding_parts import FoundOut, found_out
from patching.api.item_schema import EXAMPLE_WINDOW, reference
from patching.api.talking import Talking
from patching.around import Around
from patching.baseline_outlook import differences
from patching.items import check_items
from patching.models import ChangeRequest
from portal.governance import clock, roles
from portal.governance.api_parts import (
    DecisionIn,
    DecisionOut,
    Errors,
    In,
    NothingIn,
    PersonOut,
    ReasonIn,
    RevisionOut,
    Scope,
    Verbs,
)
from portal.governance.models import Team

LAPSED = "lapsed"
STATES = [*ChangeRequest.State.choices, (LAPSED, "Lapsed")]
EXAMPLE = OpenApiExample(
    "One new window",
    value={
        "title": "Patch payments dev in zone a",
        "reason": "Patch by zone and environment, as the patching guide asks.",
        "items": [EXAMPLE_WINDOW],
    },
    request_only=True,
)


@extend_schema_field(reference("Items"))
class ItemsField(serializers.JSONField):
    """What is asked for; ``items.check_items`` says what is wrong with it."""


class ChangeRequestIn(In):
    """What somebody wants changed, and why."""

    title = serializers.CharField(min_length=3, max_length=120)
    reason = serializers.CharField(min_length=10, max_length=4000)
    items = ItemsField()
    team = serializers.SlugRelatedField(
        slug_field="slug",
        queryset=Team.objects.none(),
        required=False,
        help_text="For which team; needed only if the items name no application and you are in several.",
    )

    def get_fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = super().get_fields()
        if "request" in self.context:
            fields["team"].queryset = roles.teams_of(self.context["request"].user)
        return fields

    def problems(self, data: Mapping[str, Any]) -> Errors:
        if "items" not in data:
            return {}
        found: Errors = {}
        for problem in check_items(data["items"], system_facts.allowed()):
            found.setdefault(problem.field, []).append(ErrorDetail(problem.message, problem.code))
        return found


class ChangeRequestRevisionIn(ChangeRequestIn):
    """What replaces the current revision. What a PATCH leaves out stays as it is."""

    note = serializers.CharField(
        required=False, allow_blank=True, max_length=4000, help_text="What changed, for those who decide."
    )

    def get_fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = super().get_fields()
        del fields["team"]  # a request stays its team's
        return fields


class ChangeRequestOut(serializers.ModelSerializer[ChangeRequest]):
    """A request, as lists show it."""

    state = serializers.SerializerMethodField()
    team = serializers.CharField(source="team.slug")
    requested_by = PersonOut()
    revision = serializers.IntegerField(source="current.number", help_text="The current revision.")
    digest = serializers.CharField(source="current.digest", help_text="Its digest; decisions name both.")
    needs = serializers.ListField(child=serializers.CharField(), help_text="Slots that must approve it.")

    class Meta:
        model = ChangeRequest
        fields: tuple[str, ...] = (
            "id",
            "number",
            "title",
            "reason",
            "state",
            "team",
            "requested_by",
            "revision",
            "digest",
            "needs",
            "outcome_note",
            "created_at",
            "submitted_at",
            "lapses_at",
            "closed_at",
        )
        read_only_fields = fields

    @extend_schema_field(serializers.ChoiceField(choices=STATES))
    def get_state(self, request: ChangeRequest) -> str:
        """The effective state: the stored one, or lapsed when nobody decided in time."""
        return workflow.effective_state(request)


class ChangeRequestDetail(ChangeRequestOut):
    """A request with what it asks for and who said what."""

    items = serializers.SerializerMethodField()
    open_slots = serializers.SerializerMethodField()
    your_slot = serializers.SerializerMethodField()
    decisions = serializers.SerializerMethodField()
    revisions = RevisionOut(many=True)

    class Meta(ChangeRequestOut.Meta):
        fields = (*ChangeRequestOut.Meta.fields, "items", "open_slots", "your_slot", "decisions", "revisions")
        read_only_fields = fields

    @extend_schema_field(reference("Items"))
    def get_items(self, request: ChangeRequest) -> list[dict[str, Any]]:
        return contents.items_of(request.current) if request.current else []

    def get_open_slots(self, request: ChangeRequest) -> list[str]:
        """Slots of the current revision that nobody has approved yet."""
        return permissions.open_slots(request)

    def get_your_slot(self, request: ChangeRequest) -> str | None:
        """The slot that you would fill now, if any."""
        return permissions.slot_for(self.context["request"].user, request)

    @extend_schema_field(DecisionOut(many=True))
    def get_decisions(self, request: ChangeRequest) -> Any:
        """Everybody's word on every revision, oldest first."""
        words = [word for revision in request.revisions.all() for word in revision.decisions.all()]
        return DecisionOut(words, many=True).data


class ChangeRequestFilter(django_filters.FilterSet):
    state = django_filters.MultipleChoiceFilter(choices=STATES, method="in_state")
    team = django_filters.CharFilter("team__slug", help_text="A team's slug.")
    requested_by = django_filters.CharFilter("requested_by__username", help_text="A user name.")
    title = django_filters.CharFilter("title", lookup_expr="icontains", help_text="Part of the title.")
    waits_for_me = django_filters.BooleanFilter(
        method="waiting", help_text="true lists what waits for your word."
    )

    class Meta:
        model = ChangeRequest
        fields = ("state", "team", "requested_by", "title")

    def in_state(self, queryset: Any, name: str, value: list[str]) -> Any:
        if not value:
            return queryset
        lapsed = queryset.filter(state=ChangeRequest.State.SUBMITTED, lapses_at__lte=clock.now())
        found = queryset.filter(state__in=value).exclude(pk__in=lapsed.values("pk"))
        return found | lapsed if LAPSED in value else found

    def waiting(self, queryset: Any, name: str, value: bool) -> Any:
        mine = permissions.waiting_for(self.request.user).values("pk")
        return queryset.filter(pk__in=mine) if value else queryset.exclude(pk__in=mine)


class ChangeRequests(Importing, Talking, Verbs):
    """Requests of your teams, or all if your work needs them."""

    queryset = ChangeRequest.objects.select_related("team", "requested_by", "current")
    serializer_class = ChangeRequestOut
    detail_class = ChangeRequestDetail
    filterset_class = ChangeRequestFilter

    def get_queryset(self) -> Any:
        rows = super().get_queryset()
        if self.action == "list":
            return rows
        said = ("revisions__author", "revisions__decisions__decided_by", "revisions__decisions__on_behalf_of")
        return rows.prefetch_related(*said, "revisions__decisions__revision")

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """One request, with its items."""
        return super().retrieve(request, *args, **kwargs)

    @extend_schema(request=ChangeRequestIn, responses={201: ChangeRequestDetail}, examples=[EXAMPLE])
    def create(self, request: Request) -> Response:
        """Write a request down as a draft. Nobody is asked to decide until it is submitted."""
        wish = self.read(ChangeRequestIn)
        return self.answer(workflow.draft(by=request.user, **wish), status.HTTP_201_CREATED)

    @extend_schema(
        request=ChangeRequestRevisionIn,
        responses=ChangeRequestDetail,
        examples=[EXAMPLE],
    )
    def update(self, request: Request, pk: int, *, partial: bool = False) -> Response:
        """Replace what is asked for by a new revision. Approvals of the earlier one no longer count."""
        with self.held() as row:
            wish = self.read(ChangeRequestRevisionIn, partial=partial)
            row = workflow.revise(row, by=request.user, **{**_as_it_is(row), **wish})
        return self.answer(row)

    @extend_schema(request=ChangeRequestRevisionIn, responses=ChangeRequestDetail)
    def partial_update(self, request: Request, pk: int) -> Response:
        """Change some of what is asked for, as a new revision."""
        return self.update(request, pk, partial=True)

    @extend_schema(request=NothingIn, responses=ChangeRequestDetail)
    @extend_schema(responses=DifferenceOut(many=True))
    @action(detail=True, methods=["get"], pagination_class=None, filterset_class=None)
    def effect(self, request: Request, pk: int) -> Response:
        """What it does to patches, baseline by baseline; empty once it is decided or where it changes none."""
        change = self.get_object()
        items = (
            contents.items_of(change.current) if change.current and change.state in ChangeRequest.OPEN else []
        )
        return Response(DifferenceOut(differences(Around(items), clock.now()), many=True).data)

    @action(detail=True, methods=["post"])
    def submit(self, request: Request, pk: int) -> Response:
        """Put it before those who decide."""
        return self.do(workflow.submit)

    @extend_schema(request=DecisionIn, responses=ChangeRequestDetail)
    @action(detail=True, methods=["post"], scope=Scope.DECIDE)
    def approve(self, request: Request, pk: int) -> Response:
        """Give your approval; with the last one it takes effect."""
        return self.decide(workflow.approve)

    @extend_schema(request=DecisionIn, responses=ChangeRequestDetail)
    @action(detail=True, methods=["post"], scope=Scope.DECIDE)
    def reject(self, request: Request, pk: int) -> Response:
        """Refuse it for good, with a reason."""
        return self.decide(workflow.reject)

    @extend_schema(request=DecisionIn, responses=ChangeRequestDetail)
    @action(detail=True, methods=["post"], scope=Scope.DECIDE, url_path="request-changes")
    def request_changes(self, request: Request, pk: int) -> Response:
        """Send it back with what has to change."""
        return self.decide(workflow.request_changes)

    @extend_schema(responses=FoundOut)
    @action(detail=True, methods=["get"], pagination_class=None, filterset_class=None)
    def findings(self, request: Request, pk: int) -> Response:
        """What speaks against an open request, with fixes, sizes of its windows and quotas; nothing of a closed one."""
        row = self.get_object()
        if row.state not in ChangeRequest.OPEN or row.current is None:
            return Response({"findings": [], "sizes": [], "quotas": []})
        around = Around(contents.items_of(row.current))
        found = [*findings.of_request(row), *findings.of(around)]
        return Response(found_out(found, findings.planned_after(around), around))

    @extend_schema(request=ReasonIn, responses=ChangeRequestDetail)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, pk: int) -> Response:
        """Take it back, also an approved one as long as its push has not begun."""
        return self.do(workflow.withdraw, ReasonIn)

    @extend_schema(request=NothingIn, responses=ChangeRequestDetail)
    @action(detail=True, methods=["post"], scope=Scope.OPERATE)
    def retry(self, request: Request, pk: int) -> Response:
        """Push a failed or partly applied request again. For operators and security operations."""
        return self.do(workflow.retry)


def _as_it_is(request: ChangeRequest) -> dict[str, Any]:
    assert request.current is not None
    return contents.content_of(request.current)
