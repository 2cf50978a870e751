"""Where we patch: accounts, account-regions with their lease and health, and the instances that inventory found."""

from datetime import datetime
from typing import Self

from django.core.validators import RegexValidator
from django.db import models

from patching.models.visibility import VisibleQuerySet
from portal.governance import roles
from portal.governance.models import User


class AwsAccount(models.Model):
    """An AWS account that we reach by assuming a role with an external id of our own making."""

    account_id = models.CharField(
        max_length=12,
        unique=True,
        validators=[RegexValidator(r"\A[0-9]{12}\Z", "An account id has 12 digits.")],
    )
    name = models.CharField(max_length=80)
    role_name = models.CharField(max_length=64, default="PatchwardenRole")
    external_id = models.CharField(max_length=128, editable=False)
    patch_group_tag = models.CharField(
        max_length=20,
        default="PatchGroup",
        choices=[("PatchGroup", "PatchGroup"), ("Patch Group", "Patch Group")],
    )
    window_tag = models.CharField(
        max_length=20,
        default="MaintenanceWindow",
        choices=[("MaintenanceWindow", "MaintenanceWindow"), ("Maintenance Window", "Maintenance Window")],
    )

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return f"{self.name} ({self.account_id})"


class AccountRegionQuerySet(models.QuerySet["AccountRegion"]):
    def visible_to(self, user: User) -> Self:
        """Account-regions in which this person has an application; all for those who read everything."""
        if not user.is_authenticated or not user.is_active:
            return self.none()
        if roles.reads_all(user):
            return self.all()
        return self.filter(selectors__application__team__in=roles.teams_of(user)).distinct()


class AccountRegion(models.Model):
    """One account in one region: the unit of pushing, pulling, leases, backoff and health."""

    class Health(models.TextChoices):
        OK = "ok", "Healthy"
        THROTTLED = "throttled", "AWS asks us to slow down"
        DENIED = "denied", "AWS does not let us in"
        UNREACHABLE = "unreachable", "AWS does not answer"
        CLOCK = "clock", "The clock of this host is wrong"

    class DriftPolicy(models.TextChoices):
        ENFORCE = "enforce", "Restore what was approved"
        REPORT = "report", "Leave it and report it"
        PAUSE = "pause", "Write nothing until a person decides"

    account = models.ForeignKey(AwsAccount, on_delete=models.PROTECT, related_name="regions")
    region = models.CharField(max_length=25, validators=[RegexValidator(r"\A[a-z]{2}(-[a-z]+)+-\d\Z")])
    is_active = models.BooleanField(default=True)
    # what a push does about changes that were made in AWS behind our back
    drift_policy = models.CharField(
        max_length=10, choices=DriftPolicy, default=DriftPolicy.ENFORCE, db_default=DriftPolicy.ENFORCE
    )

    # generations: a wish is open while the wanted one is ahead of the done one
    push_wanted = models.PositiveBigIntegerField(default=0)
    push_done = models.PositiveBigIntegerField(default=0)
    wanted_at = models.DateTimeField(null=True)  # real time: since when the oldest open wish waits
    nudged_at = models.DateTimeField(null=True)  # real time: when the tick last sent for a worker
    pull_nudged_at = models.DateTimeField(null=True)  # real time, the same for a reading
    next_push_at = models.DateTimeField(null=True)
    next_pull_at = models.DateTimeField(null=True)

    # lease and fence: whoever raised the fence last may write
    lease_owner = models.CharField(max_length=80, blank=True)
    lease_until = models.DateTimeField(null=True)
    fence = models.PositiveBigIntegerField(default=0)

    # the circuit breaker: while it is open nobody asks AWS anything here. Real time, as the lease
    health = models.CharField(max_length=12, choices=Health, default=Health.OK, db_default=Health.OK)
    circuit_opens = models.PositiveIntegerField(
        default=0, db_default=0
    )  # in a row; each doubles the next pause
    circuit_until = models.DateTimeField(null=True)

    # who we turned out to be there, by GetCallerIdentity
    identity_arn = models.CharField(max_length=300, blank=True, default="", db_default="")
    identity_at = models.DateTimeField(null=True)

    # limits by name as Service Quotas told them (``limits.DEFAULTS`` where it did not), and when
    quotas = models.JSONField(default=dict, db_default={}, blank=True)
    quotas_read_at = models.DateTimeField(null=True)

    # health, in words for people
    failures = models.PositiveIntegerField(default=0)
    backoff_until = models.DateTimeField(null=True)
    last_error_code = models.CharField(max_length=80, blank=True)
    last_error = models.TextField(blank=True)
    last_pushed_at = models.DateTimeField(null=True)
    last_pulled_at = models.DateTimeField(null=True)

    objects = AccountRegionQuerySet.as_manager()

    class Meta:
        ordering = ["account__name", "region"]
        constraints = [
            models.UniqueConstraint(fields=["account", "region"], name="one_row_per_account_and_region"),
        ]

    def __str__(self) -> str:
        return f"{self.account.account_id}/{self.region}"

    def leased_at(self, moment: datetime) -> bool:
        return self.lease_until is not None and self.lease_until > moment


