import pytest

from patching.simulator import fleet
from patching.simulator.beginning import new_world
from patching.simulator.errors import Fault
from patching.simulator.ssm.instances import Instances
from patching.simulator.validation import shaped_reply


@pytest.fixture
def retail() -> Instances:
    world = new_world(fleet.demo_company())
    return Instances(world, fleet.RETAIL, fleet.REGION)


def names(corner: Instances, *filters: dict, **request) -> set[str]:
    reply = corner.describe_instance_information({"Filters": list(filters), "MaxResults": 50, **request})
    return {corner.world.nodes[row["InstanceId"]].name for row in reply["InstanceInformationList"]}


def test_an_instance_without_an_agent_does_not_exist(retail):
    everyone = names(retail)

    assert "pay-prod-a-01" in everyone
    assert "lake-prod-b-04" not in everyone


def test_accounts_and_regions_see_only_their_own(retail):
    shared = Instances(retail.world, fleet.SHARED, fleet.REGION)
    elsewhere = Instances(retail.world, fleet.RETAIL, "us-east-1")

    assert not names(retail) & names(shared)
    assert names(elsewhere) == set()


def test_the_reply_is_what_aws_would_answer(retail):
    reply = retail.describe_instance_information({})

    assert shaped_reply("ssm", "DescribeInstanceInformation", reply)[1] == []


def test_instances_come_in_pages(retail):
    seen, token = [], None
    while True:
        reply = retail.describe_instance_information({"MaxResults": 5, "NextToken": token})
        assert len(reply["InstanceInformationList"]) <= 5
        seen += [row["InstanceId"] for row in reply["InstanceInformationList"]]
        token = reply["NextToken"]
        if token is None:
            break

    assert len(seen) == len(set(seen)) == len(retail.managed_nodes())


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("PingStatus", "ConnectionLost", {"claims-test-a-02", "batch-runner-2"}),
        ("tag:App", "payments", {f"pay-dev-{zone}-0{n}" for zone in "ab" for n in (1, 2)}),
    ],
)
def test_filters_narrow_the_answer(retail, key, value, expected):
    found = names(
        retail, {"Key": key, "Values": [value]}, {"Key": "PlatformTypes", "Values": ["Linux", "Windows"]}
    )

    assert {name for name in found if "prod" not in name and "pay-test" not in name} == expected


def test_the_older_filter_list_works_too(retail):
    filters = [{"key": "PlatformTypes", "valueSet": ["Windows"]}]

    assert names(retail, InstanceInformationFilterList=filters) == {
        node.name for node in retail.managed_nodes() if node.os == "WINDOWS"
    }


def test_an_unknown_filter_is_refused(retail):
    with pytest.raises(Fault, match="not valid"):
        names(retail, {"Key": "Colour", "Values": ["green"]})


def test_a_lost_agent_was_last_heard_of_days_ago(retail):
    rows = retail.describe_instance_information({"MaxResults": 50})["InstanceInformationList"]

    for row in rows:
        lost = row["PingStatus"] != "Online"
        assert (row["LastPingDateTime"] < "2026-05-29") == lost
