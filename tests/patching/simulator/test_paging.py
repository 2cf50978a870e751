import pytest
from botocore.exceptions import ClientError

from tests.simulated_aws import SHARED


@pytest.fixture
def ssm(simulated_aws):
    client = simulated_aws.client("ssm")
    for number in range(12):
        client.create_patch_baseline(Name=f"baseline-{number:02}")
    return client


OWN = [{"Key": "OWNER", "Values": ["Self"]}]


def names(page):
    return [one["BaselineName"] for one in page["BaselineIdentities"]]


def test_a_door_cuts_every_listing_into_small_pages(simulated_aws, ssm):
    simulated_aws.page_size(5)

    pages = ssm.get_paginator("describe_patch_baselines").paginate(Filters=OWN)
    found = [names(page) for page in pages]

    assert [len(page) for page in found] == [5, 5, 2]
    assert sorted(sum(found, [])) == [f"baseline-{number:02}" for number in range(12)]
    instances = simulated_aws.client("ec2").get_paginator("describe_instances").paginate()
    assert {len(page["Reservations"]) for page in instances} <= {1, 2, 3, 4, 5}


def test_a_smaller_page_than_the_door_allows_is_given_as_asked(simulated_aws, ssm):
    simulated_aws.page_size(5)

    assert len(names(ssm.describe_patch_baselines(Filters=OWN, MaxResults=2))) == 2


def test_a_token_is_good_for_its_own_listing_only(simulated_aws, ssm):
    token = ssm.describe_patch_baselines(Filters=OWN, MaxResults=5)["NextToken"]

    assert len(names(ssm.describe_patch_baselines(Filters=OWN, MaxResults=10, NextToken=token))) == 7
    for elsewhere in (
        lambda: ssm.describe_patch_baselines(NextToken=token),
        lambda: ssm.describe_maintenance_windows(NextToken=token),
        lambda: simulated_aws.client("ssm", SHARED).describe_patch_baselines(Filters=OWN, NextToken=token),
        lambda: ssm.describe_patch_baselines(NextToken="made up"),
    ):
        with pytest.raises(ClientError, match="InvalidNextToken"):
            elsewhere()


def test_a_token_grows_old(simulated_aws, ssm):
    simulated_aws.page_size(None, token_seconds=60)
    token = ssm.describe_patch_baselines(Filters=OWN, MaxResults=5)["NextToken"]

    simulated_aws.pass_real_time(61)

    with pytest.raises(ClientError, match="InvalidNextToken"):
        ssm.describe_patch_baselines(Filters=OWN, MaxResults=5, NextToken=token)


def test_the_scheduler_has_words_of_its_own(simulated_aws):
    with pytest.raises(ClientError, match="Invalid NextToken"):
        simulated_aws.client("scheduler").list_schedules(NextToken="made up")
