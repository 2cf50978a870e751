"""Maintenance windows with their tasks: when patching happens, and in which order."""

from typing import Any, ClassVar, Self

from django.db import models

from patching.models.governed import LIVE, Governed
from patching.models.visibility import VisibleQuerySet


class WindowQuerySet(VisibleQuerySet):
    team_path = "application__team"

    def live(self) -> Self:
        return self.filter(retired_at=None)


class MaintenanceWindow(Governed):
    """A window in one account-region; its name is the value of the window tag.

    ``spec``: see ``specs.WINDOW_FIELDS``, its tasks included.
    """

    account_region = models.ForeignKey(
        "patching.AccountRegion", on_delete=models.PROTECT, related_name="windows"
    )
    availability_zone = models.CharField(max_length=30, blank=True)

    objects: ClassVar[Any] = WindowQuerySet.as_manager()

    class Meta(Governed.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["account_region", "name"], condition=LIVE, name="one_live_window_per_name_and_place"
            ),
        ]
