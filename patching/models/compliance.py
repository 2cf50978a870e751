"""What SSM says of each instance: every scan, every finding with its first and last day, and a daily sum."""

from typing import Self

from django.db import models

from patching.models.visibility import VisibleQuerySet


class ScanQuerySet(VisibleQuerySet):
    team_path = "instance__application__team"

    def newest(self) -> Self:
        return self.filter(is_latest=True)


class Scan(models.Model):
    """One instance's patch state at one time, with the baseline that judged it."""

    instance = models.ForeignKey("patching.ManagedInstance", on_delete=models.CASCADE, related_name="scans")
    is_latest = models.BooleanField(default=True)
    operation = models.CharField(max_length=10)  # Scan or Install
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField()
    pulled_at = models.DateTimeField()
    aws_baseline_id = models.CharField(max_length=128)
    baseline = models.ForeignKey(
        "patching.PatchBaseline", null=True, on_delete=models.SET_NULL, related_name="scans"
    )
    judged_by_expected = models.BooleanField(null=True)  # null: no baseline of ours was expected
    snapshot_id = models.CharField(max_length=40, blank=True)
    patch_group = models.CharField(max_length=256, blank=True)
    installed = models.PositiveIntegerField(default=0)
    installed_other = models.PositiveIntegerField(default=0)
    installed_pending_reboot = models.PositiveIntegerField(default=0)
    installed_rejected = models.PositiveIntegerField(default=0)
    missing = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    not_applicable = models.PositiveIntegerField(default=0)
    critical_noncompliant = models.PositiveIntegerField(default=0)
    security_noncompliant = models.PositiveIntegerField(default=0)
    other_noncompliant = models.PositiveIntegerField(default=0)
    reboot_option = models.CharField(max_length=20, blank=True)
    is_compliant = models.BooleanField()

    objects = ScanQuerySet.as_manager()

    class Meta:
        ordering = ["-ended_at"]
        constraints = [
            models.UniqueConstraint(fields=["instance", "operation", "ended_at"], name="one_row_per_scan"),
            models.UniqueConstraint(
                fields=["instance"], condition=models.Q(is_latest=True), name="one_latest_scan_per_instance"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.operation} of {self.instance} at {self.ended_at:%Y-%m-%d %H:%M} UTC"


class FindingQuerySet(VisibleQuerySet):
    team_path = "instance__application__team"

    def open(self) -> Self:
        return self.filter(resolved_at=None)


class PatchFinding(models.Model):
    """One patch that one instance lacks, failed to install or must reboot for; from first to last sight."""

    instance = models.ForeignKey(
        "patching.ManagedInstance", on_delete=models.CASCADE, related_name="findings"
    )
    patch_id = models.CharField(max_length=200)
    title = models.CharField(max_length=300, blank=True)
    classification = models.CharField(max_length=60, blank=True)
    severity = models.CharField(max_length=30, blank=True)
    cves = models.JSONField(default=list)
    state = models.CharField(max_length=30)  # missing, failed, installed_pending_reboot, installed_rejected
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True)
    # SSM no longer tells of it, because a patch exclusion makes the baseline reject it: still missing, and excused
    hidden = models.BooleanField(default=False, db_default=False)

    objects = FindingQuerySet.as_manager()

    class Meta:
        ordering = ["-last_seen_at", "patch_id"]
        constraints = [
            models.UniqueConstraint(
                fields=["instance", "patch_id"],
                condition=models.Q(resolved_at=None),
                name="one_open_finding_per_patch_and_instance",
            ),
        ]
        indexes = [
            # who lacks this patch
            models.Index(fields=["patch_id", "resolved_at"], name="findings_by_patch"),
        ]

    def __str__(self) -> str:
        return f"{self.patch_id} on {self.instance}"


class PostureQuerySet(VisibleQuerySet):
    team_path = "application__team"


class DailyPosture(models.Model):
    """How one application's environment stood at the end of a day of the portal's clock."""

    day = models.DateField()
    application = models.ForeignKey(
        "patching.Application", null=True, on_delete=models.CASCADE, related_name="posture"
    )
    environment = models.ForeignKey(
        "patching.Environment", null=True, on_delete=models.CASCADE, related_name="+"
    )
    instances = models.PositiveIntegerField()
    ssm_compliant = models.PositiveIntegerField(default=0, db_default=0)  # SSM's word
    compliant = models.PositiveIntegerField()  # raw: less what our exclusions hide
    noncompliant = models.PositiveIntegerField()
    unknown = models.PositiveIntegerField()
    excused = models.PositiveIntegerField(default=0)
    missing_patches = models.PositiveIntegerField()

    objects = PostureQuerySet.as_manager()

    class Meta:
        ordering = ["day"]
        constraints = [
            models.UniqueConstraint(fields=["day", "application", "environment"], name="one_posture_per_day"),
        ]

    def __str__(self) -> str:
        return f"{self.application} {self.environment} on {self.day}"
