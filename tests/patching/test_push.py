"""What was approved becomes what is in AWS, exactly once."""

import pytest

from patching import pull, push
from patching.aws import session
from patching.models import AccountRegion, ChangeRequest, ManagedInstance, Operation, PushRun, ResourceState
from tests import asks, factories
from tests.simulated_aws import RETAIL


@pytest.fixture
def retail(db, simulated_aws, settings) -> AccountRegion:
    """Retail in eu-central-1 as inventory shows it on the first morning."""
    settings.PUSH_SETTLE_SECONDS = 0
    session.forget()
    account = factories.account(external_id=simulated_aws.external_id(RETAIL))
    place = factories.account_region(account)
    factories.payments()
    pull.pull(place)
    return place


@pytest.fixture
def approved(retail, rita, omar, ivan, clara) -> ChangeRequest:
    """The HA Windows application, asked for and decided."""
    instances = ManagedInstance.objects.filter(application__slug="payments").order_by("instance_id")
    request = asks.submitted(rita, asks.ha_items(list(instances)))
    request = asks.approve(request, omar, ivan, clara)
    assert request.state == "approved"
    return request


def pushed(place: AccountRegion) -> PushRun:
    run = push.push(place, trigger="test")
    assert run is not None
    return run


def test_an_approved_request_becomes_what_is_in_aws(approved, retail, simulated_aws):
    run = pushed(retail)
    approved.refresh_from_db()
    assert (run.state, run.error) == ("succeeded", "")
    assert approved.state == "applied"
    assert set(ResourceState.objects.values_list("condition", flat=True)) == {"in_sync"}
    windows = simulated_aws.client("ssm").describe_maintenance_windows()["WindowIdentities"]
    assert len(windows) == 7
    assert all(window["Enabled"] for window in windows)


def test_a_second_push_writes_nothing(approved, retail, simulated_aws):
    pushed(retail)
    before = len(simulated_aws.log())
    run = pushed(retail)
    assert (run.state, run.writes, run.plan) == ("succeeded", 0, [])
    assert len(simulated_aws.log()) == before
    assert Operation.objects.exclude(state="done").count() == 0
