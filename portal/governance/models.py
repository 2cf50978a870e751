"""People, teams and roles; the audit chain; the outbox; and the shapes that every approval shares."""

from typing import Any

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import F, Q
from knox.models import AbstractAuthToken, AuthTokenManager


class User(AbstractUser):
    """A person who signs in. What they may do comes from memberships and role grants, never from flags."""

    class Meta(AbstractUser.Meta):
        pass

    def __str__(self) -> str:
        return self.get_full_name() or self.username

    @property
    def initials(self) -> str:
        return "".join(part[0] for part in str(self).split()[:2]).upper()


class Team(models.Model):
    """People who own applications together."""

    slug = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=80)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """Somebody belongs to a team, perhaps as its lead."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    is_lead = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["team", "user"], name="one_membership_per_person_and_team")
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.team}"


class Role(models.TextChoices):
    SECURITY_OPERATIONS = "security_operations", "Security operations"
    CISO = "ciso", "CISO"
    AUDITOR = "auditor", "Governance and audit"
    OPERATOR = "operator", "Operator"
    ADMINISTRATOR = "administrator", "Administrator"


class RoleGrant(models.Model):
    """A role that somebody holds for a time, and who gave it."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="role_grants")
    role = models.CharField(max_length=30, choices=Role)
    granted_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(role__in=Role.values), name="role_is_known"),
            models.CheckConstraint(
                condition=Q(ends_at=None) | Q(ends_at__gt=F("starts_at")),
                name="role_grant_ends_after_it_starts",
            ),
            models.CheckConstraint(
                condition=~Q(granted_by=F("user")), name="nobody_grants_themselves_a_role"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.get_role_display()}"


class Delegation(models.Model):
    """A CISO lets somebody decide in their place between two moments."""

    giver = models.ForeignKey(User, on_delete=models.CASCADE, related_name="delegations_given")
    delegate = models.ForeignKey(User, on_delete=models.CASCADE, related_name="delegations_held")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")), name="delegation_ends_after_it_starts"
            ),
            models.CheckConstraint(condition=~Q(giver=F("delegate")), name="nobody_delegates_to_themselves"),
        ]

    def __str__(self) -> str:
        return f"{self.delegate} for {self.giver}"


class ClockShift(models.Model):
    """How far a demo's clock stands from real time, in seconds; at most one row."""

    seconds = models.FloatField(default=0)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(pk=1), name="one_clock_shift")]

    def __str__(self) -> str:
        return f"{self.seconds} s"


class AuditHead(models.Model):
    """The end of the audit chain; its row lock puts writers in line."""

    seq = models.BigIntegerField(default=0)
    hash = models.CharField(max_length=64, default="")

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(pk=1), name="one_audit_head")]

    def __str__(self) -> str:
        return f"#{self.seq}"


class AuditEntry(models.Model):
    """One thing that happened. Never changed, never deleted; each entry seals the one before."""

    seq = models.BigIntegerField(unique=True)
    at = models.DateTimeField()
    real_at = models.DateTimeField()
    actor = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    actor_name = models.CharField(max_length=150)
    action = models.CharField(max_length=80)
    object_type = models.CharField(max_length=60)
    object_id = models.CharField(max_length=60)
    object_label = models.CharField(max_length=200)
    team = models.ForeignKey(Team, null=True, on_delete=models.PROTECT, related_name="+")
    reason = models.TextField(blank=True)
    detail = models.JSONField(default=dict)
    prev_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    class Meta:
        ordering = ["-seq"]
        indexes = [
            # the timeline of one object
            models.Index(fields=["object_type", "object_id", "seq"], name="audit_by_object"),
        ]

    def __str__(self) -> str:
        return f"#{self.seq} {self.action}"


class OutboxMessage(models.Model):
    """A mail that was promised in the same transaction as what it tells of."""

    key = models.CharField(max_length=200, unique=True)
    recipient = models.ForeignKey(User, on_delete=models.PROTECT, related_name="mail")
    event = models.CharField(max_length=80)
    subject = models.CharField(max_length=200)
    body = models.TextField()
    url = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField()
    due_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True)

    class Meta:
        ordering = ["-created_at", "-pk"]
        indexes = [
            # what the delivery task asks for
            models.Index(fields=["due_at"], condition=Q(sent_at=None), name="mail_not_sent"),
        ]

    def __str__(self) -> str:
        return self.subject


