import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.simulated_aws import RETAIL

ROLE = f"arn:aws:iam::{RETAIL}:role/PatchwardenRestore"
NIGHT = datetime(2026, 6, 2, tzinfo=UTC)


def schedule(aws, target, request, **changes):
    asked = {
        "Name": "restore",
        "ScheduleExpression": "at(2026-06-02T00:00:00)",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {
            "Arn": f"arn:aws:scheduler:::aws-sdk:{target}",
            "RoleArn": ROLE,
            "Input": json.dumps(request),
        },
        "ActionAfterCompletion": "DELETE",
        **changes,
    }
    aws.client("scheduler").create_schedule(**asked)


def names(aws):
    return [one["Name"] for one in aws.client("scheduler").list_schedules()["Schedules"]]


def tag(node, value):
    return {"Resources": [node.instance_id], "Tags": [{"Key": "MaintenanceWindow", "Value": value}]}


@pytest.fixture
def node(simulated_aws):
    return simulated_aws.world.nodes_in(RETAIL, "eu-central-1")[0]


def test_a_tag_is_put_back_at_its_time_and_the_schedule_is_gone(simulated_aws, node):
    schedule(simulated_aws, "ec2:createTags", tag(node, "payments-prod-a"))

    simulated_aws.advance(to=NIGHT - timedelta(seconds=1))
    assert "MaintenanceWindow" not in node.tags
    simulated_aws.advance(to=NIGHT)

    assert node.tags["MaintenanceWindow"] == "payments-prod-a"
    assert names(simulated_aws) == []
    assert simulated_aws.log()[-1]["operation"] == "CreateTags"
    assert simulated_aws.log()[-1]["at"] == "2026-06-02T00:00:00Z"


def test_a_window_is_switched_on_again(simulated_aws):
    ssm = simulated_aws.client("ssm")
    window_id = ssm.create_maintenance_window(
        Name="one", Schedule="rate(7 days)", Duration=2, Cutoff=0, AllowUnassociatedTargets=False
    )["WindowId"]
    ssm.update_maintenance_window(WindowId=window_id, Enabled=False)
    schedule(simulated_aws, "ssm:updateMaintenanceWindow", {"WindowId": window_id, "Enabled": True})

    simulated_aws.advance(to=NIGHT)

    assert ssm.get_maintenance_window(WindowId=window_id)["Enabled"] is True


def test_what_is_put_back_counts_for_the_window_of_the_same_minute(simulated_aws, node):
    ssm = simulated_aws.client("ssm")
    window_id = ssm.create_maintenance_window(
        Name="one", Schedule="at(2026-06-02T00:00:00)", Duration=2, Cutoff=0, AllowUnassociatedTargets=False
    )["WindowId"]
    target_id = ssm.register_target_with_maintenance_window(
        WindowId=window_id,
        ResourceType="INSTANCE",
        Targets=[{"Key": "tag:MaintenanceWindow", "Values": ["one"]}],
    )["WindowTargetId"]
    ssm.register_task_with_maintenance_window(
        WindowId=window_id,
        TaskType="RUN_COMMAND",
        TaskArn="AWS-RunPatchBaseline",
        Targets=[{"Key": "WindowTargetIds", "Values": [target_id]}],
        MaxConcurrency="1",
        MaxErrors="1",
    )
    schedule(simulated_aws, "ec2:createTags", tag(node, "one"))
    before = node.last_run

    simulated_aws.advance(by=timedelta(days=1))

    assert node.last_run != before


def test_a_schedule_kept_after_completion_does_not_fire_twice(simulated_aws, node):
    schedule(simulated_aws, "ec2:createTags", tag(node, "one"), ActionAfterCompletion="NONE")

    simulated_aws.advance(to=NIGHT)
    simulated_aws.advance(by=timedelta(days=3))

    assert names(simulated_aws) == ["restore"]
    assert len(simulated_aws.log("CreateTags")) == 1


def test_a_disabled_schedule_does_not_fire(simulated_aws, node):
    schedule(simulated_aws, "ec2:createTags", tag(node, "one"), State="DISABLED")

    simulated_aws.advance(by=timedelta(days=3))

    assert "MaintenanceWindow" not in node.tags


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("ec2:terminateInstances", "may not call"),
        ("ssm:deleteMaintenanceWindow", "may not call"),
        ("ec2", "not simulated"),
    ],
)
def test_the_role_may_put_back_and_nothing_else(simulated_aws, node, target, why):
    schedule(simulated_aws, target, {"InstanceIds": [node.instance_id]})

    simulated_aws.advance(to=NIGHT)

    failed = simulated_aws.log("ScheduleFailed")
    assert why in failed[0]["request"]["because"]
    assert node.instance_id in simulated_aws.world.nodes
