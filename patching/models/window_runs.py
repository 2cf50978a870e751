"""What windows did: each execution as AWS tells it, each instance in it, and what people found afterwards."""

from datetime import timedelta
from typing import ClassVar, Self

from django.db import models
from django.db.models import Q

from patching.models.visibility import VisibleQuerySet
from portal.governance.models import Team


class WindowRunQuerySet(VisibleQuerySet):
    team_path = "window__application__team"


class WindowRun(models.Model):
    """One execution of a window. ``window`` is None for the daily scan and for windows that are not ours."""

    account_region = models.ForeignKey(
        "patching.AccountRegion", on_delete=models.PROTECT, related_name="window_runs"
    )
    window = models.ForeignKey(
        "patching.MaintenanceWindow", null=True, on_delete=models.PROTECT, related_name="runs"
    )
    aws_window_id = models.CharField(max_length=40)
    execution_id = models.CharField(max_length=64)
    status = models.CharField(max_length=30)  # AWS's word: SUCCESS, FAILED, SKIPPED_OVERLAPPING, …
    status_details = models.CharField(max_length=300, blank=True)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    read_at = (
        models.DateTimeField()
    )  # when it was last read; ended and read after its end, it is never read again

    objects = WindowRunQuerySet.as_manager()

    class Meta:
        ordering = ["-started_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["account_region", "execution_id"], name="one_row_per_window_execution"
            ),
        ]
        indexes = [models.Index(fields=["window", "-started_at"], name="runs_by_window")]

    def __str__(self) -> str:
        return f"{self.window or self.aws_window_id} at {self.started_at:%Y-%m-%d %H:%M} UTC"


class RunOutcome(models.Model):
    """What became of one instance in one task of a run; an instance that was never reached has NOT_STARTED."""

    run = models.ForeignKey(WindowRun, on_delete=models.CASCADE, related_name="outcomes")
    instance = models.ForeignKey(
        "patching.ManagedInstance", null=True, on_delete=models.SET_NULL, related_name="run_outcomes"
    )
    instance_id_text = models.CharField(max_length=40)  # as AWS names it, also where we have no row
    task = models.CharField(max_length=128)  # the task's name in the window
    task_kind = models.CharField(max_length=10, blank=True)  # pre, install, scan, post
    status = models.CharField(max_length=30)  # AWS's word, or NOT_STARTED
    status_details = models.CharField(max_length=300, blank=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["run", "task", "instance_id_text"]
        constraints = [
            models.UniqueConstraint(
                fields=["run", "task", "instance_id_text"], name="one_outcome_per_run_task_and_instance"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.task} on {self.instance_id_text}: {self.status}"

    @property
    def took(self) -> timedelta | None:
        return self.ended_at - self.started_at if self.started_at and self.ended_at else None


class RunReviewQuerySet(VisibleQuerySet):
    team_path = "window__application__team"


class RunReview(models.Model):
    """One occurrence of a window as its owner sees it: prepared before, then found healthy or not."""

    class Verdict(models.TextChoices):
        OPEN = "open", "Not confirmed yet"
        HEALTHY = "healthy", "Confirmed healthy"
        PROBLEM = "problem", "Problem reported"

    window = models.ForeignKey("patching.MaintenanceWindow", on_delete=models.PROTECT, related_name="reviews")
    planned_at = models.DateTimeField()  # when it opens, by its schedule
    run = models.OneToOneField(WindowRun, null=True, on_delete=models.SET_NULL, related_name="review")
    checklist = models.JSONField(default=list)  # [{"text", "done_by": user name or "", "done_at": ISO or ""}]
    prepared_by = models.ForeignKey(
        "governance.User", null=True, on_delete=models.PROTECT, related_name="prepared_runs"
    )
    prepared_at = models.DateTimeField(null=True)
    verdict = models.CharField(max_length=10, choices=Verdict, default=Verdict.OPEN)
    verdict_by = models.ForeignKey(
        "governance.User", null=True, on_delete=models.PROTECT, related_name="judged_runs"
    )
    verdict_at = models.DateTimeField(null=True)
    note = models.TextField(blank=True, max_length=4000)

    objects = RunReviewQuerySet.as_manager()

    class Meta:
        ordering = ["-planned_at"]
        constraints = [
            models.UniqueConstraint(fields=["window", "planned_at"], name="one_review_per_occurrence"),
            models.CheckConstraint(
                condition=Q(verdict="open", verdict_by=None) | Q(verdict_by__isnull=False),
                name="a_verdict_on_a_run_is_somebodys",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.window} on {self.planned_at:%Y-%m-%d %H:%M} UTC"

    @property
    def ticked(self) -> str:
        """2 of 4"""
        return f"{sum(bool(line['done_at']) for line in self.checklist)} of {len(self.checklist)}"


class FailureQuerySet(VisibleQuerySet):
    team_path = "application__team"

    def open(self) -> Self:
        return self.filter(state=FailureRecord.State.OPEN)


class FailureRecord(models.Model):
    """Patching did harm: what was found, on which instances, and which later windows it holds until when."""

    class State(models.TextChoices):
        OPEN = "open", "Open"
        RESOLVED = "resolved", "Resolved"

    TRANSITIONS: ClassVar[dict[str, set[str]]] = {State.OPEN: {State.RESOLVED}, State.RESOLVED: set()}

    review = models.OneToOneField(RunReview, on_delete=models.PROTECT, related_name="failure")
    application = models.ForeignKey("patching.Application", on_delete=models.PROTECT, related_name="failures")
    environment = models.ForeignKey("patching.Environment", on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    summary = models.TextField(max_length=4000)
    outcomes = models.JSONField(
        default=list
    )  # [{"instance", "task", "status", "details"}] as they stood then
    digest = models.CharField(max_length=64)  # of what was reported; holds name it
    reported_by = models.ForeignKey(
        "governance.User", on_delete=models.PROTECT, related_name="reported_failures"
    )
    reported_at = models.DateTimeField()
    holds_until = models.DateTimeField(null=True)  # None where it holds nothing
    resolved_by = models.ForeignKey(
        "governance.User", null=True, on_delete=models.PROTECT, related_name="resolved_failures"
    )
    resolved_at = models.DateTimeField(null=True)
    resolution = models.TextField(blank=True, max_length=4000)

    objects = FailureQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"FR-{self.pk} {self.application} {self.environment}"

    @property
    def number(self) -> str:
        return f"FR-{self.pk}"

    @property
    def team(self) -> Team:
        return self.application.team