class Pace(models.Model):
    """When the next AWS call of one kind may leave for an account-region: shared by all workers, in real time."""

    class Kind(models.TextChoices):
        READ = "read", "Reads"
        WRITE = "write", "Writes"

    account_region = models.ForeignKey(AccountRegion, on_delete=models.CASCADE, related_name="paces")
    kind = models.CharField(max_length=5, choices=Kind)
    free_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account_region", "kind"], name="one_pace_per_place_and_kind"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} in {self.account_region}"


class InstanceQuerySet(VisibleQuerySet):
    """A team sees the instances of its applications; an instance of no application only those who read all."""

    team_path = "application__team"

    def present(self) -> Self:
        return self.filter(gone_at=None)


class ManagedInstance(models.Model):
    """An EC2 instance as inventory last saw it, managed by Systems Manager or not."""

    account_region = models.ForeignKey(AccountRegion, on_delete=models.CASCADE, related_name="instances")
    instance_id = models.CharField(max_length=20)
    name = models.CharField(max_length=255, blank=True)
    application = models.ForeignKey(
        "patching.Application", null=True, on_delete=models.SET_NULL, related_name="instances"
    )
    environment = models.ForeignKey(
        "patching.Environment", null=True, on_delete=models.SET_NULL, related_name="+"
    )
    tags = models.JSONField(default=dict)
    availability_zone = models.CharField(max_length=30, blank=True)
    instance_type = models.CharField(max_length=30, blank=True)
    run_state = models.CharField(max_length=20, default="running")
    auto_scaling_group = models.CharField(max_length=255, blank=True)
    operating_system = models.CharField(max_length=30, blank=True)  # SSM's word: WINDOWS, UBUNTU, …
    platform_name = models.CharField(max_length=120, blank=True)
    platform_version = models.CharField(max_length=60, blank=True)
    is_managed = models.BooleanField(default=False)
    ping_status = models.CharField(max_length=20, blank=True)
    agent_version = models.CharField(max_length=30, blank=True)
    last_ping_at = models.DateTimeField(null=True)
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    gone_at = models.DateTimeField(null=True)

    objects = InstanceQuerySet.as_manager()

    class Meta:
        ordering = ["name", "instance_id"]
        constraints = [
            models.UniqueConstraint(fields=["account_region", "instance_id"], name="one_row_per_instance"),
        ]
        indexes = [
            models.Index(fields=["application", "environment"], name="instances_of_application"),
        ]

    def __str__(self) -> str:
        return self.name or self.instance_id

    @property
    def patch_group(self) -> str:
        return self.tags.get(self.account_region.account.patch_group_tag, "")

    @property
    def window_name(self) -> str:
        return self.tags.get(self.account_region.account.window_tag, "")

    @property
    def is_online(self) -> bool:
        return self.is_managed and self.ping_status == "Online"

    @property
    def in_auto_scaling_group(self) -> bool:
        return bool(self.auto_scaling_group)
