"""``/exemptions/``: ask, attach evidence, submit, decide, withdraw, revoke. The verbs are the ones the pages call."""

import json
from collections.abc import Mapping
from typing import Any

import django_filters
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiResponse,
    extend_schema,
    extend_schema_field,
)
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from exemptions import asked, bulk, narrowing, offers, permissions, renewing, risk, serving, workflow
from exemptions.api.asks import (
    CONTROL_KINDS,
    EXAMPLE,
    ExemptionIn,
    ExemptionRevisionIn,
    ManyIn,
    NarrowIn,
    OfferIn,
    as_it_is,
)
from exemptions.api.renewing import RenewalIn
from exemptions.api.reviewing import Reviewing, ReviewOut
from exemptions.api.talking import Talking
from exemptions.ending import enforcement_of
from exemptions.models import Document, Exemption, Offer
from exemptions.overlaps import overlaps_of
from patching.api.filters import SlugFilter
from portal.governance import clock
from portal.governance.api_parts import (
    DecisionIn,
    DecisionOut,
    NothingIn,
    PersonOut,
    ReasonIn,
    RevisionOut,
    Scope,
    Verbs,
)
from portal.governance.signing_in import signed_in_at

DATED = ("lapsed", "active", "expiring", "expired")
RISKS = [(one.value, one.value.capitalize()) for one in risk.Level]
STATES = [*Exemption.State.choices, *((name, name.capitalize()) for name in DATED)]


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
    first_patched_at = serializers.DateTimeField(
        allow_null=True, help_text="When it was first seen patched after its end."
    )


class ControlOut(serializers.Serializer[Any]):
    """One compensating control."""

    what = serializers.CharField()
    kind = serializers.ChoiceField(choices=CONTROL_KINDS)
    evidence = serializers.CharField(help_text="Name of the document that shows it, or empty.")
    valid_until = serializers.CharField(help_text="Day when the evidence has to be shown anew, or empty.")


class OfferOut(serializers.ModelSerializer[Offer]):
    """Less than was asked, as the decider would allow it; the team accepts or declines."""

    offered_by = PersonOut()
    on_behalf_of = PersonOut(allow_null=True)
    content = serializers.SerializerMethodField()

    class Meta:
        model = Offer
        fields = (
            "offered_by",
            "on_behalf_of",
            "slot",
            "reason",
            "condition",
            "content",
            "digest",
            "offered_at",
            "lapses_at",
        )
        read_only_fields = fields

    @extend_schema_field({"type": "object", "additionalProperties": True})
    def get_content(self, offer: Offer) -> Any:
        """What the accepted revision will be."""
        return json.loads(offer.content)


class ReasonOut(serializers.Serializer[Any]):
    """One thing that weighs."""

    text = serializers.CharField()
    points = serializers.IntegerField(help_text="How much it weighs within a level.")


class RiskOut(serializers.Serializer[Any]):
    """How risky it is to allow it, and why."""

    level = serializers.ChoiceField(choices=RISKS)
    points = serializers.IntegerField(help_text="Orders what is of the same level.")
    reasons = ReasonOut(many=True)


class ResultOut(serializers.Serializer[Any]):
    """What became of one of several."""

    id = serializers.IntegerField(source="pk")
    outcome = serializers.CharField(help_text="approved, waits (for another slot), or the code of an error.")
    detail = serializers.CharField(source="text")


class OverlapOut(serializers.Serializer[Any]):
    """Another open or in-force exemption on some of the same instances."""

    exemption = serializers.CharField(help_text="Its number, such as EX-12.")
    instances = serializers.ListField(
        child=serializers.IntegerField(), help_text="Ids of the instances that both name."
    )
    changes_nothing = serializers.BooleanField(help_text="It covers this one for these instances.")
    text = serializers.CharField(help_text="The same in a sentence.")

    def to_representation(self, overlap: Any) -> dict[str, Any]:
        return {
            "exemption": overlap.exemption.number,
            "instances": [one.pk for one in overlap.instances],
            "changes_nothing": overlap.changes_nothing,
            "text": overlap.text,
        }


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
    renewal = serializers.IntegerField(help_text="Which renewal it is: 0 for a first exemption.")
    renewed_by = serializers.SerializerMethodField()
    review_due = serializers.SerializerMethodField()
    patches = serializers.ListField(
        child=serializers.CharField(), help_text="KBs or package names that a patch_exclusion leaves off."
    )

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
            "patches",
            "renews",
            "renewal",
            "renewed_by",
            "review_due",
            "ends_at",
            "created_at",
            "submitted_at",
            "lapses_at",
            "approved_at",
            "closed_at",
            "restored_at",
        )
        read_only_fields = fields

    def get_renewed_by(self, exemption: Exemption) -> int | None:
        """The renewal that was asked for, unless it came to nothing."""
        renewals = [one for one in exemption.renewals.all() if one.state not in ("withdrawn", "rejected")]
        return renewals[0].pk if renewals else None

    def get_review_due(self, exemption: Exemption) -> bool:
        """Whether something changed under it and nobody has said yet that it may go on."""
        holds = exemption.state_at(clock.now()) in ("active", "expiring")
        return holds and any(one.closed_at is None for one in exemption.reviews.all())

    @extend_schema_field(serializers.ChoiceField(choices=STATES))
    def get_state(self, exemption: Exemption) -> str:
        """The effective state: the stored one, or what the dates make of it."""
        return exemption.state_at(clock.now())