class Heartbeat(models.Model):
    """When a loop that must not fall silent was last seen, in real time."""

    name = models.CharField(max_length=60, unique=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name


class ApiToken(AbstractAuthToken):
    """A bearer token, kept as a hash; what it may do is its scopes and never more than its owner."""

    class Scope(models.TextChoices):
        READ = "read", "Read what the owner may see"
        REQUEST = "request", "Ask: create, submit, withdraw"
        DECIDE = "decide", "Decide: approve, reject, ask for changes"
        OPERATE = "operate", "Operate: push, pull, retry"

    name = models.CharField(max_length=80)
    scopes = models.JSONField(default=list)
    last_used_at = models.DateTimeField(null=True)

    objects = AuthTokenManager()

    class Meta:
        ordering = ["-created"]

    def __str__(self) -> str:
        return f"{self.name} ({self.token_key}…)"


class IdempotencyKey(models.Model):
    """A key that somebody sent with a call of the API: claimed before the call ran, answered with what it did."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    method = models.CharField(max_length=10)
    path = models.TextField()
    body_digest = models.CharField(max_length=64)
    claimed_at = models.DateTimeField(db_index=True)  # real time; pruned by it
    answered_at = models.DateTimeField(null=True)
    status = models.PositiveSmallIntegerField(null=True)
    headers = models.JSONField(default=dict)
    answer = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "key"], name="one_call_per_person_and_key"),
            models.CheckConstraint(
                condition=Q(status=None, answered_at=None)
                | Q(status__isnull=False, answered_at__isnull=False),
                name="an_answered_key_has_a_status",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.method} {self.path} by {self.user}"


class AbstractRevision(models.Model):
    """Exactly what was asked for at one time: canonical JSON, its digest, its author. Never changed."""

    number = models.PositiveIntegerField()
    content = models.TextField()
    digest = models.CharField(max_length=64)
    author = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    note = models.TextField(blank=True)

    class Meta:
        abstract = True
        ordering = ["number"]


class AbstractComment(models.Model):
    """Something that somebody said about what is asked for. Its words never change; it can only be resolved."""

    author = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    about_revision = models.PositiveIntegerField()  # number of the revision that was current
    text = models.TextField()
    mentioned: Any = models.ManyToManyField(User, related_name="+")
    is_blocking = models.BooleanField(default=False)  # nothing is approved before it is resolved
    is_private = models.BooleanField(default=False)  # a note among those who decide; in no export
    resolved_at = models.DateTimeField(null=True)
    resolved_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        abstract = True
        ordering = ["at", "pk"]

    @staticmethod
    def constraints(name: str) -> list[models.BaseConstraint]:
        """What the database holds of each kind of comment; ``name`` begins the constraints' names."""
        return [
            models.CheckConstraint(
                condition=Q(resolved_at=None, resolved_by=None)
                | Q(is_blocking=True, resolved_at__isnull=False, resolved_by__isnull=False),
                name=f"{name}_is_resolved_by_somebody",
            ),
            models.CheckConstraint(
                condition=~Q(is_blocking=True, is_private=True), name=f"{name}_blocks_in_the_open"
            ),
        ]


class LastLook(models.Model):
    """Which revision of something a person had before them, and when first and last."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    object_type = models.CharField(max_length=60)  # as in the audit log
    object_id = models.CharField(max_length=60)
    revision = models.PositiveIntegerField()
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "object_type", "object_id", "revision"],
                name="one_look_per_person_and_revision",
            )
        ]

    def __str__(self) -> str:
        return f"{self.user} at {self.object_type} {self.object_id}, revision {self.revision}"


class Outcome(models.TextChoices):
    APPROVE = "approve", "Approved"
    REJECT = "reject", "Rejected"
    REQUEST_CHANGES = "request_changes", "Asked for changes"


class AbstractDecision(models.Model):
    """One person's word on one revision, in one slot. Never changed.

    ``requested_by`` is copied here so that a check constraint can see it; ``closes`` is set on the one
    decision that ended the revision.
    """

    slot = models.CharField(max_length=30)
    outcome = models.CharField(max_length=20, choices=Outcome)
    reason = models.TextField(blank=True)
    digest = models.CharField(max_length=64)
    decided_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    on_behalf_of = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    requested_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    signed_in_at = models.DateTimeField(null=True)
    decided_at = models.DateTimeField()
    closes = models.BooleanField(default=False)

    class Meta:
        abstract = True
        ordering = ["decided_at", "pk"]
