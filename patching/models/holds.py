"""What keeps windows shut for a time: freezes, skipped and moved occurrences, and the reconciler's view of them."""

from datetime import datetime
from typing import Any, ClassVar, Self

from django.db import models
from django.db.models import F, Q

from patching.models.governed import Governed
from patching.models.visibility import VisibleQuerySet


class FreezeQuerySet(VisibleQuerySet):
    team_path = "application__team"
    shared = Q(application=None)  # a freeze of everything is everybody's business

    def live(self) -> Self:
        return self.filter(retired_at=None)

    def overlapping(self, start: datetime, end: datetime) -> Self:
        return self.filter(starts_at__lt=end, ends_at__gt=start)


class Freeze(Governed):
    """A time in which windows stay shut: of one application, environment or account-region, or of all.

    ``spec``: see ``items.FREEZE_FIELDS``. No application, environment or account-region means every one.
    """

    account_region = models.ForeignKey(
        "patching.AccountRegion", null=True, on_delete=models.PROTECT, related_name="freezes"
    )
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()

    objects: ClassVar[Any] = FreezeQuerySet.as_manager()

    class Meta(Governed.Meta):
        ordering = ["starts_at", "name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")), name="freeze_ends_after_it_starts"
            ),
        ]


class OccurrenceQuerySet(VisibleQuerySet):
    team_path = "application__team"

    def live(self) -> Self:
        return self.filter(retired_at=None)

    def ahead(self, at: datetime) -> Self:
        """Those whose opening, or the one instead of it, is still to come."""
        return self.filter(Q(run_at__gt=at) | Q(moved_to__gt=at))


class Occurrence(Governed):
    """One occurrence of a window that is skipped, or moved to another time.

    ``spec``: see ``items.OCCURRENCE_FIELDS``.
    """

    window = models.ForeignKey(
        "patching.MaintenanceWindow", on_delete=models.PROTECT, related_name="occurrences"
    )
    account_region = models.ForeignKey(
        "patching.AccountRegion", on_delete=models.PROTECT, related_name="occurrences"
    )
    run_at = models.DateTimeField()  # when the window's own schedule would open it
    moved_to = models.DateTimeField(null=True)  # when it opens instead; None where it is skipped

    objects: ClassVar[Any] = OccurrenceQuerySet.as_manager()

    @property
    def is_extra(self) -> bool:
        """It makes up for an opening that never came, so it kept nothing shut."""
        return self.created_at > self.run_at

    class Meta(Governed.Meta):
        ordering = ["run_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["window", "run_at"],
                condition=Q(retired_at=None),
                name="one_live_word_per_occurrence",
            ),
        ]


class HoldQuerySet(models.QuerySet["WindowHold"]):
    def in_force(self, at: datetime) -> Self:
        """Holds at a moment; their end is a WHERE clause, not a job."""
        return self.filter(Q(ended_at=None) | Q(ended_at__gt=at), starts_at__lte=at, ends_at__gt=at)

    def ahead(self, at: datetime) -> Self:
        """Holds that have begun or will, and have not ended."""
        return self.filter(Q(ended_at=None) | Q(ended_at__gt=at), ends_at__gt=at)


class WindowHold(models.Model):
    """A window that is kept disabled until a moment, and what allows it. The reconciler knows no more of freezes."""

    window = models.ForeignKey("patching.MaintenanceWindow", on_delete=models.PROTECT, related_name="holds")
    source = models.CharField(max_length=60)  # what allowed it, e.g. "freeze:7", "occurrence:3", "failure:2"
    source_digest = models.CharField(max_length=64)
    reason = models.CharField(max_length=300)  # one line for people
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    # when AWS was read back to have the window open again after it, and by what that is proved
    restored_at = models.DateTimeField(null=True, blank=True)
    restored_proof = models.JSONField(default=dict, blank=True)

    objects = HoldQuerySet.as_manager()

    class Meta:
        ordering = ["starts_at", "pk"]
        constraints = [
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="hold_ends_after_it_starts"),
            models.UniqueConstraint(
                fields=["source", "window"],
                condition=Q(ended_at=None),
                name="one_running_hold_per_source_and_window",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.window} shut until {self.ends_at:%Y-%m-%d %H:%M} UTC"

    @property
    def until(self) -> datetime:
        """When it ended or will."""
        return min(self.ends_at, self.ended_at or self.ends_at)
