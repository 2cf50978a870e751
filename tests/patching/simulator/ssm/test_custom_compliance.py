import pytest
from botocore.exceptions import ClientError

from tests.simulated_aws import REGION, RETAIL

TYPE = "Custom:PatchExemption"
SUMMARY = {"ExecutionTime": "2026-06-01T05:00:00Z"}
OPEN = {"Id": "E-1", "Title": "Deferred", "Severity": "HIGH", "Status": "NON_COMPLIANT"}
FINE = {"Id": "E-2", "Title": "In order", "Severity": "LOW", "Status": "COMPLIANT"}


@pytest.fixture
def ssm(simulated_aws):
    return simulated_aws.client("ssm")


@pytest.fixture
def put(simulated_aws, ssm):
    node = next(one for one in simulated_aws.world.nodes_in(RETAIL, REGION) if one.last_run)

    def put(*items, **more):
        request = {"ResourceId": node.instance_id, "ResourceType": "ManagedInstance", "ComplianceType": TYPE}
        request |= {"ExecutionSummary": SUMMARY, "Items": list(items), **more}
        return ssm.put_compliance_items(**request)

    put.node = node
    return put


def items(ssm, node):
    filters = [{"Key": "ComplianceType", "Values": [TYPE], "Type": "EQUAL"}]
    rows = ssm.list_compliance_items(ResourceIds=[node.instance_id], Filters=filters)["ComplianceItems"]
    return [row["Id"] for row in rows]


def test_each_put_replaces_the_items_of_its_type_and_leaves_patches_alone(ssm, put):
    put(OPEN, FINE)
    assert items(ssm, put.node) == ["E-1", "E-2"]
    put(FINE)
    assert items(ssm, put.node) == ["E-2"]

    (patches,) = [
        row
        for row in ssm.list_resource_compliance_summaries(
            Filters=[{"Key": "ResourceId", "Values": [put.node.instance_id], "Type": "EQUAL"}]
        )["ResourceComplianceSummaryItems"]
        if row["ComplianceType"] == "Patch"
    ]
    assert patches["ExecutionSummary"]["ExecutionId"] == put.node.last_run["SnapshotId"]


def test_the_summaries_know_the_type(ssm, put):
    put(OPEN, FINE)

    by_type = {
        row["ComplianceType"]: row for row in ssm.list_compliance_summaries()["ComplianceSummaryItems"]
    }
    assert by_type[TYPE]["NonCompliantSummary"]["NonCompliantCount"] == 1
    assert by_type[TYPE]["NonCompliantSummary"]["SeveritySummary"]["HighCount"] == 1
    assert "Patch" in by_type


def test_a_node_takes_ten_types(ssm, put):
    for number in range(10):
        put(FINE, ComplianceType=f"Custom:Type{number}")
    put(OPEN, ComplianceType="Custom:Type3")

    with pytest.raises(ClientError, match="10 custom compliance types"):
        put(FINE, ComplianceType="Custom:Eleventh")


def test_the_inventory_knows_it_with_its_time(ssm, put):
    put(OPEN)

    rows = ssm.list_inventory_entries(InstanceId=put.node.instance_id, TypeName="AWS:ComplianceItem")[
        "Entries"
    ]
    (row,) = [row for row in rows if row["ComplianceType"] == TYPE]
    assert (row["Id"], row["ExecutionTime"]) == ("E-1", SUMMARY["ExecutionTime"])


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"ComplianceType": "Patch"}, "ValidationException"),
        ({"ResourceType": "Car"}, "InvalidResourceType"),
        ({"ResourceId": "i-0123456789abcdef0"}, "InvalidResourceId"),
        ({"UploadType": "PARTIAL"}, "ValidationException"),
        ({"Items": [FINE, FINE]}, "InvalidItemContentException"),
    ],
)
def test_what_makes_no_sense_is_refused(put, change, code):
    with pytest.raises(ClientError) as refused:
        put(**change)

    assert refused.value.response["Error"]["Code"] == code
