"""Renewal: a new exemption that follows another one, shorter and narrower, decided higher up."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from exemptions import permissions, shrinking, workflow
from exemptions.asked import ask_of
from exemptions.models import Exemption
from patching.models import ManagedInstance
from portal.governance import clock, roles
from portal.governance.errors import NotAllowed, WrongState
from portal.governance.models import User
from portal.governance.states import locked


@transaction.atomic
def renew(
    exemption: Exemption,
    *,
    by: User,
    ends_at: datetime,
    reason: str,
    instances: Sequence[ManagedInstance] | None = None,
    patches: Sequence[str] | None = None,
    **changes: Any,
) -> Exemption:
    """Write a draft that follows this one; what is not given stays as it was, in the words of ``asked.Ask``.

    Documents come along that are the evidence of a control whose ``valid_until`` has not passed; others are
    attached anew. Raises NotAllowed, WrongState when it cannot be renewed now, InvalidInput for every bad field.
    """
    exemption = locked(exemption)
    if not roles.is_member(by, exemption.team):
        raise NotAllowed(f"Only members of {exemption.team} renew {exemption.number}.")
    raise_unless_renewable(exemption)
    if (renewal := permissions.renewal_of(exemption)) is not None:
        raise WrongState(
            f"{renewal.number} renews {exemption.number} already; there is one renewal at a time."
        )
    # the row, not the revision, says what narrowing has left of it
    narrower = {"instances": instances, "patches": exemption.patches if patches is None else patches}
    narrower = {name: value for name, value in narrower.items() if value is not None}
    ask = ask_of(exemption, ends_at=ends_at, reason=reason, **narrower, **changes)
    return workflow.draft(by=by, application=exemption.application, renews=exemption, **vars(ask))


def may_renew(user: User, exemption: Exemption) -> bool:
    """Whether this person would be let in now; what they ask for is checked when they ask."""
    return (
        roles.is_member(user, exemption.team)
        and not why_not(exemption)
        and permissions.renewal_of(exemption) is None
    )


def raise_unless_renewable(exemption: Exemption) -> None:
    """Raises WrongState unless it is in force, or ended by its date within the last seven days."""
    if reason := why_not(exemption):
        raise WrongState(reason)


def why_not(exemption: Exemption) -> str:
    """Why it cannot be renewed now, as a sentence; "" when it can."""
    if exemption.approved_at is None:
        return f"{exemption.number} was never approved; edit it or ask for another one."
    if shrinking.was_revoked(exemption):
        return f"{exemption.number} was revoked; what was ended is asked for anew, not renewed."
    last = exemption.ends_at + shrinking.ASK_WITHIN
    if last <= clock.now():
        return (
            f"{exemption.number} ended on {exemption.ends_at:%d %b %Y} and could be renewed for "
            f"{shrinking.ASK_WITHIN.days} days, until {last:%d %b %Y}. Ask for another one."
        )
    return ""
