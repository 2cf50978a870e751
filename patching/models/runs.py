"""What was done in AWS and what we own there: runs, operations, resources, tombstones."""

import uuid
from typing import ClassVar, Self

from django.db import models
from django.db.models import Q

from patching.models.visibility import VisibleQuerySet
from portal.governance.models import User


class RunQuerySet(VisibleQuerySet):
    """A team sees the runs of account-regions in which it has an application."""

    team_path = "account_region__selectors__application__team"

    def visible_to(self, user: User) -> Self:
        return super().visible_to(user).distinct()


class PushRun(models.Model):
    """One pass over one account-region: what was planned, what was done, how it ended."""

    class State(models.TextChoices):
        RUNNING = "running", "Running"
        SUCCEEDED = "succeeded", "Succeeded"
        PARTIAL = "partial", "Partly done"
        FAILED = "failed", "Failed"
        REFUSED = "refused", "Refused itself"
        ABANDONED = "abandoned", "Worker lost"

    TRANSITIONS: ClassVar[dict[str, set[str]]] = {
        State.RUNNING: {State.SUCCEEDED, State.PARTIAL, State.FAILED, State.REFUSED, State.ABANDONED},
        State.SUCCEEDED: set(),
        State.PARTIAL: set(),
        State.FAILED: set(),
        State.REFUSED: set(),
        State.ABANDONED: set(),
    }

    account_region = models.ForeignKey(
        "patching.AccountRegion", on_delete=models.PROTECT, related_name="push_runs"
    )
    state = models.CharField(max_length=12, choices=State, default=State.RUNNING)
    trigger = models.CharField(max_length=60)  # "approval of CR-7", "tick", "operator", …
    generation = models.PositiveBigIntegerField()
    fence = models.PositiveBigIntegerField()
    plan = models.JSONField(
        default=list
    )  # [{"action", "kind", "key", "label", "changes": [{"field", "live", "desired"}]}]
    plan_digest = models.CharField(max_length=64, blank=True)
    writes = models.PositiveIntegerField(default=0)
    reads = models.PositiveIntegerField(default=0, db_default=0)
    error_code = models.CharField(max_length=80, blank=True)
    error = models.TextField(blank=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    objects = RunQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["account_region"],
                condition=Q(state="running"),
                name="one_open_push_per_account_region",
            ),
        ]

    def __str__(self) -> str:
        return f"Push {self.pk} of {self.account_region}"


class ResourceState(models.Model):
    """Something of ours in one account-region: its AWS id, what we last wrote, what we last saw."""

    class Condition(models.TextChoices):
        PENDING = "pending", "Not created yet"
        IN_SYNC = "in_sync", "In sync"
        OUT_OF_SYNC = "out_of_sync", "Waits for a push"
        DRIFTED = "drifted", "Changed outside Patchwarden"
        MISSING = "missing", "Gone from AWS"
        FAILED = "failed", "Last write failed"
        PARKED = "parked", "Parked"
        REMOVED = "removed", "Removed"

    account_region = models.ForeignKey(
        "patching.AccountRegion", on_delete=models.PROTECT, related_name="resources"
    )
    kind = models.CharField(max_length=20)
    key = models.CharField(max_length=200)
    label = models.CharField(max_length=300)
    uid = models.CharField(max_length=64)
    incarnation = models.PositiveIntegerField(default=1)
    aws_id = models.CharField(max_length=300, blank=True)
    applied = models.JSONField(null=True)  # the spec we last wrote, as plain values
    applied_digest = models.CharField(max_length=64, blank=True)
    observed_digest = models.CharField(max_length=64, blank=True)
    # the value found before we first wrote; given back when we leave (instance tags)
    earlier = models.JSONField(null=True)
    sources = models.JSONField(default=list)  # [{"kind", "id", "digest"}]
    condition = models.CharField(max_length=12, choices=Condition, default=Condition.PENDING)
    condition_text = models.TextField(blank=True)
    # why it is not in sync, for programs: "quota", "ownership_lost", "drift", AWS's own code, …
    reason_code = models.CharField(max_length=80, blank=True, default="", db_default="")
    missing_since = models.DateTimeField(null=True)  # real time: when AWS first no longer showed it
    # the digest of a change made outside that a person allowed us to overwrite
    restore_digest = models.CharField(max_length=64, blank=True, default="", db_default="")
    failures = models.PositiveIntegerField(default=0)
    retry_at = models.DateTimeField(null=True)
    changed_at = models.DateTimeField()

    class Meta:
        ordering = ["kind", "label"]
        constraints = [
            models.UniqueConstraint(fields=["account_region", "kind", "key"], name="one_state_per_resource"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.label}"


class Drift(models.Model):
    """One change that somebody made in AWS behind our back to something of ours, and what became of it."""

    class Outcome(models.TextChoices):
        OPEN = "open", "Open"
        RESTORED = "restored", "Restored"
        ADOPTED = "adopted", "Adopted by request"
        PASSED = "passed", "Went away by itself"

    TRANSITIONS: ClassVar[dict[str, set[str]]] = {
        Outcome.OPEN: {Outcome.RESTORED, Outcome.ADOPTED, Outcome.PASSED},
        Outcome.RESTORED: set(),
        Outcome.ADOPTED: set(),
        Outcome.PASSED: set(),
    }

    resource = models.ForeignKey(ResourceState, on_delete=models.PROTECT, related_name="drifts")
    state = models.CharField(max_length=10, choices=Outcome, default=Outcome.OPEN)
    changes = models.JSONField(default=list)  # [{"field", "live", "desired"}]; empty when it is gone
    live = models.JSONField(null=True)  # the spec as AWS shows it, as plain values; null when it is gone
    live_digest = models.CharField(max_length=64, blank=True)
    found_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    paused = models.BooleanField(default=False)  # restored too often in an hour; a person has to decide

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["resource"], condition=Q(state="open"), name="one_open_drift_per_resource"
            ),
        ]

    def __str__(self) -> str:
        return f"Drift of {self.resource}"

    @property
    def is_being_restored(self) -> bool:
        """Whether the next push is to overwrite exactly this."""
        return bool(self.resource.restore_digest) and self.resource.restore_digest == self.live_digest


