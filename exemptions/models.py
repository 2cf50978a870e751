"""What may stay unpatched, why, until when, and by whose word."""

import uuid
from datetime import datetime, timedelta
from typing import Any, ClassVar, Self

from django.db import models
from django.db.models import Case, F, Q, Value, When

from patching.models.visibility import VisibleQuerySet
from portal.governance.models import AbstractDecision, AbstractRevision

EXPIRING_WITHIN = timedelta(days=14)


class ExemptionQuerySet(VisibleQuerySet):
    team_path = "team"

    def open(self) -> Self:
        return self.filter(state__in=Exemption.OPEN)

    def with_effective_state(self, at: datetime) -> Self:
        """Each row with ``effective_state``: what ``Exemption.state_at`` says of it, for filters and lists."""
        approved = Q(state=Exemption.State.APPROVED)
        return self.annotate(
            effective_state=Case(
                When(state=Exemption.State.SUBMITTED, lapses_at__lte=at, then=Value("lapsed")),
                When(approved & Q(ends_at__lte=at), then=Value("expired")),
                When(approved & Q(ends_at__lte=at + EXPIRING_WITHIN), then=Value("expiring")),
                When(approved, then=Value("active")),
                default=F("state"),
                output_field=models.CharField(),
            )
        )

    def holding(self, at: datetime) -> Self:
        """Approved and not at its end: its instances may stay out of their window."""
        return self.filter(state=Exemption.State.APPROVED, ends_at__gt=at)


class Exemption(models.Model):
    """Instances that may stay out of their window until a moment, with the reason and who answers for it.

    Active, expiring, expired and lapsed are computed from dates (see ``state_at``), never stored.
    """

    class State(models.TextChoices):
        DRAFT = "draft", "Draft"
        SUBMITTED = "submitted", "Submitted"
        CHANGES_REQUESTED = "changes_requested", "Changes requested"
        APPROVED = "approved", "Approved"
        REJECTED = "rejected", "Rejected"
        WITHDRAWN = "withdrawn", "Withdrawn"
        REVOKED = "revoked", "Revoked"
        RESTORED = "restored", "Restored"

    TRANSITIONS: ClassVar[dict[str, set[str]]] = {
        State.DRAFT: {State.SUBMITTED, State.WITHDRAWN},
        State.SUBMITTED: {State.CHANGES_REQUESTED, State.APPROVED, State.REJECTED, State.WITHDRAWN},
        State.CHANGES_REQUESTED: {State.SUBMITTED, State.WITHDRAWN},
        State.APPROVED: {State.REVOKED, State.RESTORED},
        State.REVOKED: {State.RESTORED},
        State.REJECTED: set(),
        State.WITHDRAWN: set(),
        State.RESTORED: set(),
    }
    OPEN = (State.DRAFT, State.SUBMITTED, State.CHANGES_REQUESTED)
    # every state that people meet: the stored ones, approved as the dates have it
    EFFECTIVE: ClassVar[dict[str, str]] = {
        "draft": "Draft",
        "submitted": "Submitted",
        "changes_requested": "Changes requested",
        "active": "Active",
        "expiring": "Ends soon",
        "expired": "Expired, not yet restored",
        "lapsed": "Lapsed undecided",
        "rejected": "Rejected",
        "withdrawn": "Withdrawn",
        "revoked": "Revoked, not yet restored",
        "restored": "Restored",
    }

    class Kind(models.TextChoices):
        NODE_DEFERRAL = "node_deferral", "Leave instances out of their window"

    kind = models.CharField(max_length=20, choices=Kind, default=Kind.NODE_DEFERRAL)
    title = models.CharField(max_length=120)
    team = models.ForeignKey("governance.Team", on_delete=models.PROTECT, related_name="exemptions")
    application = models.ForeignKey(
        "patching.Application", on_delete=models.PROTECT, related_name="exemptions"
    )
    requested_by = models.ForeignKey("governance.User", on_delete=models.PROTECT, related_name="exemptions")
    state = models.CharField(max_length=20, choices=State, default=State.DRAFT)
    current = models.ForeignKey("exemptions.Revision", null=True, on_delete=models.PROTECT, related_name="+")
    needs = models.JSONField(default=list)  # slots that must approve the current revision
    instances: Any = models.ManyToManyField("patching.ManagedInstance", related_name="exemptions")
    ends_at = models.DateTimeField()
    created_at = models.DateTimeField()
    submitted_at = models.DateTimeField(null=True)
    lapses_at = models.DateTimeField(null=True)
    approved_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    restored_at = models.DateTimeField(null=True)
    restored_proof = models.JSONField(null=True)  # what was read back from AWS, and when

    objects = ExemptionQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    state__in=[
                        "draft",
                        "submitted",
                        "changes_requested",
                        "approved",
                        "rejected",
                        "withdrawn",
                        "revoked",
                        "restored",
                    ]
                ),
                name="exemption_state_is_known",
            ),
            models.CheckConstraint(
                condition=~Q(state="restored") | Q(restored_at__isnull=False), name="restored_needs_proof"
            ),
        ]

    def __str__(self) -> str:
        return f"EX-{self.pk} {self.title}"

    @property
    def number(self) -> str:
        return f"EX-{self.pk}"

    def state_at(self, moment: datetime) -> str:
        """The stored state, or what the dates make of it: lapsed, active, expiring, expired."""
        if self.state == self.State.SUBMITTED and self.lapses_at and self.lapses_at <= moment:
            return "lapsed"
        if self.state != self.State.APPROVED:
            return self.state
        if self.ends_at <= moment:
            return "expired"
        return "expiring" if self.ends_at <= moment + EXPIRING_WITHIN else "active"