class ExemptionDetail(ExemptionOut):
    """An exemption with its reasons, its evidence and who said what."""

    reason = serializers.SerializerMethodField()
    tried = serializers.SerializerMethodField()
    fix_plan = serializers.SerializerMethodField()
    fix_expected_on = serializers.SerializerMethodField()
    exploited_override = serializers.SerializerMethodField()
    compensating_controls = serializers.SerializerMethodField()
    backup = PersonOut(allow_null=True)
    conditions = serializers.SerializerMethodField()
    documents = DocumentOut(many=True)
    open_slots = serializers.SerializerMethodField()
    your_slot = serializers.SerializerMethodField()
    decisions = serializers.SerializerMethodField()
    revisions = RevisionOut(many=True)
    enforcement = serializers.SerializerMethodField()
    reviews = ReviewOut(many=True)
    risk = serializers.SerializerMethodField()
    offer = serializers.SerializerMethodField()
    overlaps = serializers.SerializerMethodField()

    class Meta(ExemptionOut.Meta):
        fields = (
            *ExemptionOut.Meta.fields,
            "root_cause",
            "reason",
            "tried",
            "fix_plan",
            "fix_expected_on",
            "exploited_override",
            "compensating_controls",
            "exposure",
            "data_class",
            "backup",
            "conditions",
            "documents",
            "open_slots",
            "your_slot",
            "decisions",
            "revisions",
            "enforcement",
            "overlaps",
            "restored_proof",
            "reviews",
            "risk",
            "offer",
        )
        read_only_fields = fields

    def get_reason(self, exemption: Exemption) -> str:
        return str(_said(exemption)["reason"])

    def get_tried(self, exemption: Exemption) -> str:
        return str(_said(exemption).get("tried", ""))

    def get_fix_plan(self, exemption: Exemption) -> str:
        return str(_said(exemption).get("fix_plan", ""))

    def get_exploited_override(self, exemption: Exemption) -> str:
        """Why something known to be exploited may stay open; empty where nothing is."""
        return str(_said(exemption).get("exploited_override", ""))

    @extend_schema_field(serializers.DateField(allow_null=True))
    def get_fix_expected_on(self, exemption: Exemption) -> str | None:
        return _said(exemption).get("fix_expected_on") or None

    @extend_schema_field(ControlOut(many=True))
    def get_compensating_controls(self, exemption: Exemption) -> Any:
        return _said(exemption)["compensating_controls"]

    def get_conditions(self, exemption: Exemption) -> list[str]:
        """What accepted counter-offers added: it is allowed as long as these hold."""
        return list(_said(exemption).get("conditions", ()))

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

    @extend_schema_field(RiskOut)
    def get_risk(self, exemption: Exemption) -> Any:
        """As things stand now."""
        return RiskOut(risk.of(exemption)).data

    @extend_schema_field(OfferOut(allow_null=True))
    def get_offer(self, exemption: Exemption) -> Any:
        """The counter-offer that the team may accept, if there is one."""
        offer = offers.open_offer(exemption)
        return OfferOut(offer).data if offer else None

    @extend_schema_field(OverlapOut(many=True))
    def get_overlaps(self, exemption: Exemption) -> Any:
        """Others that you may see on the same instances, the last to end first."""
        return OverlapOut(overlaps_of(exemption, self.context["request"].user), many=True).data

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
        fields = ("kind", "root_cause")

    def in_state(self, queryset: Any, name: str, value: list[str]) -> Any:
        if not value:
            return queryset
        return queryset.with_effective_state(clock.now()).filter(effective_state__in=value)

    def waiting(self, queryset: Any, name: str, value: bool) -> Any:
        mine = permissions.waiting_for(self.request.user).values("pk")
        return queryset.filter(pk__in=mine) if value else queryset.exclude(pk__in=mine)


