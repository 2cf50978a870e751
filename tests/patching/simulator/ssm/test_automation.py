import uuid
from datetime import timedelta

import pytest
from botocore.exceptions import ClientError

from patching.simulator.ec2.volumes import root_volume
from patching.simulator.ssm.operations import Ssm
from tests.simulated_aws import REGION, RETAIL

DOCUMENT = "AWSManagedServices-PatchInstance"


@pytest.fixture
def ssm(simulated_aws):
    return simulated_aws.client("ssm")


@pytest.fixture
def nodes(simulated_aws):
    return [
        one
        for one in simulated_aws.world.nodes_in(RETAIL, REGION)
        if one.name.startswith("pay-prod") and not one.install_fails
    ]


def start(ssm, instance_id, **more):
    parameters = {"InstanceId": [instance_id], **more.pop("Parameters", {})}
    reply = ssm.start_automation_execution(DocumentName=DOCUMENT, Parameters=parameters, **more)
    return reply["AutomationExecutionId"]


def got(ssm, execution_id):
    return ssm.get_automation_execution(AutomationExecutionId=execution_id)["AutomationExecution"]


def status(ssm, execution_id):
    return got(ssm, execution_id)["AutomationExecutionStatus"]


def refused(call, **request):
    with pytest.raises(ClientError) as refusal:
        call(**request)
    return refusal.value.response["Error"]["Code"]


def test_the_root_volume_is_safe_before_the_patches_go_on(simulated_aws, ssm, nodes):
    node = nodes[0]
    execution_id = start(ssm, node.instance_id)

    simulated_aws.advance(by=timedelta(minutes=1))
    on_the_way = got(ssm, execution_id)
    assert on_the_way["AutomationExecutionStatus"] == "InProgress"
    assert on_the_way["CurrentStepName"] == "SnapshotRootVolume"
    assert node.last_run["Operation"] == "Scan"

    simulated_aws.advance(by=timedelta(hours=1))
    done = got(ssm, execution_id)
    steps = ssm.describe_automation_step_executions(AutomationExecutionId=execution_id)["StepExecutions"]
    assert done["AutomationExecutionStatus"] == "Success"
    assert [(step["StepName"], step["StepStatus"]) for step in steps] == [
        ("CheckInstance", "Success"),
        ("SnapshotRootVolume", "Success"),
        ("InstallPatches", "Success"),
    ]
    assert (node.last_run["Operation"], node.last_run["MissingCount"]) == ("Install", 0)
    (snapshot,) = simulated_aws.client("ec2").describe_snapshots(
        SnapshotIds=steps[1]["Outputs"]["SnapshotId"]
    )["Snapshots"]
    assert snapshot["VolumeId"] == root_volume(node)
    assert snapshot["CompletionTime"] <= steps[2]["ExecutionStartTime"]


def test_a_token_is_good_for_one_execution(ssm, nodes):
    token = str(uuid.uuid4())

    first = start(ssm, nodes[0].instance_id, ClientToken=token)

    assert start(ssm, nodes[0].instance_id, ClientToken=token) == first
    request = {"DocumentName": DOCUMENT, "Parameters": {"InstanceId": [nodes[1].instance_id]}}
    assert (
        refused(ssm.start_automation_execution, ClientToken=token, **request) == "IdempotentParameterMismatch"
    )
    assert refused(ssm.start_automation_execution, ClientToken="a" * 37, **request) == "ValidationException"
    assert len(ssm.describe_automation_executions()["AutomationExecutionMetadataList"]) == 1


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"DocumentName": "AWS-RunPatchBaseline"}, "AutomationDefinitionNotFoundException"),
        ({"DocumentName": "payments-drain"}, "AutomationDefinitionNotFoundException"),
        ({"DocumentVersion": "7"}, "AutomationDefinitionVersionNotFoundException"),
        ({"Parameters": {}}, "InvalidAutomationExecutionParametersException"),
        (
            {"Parameters": {"InstanceId": ["i-1"], "Colour": ["red"]}},
            "InvalidAutomationExecutionParametersException",
        ),
        (
            {"Parameters": {"InstanceId": ["i-1"], "StartInactiveInstances": ["Maybe"]}},
            "InvalidAutomationExecutionParametersException",
        ),
        (
            {"TargetParameterName": "InstanceId", "Targets": [{"Key": "tag:App", "Values": ["nobody"]}]},
            "InvalidTarget",
        ),
    ],
)
def test_what_cannot_be_run_is_refused(ssm, change, code):
    request = {"DocumentName": DOCUMENT, "Parameters": {"InstanceId": ["i-0123456789abcdef0"]}} | change

    assert refused(ssm.start_automation_execution, **{k: v for k, v in request.items() if v}) == code


