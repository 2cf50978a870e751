"""Patch groups: instances that share a baseline per operating system."""

from typing import Any, ClassVar, Self

from django.db import models

from patching.models.governed import LIVE, Governed
from patching.models.visibility import VisibleQuerySet


class GroupQuerySet(VisibleQuerySet):
    team_path = "application__team"

    def live(self) -> Self:
        return self.filter(retired_at=None)


class PatchGroup(Governed):
    """One account-region, application, environment and optionally AZ; its name is the value of the patch group tag."""

    account_region = models.ForeignKey(
        "patching.AccountRegion", on_delete=models.PROTECT, related_name="patch_groups"
    )
    availability_zone = models.CharField(max_length=30, blank=True)

    objects: ClassVar[Any] = GroupQuerySet.as_manager()

    class Meta(Governed.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["account_region", "name"], condition=LIVE, name="one_live_group_per_name_and_place"
            ),
        ]
