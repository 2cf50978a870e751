"""Patch baselines: what is approved for installation, and after how long."""

from typing import Any, ClassVar, Self

from django.db import models
from django.db.models import Q

from patching.models.governed import LIVE, Governed
from patching.models.visibility import VisibleQuerySet


class BaselineQuerySet(VisibleQuerySet):
    """Shared baselines are everybody's to see; an application's own are its team's."""

    team_path = "application__team"
    shared = Q(application=None)

    def live(self) -> Self:
        return self.filter(retired_at=None)


class PatchBaseline(Governed):
    """A logical baseline; it appears in every account-region that has a group using it.

    ``spec``: see ``specs.BASELINE_FIELDS``; ``spec["definition"]`` is a CreatePatchBaseline request.
    """

    operating_system = models.CharField(max_length=30)

    objects: ClassVar[Any] = BaselineQuerySet.as_manager()

    class Meta(Governed.Meta):
        constraints = [
            models.UniqueConstraint(fields=["name"], condition=LIVE, name="one_live_baseline_per_name"),
        ]