def test_an_instance_that_is_not_there_fails_the_first_step(simulated_aws, ssm):
    execution_id = start(ssm, "i-0123456789abcdef0")
    simulated_aws.advance(by=timedelta(hours=1))

    execution = got(ssm, execution_id)
    assert execution["AutomationExecutionStatus"] == "Failed"
    assert "CheckInstance" in execution["FailureMessage"]


def test_a_patch_that_will_not_install_fails_it_and_a_lost_agent_lets_it_time_out(simulated_aws, ssm, nodes):
    one, two = nodes[:2]
    one.install_fails = [row["KBId"] for row in one.findings if row["State"] == "Missing"]
    two.ping_status = "ConnectionLost"
    ids = [start(ssm, one.instance_id), start(ssm, two.instance_id)]

    simulated_aws.advance(by=timedelta(hours=1))

    assert [status(ssm, one) for one in ids] == ["Failed", "TimedOut"]


def test_with_the_hook_never_only_the_snapshot_is_taken(simulated_aws, ssm, nodes):
    execution_id = start(
        ssm, nodes[0].instance_id, Parameters={"ExecutePatchBasedOnPreHookStatus": ["Never"]}
    )
    simulated_aws.advance(by=timedelta(hours=1))

    assert [step["StepName"] for step in got(ssm, execution_id)["StepExecutions"]][-1] == "SnapshotRootVolume"
    assert nodes[0].last_run["Operation"] == "Scan"


@pytest.mark.parametrize(("kind", "last"), [("Cancel", "Cancelled"), ("Complete", "Success")])
def test_a_stopped_execution_patches_nothing(simulated_aws, ssm, nodes, kind, last):
    execution_id = start(ssm, nodes[0].instance_id)
    simulated_aws.advance(by=timedelta(minutes=1))

    ssm.stop_automation_execution(AutomationExecutionId=execution_id, Type=kind)
    simulated_aws.advance(by=timedelta(hours=1))

    execution = got(ssm, execution_id)
    assert execution["AutomationExecutionStatus"] == "Cancelled"
    assert execution["StepExecutions"][-1]["StepStatus"] == last
    assert nodes[0].last_run["Operation"] == "Scan"
    code = refused(ssm.stop_automation_execution, AutomationExecutionId=execution_id)
    assert code == "InvalidAutomationStatusUpdateException"


def test_many_nodes_are_children_of_one_parent_so_many_at_a_time(simulated_aws, ssm, nodes):
    parent = ssm.start_automation_execution(
        DocumentName=DOCUMENT,
        TargetParameterName="InstanceId",
        Targets=[{"Key": "ParameterValues", "Values": [one.instance_id for one in nodes[:4]]}],
        MaxConcurrency="2",
        MaxErrors="1",
    )["AutomationExecutionId"]
    asked = {"Filters": [{"Key": "ParentExecutionId", "Values": [parent]}]}

    simulated_aws.advance(by=timedelta(minutes=1))
    begun = ssm.describe_automation_executions(**asked)["AutomationExecutionMetadataList"]
    simulated_aws.advance(by=timedelta(hours=3))
    done = ssm.describe_automation_executions(**asked)["AutomationExecutionMetadataList"]

    assert [one["AutomationExecutionStatus"] for one in begun] == ["InProgress"] * 2
    assert [one["AutomationExecutionStatus"] for one in done] == ["Success"] * 4
    assert status(ssm, parent) == "Success"
    assert {one.last_run["Operation"] for one in nodes[:4]} == {"Install"}


