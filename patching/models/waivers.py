"""An approved exemption as the reconciler sees it: which instance, how, from when to when."""

from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import F, Q


class WaiverQuerySet(models.QuerySet["Waiver"]):
    def deferrals(self) -> Self:
        return self.filter(kind=Waiver.Kind.NODE_DEFERRAL)

    def exclusions(self) -> Self:
        return self.filter(kind=Waiver.Kind.PATCH_EXCLUSION)

    def in_force(self, at: datetime) -> Self:
        """Waivers that hold at a moment; expiry is a WHERE clause, not a job."""
        return self.filter(Q(ended_at=None) | Q(ended_at__gt=at), starts_at__lte=at, ends_at__gt=at)


class Waiver(models.Model):
    """One instance that may stay out of its window, or go without named patches, until a moment.

    Patching knows no more of exemptions.
    """

    class Kind(models.TextChoices):
        NODE_DEFERRAL = "node_deferral", "Leave the instance out of its window"
        PATCH_EXCLUSION = "patch_exclusion", "Leave these patches off the instance"

    kind = models.CharField(max_length=20, choices=Kind, default=Kind.NODE_DEFERRAL)
    instance = models.ForeignKey("patching.ManagedInstance", on_delete=models.PROTECT, related_name="waivers")
    source = models.CharField(max_length=60)  # what allowed it, e.g. "exemption:7"
    source_digest = models.CharField(max_length=64)
    patches = models.JSONField(
        default=list, db_default=[]
    )  # KBs or package names of a patch exclusion, sorted
    # the tag's value when this was decided: the window's of a deferral, the patch group's of an exclusion
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
            models.UniqueConstraint(
                fields=["source", "instance"],
                condition=Q(ended_at=None),
                name="one_running_waiver_per_source_and_instance",
            ),
            models.CheckConstraint(
                condition=Q(kind="node_deferral", patches=[]) | (Q(kind="patch_exclusion") & ~Q(patches=[])),
                name="a_waiver_names_patches_if_it_excludes_some",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.instance} until {self.ends_at:%Y-%m-%d %H:%M} UTC"

    @property
    def allowed_by(self) -> str:
        """What people call its source: EX-7 of "exemption:7"."""
        return f"EX-{self.exemption}" if self.exemption else self.source

    @property
    def exemption(self) -> str:
        """The number of the exemption that allowed it; "" where something else did."""
        kind, _, number = self.source.partition(":")
        return number if kind == "exemption" else ""

    @property
    def until(self) -> datetime:
        """When it ended or will."""
        return min(self.ends_at, self.ended_at or self.ends_at)
