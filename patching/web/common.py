"""What the pages of baselines, groups and windows share."""

from typing import Any
from urllib.parse import urlencode

from django.db.models import Q

from patching import contents, posture
from patching.items import is_new
from patching.models import ChangeRequest, MaintenanceWindow, PatchGroup
from patching.models.governed import Governed
from portal.governance import roles
from portal.governance.models import Role, User

LOOKED_THROUGH = 30
SHOWN = 6


def may_ask_for(user: User, row: Governed) -> bool:
    """Whether this person may ask for a change to a row while it is there.

    Members of the team that owns it; for what is shared, security operations in a team of theirs.
    """
    if row.retired_at is not None:
        return False
    if row.application is None:
        return roles.has_role(user, Role.SECURITY_OPERATIONS) and roles.teams_of(user).exists()
    return roles.is_member(user, row.application.team)


def how_they_stand(user: User, row: PatchGroup | MaintenanceWindow, by: str) -> dict[str, Any]:
    """Figures of a row's running instances, with the filters of the list they count: "figures" and "query".

    ``by`` is the filter of posture that finds them by the row's name.
    """
    filters = {by: row.name, "account_region": str(row.account_region)}
    found = posture.instances_matching(user, **filters)
    return {"figures": posture.figures_of(found), "query": urlencode(filters)}


def history_of(row: Governed, kind: str) -> list[ChangeRequest]:
    """Requests about a row, newest first, drafts left out."""
    texts = Q(current__content__contains=f'"name":"{row.name}"') | Q(
        current__content__contains=f'"target":{row.pk}}}'
    )
    found = ChangeRequest.objects.filter(texts).exclude(state=ChangeRequest.State.DRAFT)
    near = found.select_related("current", "requested_by")[:LOOKED_THROUGH]
    return [request for request in near if _is_about(request, kind, row)][:SHOWN]


def _is_about(request: ChangeRequest, kind: str, row: Governed) -> bool:
    items = contents.items_of(request.current) if request.current else []
    return any(
        one["kind"] == kind
        and (
            (one["target"] == row.pk and not is_new(one))
            or (is_new(one) and one["spec"].get("name") == row.name)
        )
        for one in items
    )