class Unmanaged(models.Model):
    """A baseline, window or patching association in an account-region that is not ours. We never touch it."""

    account_region = models.ForeignKey(
        "patching.AccountRegion", on_delete=models.CASCADE, related_name="unmanaged"
    )
    kind = models.CharField(max_length=20)  # baseline, window, association
    aws_id = models.CharField(max_length=300)
    name = models.CharField(max_length=256)
    content = models.JSONField(
        default=dict
    )  # AWS's own words: the reply, and for a window its targets and tasks
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    gone_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["kind", "name"]
        constraints = [
            models.UniqueConstraint(
                fields=["account_region", "kind", "aws_id"], name="one_row_per_unmanaged_resource"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.name} ({self.aws_id})"


class Operation(models.Model):
    """One AWS write: the frozen request with our own token, committed before it is sent."""

    class State(models.TextChoices):
        INTENT = "intent", "Sent or about to be"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        ABANDONED = "abandoned", "Given up"

    TRANSITIONS: ClassVar[dict[str, set[str]]] = {
        State.INTENT: {State.DONE, State.FAILED, State.ABANDONED},
        State.DONE: set(),
        State.FAILED: set(),
        State.ABANDONED: set(),
    }

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    resource = models.ForeignKey(ResourceState, on_delete=models.PROTECT, related_name="operations")
    run = models.ForeignKey(PushRun, on_delete=models.PROTECT, related_name="operations")
    action = models.CharField(max_length=10)  # create, update, delete, enable, disable
    call = models.CharField(max_length=80)  # the AWS operation, e.g. "ssm:CreateMaintenanceWindow"
    request = models.JSONField()
    incarnation = models.PositiveIntegerField()
    state = models.CharField(max_length=10, choices=State, default=State.INTENT)
    attempts = models.PositiveIntegerField(default=1)
    intent_at = models.DateTimeField()  # real time: settle waits are reckoned from it
    at = models.DateTimeField()  # the portal's clock, for people
    resolved_at = models.DateTimeField(null=True)
    alarmed_at = models.DateTimeField(null=True)  # when operators heard that it left a window closed too long
    aws_id = models.CharField(max_length=300, blank=True)
    error_code = models.CharField(max_length=80, blank=True)
    error = models.TextField(blank=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["resource"], condition=Q(state="intent"), name="one_open_operation_per_resource"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.call} for {self.resource}"


class Tombstone(models.Model):
    """Leave to delete one resource, and the decided revision or ended waiver that gave it."""

    account_region = models.ForeignKey(
        "patching.AccountRegion", on_delete=models.PROTECT, related_name="tombstones"
    )
    kind = models.CharField(max_length=20)
    key = models.CharField(max_length=200)
    source = models.JSONField()  # {"kind", "id", "digest"}
    created_at = models.DateTimeField()
    buried_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account_region", "kind", "key"],
                condition=Q(buried_at=None),
                name="one_open_tombstone_per_resource",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"


class Adoption(models.Model):
    """Leave to mark one thing that somebody else made in AWS as ours, as long as it is as it was approved."""

    account_region = models.ForeignKey(
        "patching.AccountRegion", on_delete=models.PROTECT, related_name="adoptions"
    )
    kind = models.CharField(max_length=20)
    key = models.CharField(max_length=200)  # of the resource that it becomes
    aws_id = models.CharField(max_length=300)
    content_digest = models.CharField(max_length=64)
    revision = models.ForeignKey("patching.Revision", on_delete=models.PROTECT, related_name="adoptions")
    created_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True)  # when it was read back with our mark

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account_region", "kind", "aws_id"],
                condition=Q(done_at=None),
                name="one_open_adoption_per_aws_id",
            ),
            models.UniqueConstraint(
                fields=["account_region", "kind", "key"], name="one_adoption_per_resource"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.aws_id}"


class PullRun(models.Model):
    """One reading of one account-region's inventory and compliance."""

    account_region = models.ForeignKey(
        "patching.AccountRegion", on_delete=models.CASCADE, related_name="pull_runs"
    )
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    instances = models.PositiveIntegerField(default=0)
    new_scans = models.PositiveIntegerField(default=0)
    error_code = models.CharField(max_length=80, blank=True)
    error = models.TextField(blank=True)

    objects = RunQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"Pull {self.pk} of {self.account_region}"
