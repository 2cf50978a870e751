"""What baselines, groups and windows share: approved content, and the revision that approved it."""

import uuid
from typing import Any, ClassVar

from django.db import models
from django.db.models import Q


class Governed(models.Model):
    """A row that exists because a revision was approved. Its ``spec`` is that revision's item, sealed by digest."""

    objects: ClassVar[Any]  # each noun has a query set of its own

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(max_length=256)
    spec = models.JSONField()
    spec_digest = models.CharField(max_length=64)
    revision = models.ForeignKey("patching.Revision", on_delete=models.PROTECT, related_name="+")
    application = models.ForeignKey(
        "patching.Application", null=True, on_delete=models.PROTECT, related_name="%(class)ss"
    )
    environment = models.ForeignKey(
        "patching.Environment", null=True, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


LIVE = Q(retired_at=None)
