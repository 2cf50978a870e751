"""What the pages of baselines, groups and windows share."""

from django.db.models import Q

from patching import effects
from patching.models import ChangeRequest
from patching.models.governed import Governed
from portal.governance import roles
from portal.governance.models import User

LOOKED_THROUGH = 30
SHOWN = 6


def may_ask_for(user: User, row: Governed) -> bool:
    """Whether this person may ask for a change to a row: a member of the team that owns it, while it is there."""
    if row.retired_at is not None or row.application is None:
        return False
    return roles.is_member(user, row.application.team)


def history_of(row: Governed, kind: str) -> list[ChangeRequest]:
    """Requests about a row, newest first, drafts left out."""
    texts = Q(current__content__contains=f'"name":"{row.name}"') | Q(
        current__content__contains=f'"target":{row.pk}}}'
    )
    found = ChangeRequest.objects.filter(texts).exclude(state=ChangeRequest.State.DRAFT)
    near = found.select_related("current", "requested_by")[:LOOKED_THROUGH]
    return [request for request in near if _is_about(request, kind, row)][:SHOWN]


def _is_about(request: ChangeRequest, kind: str, row: Governed) -> bool:
    items = effects.items_of(request.current) if request.current else []
    return any(
        one["kind"] == kind
        and (one["target"] == row.pk or (one["action"] == "create" and one["spec"].get("name") == row.name))
        for one in items
    )
