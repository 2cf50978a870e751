"""What operators do by hand."""

from datetime import timedelta

import pytest

from patching import operating
from patching.concluding import PARKED_AFTER
from patching.models import AccountRegion, ResourceState
from portal.governance import audit, clock
from portal.governance.errors import InvalidInput, NotAllowed, WrongState
from tests import factories
from tests.pushing import pushed


@pytest.fixture
def place(db):
    return factories.account_region(next_pull_at=clock.real_now() + timedelta(hours=1))


def test_a_push_is_wanted_whatever_the_backoff_says(opal, place):
    AccountRegion.objects.update(backoff_until=clock.real_now() + timedelta(hours=1))
    place = operating.push_now(place, by=opal)
    assert (place.push_wanted, place.backoff_until) == (1, None)
    assert [entry.action for entry in audit.timeline(place)] == ["patching.accountregion.push_asked"]


def test_a_reading_is_due_at_once(opal, place):
    place = operating.pull_now(place, by=opal)
    assert place.next_pull_at <= clock.real_now()
    assert [entry.actor for entry in audit.timeline(place)] == [opal]


@pytest.mark.parametrize("verb", [operating.push_now, operating.pull_now])
def test_only_operators_and_only_where_it_is_switched_on(cast, place, verb):
    for name in ("rita", "omar", "ines", "clara", "axel", "adam", "noor"):
        with pytest.raises(NotAllowed):
            verb(place, by=cast[name])
    place.is_active = False
    with pytest.raises(WrongState, match="switched off"):
        verb(place, by=cast["opal"])
    assert not audit.timeline(place).exists()


# Resources that a push could not do

WHY = "The baseline team looks into it."


@pytest.fixture
def failed(asked, retail, simulated_aws):
    """The baseline that AWS refuses whenever it is made."""
    for _ in range(PARKED_AFTER * 3):
        simulated_aws.inject(
            "error", operation="CreatePatchBaseline", code="ValidationException", message="No."
        )
    pushed(retail)
    return ResourceState.objects.get(kind="baseline")


def test_what_failed_is_tried_again_at_once(failed, opal, simulated_aws):
    wanted = AccountRegion.objects.get().push_wanted
    state = operating.retry_resource(failed, by=opal)
    assert (state.condition, state.failures, state.retry_at, state.reason_code) == (
        "out_of_sync",
        0,
        None,
        "",
    )
    assert "Opal Mensah asked for another try" in state.condition_text
    assert AccountRegion.objects.get().push_wanted == wanted + 1
    assert [entry.action for entry in audit.timeline(state)][-1] == "patching.resourcestate.retry_asked"
    simulated_aws.world.faults.clear()
    assert pushed(state.account_region).state == "succeeded"
    state.refresh_from_db()
    assert state.condition == "in_sync"


def test_what_is_parked_is_left_alone_until_it_is_retried(failed, opal, simulated_aws):
    state = operating.park_resource(failed, by=opal, reason=WHY)
    assert (state.condition, state.reason_code) == ("parked", "parked")
    assert state.condition_text == f"Parked by Opal Mensah: {WHY}"
    simulated_aws.world.faults.clear()
    operating.push_now(state.account_region, by=opal)
    pushed(state.account_region)
    state.refresh_from_db()
    assert (state.condition, simulated_aws.log("CreatePatchBaseline")) == ("parked", [])
    operating.retry_resource(state, by=opal)
    assert pushed(state.account_region).state == "succeeded"


def test_what_is_as_approved_is_neither_retried_nor_parked(asked, retail, opal):
    pushed(retail)
    state = ResourceState.objects.get(kind="baseline")
    with pytest.raises(WrongState, match="is in sync; there is nothing to try again"):
        operating.retry_resource(state, by=opal)
    with pytest.raises(WrongState, match="nothing to park"):
        operating.park_resource(state, by=opal, reason=WHY)


def test_what_was_changed_outside_is_decided_and_not_retried(failed, opal):
    ResourceState.objects.update(condition="drifted", reason_code="drift")
    with pytest.raises(WrongState, match="restore it, or let its team ask"):
        operating.retry_resource(failed, by=opal)


def test_parking_needs_a_reason_and_an_operator(failed, cast):
    for name in ("rita", "omar", "ines", "clara", "axel", "adam", "noor"):
        with pytest.raises(NotAllowed):
            operating.park_resource(failed, by=cast[name], reason=WHY)
        with pytest.raises(NotAllowed):
            operating.retry_resource(failed, by=cast[name])
    with pytest.raises(InvalidInput, match="Say why"):
        operating.park_resource(failed, by=cast["opal"], reason="no")
    AccountRegion.objects.update(is_active=False)
    with pytest.raises(WrongState, match="switched off"):
        operating.retry_resource(failed, by=cast["opal"])
