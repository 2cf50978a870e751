import pytest
from botocore.exceptions import ClientError

from tests.simulated_aws import REGION, RETAIL

SCAN = {
    "Name": "AWS-RunPatchBaselineAssociation",
    "AssociationName": "daily-scan",
    "Targets": [{"Key": "tag:App", "Values": ["payments"]}],
    "ScheduleExpression": "rate(1 day)",
    "Parameters": {"Operation": ["Scan"], "AssociationId": ["{{ASSOCIATION_ID}}"]},
}


@pytest.fixture
def ssm(simulated_aws):
    return simulated_aws.client("ssm")


@pytest.fixture
def nodes(simulated_aws):
    return {one.name: one for one in simulated_aws.world.nodes_in(RETAIL, REGION)}


def test_an_association_is_described_and_listed_as_made(ssm):
    made = ssm.create_association(**SCAN)["AssociationDescription"]

    described = ssm.describe_association(AssociationId=made["AssociationId"])["AssociationDescription"]
    (listed,) = ssm.list_associations()["Associations"]
    assert described == made
    assert {name: described[name] for name in SCAN} == SCAN
    assert listed["AssociationName"] == "daily-scan"
    assert listed["Overview"]["Status"] == "Pending"


def test_they_are_found_by_what_is_known_of_them(ssm):
    ssm.create_association(**SCAN)
    other = ssm.create_association(**SCAN | {"AssociationName": "weekly-install"})["AssociationDescription"]

    def found(key, value):
        rows = ssm.list_associations(AssociationFilterList=[{"key": key, "value": value}])["Associations"]
        return [row["AssociationName"] for row in rows]

    assert found("Name", SCAN["Name"]) == ["daily-scan", "weekly-install"]
    assert found("AssociationId", other["AssociationId"]) == ["weekly-install"]

    ssm.delete_association(AssociationId=other["AssociationId"])
    assert found("Name", SCAN["Name"]) == ["daily-scan"]


def test_a_node_knows_which_associations_mean_it(ssm, nodes):
    by_tag = ssm.create_association(**SCAN)["AssociationDescription"]["AssociationId"]
    everybody = SCAN | {"Targets": [{"Key": "InstanceIds", "Values": ["*"]}]}
    for_all = ssm.create_association(**everybody)["AssociationDescription"]["AssociationId"]
    one = nodes["claims-prod-a-01"].instance_id
    direct = ssm.create_association(Name="AWS-UpdateSSMAgent", InstanceId=one)["AssociationDescription"]

    def on(name):
        asked = {"InstanceId": nodes[name].instance_id}
        effective = ssm.describe_effective_instance_associations(**asked)["Associations"]
        statuses = ssm.describe_instance_associations_status(**asked)["InstanceAssociationStatusInfos"]
        ids = [row["AssociationId"] for row in effective]
        assert [row["AssociationId"] for row in statuses] == ids
        return ids

    assert on("pay-prod-a-01") == [by_tag, for_all]
    assert on("claims-prod-a-01") == [for_all, direct["AssociationId"]]
    found = ssm.describe_association(Name="AWS-UpdateSSMAgent", InstanceId=one)["AssociationDescription"]
    assert found == direct


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"Targets": None}, "ValidationException"),
        ({"Targets": None, "InstanceId": "i-0123456789abcdef0"}, "InvalidInstanceId"),
    ],
)
def test_what_makes_no_sense_is_refused(ssm, change, code):
    with pytest.raises(ClientError) as refused:
        ssm.create_association(**{name: value for name, value in (SCAN | change).items() if value})

    assert refused.value.response["Error"]["Code"] == code


def test_one_document_goes_on_one_node_once(ssm, nodes):
    request = {"Name": "AWS-UpdateSSMAgent", "InstanceId": nodes["pay-prod-a-01"].instance_id}
    ssm.create_association(**request)

    with pytest.raises(ClientError, match="already exists"):
        ssm.create_association(**request)
    with pytest.raises(ClientError, match="does not exist"):
        ssm.delete_association(AssociationId="00000000-0000-0000-0000-000000000000")
