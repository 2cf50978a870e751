"""A window that a push closed for a moment is not left closed without an operator hearing of it."""

from datetime import timedelta

import pytest

from patching import alarms
from patching.models import AccountRegion, MaintenanceWindow, Operation, ResourceState
from portal.governance import clock
from portal.governance.models import AuditEntry, OutboxMessage
from tests.faults.test_crash_points import Died, die
from tests.pushing import approved, change, pushed, resource


@pytest.fixture
def left_closed(asked, retail, simulated_aws, meanwhile) -> AccountRegion:
    """The push died after it had made its windows and before it opened any."""
    meanwhile("before-enable", 1, die)
    with pytest.raises(Died):
        pushed(retail)
    meanwhile("before-enable", 0, die)
    return retail


def told() -> list[str]:
    return sorted(OutboxMessage.objects.filter(event="window.kept_closed").values_list("subject", flat=True))


def an_age_passes() -> None:
    Operation.objects.update(intent_at=clock.real_now() - timedelta(minutes=16))


def test_for_a_quarter_of_an_hour_it_is_nobodys_business(left_closed, opal):
    alarms.raise_due()
    assert told() == []


def test_after_that_operators_hear_of_it_once(left_closed, opal):
    an_age_passes()
    alarms.raise_due()
    alarms.raise_due()
    assert told() == [
        "patchwarden-daily-scan is still closed after a change",
        "payments-dev is still closed after a change",
    ]
    assert AuditEntry.objects.filter(action="patching.resourcestate.kept_closed").count() == 2


def test_the_next_push_opens_it_and_takes_the_alarm_back(left_closed, opal):
    an_age_passes()
    alarms.raise_due()
    assert pushed(left_closed).state == "succeeded"
    assert resource("window", label="payments-dev").reason_code == ""


def test_a_window_that_stands_open_alarms_nobody(asked, retail, simulated_aws, opal):
    pushed(retail)
    an_age_passes()
    alarms.raise_due()
    assert told() == []


def test_a_window_whose_closing_got_no_answer_alarms_like_any_other(asked, retail, simulated_aws, rita, opal):
    pushed(retail)
    two = [{"name": "Install", "kind": "install"}, {"name": "Scan", "kind": "scan"}]
    approved(rita, [change(MaintenanceWindow.objects.get(), "window", tasks=two)])
    simulated_aws.inject("lost-reply", operation="UpdateMaintenanceWindow", count=3)
    simulated_aws.deny("RegisterTaskWithMaintenanceWindow")
    for _ in range(3):
        pushed(retail)
    closing = Operation.objects.filter(resource__label="payments-dev", action="disable").latest("pk")
    assert closing.state == "abandoned"
    an_age_passes()
    alarms.raise_due()
    assert told() == ["payments-dev is still closed after a change"]


def test_an_opening_whose_answer_was_lost_and_that_opened_alarms_nobody(asked, retail, simulated_aws, opal):
    pushed(retail)
    window = resource("window", label="payments-dev")
    window.operations.filter(action="enable").update(state="abandoned")
    ResourceState.objects.filter(pk=window.pk).update(condition="out_of_sync")
    an_age_passes()
    alarms.raise_due()
    assert told() == []
