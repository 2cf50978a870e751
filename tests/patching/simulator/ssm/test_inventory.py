import pytest
from botocore.exceptions import ClientError

from tests.simulated_aws import REGION, RETAIL

RACK = {
    "TypeName": "Custom:Rack",
    "SchemaVersion": "1.0",
    "CaptureTime": "2026-06-01T05:00:00Z",
    "ContentHash": "h1",
    "Content": [{"Place": "A7"}],
}


@pytest.fixture
def ssm(simulated_aws):
    return simulated_aws.client("ssm")


@pytest.fixture
def node(simulated_aws):
    return next(one for one in simulated_aws.world.nodes_in(RETAIL, REGION) if one.last_run)


def entries(ssm, node, name, *filters):
    rows = [{"Key": key, "Values": [value], "Type": kind} for key, kind, value in filters]
    asked = {"Filters": rows} if rows else {}
    return ssm.list_inventory_entries(InstanceId=node.instance_id, TypeName=name, **asked)["Entries"]


def found(ssm, key, kind, value):
    filters = [{"Key": key, "Values": [value], "Type": kind}]
    pages = ssm.get_paginator("get_inventory").paginate(Filters=filters)
    return {entity["Id"] for page in pages for entity in page["Entities"]}


def test_the_types_of_a_node_follow_from_it(ssm, node):
    (information,) = entries(ssm, node, "AWS:InstanceInformation")
    (summary,) = entries(ssm, node, "AWS:PatchSummary")

    assert information["PlatformName"] == node.platform_name
    assert summary["MissingCount"] == str(node.last_run["MissingCount"])
    missing = entries(ssm, node, "AWS:ComplianceItem", ("AWS:ComplianceItem.PatchState", "Equal", "Missing"))
    assert len(missing) == node.last_run["MissingCount"]


def test_what_was_put_is_kept_and_a_hash_alone_must_be_its(ssm, node):
    ssm.put_inventory(InstanceId=node.instance_id, Items=[RACK])
    same = {name: value for name, value in RACK.items() if name != "Content"}
    ssm.put_inventory(InstanceId=node.instance_id, Items=[same])

    assert entries(ssm, node, "Custom:Rack") == RACK["Content"]
    with pytest.raises(ClientError) as refused:
        ssm.put_inventory(InstanceId=node.instance_id, Items=[same | {"ContentHash": "h2"}])
    assert refused.value.response["Error"]["Code"] == "ItemContentMismatchException"


def test_nodes_are_found_by_any_attribute(simulated_aws, ssm, node):
    managed = [one for one in simulated_aws.world.nodes_in(RETAIL, REGION) if one.managed]
    windows = {one.instance_id for one in managed if one.platform_type == "Windows"}
    ssm.put_inventory(InstanceId=node.instance_id, Items=[RACK])

    assert found(ssm, "AWS:InstanceInformation.PlatformType", "Equal", "Windows") == windows
    assert (
        found(ssm, "AWS:InstanceInformation.PlatformType", "NotEqual", "Windows")
        == {one.instance_id for one in managed} - windows
    )
    assert found(ssm, "Custom:Rack.Place", "BeginWith", "A") == {node.instance_id}
    assert found(ssm, "Custom:Rack.Place", "Exists", "true") == {node.instance_id}


def test_one_type_is_shown_when_asked_for(ssm, node):
    filters = [{"Key": "AWS:InstanceInformation.InstanceId", "Values": [node.instance_id]}]
    (entity,) = ssm.get_inventory(Filters=filters, ResultAttributes=[{"TypeName": "AWS:PatchSummary"}])[
        "Entities"
    ]

    assert entity["Data"].keys() == {"AWS:PatchSummary"}
    assert entity["Data"]["AWS:PatchSummary"]["Content"][0]["BaselineId"] == node.last_run["BaselineId"]


def test_nodes_are_counted_by_a_value(simulated_aws, ssm):
    expression = "AWS:InstanceInformation.PlatformType"
    (entity,) = ssm.get_inventory(Aggregators=[{"Expression": expression}])["Entities"]

    counts = {
        row["PlatformType"]: int(row["Count"]) for row in entity["Data"]["AWS:InstanceInformation"]["Content"]
    }
    managed = [one for one in simulated_aws.world.nodes_in(RETAIL, REGION) if one.managed]
    assert counts["Windows"] == sum(one.platform_type == "Windows" for one in managed)
    assert sum(counts.values()) == len(managed)


def test_the_schema_names_the_attributes(ssm):
    (schema,) = ssm.get_inventory_schema(TypeName="AWS:PatchSummary")["Schemas"]

    kinds = {one["Name"]: one["DataType"] for one in schema["Attributes"]}
    assert (kinds["BaselineId"], kinds["MissingCount"]) == ("string", "number")


@pytest.mark.parametrize(
    ("operation", "request_", "code"),
    [
        ("put_inventory", {"InstanceId": "i-0123456789abcdef0", "Items": [RACK]}, "InvalidInstanceId"),
        ("get_inventory_schema", {"TypeName": "AWS:Colour"}, "InvalidTypeNameException"),
        ("get_inventory", {"Filters": [{"Key": "Colour", "Values": ["red"]}]}, "InvalidFilter"),
        ("get_inventory", {"Aggregators": [{"Expression": "Colour"}]}, "InvalidAggregatorException"),
    ],
)
def test_what_makes_no_sense_is_refused(ssm, operation, request_, code):
    with pytest.raises(ClientError) as refused:
        getattr(ssm, operation)(**request_)

    assert refused.value.response["Error"]["Code"] == code


def test_what_the_agent_tells_nobody_else_may_put(ssm, node):
    with pytest.raises(ClientError) as refused:
        ssm.put_inventory(InstanceId=node.instance_id, Items=[RACK | {"TypeName": "AWS:PatchSummary"}])
    assert refused.value.response["Error"]["Code"] == "InvalidTypeNameException"
    with pytest.raises(ClientError) as refused:
        entries(ssm, node, "Custom:Unknown")
    assert refused.value.response["Error"]["Code"] == "InvalidTypeNameException"