def test_a_window_runs_it_for_each_of_its_targets(simulated_aws, ssm, nodes):
    window_id = ssm.create_maintenance_window(
        Name="patch-night",
        Schedule="cron(0 22 * * ? *)",
        Duration=3,
        Cutoff=1,
        AllowUnassociatedTargets=False,
    )["WindowId"]
    target = ssm.register_target_with_maintenance_window(
        WindowId=window_id,
        ResourceType="INSTANCE",
        Targets=[{"Key": "InstanceIds", "Values": [one.instance_id for one in nodes[:2]]}],
    )["WindowTargetId"]
    ssm.register_task_with_maintenance_window(
        WindowId=window_id,
        TaskType="AUTOMATION",
        TaskArn=DOCUMENT,
        Targets=[{"Key": "WindowTargetIds", "Values": [target]}],
        TaskInvocationParameters={
            "Automation": {"DocumentVersion": "$DEFAULT", "Parameters": {"InstanceId": ["{{TARGET_ID}}"]}}
        },
        MaxConcurrency="100%",
        MaxErrors="100%",
    )

    (run,) = simulated_aws.advance(by=timedelta(days=1))
    task_id = ssm.get_maintenance_window_execution(WindowExecutionId=run["WindowExecutionId"])["TaskIds"][0]
    (invocation,) = ssm.describe_maintenance_window_execution_task_invocations(
        WindowExecutionId=run["WindowExecutionId"], TaskId=task_id
    )["WindowExecutionTaskInvocationIdentities"]

    assert run["Status"] == "SUCCESS"
    assert status(ssm, invocation["ExecutionId"]) == "Success"
    children = ssm.describe_automation_executions(
        Filters=[{"Key": "ParentExecutionId", "Values": [invocation["ExecutionId"]]}]
    )["AutomationExecutionMetadataList"]
    parameters = [got(ssm, one["AutomationExecutionId"])["Parameters"]["InstanceId"] for one in children]
    assert sorted(parameters) == sorted([one.instance_id] for one in nodes[:2])
    assert len(simulated_aws.client("ec2").describe_snapshots(OwnerIds=["self"])["Snapshots"]) == 2


def test_no_more_than_the_quota_run_at_once_and_the_queue_ends(simulated_aws, ssm, nodes):
    simulated_aws.world.controls.set_quota("automations", 2)
    simulated_aws.world.controls.set_quota("queued-automations", 1)
    ids = [start(ssm, one.instance_id) for one in nodes[:3]]
    request = {"DocumentName": DOCUMENT, "Parameters": {"InstanceId": [nodes[3].instance_id]}}
    code = refused(ssm.start_automation_execution, **request)
    assert code == "AutomationExecutionLimitExceededException"

    simulated_aws.advance(by=timedelta(minutes=1))
    assert [status(ssm, one) for one in ids] == ["InProgress", "InProgress", "Pending"]

    simulated_aws.advance(by=timedelta(hours=2))
    assert {status(ssm, one) for one in ids} == {"Success"}


def test_executions_are_found_by_what_is_known_of_them(simulated_aws, ssm, nodes):
    one = start(ssm, nodes[0].instance_id)
    simulated_aws.advance(by=timedelta(hours=2))
    two = start(ssm, nodes[1].instance_id)

    def found(key, value):
        rows = ssm.describe_automation_executions(Filters=[{"Key": key, "Values": [value]}])
        return [row["AutomationExecutionId"] for row in rows["AutomationExecutionMetadataList"]]

    assert found("DocumentNamePrefix", "AWSManaged") == [two, one]
    assert found("ExecutionStatus", "Success") == [one]
    assert found("ExecutionId", two) == [two]
    assert found("StartTimeAfter", "2026-06-01T07:00:00Z") == [two]
    assert refused(ssm.describe_automation_executions, Filters=[{"Key": "TagKey", "Values": ["a"]}])


def test_what_ended_a_month_ago_is_forgotten(simulated_aws, ssm, nodes):
    old = start(ssm, nodes[0].instance_id)
    simulated_aws.advance(by=timedelta(days=40))
    start(ssm, nodes[1].instance_id)

    code = refused(ssm.get_automation_execution, AutomationExecutionId=old)
    assert code == "AutomationExecutionNotFoundException"
    assert len(Ssm(simulated_aws.world, RETAIL, REGION).state.automations) == 1
