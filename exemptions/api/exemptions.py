"""``/exemptions/``: ask, attach evidence, submit, decide, withdraw, revoke. The verbs are the ones the pages call."""

from collections.abc import Mapping
from typing import Any

import django_filters
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.http import content_disposition_header
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiResponse,
    extend_schema,
    extend_schema_field,
)
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from exemptions import documents, permissions, workflow
from exemptions.ending import enforcement_of
from exemptions.models import Document, Exemption
from patching.api.filters import SlugFilter
from patching.models import Application, ManagedInstance
from portal.governance import clock
from portal.governance.api_parts import (
    IF_MATCH,
    DecisionIn,
    DecisionOut,
    In,
    NothingIn,
    PersonOut,
    ReasonIn,
    RevisionOut,
    Scope,
    Verbs,
    etag,
    raise_unless_matches,
)
from portal.governance.states import locked

DATED = ("lapsed", "active", "expiring", "expired")
STATES = [*Exemption.State.choices, *((name, name.capitalize()) for name in DATED)]
EXAMPLE = OpenApiExample(
    "Two instances until the vendor has a fix",
    value={
        "title": "Ledger driver fails after KB5039227",
        "reason": "The vendor's driver stops after this update; a fix is promised for July.",
        "compensating_controls": "The instances are reachable from the bastion only.",
        "application": "payments",
        "instances": [12, 13],
        "ends_at": "2026-07-15T22:00:00Z",
    },
    request_only=True,
)


class ExemptionIn(In):
    """Which instances stay out of their window, why, and until when."""

    title = serializers.CharField(min_length=3, max_length=120)
    reason = serializers.CharField(min_length=20, max_length=4000)
    compensating_controls = serializers.CharField(
        min_length=10, max_length=4000, help_text="What lowers the risk meanwhile."
    )
    application = serializers.SlugRelatedField(
        slug_field="slug", queryset=Application.objects.none(), help_text="An application's slug."
    )
    instances = serializers.PrimaryKeyRelatedField(
        queryset=ManagedInstance.objects.none(),
        many=True,
        help_text="Ids of its instances, as /instances/ lists them.",
    )
    ends_at = serializers.DateTimeField(help_text="When patching starts again, whatever happens.")

    def get_fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = super().get_fields()
        if "request" in self.context:
            user, application, instances = (
                self.context["request"].user,
                fields["application"],
                fields["instances"],
            )
            application.queryset = Application.objects.visible_to(user)
            instances.child_relation.queryset = ManagedInstance.objects.visible_to(user)
        return fields


class ExemptionRevisionIn(ExemptionIn):
    """What replaces the current revision. What a PATCH leaves out stays as it is."""

    note = serializers.CharField(
        required=False, allow_blank=True, max_length=4000, help_text="What changed, for those who decide."
    )

    def get_fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = super().get_fields()
        fields["application"].required = False
        return fields

    def validate_application(self, application: Application) -> Application:
        if application != self.context["exemption"].application:
            raise serializers.ValidationError(
                "An exemption stays its application's; ask for another one.", "fixed"
            )
        return application


class DocumentIn(serializers.Serializer[Any]):
    """One file, as multipart/form-data."""

    document = serializers.FileField(help_text="PDF, PNG, JPEG, text, Word or Excel.")


class DocumentOut(serializers.ModelSerializer[Document]):
    """Evidence, without its content."""

    added_by = PersonOut()

    class Meta:
        model = Document
        fields = ("id", "name", "content_type", "size", "sha256", "added_by", "added_at")
        read_only_fields = fields


class EnforcementOut(serializers.Serializer[Any]):
    """Whether AWS was read back to do what was approved, for one instance."""

    instance = serializers.IntegerField(source="instance.pk")
    instance_id = serializers.CharField(source="instance.instance_id")
    state = serializers.CharField(
        help_text="not_enforced, enforced, drifted or failed; once it has ended not_restored or restored."
    )
    text = serializers.CharField(help_text="The same in a sentence.")


class ExemptionOut(serializers.ModelSerializer[Exemption]):
    """An exemption, as lists show it."""

    state = serializers.SerializerMethodField()
    team = serializers.CharField(source="team.slug")
    application = serializers.CharField(source="application.slug")
    requested_by = PersonOut()
    revision = serializers.IntegerField(source="current.number", help_text="The current revision.")
    digest = serializers.CharField(source="current.digest", help_text="Its digest; decisions name both.")
    needs = serializers.ListField(child=serializers.CharField(), help_text="Slots that must approve it.")
    instances: Any = serializers.PrimaryKeyRelatedField(many=True, read_only=True)

    class Meta:
        model = Exemption
        fields: tuple[str, ...] = (
            "id",
            "number",
            "kind",
            "title",
            "state",
            "team",
            "application",
            "requested_by",
            "revision",
            "digest",
            "needs",
            "instances",
            "ends_at",
            "created_at",
            "submitted_at",
            "lapses_at",
            "approved_at",
            "closed_at",
            "restored_at",
        )
        read_only_fields = fields

    @extend_schema_field(serializers.ChoiceField(choices=STATES))
    def get_state(self, exemption: Exemption) -> str:
        """The effective state: the stored one, or what the dates make of it."""
        return exemption.state_at(clock.now())


