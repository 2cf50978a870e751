"""An approved exemption as the reconciler sees it: which instance, how, from when to when."""

from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import F, Q


class WaiverQuerySet(models.QuerySet["Waiver"]):
    def in_force(self, at: datetime) -> Self:
        """Waivers that hold at a moment; expiry is a WHERE clause, not a job."""
        return self.filter(Q(ended_at=None) | Q(ended_at__gt=at), starts_at__lte=at, ends_at__gt=at)


class Waiver(models.Model):
    """One instance that may stay out of its window until a moment. Patching knows no more of exemptions."""

    class Kind(models.TextChoices):
        NODE_DEFERRAL = "node_deferral", "Leave the instance out of its window"

    kind = models.CharField(max_length=20, choices=Kind, default=Kind.NODE_DEFERRAL)
    instance = models.ForeignKey("patching.ManagedInstance", on_delete=models.PROTECT, related_name="waivers")
    source = models.CharField(max_length=60)  # what allowed it, e.g. "exemption:7"
    source_digest = models.CharField(max_length=64)
    # the window tag's value when this was decided; what the way back restores
    restores_to = models.CharField(max_length=256, blank=True)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = WaiverQuerySet.as_manager()

    class Meta:
        ordering = ["ends_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")), name="waiver_ends_after_it_starts"
            ),
            models.UniqueConstraint(fields=["source", "instance"], name="one_waiver_per_source_and_instance"),
        ]

    def __str__(self) -> str:
        return f"{self.instance} until {self.ends_at:%Y-%m-%d %H:%M} UTC"
