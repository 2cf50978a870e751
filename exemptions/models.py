"""What may stay unpatched, why, until when, and by whose word; what was said of it and what has changed since."""

import uuid
from datetime import datetime, timedelta
from typing import Any, ClassVar, Self

from django.db import models
from django.db.models import Case, F, Q, Value, When

from patching.models.visibility import VisibleQuerySet
from portal.governance.models import AbstractComment, AbstractDecision, AbstractRevision

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
        PATCH_EXCLUSION = "patch_exclusion", "Leave named patches off instances"

    class Exposure(models.TextChoices):
        INTERNET = "internet", "Reachable from the internet"
        PARTNER = "partner", "Reachable by partners"
        INTERNAL = "internal", "Reachable inside the organisation"
        ISOLATED = "isolated", "Isolated"

    class DataClass(models.TextChoices):
        PUBLIC = "public", "Public data"
        INTERNAL = "internal", "Internal data"
        CONFIDENTIAL = "confidential", "Confidential data"
        RESTRICTED = "restricted", "Restricted data (cards, health, secrets)"

    class RootCause(models.TextChoices):
        BREAKS = "breaks", "The patch breaks what runs there"
        VENDOR = "vendor", "The vendor does not support it yet"
        UNTESTED = "untested", "It could not be tested in time"
        DOWNTIME = "downtime", "It cannot be interrupted before then"
        REPLACED = "replaced", "The system is being replaced"
        OTHER = "other", "Something else"

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
    patches = models.JSONField(
        default=list, db_default=[]
    )  # of a patch exclusion: KBs or package names, sorted
    root_cause = models.CharField(max_length=20, choices=RootCause, blank=True, default="", db_default="")
    exposure = models.CharField(max_length=20, choices=Exposure, blank=True, default="", db_default="")
    data_class = models.CharField(max_length=20, choices=DataClass, blank=True, default="", db_default="")
    backup = models.ForeignKey(
        "governance.User", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )  # who is reminded beside who asked
    renews = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="renewals"
    )
    renewal = models.PositiveSmallIntegerField(
        default=0, db_default=0
    )  # 0 for a first exemption, 1 for its first renewal
    ends_at = models.DateTimeField()
    created_at = models.DateTimeField()
    submitted_at = models.DateTimeField(null=True)
    lapses_at = models.DateTimeField(null=True)
    approved_at = models.DateTimeField(null=True)
    approved_facts = models.JSONField(default=dict, db_default={})  # what was true then, for reviews
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
            models.CheckConstraint(
                condition=Q(kind="node_deferral", patches=[]) | (Q(kind="patch_exclusion") & ~Q(patches=[])),
                name="an_exemption_names_patches_if_it_excludes_some",
            ),
            models.CheckConstraint(
                condition=Q(renews=None, renewal=0) | Q(renews__isnull=False, renewal__gt=0),
                name="a_renewal_names_what_it_renews",
            ),
            # a renewal that came to nothing makes room for another
            models.UniqueConstraint(
                fields=["renews"],
                condition=~Q(state__in=["withdrawn", "rejected"]),
                name="one_renewal_at_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"EX-{self.pk} {self.title}"

    @property
    def number(self) -> str:
        return f"EX-{self.pk}"

    @property
    def address(self) -> str:
        """Where its page is found."""
        return f"/exemptions/{self.pk}/"

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


class Offer(models.Model):
    """A decider's yes to less: shorter, narrower, or on a condition. It takes effect when the team accepts it.

    ``content`` is the canonical JSON that a revision would have, so that the accepted revision has this digest.
    """

    revision = models.OneToOneField(Revision, on_delete=models.PROTECT, related_name="offer")
    slot = models.CharField(max_length=30)
    content = models.TextField()
    digest = models.CharField(max_length=64)
    condition = models.CharField(max_length=500, blank=True)
    reason = models.TextField()
    offered_by = models.ForeignKey("governance.User", on_delete=models.PROTECT, related_name="+")
    on_behalf_of = models.ForeignKey("governance.User", null=True, on_delete=models.PROTECT, related_name="+")
    signed_in_at = models.DateTimeField(null=True)
    offered_at = models.DateTimeField()
    lapses_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True)
    answered_by = models.ForeignKey("governance.User", null=True, on_delete=models.PROTECT, related_name="+")
    accepted = models.ForeignKey(Revision, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["-offered_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(answered_at=None, answered_by=None, accepted=None)
                | Q(answered_at__isnull=False, answered_by__isnull=False),
                name="an_answered_offer_says_by_whom",
            ),
            models.CheckConstraint(
                condition=Q(answered_by=None) | ~Q(answered_by=F("offered_by")),
                name="nobody_answers_their_own_offer",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.offered_by}'s offer on {self.revision}"


class Comment(AbstractComment):
    """What somebody said about an exemption."""

    exemption = models.ForeignKey(Exemption, on_delete=models.PROTECT, related_name="comments")

    class Meta(AbstractComment.Meta):
        constraints = AbstractComment.constraints("exemption_comment")

    def __str__(self) -> str:
        return f"{self.author} on EX-{self.exemption_id}"


class Review(models.Model):
    """Something under an exemption in force has changed: somebody says whether it may go on."""

    class Cause(models.TextChoices):
        OWNER = "owner", "An instance changed its application"
        ENVIRONMENT = "environment", "An instance changed its environment"
        EXPOSURE = "exposure", "An instance's exposure changed"
        LEFT = "left", "Who answers for it has left"
        GROUP = "group", "A patch group changed"
        WINDOW = "window", "A maintenance window changed"
        EVIDENCE = "evidence", "Evidence of a compensating control has lapsed"
        CATALOGUE = "catalogue", "The patch catalogue changed"

    class Outcome(models.TextChoices):
        KEPT = "kept", "It may go on"
        ENDED = "ended", "It was ended"

    exemption = models.ForeignKey(Exemption, on_delete=models.PROTECT, related_name="reviews")
    cause = models.CharField(max_length=20, choices=Cause)
    key = models.CharField(max_length=200)  # the same change is raised once
    text = models.TextField()
    raised_at = models.DateTimeField()
    due_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    closed_by = models.ForeignKey("governance.User", null=True, on_delete=models.PROTECT, related_name="+")
    outcome = models.CharField(max_length=10, choices=Outcome, blank=True)
    reason = models.TextField(blank=True)

    class Meta:
        ordering = ["raised_at", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["exemption", "cause", "key"], name="one_review_per_change"),
            models.CheckConstraint(
                condition=Q(closed_at=None, outcome="") | (Q(closed_at__isnull=False) & ~Q(outcome="")),
                name="a_closed_review_has_an_outcome",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_cause_display()}: {self.exemption}"

    @property
    def address(self) -> str:
        """The page on which it is closed."""
        return self.exemption.address


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


class Mirrored(models.Model):
    """What was last written about exemptions in another place: one row for each node and kind, or day's register.

    An empty ``digest`` says that a write was begun and nobody knows how it ended.
    """

    class Kind(models.TextChoices):
        SECURITY_HUB = "security_hub", "Security Hub"
        COMPLIANCE_ITEMS = "compliance_items", "Compliance items"
        REGISTER = "register", "Signed register"

    kind = models.CharField(max_length=20, choices=Kind)
    account_region = models.ForeignKey(
        "patching.AccountRegion", null=True, on_delete=models.CASCADE, related_name="+"
    )  # none of the register, which is one for all
    key = models.CharField(max_length=500)  # the instance's id; of the register where it lies
    exemptions = models.JSONField(default=list)  # numbers, such as "EX-12"
    findings = models.PositiveIntegerField(default=0)  # of Security Hub, suppressed for them
    digest = models.CharField(max_length=64, blank=True)
    error = models.TextField(blank=True)
    changed_at = models.DateTimeField()

    class Meta:
        ordering = ["kind", "key"]
        constraints = [
            models.UniqueConstraint(fields=["account_region", "kind", "key"], name="one_mirror_per_node"),
            models.UniqueConstraint(
                fields=["kind", "key"], condition=Q(account_region=None), name="one_mirror_per_register"
            ),
            models.CheckConstraint(
                condition=Q(kind="register", account_region=None)
                | (~Q(kind="register") & Q(account_region__isnull=False)),
                name="only_the_register_is_mirrored_outside_an_account",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.key}"