class ExemptionDetail(ExemptionOut):
    """An exemption with its reasons, its evidence and who said what."""

    reason = serializers.SerializerMethodField()
    compensating_controls = serializers.SerializerMethodField()
    documents = DocumentOut(many=True)
    open_slots = serializers.SerializerMethodField()
    your_slot = serializers.SerializerMethodField()
    decisions = serializers.SerializerMethodField()
    revisions = RevisionOut(many=True)
    enforcement = serializers.SerializerMethodField()

    class Meta(ExemptionOut.Meta):
        fields = (
            *ExemptionOut.Meta.fields,
            "reason",
            "compensating_controls",
            "documents",
            "open_slots",
            "your_slot",
            "decisions",
            "revisions",
            "enforcement",
            "restored_proof",
        )
        read_only_fields = fields

    def get_reason(self, exemption: Exemption) -> str:
        return str(_said(exemption)["reason"])

    def get_compensating_controls(self, exemption: Exemption) -> str:
        return str(_said(exemption)["compensating_controls"])

    def get_open_slots(self, exemption: Exemption) -> list[str]:
        """Slots of the current revision that nobody has approved yet."""
        return permissions.open_slots(exemption)

    def get_your_slot(self, exemption: Exemption) -> str | None:
        """The slot that you would fill now, if any."""
        return permissions.slot_for(self.context["request"].user, exemption)

    @extend_schema_field(DecisionOut(many=True))
    def get_decisions(self, exemption: Exemption) -> Any:
        """Everybody's word on every revision, oldest first."""
        words = [word for revision in exemption.revisions.all() for word in revision.decisions.all()]
        return DecisionOut(words, many=True).data

    @extend_schema_field(EnforcementOut(many=True))
    def get_enforcement(self, exemption: Exemption) -> Any:
        return EnforcementOut(enforcement_of(exemption), many=True).data


class ExemptionFilter(django_filters.FilterSet):
    state = django_filters.MultipleChoiceFilter(choices=STATES, method="in_state")
    team = django_filters.CharFilter("team__slug", help_text="A team's slug.")
    application = SlugFilter("application__slug", help_text="An application's slug.")
    requested_by = django_filters.CharFilter("requested_by__username", help_text="A user name.")
    instance = django_filters.NumberFilter("instances__pk", help_text="An instance's id.")
    ends_before = django_filters.IsoDateTimeFilter("ends_at", lookup_expr="lt")
    waits_for_me = django_filters.BooleanFilter(
        method="waiting", help_text="true lists what waits for your word."
    )

    class Meta:
        model = Exemption
        fields = ("kind",)

    def in_state(self, queryset: Any, name: str, value: list[str]) -> Any:
        if not value:
            return queryset
        return queryset.with_effective_state(clock.now()).filter(effective_state__in=value)

    def waiting(self, queryset: Any, name: str, value: bool) -> Any:
        mine = permissions.waiting_for(self.request.user).values("pk")
        return queryset.filter(pk__in=mine) if value else queryset.exclude(pk__in=mine)


