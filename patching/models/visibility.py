"""What somebody may see: the rows of their teams, or all of them for those whose work needs it."""

from typing import Any, Self

from django.db import models
from django.db.models import Q

from portal.governance import roles
from portal.governance.models import User


class VisibleQuerySet(models.QuerySet[Any]):
    """Rows that belong to a team along ``team_path`` (``""`` when the row itself has ``team``)."""

    team_path = "team"
    shared: Q | None = None

    def visible_to(self, user: User) -> Self:
        """Rows that this person may see, on every door alike."""
        if not user.is_authenticated or not user.is_active:
            return self.none()
        if roles.reads_all(user):
            return self.all()
        mine = Q(**{f"{self.team_path}__in": roles.teams_of(user)})
        return self.filter(mine | self.shared if self.shared is not None else mine)
