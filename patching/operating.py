"""What operators do by hand: have an account-region pushed or read now, a resource tried again or left alone."""

from typing import Any

from django.db import transaction

from patching import breaker, effects, permissions, pull
from patching.models import AccountRegion, ResourceState
from portal.governance import audit, clock, nudge
from portal.governance.deciding import LONGEST_REASON
from portal.governance.errors import FieldProblem, InvalidInput, NotAllowed, WrongState
from portal.governance.models import User

Condition = ResourceState.Condition
RESTING = (Condition.IN_SYNC, Condition.REMOVED)
PARKED_BY_HAND = "parked"
SHORTEST_REASON = 10


@transaction.atomic
def push_now(place: AccountRegion, *, by: User) -> AccountRegion:
    """Want a push of one account-region, whatever its backoff says. Raises NotAllowed, WrongState."""
    _raise_unless_operable(place, by)
    audit.record("patching.accountregion.push_asked", place, by=by)
    effects.want_push({place}, "operator", by_hand=True)
    place.refresh_from_db()
    return place


@transaction.atomic
def pull_now(place: AccountRegion, *, by: User) -> AccountRegion:
    """Have one account-region's inventory and compliance read at once. Raises NotAllowed, WrongState."""
    _raise_unless_operable(place, by)
    audit.record("patching.accountregion.pull_asked", place, by=by)
    breaker.try_again(place)
    pull.want(place)
    nudge.wake("patching.tick")
    place.refresh_from_db()
    return place


@transaction.atomic
def retry_resource(state: ResourceState, *, by: User) -> ResourceState:
    """Forget that it failed or was parked, and want a push that tries it again. Raises NotAllowed, WrongState."""
    state = _held(state, by)
    if state.condition in RESTING:
        raise WrongState(f"{state.label} is {_word(state)}; there is nothing to try again.")
    audit.record("patching.resourcestate.retry_asked", state, by=by, detail={"was": str(state.condition)})
    _note(
        state,
        condition=Condition.OUT_OF_SYNC,
        condition_text=f"{by} asked for another try; a push takes it up.",
        reason_code="",
        failures=0,
        retry_at=None,
    )
    effects.want_push({state.account_region}, "operator", by_hand=True)
    return state


@transaction.atomic
def park_resource(state: ResourceState, *, by: User, reason: str) -> ResourceState:
    """Have pushes leave it alone until it is retried or something new is approved for it.

    Raises NotAllowed, InvalidInput, WrongState.
    """
    state = _held(state, by)
    if not SHORTEST_REASON <= len(reason.strip()) <= LONGEST_REASON:
        message = f"Say why in {SHORTEST_REASON} to {LONGEST_REASON} characters."
        raise InvalidInput([FieldProblem("reason", "length", message)])
    if state.condition in (*RESTING, Condition.PARKED):
        raise WrongState(f"{state.label} is {_word(state)}; there is nothing to park.")
    audit.record("patching.resourcestate.parked", state, by=by, reason=reason.strip())
    text = f"Parked by {by}: {reason.strip()}"
    _note(state, condition=Condition.PARKED, condition_text=text, reason_code=PARKED_BY_HAND, retry_at=None)
    return state


def _held(state: ResourceState, by: User) -> ResourceState:
    audit.take_turn()  # before the row, as a push does
    fresh = ResourceState.objects.select_for_update(of=("self",)).select_related("account_region__account")
    state = fresh.get(pk=state.pk)
    if not permissions.may_operate(by):
        raise NotAllowed("Operators retry and park what a push could not do.")
    if not state.account_region.is_active:
        raise WrongState(f"{state.account_region} is switched off; switch it on first.")
    if state.reason_code == "drift":
        raise WrongState(f"{state.label} was changed outside; restore it, or let its team ask to keep it.")
    return state


def _note(state: ResourceState, **changes: Any) -> None:
    """A push that is under way writes over it under its fence, with what it has just found."""
    ResourceState.objects.filter(pk=state.pk).update(**changes, changed_at=clock.now())
    state.refresh_from_db()


def _word(state: ResourceState) -> str:
    return state.get_condition_display().lower()


def _raise_unless_operable(place: AccountRegion, by: User) -> None:
    if not permissions.may_operate(by):
        raise NotAllowed("Operators push and pull by hand.")
    if not place.is_active:
        raise WrongState(f"{place} is switched off; switch it on first.")
