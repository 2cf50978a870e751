import pytest
from botocore.exceptions import ClientError

UNKNOWN = "00000000-0000-0000-0000-000000000000"
INSTALL = {"RunCommand": {"Parameters": {"Operation": ["Install"]}, "Comment": "patch night"}}


@pytest.fixture
def ssm(simulated_aws_variants):
    return simulated_aws_variants.client("ssm")


@pytest.fixture
def window_id(ssm):
    return ssm.create_maintenance_window(
        Name="payments", Schedule="rate(7 days)", Duration=4, Cutoff=1, AllowUnassociatedTargets=False
    )["WindowId"]


@pytest.fixture
def target_id(ssm, window_id):
    return ssm.register_target_with_maintenance_window(
        WindowId=window_id,
        ResourceType="INSTANCE",
        Targets=[{"Key": "tag:MaintenanceWindow", "Values": ["payments"]}],
        OwnerInformation="pw:1:1",
    )["WindowTargetId"]


@pytest.fixture
def task(window_id, target_id):
    return {
        "WindowId": window_id,
        "TaskType": "RUN_COMMAND",
        "TaskArn": "AWS-RunPatchBaseline",
        "Targets": [{"Key": "WindowTargetIds", "Values": [target_id]}],
        "MaxConcurrency": "50%",
        "MaxErrors": "10%",
        "Name": "pw.1.1",
        "TaskInvocationParameters": INSTALL,
    }


def test_targets_keep_their_mark_and_are_found_by_it(ssm, window_id, target_id):
    def found(mark):
        filters = [{"Key": "OwnerInformation", "Values": [mark]}]
        reply = ssm.describe_maintenance_window_targets(WindowId=window_id, Filters=filters)
        return [one["WindowTargetId"] for one in reply["Targets"]]

    assert found("pw:1:1") == [target_id]
    assert found("somebody else's") == []


@pytest.mark.parametrize(
    ("kind", "target", "words"),
    [
        ("INSTANCE", {"Key": "Environment", "Values": ["a"]}, "not valid for INSTANCE"),
        ("INSTANCE", {"Key": "resource-groups:Name", "Values": ["a"]}, "not valid for INSTANCE"),
        ("INSTANCE", {"Key": "tag:App", "Values": []}, "has no values"),
        ("RESOURCE_GROUP", {"Key": "tag:App", "Values": ["a"]}, "not valid for RESOURCE_GROUP"),
        ("RESOURCE_GROUP", {"Key": "resource-groups:Colour", "Values": ["a"]}, "not valid"),
        ("RESOURCE_GROUP", {"Key": "resource-groups:Name", "Values": ["a", "b"]}, "one resource group"),
        (
            "RESOURCE_GROUP",
            {"Key": "resource-groups:ResourceTypeFilters", "Values": ["AWS::EC2::Instance"]},
            "needs resource-groups:Name",
        ),
    ],
)
def test_a_target_that_aws_does_not_know_is_refused(ssm, window_id, kind, target, words):
    with pytest.raises(ClientError, match=f"ValidationException.*{words}"):
        ssm.register_target_with_maintenance_window(WindowId=window_id, ResourceType=kind, Targets=[target])


def test_a_target_is_updated_and_replaced(ssm, window_id, target_id):
    place = {"WindowId": window_id, "WindowTargetId": target_id}
    targets = [{"Key": "tag-key", "Values": ["PatchGroup"]}]

    ssm.update_maintenance_window_target(**place, Name="scan")
    reply = ssm.update_maintenance_window_target(**place, Targets=targets, Replace=True)

    assert reply["Targets"] == targets
    assert "Name" not in reply
    assert "OwnerInformation" not in reply


def test_a_target_in_use_is_not_safe_to_deregister(ssm, window_id, target_id, task):
    ssm.register_task_with_maintenance_window(**task)
    place = {"WindowId": window_id, "WindowTargetId": target_id}

    with pytest.raises(ClientError, match="TargetInUseException"):
        ssm.deregister_target_from_maintenance_window(**place, Safe=True)
    assert ssm.deregister_target_from_maintenance_window(**place)["WindowTargetId"] == target_id
    with pytest.raises(ClientError, match="DoesNotExistException"):
        ssm.deregister_target_from_maintenance_window(**place)


def test_a_task_is_read_back_as_it_was_made(ssm, window_id, task):
    task_id = ssm.register_task_with_maintenance_window(**task, Priority=3)["WindowTaskId"]

    read = ssm.get_maintenance_window_task(WindowId=window_id, WindowTaskId=task_id)
    listed = ssm.describe_maintenance_window_tasks(WindowId=window_id)["Tasks"]

    assert {name: read[name] for name in task} == task
    assert (read["Priority"], read["CutoffBehavior"]) == (3, "CONTINUE_TASK")
    assert [(one["WindowTaskId"], one["Type"], one["Name"]) for one in listed] == [
        (task_id, "RUN_COMMAND", "pw.1.1")
    ]


def test_an_update_drops_every_invocation_parameter_that_is_not_sent_again(ssm, window_id, task):
    task_id = ssm.register_task_with_maintenance_window(**task)["WindowTaskId"]

    ssm.update_maintenance_window_task(
        WindowId=window_id,
        WindowTaskId=task_id,
        TaskInvocationParameters={"RunCommand": {"Parameters": {"Operation": ["Scan"]}}},
    )

    read = ssm.get_maintenance_window_task(WindowId=window_id, WindowTaskId=task_id)
    assert read["TaskInvocationParameters"] == {"RunCommand": {"Parameters": {"Operation": ["Scan"]}}}
    assert read["Name"] == "pw.1.1"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"MaxErrors": None}, "needs MaxConcurrency and MaxErrors"),
        ({"Targets": None}, "RUN_COMMAND needs targets"),
        ({"Targets": None, "TaskType": "AUTOMATION", "TaskInvocationParameters": None}, "not supported"),
        ({"TaskInvocationParameters": {"Automation": {}}}, "do not fit RUN_COMMAND"),
        ({"MaxConcurrency": "200%"}, "at 'maxConcurrency'"),
        (
            {"Targets": [{"Key": "WindowTargetIds", "Values": ["0" * 8 + "-0000-0000-0000-" + "0" * 12]}]},
            "DoesNotExist",
        ),
    ],
)
def test_a_task_that_aws_would_refuse_is_refused(ssm, task, changes, words):
    asked = {name: value for name, value in (task | changes).items() if value is not None}

    with pytest.raises(ClientError, match=words):
        ssm.register_task_with_maintenance_window(**asked)


def test_the_twenty_first_task_is_one_too_many(ssm, task):
    for _ in range(20):
        ssm.register_task_with_maintenance_window(**task)

    with pytest.raises(ClientError, match="ResourceLimitExceededException"):
        ssm.register_task_with_maintenance_window(**task)


def test_a_deregistered_task_is_gone(ssm, window_id, task):
    place = {"WindowId": window_id, **ssm.register_task_with_maintenance_window(**task)}
    place.pop("ResponseMetadata")

    assert ssm.deregister_task_from_maintenance_window(**place)["WindowTaskId"] == place["WindowTaskId"]
    for gone in (ssm.get_maintenance_window_task, ssm.deregister_task_from_maintenance_window):
        with pytest.raises(ClientError, match="DoesNotExistException"):
            gone(**place)