class Exemptions(Verbs):
    """Exemptions of your teams, or all if your work needs them."""

    queryset = Exemption.objects.select_related("team", "application", "requested_by", "current")
    serializer_class = ExemptionOut
    detail_class = ExemptionDetail
    filterset_class = ExemptionFilter

    def get_queryset(self) -> Any:
        rows = super().get_queryset().prefetch_related("instances")
        if self.action == "list":
            return rows
        said = ("revisions__author", "revisions__decisions__decided_by", "revisions__decisions__on_behalf_of")
        return rows.prefetch_related(*said, "revisions__decisions__revision", "documents__added_by")

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """One exemption, with its evidence; its digest is also the ETag."""
        row = self.get_object()
        return Response(self.get_serializer(row).data, headers=etag(row))

    @extend_schema(request=ExemptionIn, responses={201: ExemptionDetail}, examples=[EXAMPLE])
    def create(self, request: Request) -> Response:
        """Write an exemption down as a draft. It needs a document before it can be submitted."""
        wish = self.read(ExemptionIn)
        return self.answer(workflow.draft(by=request.user, **wish), status.HTTP_201_CREATED)

    @extend_schema(
        request=ExemptionRevisionIn, responses=ExemptionDetail, parameters=[IF_MATCH], examples=[EXAMPLE]
    )
    def update(self, request: Request, pk: int, *, partial: bool = False) -> Response:
        """Replace what is asked for by a new revision. Approvals of the earlier one no longer count."""
        with transaction.atomic():
            row = locked(self.get_object())
            raise_unless_matches(request, row.number, row.current.digest)
            body = ExemptionRevisionIn(
                data=request.data,
                partial=partial,
                context={**self.get_serializer_context(), "exemption": row},
            )
            body.is_valid(raise_exception=True)
            wish = {**_as_it_is(row), **body.validated_data}
            wish.pop("application", None)
            return self.answer(workflow.revise(row, by=request.user, **wish))

    @extend_schema(request=ExemptionRevisionIn, responses=ExemptionDetail, parameters=[IF_MATCH])
    def partial_update(self, request: Request, pk: int) -> Response:
        """Change some of what is asked for, as a new revision."""
        return self.update(request, pk, partial=True)

    @extend_schema(request=NothingIn, responses=ExemptionDetail)
    @action(detail=True, methods=["post"])
    def submit(self, request: Request, pk: int) -> Response:
        """Put it before the CISO."""
        row = self.get_object()
        self.read(NothingIn)
        return self.answer(workflow.submit(row, by=request.user))

    @extend_schema(request=DecisionIn, responses=ExemptionDetail)
    @action(detail=True, methods=["post"], scope=Scope.DECIDE)
    def approve(self, request: Request, pk: int) -> Response:
        """Give your approval; with the last one its instances leave their window at the next push."""
        return self.decide(workflow.approve)

    @extend_schema(request=DecisionIn, responses=ExemptionDetail)
    @action(detail=True, methods=["post"], scope=Scope.DECIDE)
    def reject(self, request: Request, pk: int) -> Response:
        """Refuse it for good, with a reason."""
        return self.decide(workflow.reject)

    @extend_schema(request=DecisionIn, responses=ExemptionDetail)
    @action(detail=True, methods=["post"], scope=Scope.DECIDE, url_path="request-changes")
    def request_changes(self, request: Request, pk: int) -> Response:
        """Send it back with what has to change."""
        return self.decide(workflow.request_changes)

    @extend_schema(request=ReasonIn, responses=ExemptionDetail)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, pk: int) -> Response:
        """Take back what nobody has decided yet."""
        row = self.get_object()
        return self.answer(workflow.withdraw(row, by=request.user, **self.read(ReasonIn)))

    @extend_schema(request=ReasonIn, responses=ExemptionDetail)
    @action(detail=True, methods=["post"])
    def revoke(self, request: Request, pk: int) -> Response:
        """End an approved one now, with a reason: its instances go back to their window."""
        row = self.get_object()
        return self.answer(workflow.revoke(row, by=request.user, **self.read(ReasonIn)))

    @extend_schema(
        methods=["get"], operation_id="exemptions_documents_list", responses=DocumentOut(many=True)
    )
    @extend_schema(
        methods=["post"],
        operation_id="exemptions_documents_create",
        request={"multipart/form-data": DocumentIn},
        responses={201: DocumentOut},
    )
    @action(
        detail=True,
        methods=["get", "post"],
        filterset_class=None,
        url_path="documents",
        url_name="documents",
        parser_classes=[MultiPartParser],
    )
    def evidence(self, request: Request, pk: int) -> Response:
        """Its evidence; POST adds one file, which makes a new revision."""
        row = self.get_object()
        if request.method == "POST":
            return self._attach(row)
        page = self.paginate_queryset(row.documents.select_related("added_by"))
        return self.get_paginated_response(DocumentOut(page, many=True).data)

    @extend_schema(
        operation_id="exemptions_documents_retrieve",
        responses={(200, "application/octet-stream"): OpenApiResponse(OpenApiTypes.BINARY, "The file.")},
    )
    @action(
        detail=True,
        methods=["get"],
        url_path="documents/<int:document>",
        url_name="document",
        filterset_class=None,
        pagination_class=None,
    )
    def one_document(self, request: Request, pk: int, document: int) -> HttpResponse:
        """One file, as an attachment. Reading it is written to the audit log."""
        found = get_object_or_404(self.get_object().documents, pk=document)
        content = documents.read(found, by=request.user)
        answer = HttpResponse(content, content_type="application/octet-stream")
        answer["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=found.name)
        answer._csp_replace = {"default-src": ["'none'"], "sandbox": []}  # type: ignore[attr-defined]
        return answer

    def _attach(self, row: Exemption) -> Response:
        body = DocumentIn(data=self.request.data)
        body.is_valid(raise_exception=True)
        document = workflow.attach(row, body.validated_data["document"], by=self.request.user)
        return Response(DocumentOut(document).data, status=status.HTTP_201_CREATED)


def _said(exemption: Exemption) -> Mapping[str, Any]:
    assert exemption.current is not None
    return workflow.content_of(exemption.current)


def _as_it_is(exemption: Exemption) -> dict[str, Any]:
    said = _said(exemption)
    return {
        "title": said["title"],
        "reason": said["reason"],
        "compensating_controls": said["compensating_controls"],
        "instances": list(exemption.instances.all()),
        "ends_at": exemption.ends_at,
    }
