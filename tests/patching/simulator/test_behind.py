import json
from datetime import UTC, datetime, timedelta
from urllib.error import HTTPError

import pytest
from botocore.exceptions import ClientError

from tests.simulated_aws import REGION, RETAIL

WINDOW = {
    "Name": "payments-prod-a",
    "Schedule": "cron(0 2 ? * TUE#2 *)",
    "Duration": 4,
    "Cutoff": 1,
    "AllowUnassociatedTargets": False,
}
EVERYTHING = {
    "PatchFilterGroup": {"PatchFilters": [{"Key": "PRODUCT", "Values": ["*"]}]},
    "ApproveAfterDays": 0,
}


@pytest.fixture
def ssm(simulated_aws):
    return simulated_aws.client("ssm")


@pytest.fixture
def node(simulated_aws):
    return next(
        one
        for one in simulated_aws.world.nodes_in(RETAIL, REGION)
        if one.ping_status == "Online" and one.os == "WINDOWS" and one.managed
    )


@pytest.fixture
def window_id(ssm):
    return ssm.create_maintenance_window(**WINDOW, Description="ours")["WindowId"]


def test_somebody_edits_a_window_and_the_log_does_not_know(simulated_aws, ssm, window_id):
    simulated_aws.edit("window", window_id, Duration=2, Description=None)

    window = ssm.get_maintenance_window(WindowId=window_id)
    assert window["Duration"] == 2
    assert "Description" not in window
    assert [entry["operation"] for entry in simulated_aws.log()] == ["CreateMaintenanceWindow"]


def test_somebody_edits_a_baseline_a_target_and_a_group(simulated_aws, ssm, window_id):
    baseline_id = ssm.create_patch_baseline(Name="own")["BaselineId"]
    other_id = ssm.create_patch_baseline(Name="other")["BaselineId"]
    target_id = ssm.register_target_with_maintenance_window(
        WindowId=window_id, ResourceType="INSTANCE", Targets=[{"Key": "tag-key", "Values": ["a"]}]
    )["WindowTargetId"]
    ssm.register_patch_baseline_for_patch_group(BaselineId=baseline_id, PatchGroup="payments")

    simulated_aws.edit("baseline", baseline_id, ApprovedPatches=["KB5000001"])
    simulated_aws.edit("target", target_id, Name="theirs")
    simulated_aws.edit("group", "payments", WINDOWS=other_id)

    assert ssm.get_patch_baseline(BaselineId=baseline_id)["ApprovedPatches"] == ["KB5000001"]
    assert ssm.describe_maintenance_window_targets(WindowId=window_id)["Targets"][0]["Name"] == "theirs"
    assert ssm.get_patch_baseline_for_patch_group(PatchGroup="payments")["BaselineId"] == other_id


def test_somebody_deletes_a_window_and_a_baseline_in_use(simulated_aws, ssm, window_id):
    baseline_id = ssm.create_patch_baseline(Name="own")["BaselineId"]
    ssm.register_patch_baseline_for_patch_group(BaselineId=baseline_id, PatchGroup="payments")
    ssm.register_default_patch_baseline(BaselineId=baseline_id)

    simulated_aws.delete("window", window_id)
    simulated_aws.delete("baseline", baseline_id)

    for gone in (
        lambda: ssm.get_maintenance_window(WindowId=window_id),
        lambda: ssm.get_patch_baseline(BaselineId=baseline_id),
    ):
        with pytest.raises(ClientError, match="DoesNotExistException"):
            gone()
    assert ssm.describe_patch_groups()["Mappings"] == []
    assert ssm.get_default_patch_baseline()["BaselineId"].startswith("arn:")


def test_somebody_changes_and_removes_tags(simulated_aws, ssm, node, window_id):
    resource = {"ResourceType": "MaintenanceWindow", "ResourceId": window_id}
    ssm.add_tags_to_resource(**resource, Tags=[{"Key": "uid", "Value": "7"}, {"Key": "team", "Value": "x"}])
    node.tags = {**node.tags, "PatchGroup": "payments"}

    simulated_aws.untag("window", window_id, "uid")
    simulated_aws.retag("window", window_id, {"team": "y"})
    simulated_aws.retag("instance", node.instance_id, {"PatchGroup": None, "Zone": "a"})

    assert ssm.list_tags_for_resource(**resource)["TagList"] == [{"Key": "team", "Value": "y"}]
    assert "PatchGroup" not in node.tags
    assert node.tags["Zone"] == "a"


