"""An account-region that lets nobody in is left in peace, tells who looks after it, and heals by itself."""

from datetime import timedelta

import pytest

from patching import breaker, pull, turns
from patching.aws import session
from patching.aws.errors import AwsBusy, AwsDenied, AwsSkewed
from patching.models import AccountRegion
from portal.governance import clock
from portal.governance.models import AuditEntry, OutboxMessage
from tests import factories
from tests.pushing import pushed
from tests.simulated_aws import RETAIL

NO = AwsDenied("AccessDenied", "Assuming PatchwardenRole: AWS does not allow it (AccessDenied).")
SLOW = AwsBusy("ThrottlingException", "Rate exceeded")
SILENT = AwsBusy("EndpointConnectionError", "AWS did not answer.")
pytestmark = pytest.mark.django_db


@pytest.fixture
def place() -> AccountRegion:
    return factories.account_region()


def open_for(place: AccountRegion) -> timedelta:
    place.refresh_from_db()
    return place.circuit_until - clock.real_now() if place.circuit_until else timedelta()


def over(place: AccountRegion) -> None:
    """The pause has passed."""
    AccountRegion.objects.filter(pk=place.pk).update(circuit_until=clock.real_now() - timedelta(seconds=1))


def test_a_refused_role_opens_the_circuit_for_half_an_hour_then_ever_longer(place):
    lengths = []
    for _ in range(6):
        breaker.trip(place, NO)
        lengths.append(open_for(place))
        over(place)
    assert timedelta(minutes=26) < lengths[0] < timedelta(minutes=34)
    assert timedelta(minutes=53) < lengths[1] < timedelta(minutes=67)
    assert max(lengths) < timedelta(hours=6.7)
    assert place.health == "denied"


def test_nobody_asks_while_the_circuit_is_open(place):
    breaker.trip(place, NO)
    turns.want(place)
    assert place not in turns.due()
    assert place not in pull.due()


def test_operators_are_told_once_and_the_log_says_it(place, opal):
    breaker.trip(place, NO)
    over(place)
    breaker.trip(place, NO)
    assert OutboxMessage.objects.filter(event="account.denied", recipient=opal).count() == 1
    assert AuditEntry.objects.filter(action="patching.accountregion.circuit_opened").count() == 1


def test_whoever_wants_a_push_by_hand_gets_one_try(place):
    breaker.trip(place, NO)
    turns.want(place, by_hand=True)
    assert place in turns.due()


def test_a_wrong_clock_is_told_apart(place):
    breaker.trip(place, AwsSkewed("RequestTimeTooSkewed", "Off by an hour."))
    place.refresh_from_db()
    assert (place.health, place.circuit_until is not None) == ("clock", True)


def test_being_throttled_opens_nothing(place):
    breaker.trip(place, SLOW)
    place.refresh_from_db()
    assert (place.health, place.circuit_until) == ("throttled", None)


def test_silence_opens_it_the_third_time(place):
    opened = []
    for _ in range(3):
        breaker.trip(place, SILENT)
        opened.append(open_for(place) > timedelta())
    assert opened == [False, False, True]
    assert open_for(place) < timedelta(minutes=2)


def test_one_pass_that_gets_through_closes_it(place):
    breaker.trip(place, NO)
    breaker.reset(place)
    place.refresh_from_db()
    assert (place.health, place.circuit_opens, place.circuit_until) == ("ok", 0, None)
    assert AuditEntry.objects.filter(action="patching.accountregion.circuit_closed").count() == 1


def test_a_role_that_comes_back_is_found_by_the_next_try(asked, retail, simulated_aws):
    simulated_aws.deny_role(RETAIL)
    session.forget()
    assert pushed(retail).state == "failed"
    retail.refresh_from_db()
    assert retail.health == "denied"
    simulated_aws.clear_faults()
    over(retail)

    assert pushed(retail).state == "succeeded"

    retail.refresh_from_db()
    assert (retail.health, retail.circuit_until) == ("ok", None)
    assert retail.identity_arn.startswith(f"arn:aws:sts::{RETAIL}:assumed-role/PatchwardenRole/")