class Revision(AbstractRevision):
    """One version of an exemption. ``content`` is canonical JSON, its documents' digests included."""

    exemption = models.ForeignKey(Exemption, on_delete=models.PROTECT, related_name="revisions")

    class Meta(AbstractRevision.Meta):
        constraints = [
            models.UniqueConstraint(fields=["exemption", "number"], name="one_exemption_revision_per_number"),
        ]

    def __str__(self) -> str:
        return f"EX-{self.exemption_id} revision {self.number}"


class Decision(AbstractDecision):
    """One person's word on one revision of an exemption."""

    revision = models.ForeignKey(Revision, on_delete=models.PROTECT, related_name="decisions")

    class Meta(AbstractDecision.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["revision", "decided_by"], name="one_exemption_decision_per_person"
            ),
            models.UniqueConstraint(
                fields=["revision", "slot"],
                condition=Q(outcome="approve"),
                name="one_exemption_approval_per_slot",
            ),
            models.UniqueConstraint(
                fields=["revision"],
                condition=Q(closes=True),
                name="one_closing_decision_per_exemption_revision",
            ),
            models.CheckConstraint(
                condition=~Q(decided_by=F("requested_by")), name="nobody_decides_on_their_own_exemption"
            ),
            models.CheckConstraint(
                condition=Q(on_behalf_of=None) | ~Q(on_behalf_of=F("requested_by")),
                name="no_delegate_decides_an_exemption_for_who_asked",
            ),
            models.CheckConstraint(
                condition=Q(outcome="approve") | ~Q(reason=""), name="an_exemption_refusal_has_a_reason"
            ),
            models.CheckConstraint(
                condition=Q(outcome__in=["approve", "reject", "request_changes"]),
                name="exemption_outcome_is_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.decided_by}: {self.get_outcome_display()} {self.revision}"


def document_path(document: "Document", filename: str) -> str:
    """A name of our own making: what people call a file never becomes a path."""
    return f"exemptions/{uuid.uuid4().hex}"


class Document(models.Model):
    """Evidence attached to an exemption: stored privately, hashed, served only as an attachment."""

    exemption = models.ForeignKey(Exemption, on_delete=models.PROTECT, related_name="documents")
    name = models.CharField(max_length=200)
    content_type = models.CharField(max_length=100)
    size = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    file = models.FileField(upload_to=document_path)
    added_by = models.ForeignKey("governance.User", on_delete=models.PROTECT, related_name="+")
    added_at = models.DateTimeField()

    class Meta:
        ordering = ["added_at", "pk"]

    def __str__(self) -> str:
        return self.name
