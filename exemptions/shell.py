"""What the page frame shows of exemptions: how many wait for this person's word."""

from exemptions import permissions
from portal.governance.models import User


def counts(user: User) -> dict[str, int]:
    return {"exemptions": permissions.waiting_for(user).count()}
