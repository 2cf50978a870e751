"""What operators do by hand: have an account-region pushed or read now. The only door to each."""

from django.db import transaction

from patching import effects, permissions, pull
from patching.models import AccountRegion
from portal.governance import audit, nudge
from portal.governance.errors import NotAllowed, WrongState
from portal.governance.models import User


@transaction.atomic
def push_now(place: AccountRegion, *, by: User) -> AccountRegion:
    """Want a push of one account-region, whatever its backoff says. Raises NotAllowed, WrongState."""
    _raise_unless_operable(place, by)
    audit.record("patching.accountregion.push_asked", place, by=by)
    effects.want_push({place}, "operator")
    place.refresh_from_db()
    return place


@transaction.atomic
def pull_now(place: AccountRegion, *, by: User) -> AccountRegion:
    """Have one account-region's inventory and compliance read at once. Raises NotAllowed, WrongState."""
    _raise_unless_operable(place, by)
    audit.record("patching.accountregion.pull_asked", place, by=by)
    pull.want(place)
    nudge.wake("patching.tick")
    place.refresh_from_db()
    return place


def _raise_unless_operable(place: AccountRegion, by: User) -> None:
    if not permissions.may_operate(by):
        raise NotAllowed("Operators push and pull by hand.")
    if not place.is_active:
        raise WrongState(f"{place} is switched off; switch it on first.")
