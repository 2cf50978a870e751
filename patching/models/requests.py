"""What somebody wants changed, every version of it, and the word of everyone who decided."""

from typing import Any, ClassVar, Self

from django.db import models
from django.db.models import F, Q

from patching.models.visibility import VisibleQuerySet
from portal.governance.models import AbstractComment, AbstractDecision, AbstractRevision, Outcome


class RequestQuerySet(VisibleQuerySet):
    team_path = "team"

    def open(self) -> Self:
        return self.filter(state__in=ChangeRequest.OPEN)


class ChangeRequest(models.Model):
    """What someone wants changed, and how far it has come."""

    class State(models.TextChoices):
        DRAFT = "draft", "Draft"
        SUBMITTED = "submitted", "Submitted"
        CHANGES_REQUESTED = "changes_requested", "Changes requested"
        APPROVED = "approved", "Approved"
        PUSHING = "pushing", "Pushing"
        APPLIED = "applied", "Applied"
        PARTIALLY_APPLIED = "partially_applied", "Partially applied"
        FAILED = "failed", "Failed"
        REJECTED = "rejected", "Rejected"
        WITHDRAWN = "withdrawn", "Withdrawn"
        STALE = "stale", "Stale"
        SUPERSEDED = "superseded", "Superseded"

    TRANSITIONS: ClassVar[dict[str, set[str]]] = {
        State.DRAFT: {State.SUBMITTED, State.WITHDRAWN},
        State.SUBMITTED: {
            State.CHANGES_REQUESTED,
            State.APPROVED,
            State.REJECTED,
            State.WITHDRAWN,
            State.STALE,
            State.SUPERSEDED,
        },
        State.CHANGES_REQUESTED: {State.SUBMITTED, State.WITHDRAWN},
        State.APPROVED: {State.PUSHING, State.WITHDRAWN, State.STALE, State.SUPERSEDED},
        State.PUSHING: {State.APPLIED, State.PARTIALLY_APPLIED, State.FAILED},
        State.FAILED: {State.PUSHING},
        State.PARTIALLY_APPLIED: {State.PUSHING},
        State.APPLIED: set(),
        State.REJECTED: set(),
        State.WITHDRAWN: set(),
        State.STALE: set(),
        State.SUPERSEDED: set(),
    }
    OPEN = (State.DRAFT, State.SUBMITTED, State.CHANGES_REQUESTED)
    UNDER_WAY = (State.APPROVED, State.PUSHING, State.FAILED, State.PARTIALLY_APPLIED)

    title = models.CharField(max_length=120)
    reason = models.TextField(max_length=4000)
    team = models.ForeignKey("governance.Team", on_delete=models.PROTECT, related_name="change_requests")
    requested_by = models.ForeignKey(
        "governance.User", on_delete=models.PROTECT, related_name="change_requests"
    )
    state = models.CharField(max_length=20, choices=State, default=State.DRAFT)
    current = models.ForeignKey("patching.Revision", null=True, on_delete=models.PROTECT, related_name="+")
    # slots that must approve the current revision; see permissions.slots_needed
    needs = models.JSONField(default=list)
    # what the deciders saw: values of touched resources and matched instances; see sealing.seal_of
    seal = models.JSONField(null=True)
    # the rows as they were before approval, until the first push has ended; see effects.undo
    before = models.JSONField(null=True)
    outcome_note = models.TextField(blank=True)
    created_at = models.DateTimeField()
    submitted_at = models.DateTimeField(null=True)
    lapses_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)

    objects = RequestQuerySet.as_manager()

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
                        "pushing",
                        "applied",
                        "partially_applied",
                        "failed",
                        "rejected",
                        "withdrawn",
                        "stale",
                        "superseded",
                    ]
                ),
                name="change_request_state_is_known",
            ),
        ]
        indexes = [
            # the inbox and every list filtered by state
            models.Index(fields=["state", "-id"], name="requests_by_state"),
        ]

    def __str__(self) -> str:
        return f"CR-{self.pk} {self.title}"

    @property
    def number(self) -> str:
        return f"CR-{self.pk}"

    @property
    def address(self) -> str:
        """Where its page is found."""
        return f"/requests/{self.pk}/"


class Revision(AbstractRevision):
    """One version of a request. ``content`` is the canonical JSON of ``{"title", "reason", "items"}``."""

    request = models.ForeignKey(ChangeRequest, on_delete=models.PROTECT, related_name="revisions")

    class Meta(AbstractRevision.Meta):
        constraints = [
            models.UniqueConstraint(fields=["request", "number"], name="one_revision_per_number"),
        ]

    def __str__(self) -> str:
        return f"CR-{self.request_id} revision {self.number}"


class Comment(AbstractComment):
    """What somebody said about a change request."""

    request = models.ForeignKey(ChangeRequest, on_delete=models.PROTECT, related_name="comments")

    class Meta(AbstractComment.Meta):
        constraints = AbstractComment.constraints("request_comment")

    def __str__(self) -> str:
        return f"{self.author} on CR-{self.request_id}"


class DecisionQuerySet(models.QuerySet["Decision"]):
    def approvals(self, revision: Revision) -> Self:
        return self.filter(revision=revision, outcome=Outcome.APPROVE)


class Decision(AbstractDecision):
    """One person's word on one revision of a change request."""

    revision = models.ForeignKey(Revision, on_delete=models.PROTECT, related_name="decisions")

    objects: Any = DecisionQuerySet.as_manager()

    class Meta(AbstractDecision.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["revision", "decided_by"], name="one_decision_per_person_and_revision"
            ),
            models.UniqueConstraint(
                fields=["revision", "slot"],
                condition=Q(outcome="approve"),
                name="one_approval_per_slot_and_revision",
            ),
            models.UniqueConstraint(
                fields=["revision"], condition=Q(closes=True), name="one_closing_decision_per_revision"
            ),
            models.CheckConstraint(
                condition=~Q(decided_by=F("requested_by")), name="nobody_decides_on_their_own_request"
            ),
            models.CheckConstraint(
                condition=Q(on_behalf_of=None) | ~Q(on_behalf_of=F("requested_by")),
                name="no_delegate_decides_for_the_requester",
            ),
            models.CheckConstraint(
                condition=Q(outcome="approve") | ~Q(reason=""), name="a_refusal_has_a_reason"
            ),
            models.CheckConstraint(
                condition=Q(outcome__in=["approve", "reject", "request_changes"]),
                name="decision_outcome_is_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.decided_by}: {self.get_outcome_display()} {self.revision}"
