"""What waits for a person among exemptions, for the number in the frame. Reads only."""

from django.db.models import QuerySet

from exemptions import permissions
from exemptions.models import Exemption
from portal.governance.models import User


def counts(user: User) -> dict[str, int]:
    """How many exemptions wait for this person's word or, sent back, for their answer."""
    return {"exemptions": permissions.waiting_for(user).count() + to_answer(user).count()}


def to_answer(user: User) -> QuerySet[Exemption]:
    """Their own exemptions that were sent back."""
    sent_back = Exemption.State.CHANGES_REQUESTED
    return Exemption.objects.visible_to(user).filter(requested_by=user, state=sent_back)
