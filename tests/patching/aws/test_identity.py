"""Who we turn out to be: asked of AWS with a role of our own, and of nobody else."""

from types import SimpleNamespace

import pytest

from patching.aws import identity
from patching.aws.errors import AwsBusy, AwsDenied
from tests.simulated_aws import REGION, RETAIL


@pytest.fixture
def place(simulated_aws):
    account = SimpleNamespace(
        account_id=RETAIL, role_name="PatchwardenRole", external_id=simulated_aws.external_id(RETAIL)
    )
    return SimpleNamespace(region=REGION, account=account)


def test_the_caller_is_the_role_in_the_account(place):
    account, arn = identity.caller(place)
    assert account == RETAIL
    assert arn == f"arn:aws:sts::{RETAIL}:assumed-role/PatchwardenRole/patchwarden"


def test_a_refusal_and_silence_are_told_apart(place, monkeypatch):
    place.account.external_id = "another-one"
    with pytest.raises(AwsDenied):
        identity.caller(place)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(AwsBusy):
        identity.caller(place)


@pytest.mark.parametrize(
    ("region", "partition"),
    [("eu-central-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")],
)
def test_the_role_is_of_the_regions_partition(place, region, partition):
    place.region = region
    assert identity.role_arn(place) == f"arn:{partition}:iam::{RETAIL}:role/PatchwardenRole"