def test_somebody_makes_objects_that_are_not_ours(simulated_aws, ssm):
    window_id = simulated_aws.somebody_calls("CreateMaintenanceWindow", **WINDOW)["WindowId"]

    assert ssm.get_maintenance_window(WindowId=window_id)["Name"] == "payments-prod-a"
    assert simulated_aws.log() == []
    with pytest.raises(HTTPError) as refused:
        simulated_aws.somebody_calls("CreateMaintenanceWindow", **WINDOW | {"Cutoff": 9})
    assert "ValidationException" in json.load(refused.value)["error"]


def test_instances_come_and_go(simulated_aws, ssm, node):
    plain = simulated_aws.add_instance(name="pay-new", tags={"PatchGroup": "payments"})
    twin = simulated_aws.add_instance(like=node.instance_id, name="twin")

    ids = {
        one["InstanceId"]
        for page in ssm.get_paginator("describe_instance_information").paginate()
        for one in page["InstanceInformationList"]
    }
    assert {plain, twin} <= ids
    assert simulated_aws.world.nodes[plain].tags == {"Name": "pay-new", "PatchGroup": "payments"}
    assert simulated_aws.world.nodes[twin].last_run is None
    assert simulated_aws.world.nodes[twin].installed == node.installed

    simulated_aws.terminate_instance(node.instance_id)

    with pytest.raises(ClientError, match="InvalidInstanceID.NotFound"):
        simulated_aws.client("ec2").describe_instances(InstanceIds=[node.instance_id])


def test_a_patch_that_is_released_is_missing_at_the_next_scan_and_not_before(simulated_aws, ssm, node):
    baseline_id = ssm.create_patch_baseline(Name="all", ApprovalRules={"PatchRules": [EVERYTHING]})[
        "BaselineId"
    ]
    ssm.register_default_patch_baseline(BaselineId=baseline_id)

    def missing():
        reply = ssm.describe_instance_patches(
            InstanceId=node.instance_id, Filters=[{"Key": "KBId", "Values": ["KB5999999"]}]
        )
        return [one["State"] for one in reply["Patches"]]

    simulated_aws.release("KB5999999", products=[node.product], released="2026-06-03T00:00:00Z")
    for until, expected in (
        (datetime(2026, 6, 2, 12, tzinfo=UTC), []),
        (datetime(2026, 6, 4, 12, tzinfo=UTC), ["Missing"]),
    ):
        simulated_aws.advance(to=until)
        assert missing() == []
        ssm.send_command(
            InstanceIds=[node.instance_id],
            DocumentName="AWS-RunPatchBaseline",
            Parameters={"Operation": ["Scan"]},
        )
        simulated_aws.advance(by=timedelta(hours=1))
        assert missing() == expected


def test_a_patch_that_is_released_is_on_offer_from_its_time_on(simulated_aws, ssm):
    def offered():
        pages = ssm.get_paginator("describe_available_patches").paginate()
        return "KB5999999" in {one["KbNumber"] for page in pages for one in page["Patches"]}

    simulated_aws.release("KB5999999", released="2026-06-03T00:00:00Z")

    assert not offered()
    simulated_aws.advance(to=datetime(2026, 6, 3, tzinfo=UTC))
    assert offered()


@pytest.mark.parametrize(
    ("door", "body"),
    [
        ("edit", {"kind": "window", "id": "mw-0", "changes": {}}),
        ("edit", {"kind": "colour", "id": "red", "changes": {}}),
        ("edit", {"kind": "window", "id": "mw-0"}),
        ("delete", {"kind": "baseline", "id": "pb-0"}),
        ("tags", {"kind": "window", "id": "mw-0", "tags": {}}),
        ("tags", {"kind": "instance", "id": "i-0", "tags": {}}),
        ("tags", {"kind": "task", "id": "0", "tags": {}}),
        ("call", {"service": "ssm", "operation": "Dance", "request": {}}),
        ("instance", {"colour": "red"}),
        ("instance", {"instance_id": "mine"}),
        ("terminate", {"instance_id": "i-0"}),
        ("release", {"id": "KB1"}),
        ("release", {"id": "KB1", "os": "WINDOWS", "products": ["x"], "colour": "red"}),
        ("resource-group", {"name": "web", "query": {"Colour": "red"}}),
    ],
)
def test_what_others_cannot_do_is_refused_in_words(simulated_aws, door, body):
    with pytest.raises(HTTPError) as refused:
        simulated_aws.door(door, {"account": RETAIL, "region": REGION, **body})
    assert refused.value.code == 400
    assert json.load(refused.value)["error"]
