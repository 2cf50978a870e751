"""Quotas as Service Quotas tells them."""

import pytest

from patching.aws import session
from patching.aws.errors import AwsDenied
from patching.aws.quotas import Quotas
from tests import factories
from tests.simulated_aws import RETAIL


@pytest.fixture
def reader(db, simulated_aws):
    place = factories.account_region(factories.account(external_id=simulated_aws.external_id(RETAIL)))
    return Quotas(session.clients(place))


def test_the_limits_of_an_account_are_known_by_our_names(reader, simulated_aws):
    simulated_aws.quota("windows", 80, account=RETAIL)
    assert reader.read() == {
        "windows": 80,
        "tasks": 20,
        "targets": 100,
        "open_at_once": 5,
        "baselines": 50,
        "groups": 25,
    }


def test_a_role_that_may_not_ask_is_an_error_of_its_own(reader, simulated_aws):
    simulated_aws.deny("ListServiceQuotas")
    with pytest.raises(AwsDenied):
        reader.read()