class Exemptions(Reviewing, Talking, Verbs):
    """Exemptions of your teams, or all if your work needs them."""

    queryset = Exemption.objects.select_related("team", "application", "requested_by", "current", "backup")
    serializer_class = ExemptionOut
    detail_class = ExemptionDetail
    filterset_class = ExemptionFilter

    def get_queryset(self) -> Any:
        rows = super().get_queryset().prefetch_related("instances", "renewals", "reviews__closed_by")
        if self.action == "list":
            return rows
        said = ("revisions__author", "revisions__decisions__decided_by", "revisions__decisions__on_behalf_of")
        return rows.prefetch_related(*said, "revisions__decisions__revision", "documents__added_by")

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """One exemption, with its evidence."""
        return super().retrieve(request, *args, **kwargs)

    @extend_schema(request=ExemptionIn, responses={201: ExemptionDetail}, examples=[EXAMPLE])
    def create(self, request: Request) -> Response:
        """Write an exemption down as a draft. It needs a document before it can be submitted."""
        wish = self.read(ExemptionIn)
        return self.answer(workflow.draft(by=request.user, **wish), status.HTTP_201_CREATED)

    @extend_schema(request=ExemptionRevisionIn, responses=ExemptionDetail, examples=[EXAMPLE])
    def update(self, request: Request, pk: int, *, partial: bool = False) -> Response:
        """Replace what is asked for by a new revision. Approvals of the earlier one no longer count."""
        with self.held() as row:
            body = ExemptionRevisionIn(
                data=request.data,
                partial=partial,
                context={**self.get_serializer_context(), "exemption": row},
            )
            body.is_valid(raise_exception=True)
            wish = {**as_it_is(row), **body.validated_data}
            wish.pop("application", None)
            row = workflow.revise(row, by=request.user, **wish)
        return self.answer(row)

    @extend_schema(request=ExemptionRevisionIn, responses=ExemptionDetail)
    def partial_update(self, request: Request, pk: int) -> Response:
        """Change some of what is asked for, as a new revision."""
        return self.update(request, pk, partial=True)

    @extend_schema(request=NothingIn, responses=ExemptionDetail)
    @action(detail=True, methods=["post"])
    def submit(self, request: Request, pk: int) -> Response:
        """Put it before the CISO."""
        return self.do(workflow.submit)

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

    @extend_schema(request=OfferIn, responses=ExemptionDetail)
    @action(detail=True, methods=["post"], scope=Scope.DECIDE, url_path="counter-offer")
    def counter_offer(self, request: Request, pk: int) -> Response:
        """Offer less: an earlier end, fewer instances or patches, a condition. The team accepts or declines."""
        return self.do(offers.counter_offer, OfferIn, signed_in_at=signed_in_at(request))

    @extend_schema(request=NothingIn, responses=ExemptionDetail)
    @action(detail=True, methods=["post"])
    def accept(self, request: Request, pk: int) -> Response:
        """Accept the counter-offer as it stands, for the team that asks; it carries the approval of who offered."""
        return self.do(offers.accept)

    @extend_schema(request=ReasonIn, responses=ExemptionDetail)
    @action(detail=True, methods=["post"])
    def decline(self, request: Request, pk: int) -> Response:
        """Decline the counter-offer, with a reason; then edit and submit it again."""
        return self.do(offers.decline, ReasonIn)

    @extend_schema(request=ManyIn, responses=ResultOut(many=True))
    @action(
        detail=False,
        methods=["post"],
        scope=Scope.DECIDE,
        url_path="approve-many",
        url_name="approve-many",
        filterset_class=None,
        pagination_class=None,
    )
    def approve_many(self, request: Request) -> Response:
        """Approve several of the same kind and of low risk, each on its own, with one reason."""
        body = self.read(ManyIn)
        choices = [bulk.Choice(one["id"], one["revision"], one["digest"]) for one in body["exemptions"]]
        results = bulk.approve_many(
            choices, by=request.user, reason=body["reason"], signed_in_at=signed_in_at(request)
        )
        return Response(ResultOut(results, many=True).data)

    @extend_schema(request=ReasonIn, responses=ExemptionDetail)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, pk: int) -> Response:
        """Take back what nobody has decided yet."""
        return self.do(workflow.withdraw, ReasonIn)

    @extend_schema(request=ReasonIn, responses=ExemptionDetail)
    @action(detail=True, methods=["post"])
    def revoke(self, request: Request, pk: int) -> Response:
        """End an approved one now, with a reason: its instances go back to their window or group."""
        return self.do(workflow.revoke, ReasonIn)

    @extend_schema(request=RenewalIn, responses={201: ExemptionDetail})
    @action(detail=True, methods=["post"])
    def renew(self, request: Request, pk: int) -> Response:
        """Write a draft that follows this one: shorter, no wider, decided higher up. Answers with the draft."""
        return self.do(renewing.renew, RenewalIn, status.HTTP_201_CREATED)

    @extend_schema(request=NarrowIn, responses=ExemptionDetail)
    @action(detail=True, methods=["post"])
    def narrow(self, request: Request, pk: int) -> Response:
        """Take back part of an approved one: fewer instances, fewer patches or an earlier end. Never more."""
        return self.do(narrowing.narrow, NarrowIn)

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
        if request.method == "POST":
            return self._attach()
        page = self.paginate_queryset(self.get_object().documents.select_related("added_by"))
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
        return serving.attachment(found, by=request.user)

    def _attach(self) -> Response:
        with self.held() as row:
            body = DocumentIn(data=self.request.data)
            body.is_valid(raise_exception=True)
            document = workflow.attach(row, body.validated_data["document"], by=self.request.user)
        return Response(DocumentOut(document).data, status=status.HTTP_201_CREATED)


def _said(exemption: Exemption) -> Mapping[str, Any]:
    assert exemption.current is not None
    return asked.content_of(exemption.current)
