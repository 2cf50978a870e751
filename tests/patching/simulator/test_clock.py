from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

from patching.simulator import clock
from patching.simulator.state import Node, moment
from tests.simulated_aws import RETAIL, SHARED

NOON = datetime(2026, 6, 10, 12, tzinfo=UTC)


def node(number, **changes):
    return Node(
        **{
            "instance_id": f"i-{number:017x}",
            "account": RETAIL,
            "region": "eu-central-1",
            "name": f"node-{number}",
            "os": "WINDOWS",
            "product": "WindowsServer2022",
            "platform_name": "Microsoft Windows Server 2022 Datacenter",
            "platform_version": "10.0.20348",
            "platform_type": "Windows",
            "az": "eu-central-1a",
            "tags": {"MaintenanceWindow": "night", "PatchGroup": "payments"},
            **changes,
        }
    )


@pytest.fixture
def aws(simulated_aws):
    simulated_aws.reset_to([node(1), node(2), node(3)], start=NOON)
    return simulated_aws


def window(ssm, *operations, key="tag:MaintenanceWindow", values=("night",), task=None, **changes):
    """A window at 22:00 UTC of each day with one task for each operation, in this order."""
    asked = {"Name": "night", "Schedule": "cron(0 22 * * ? *)", "Duration": 3, "Cutoff": 1, **changes}
    window_id = ssm.create_maintenance_window(AllowUnassociatedTargets=False, **asked)["WindowId"]
    target_id = ssm.register_target_with_maintenance_window(
        WindowId=window_id, ResourceType="INSTANCE", Targets=[{"Key": key, "Values": list(values)}]
    )["WindowTargetId"]
    for priority, operation in enumerate(operations, start=1):
        asked = {
            "TaskType": "RUN_COMMAND",
            "TaskArn": "AWS-RunPatchBaseline",
            "MaxConcurrency": "100%",
            "MaxErrors": "100%",
            "TaskInvocationParameters": {"RunCommand": {"Parameters": {"Operation": [operation]}}},
            **(task or {}),
        }
        ssm.register_task_with_maintenance_window(
            WindowId=window_id,
            Targets=[{"Key": "WindowTargetIds", "Values": [target_id]}],
            Priority=priority,
            **asked,
        )
    return window_id


def last_runs(aws):
    return {one.name: (one.last_run or {}).get("Operation") for one in aws.world.nodes.values()}


def statuses(ssm, execution):
    """The status of each node in each task of a run, tasks in order."""
    tasks = ssm.describe_maintenance_window_execution_tasks(WindowExecutionId=execution["WindowExecutionId"])
    found = []
    for task in tasks["WindowExecutionTaskIdentities"]:
        place = {"WindowExecutionId": task["WindowExecutionId"], "TaskId": task["TaskExecutionId"]}
        invocations = ssm.describe_maintenance_window_execution_task_invocations(**place)
        for one in invocations["WindowExecutionTaskInvocationIdentities"]:
            reply = ssm.list_command_invocations(CommandId=one["ExecutionId"])
            found.append([turn["Status"] for turn in reply["CommandInvocations"]])
    return found


def test_a_window_scans_and_installs_at_its_time(aws):
    ssm = aws.client("ssm")
    window_id = window(ssm, "Install", "Scan")

    assert aws.advance(to=NOON.replace(hour=21, minute=59)) == []
    assert set(last_runs(aws).values()) == {None}

    began = aws.advance(to=NOON.replace(hour=22, minute=1))
    assert [one["Status"] for one in began] == ["IN_PROGRESS"]

    ended = aws.advance(to=NOON + timedelta(days=1, hours=-6))
    assert [(one["Status"], one["StartTime"]) for one in ended] == [("SUCCESS", "2026-06-10T22:00:00Z")]
    assert set(last_runs(aws).values()) == {"Scan"}
    assert statuses(ssm, ended[0]) == [["Success"] * 3, ["Success"] * 3]
    runs = ssm.describe_maintenance_window_executions(WindowId=window_id)["WindowExecutions"]
    assert [one["Status"] for one in runs] == ["SUCCESS"]


def test_the_group_tag_decides_which_baseline_judges(aws):
    ssm = aws.client("ssm")
    own = ssm.create_patch_baseline(Name="own")["BaselineId"]
    ssm.register_patch_baseline_for_patch_group(BaselineId=own, PatchGroup="payments")
    aws.world.nodes["i-" + "0" * 16 + "2"].tags["PatchGroup"] = "typo"
    window(ssm, "Scan")

    aws.advance(by=timedelta(days=1))

    judged = {one.name: one.last_run["BaselineId"] for one in aws.world.nodes.values()}
    assert judged["node-1"] == judged["node-3"] == own
    assert judged["node-2"].startswith("arn:aws:ssm:")


@pytest.mark.parametrize(
    ("key", "values", "hit"),
    [
        ("tag-key", ["PatchGroup"], {"node-1", "node-3"}),
        ("tag:Zone", ["a", "b"], {"node-1", "node-2"}),
        ("InstanceIds", ["i-" + "0" * 16 + "3"], {"node-3"}),
    ],
)
def test_targets_are_found_when_the_task_begins(aws, key, values, hit):
    window(aws.client("ssm"), "Scan", key=key, values=values)
    one, two, three = aws.world.nodes.values()
    one.tags, two.tags, three.tags = {"Zone": "a", "PatchGroup": "x"}, {"Zone": "b"}, {"PatchGroup": "y"}

    aws.advance(by=timedelta(days=1))

    assert {name for name, operation in last_runs(aws).items() if operation} == hit


def test_what_ssm_cannot_reach_is_not_patched(aws):
    ssm = aws.client("ssm")
    window(ssm, "Install")
    one, two, _ = aws.world.nodes.values()
    one.managed, two.ping_status = False, "ConnectionLost"

    execution = aws.advance(by=timedelta(days=1))[0]

    assert execution["Status"] == "TIMED_OUT"
    assert statuses(ssm, execution) == [["TimedOut", "Success"]]
    assert last_runs(aws) == {"node-1": None, "node-2": None, "node-3": "Install"}


def test_nobody_starts_after_the_cutoff(aws):
    aws.reset_to([node(number) for number in range(20)], start=NOON)
    ssm = aws.client("ssm")
    window(ssm, "Install", Duration=2, task={"MaxConcurrency": "1"})

    execution = aws.advance(by=timedelta(days=1))[0]

    done = statuses(ssm, execution)[0]
    assert execution["Status"] == "TIMED_OUT"
    assert 2 <= done.count("Success") < 20
    assert set(done) == {"Success", "TimedOut"}
    started = [moment(one.last_run["OperationStartTime"]) for one in aws.world.nodes.values() if one.last_run]
    assert max(started) < NOON.replace(hour=23)


def test_cancel_task_stops_what_runs_at_the_cutoff(aws):
    aws.reset_to([node(number) for number in range(20)], start=NOON)
    ssm = aws.client("ssm")
    window(ssm, "Install", Duration=2, task={"MaxConcurrency": "1", "CutoffBehavior": "CANCEL_TASK"})

    execution = aws.advance(by=timedelta(days=1))[0]

    assert (execution["EndTime"], execution["Status"]) == ("2026-06-10T23:00:00Z", "TIMED_OUT")
    assert statuses(ssm, execution)[0].count("Cancelled") == 1


def test_max_errors_calls_the_rest_off(aws, monkeypatch):
    for one in aws.world.nodes.values():
        monkeypatch.setattr(one, "install_fails", ["KB5094128"])
    ssm = aws.client("ssm")
    own = ssm.create_patch_baseline(
        Name="everything",
        ApprovalRules={
            "PatchRules": [
                {
                    "PatchFilterGroup": {"PatchFilters": [{"Key": "PRODUCT", "Values": ["*"]}]},
                    "ApproveAfterDays": 0,
                }
            ]
        },
    )["BaselineId"]
    ssm.register_patch_baseline_for_patch_group(BaselineId=own, PatchGroup="payments")
    window(ssm, "Install", task={"MaxConcurrency": "1", "MaxErrors": "0"})

    execution = aws.advance(by=timedelta(days=1))[0]

    assert execution["Status"] == "FAILED"
    assert statuses(ssm, execution) == [["Failed", "Cancelled", "Cancelled"]]


def test_a_window_that_still_runs_is_skipped(aws):
    aws.reset_to([node(number) for number in range(20)], start=NOON)
    window(aws.client("ssm"), "Install", Schedule="rate(30 minutes)", task={"MaxConcurrency": "1"})

    executions = aws.advance(by=timedelta(hours=2))

    assert "SKIPPED_OVERLAPPING" in {one["Status"] for one in executions}


def six_windows_at_once(aws):
    aws.reset_to([node(number) for number in range(6)], start=NOON)
    ssm = aws.client("ssm")
    for one in aws.world.nodes.values():
        window(
            ssm,
            "Install",
            Name=one.name,
            key="InstanceIds",
            values=[one.instance_id],
            task={"MaxErrors": "0"},
        )
    return ssm


def test_the_sixth_window_waits_until_one_of_five_is_done(aws):
    six_windows_at_once(aws)

    opened = aws.advance(to=NOON.replace(hour=22, minute=1))
    assert [one["Status"] for one in opened] == ["IN_PROGRESS"] * 5 + ["PENDING"]
    ended = aws.advance(to=NOON.replace(hour=23, minute=59))

    assert [one["Status"] for one in ended] == ["SUCCESS"] * 6
    assert set(last_runs(aws).values()) == {"Install"}
    first_end = min(one["EndTime"] for one in ended[:5])
    assert ended[5]["EndTime"] > first_end


def test_the_sixth_window_may_fail_instead(aws):
    six_windows_at_once(aws)
    aws.variant(sixth_window="fails")

    ended = aws.advance(to=NOON.replace(hour=23, minute=59))

    assert sorted(one["Status"] for one in ended) == ["FAILED"] + ["SUCCESS"] * 5
    assert list(last_runs(aws).values()).count("Install") == 5


def test_a_window_that_waited_until_its_cutoff_does_nothing(aws):
    six_windows_at_once(aws)
    aws.quota("concurrent-windows", 0)

    ended = aws.advance(to=NOON + timedelta(hours=13))

    assert {(one["Status"], one["EndTime"]) for one in ended} == {("TIMED_OUT", "2026-06-11T00:00:00Z")}
    assert set(last_runs(aws).values()) == {None}


@pytest.mark.parametrize(
    ("query", "hit"),
    [
        ({"TagFilters": [{"Key": "Zone", "Values": ["a", "b"]}, {"Key": "PatchGroup"}]}, {"node-1"}),
        ({"InstanceIds": ["i-" + "0" * 16 + "3"]}, {"node-3"}),
        (None, set()),
    ],
)
def test_a_resource_group_means_the_nodes_that_it_has_when_the_task_begins(aws, query, hit):
    ssm = aws.client("ssm")
    one, two, _ = aws.world.nodes.values()
    one.tags, two.tags = {"Zone": "a", "PatchGroup": "x"}, {"Zone": "b"}
    window_id = window(ssm)
    targets = [
        {"Key": "resource-groups:Name", "Values": ["web"]},
        {"Key": "resource-groups:ResourceTypeFilters", "Values": ["AWS::EC2::Instance"]},
    ]
    target_id = ssm.register_target_with_maintenance_window(
        WindowId=window_id, ResourceType="RESOURCE_GROUP", Targets=targets
    )["WindowTargetId"]
    ssm.register_task_with_maintenance_window(
        WindowId=window_id,
        TaskType="RUN_COMMAND",
        TaskArn="AWS-RunPatchBaseline",
        Targets=[{"Key": "WindowTargetIds", "Values": [target_id]}],
        MaxConcurrency="1",
        MaxErrors="0",
    )
    aws.resource_group("web", query)

    aws.advance(by=timedelta(days=1))

    assert {name for name, operation in last_runs(aws).items() if operation} == hit


def test_patch_now_takes_no_snapshot_of_a_disk(aws):
    def snapshots():
        return {one["SnapshotId"] for one in aws.client("ec2").describe_snapshots()["Snapshots"]}

    one, before = next(iter(aws.world.nodes.values())), snapshots()
    aws.client("ssm").send_command(
        InstanceIds=[one.instance_id],
        DocumentName="AWS-RunPatchBaseline",
        Parameters={"Operation": ["Install"]},
    )

    aws.advance(by=timedelta(hours=1))

    assert one.last_run["Operation"] == "Install"
    assert snapshots() == before


def test_switched_off_windows_do_not_open_and_empty_ones_succeed(aws):
    ssm = aws.client("ssm")
    off = window(ssm, "Install", Name="off")
    ssm.update_maintenance_window(WindowId=off, Enabled=False)
    bare = window(ssm, Name="bare")

    executions = aws.advance(by=timedelta(days=1))

    assert [(one["WindowId"], one["Status"]) for one in executions] == [(bare, "SUCCESS")]
    run = ssm.describe_maintenance_window_executions(WindowId=bare)["WindowExecutions"][0]
    assert run["StatusDetails"] == "No tasks to execute."


def test_hooks_run_before_and_after_in_order_of_priority(aws):
    ssm = aws.client("ssm")
    window_id = window(ssm, "Install")
    ssm.register_task_with_maintenance_window(
        WindowId=window_id, TaskType="AUTOMATION", TaskArn="payments-drain", Priority=0
    )

    execution = aws.advance(by=timedelta(days=1))[0]

    tasks = ssm.describe_maintenance_window_execution_tasks(WindowExecutionId=execution["WindowExecutionId"])
    hook, install = tasks["WindowExecutionTaskIdentities"]
    assert (hook["TaskArn"], hook["Status"], install["Status"]) == ("payments-drain", "SUCCESS", "SUCCESS")
    assert hook["EndTime"] == install["StartTime"]


def test_windows_of_all_accounts_open_in_order_of_time(aws):
    window(aws.client("ssm", RETAIL), Name="second", Schedule="cron(0 23 * * ? *)")
    window(aws.client("ssm", SHARED), Name="first", Schedule="cron(30 22 * * ? *)")
    window(aws.client("ssm", RETAIL, "us-east-1"), Name="third", Schedule="cron(30 23 * * ? *)")

    assert [one["Name"] for one in aws.advance(by=timedelta(days=1))] == ["first", "second", "third"]


def test_going_in_steps_comes_to_the_same_as_going_at_once(aws):
    window(aws.client("ssm"), "Install", "Scan", task={"MaxConcurrency": "1"})
    for _ in range(24 * 12):
        aws.advance(by=timedelta(minutes=5))
    in_steps = {name: one.last_run["OperationEndTime"] for name, one in aws.world.nodes.items()}

    aws.reset_to([node(1), node(2), node(3)], start=NOON)
    window(aws.client("ssm"), "Install", "Scan", task={"MaxConcurrency": "1"})
    aws.advance(by=timedelta(days=1))

    assert {name: one.last_run["OperationEndTime"] for name, one in aws.world.nodes.items()} == in_steps


def test_the_clock_never_goes_back(aws):
    assert clock.advance(aws.simulation, NOON - timedelta(days=1)) == []
    assert aws.now == NOON


def test_a_cancelled_run_does_not_begin_its_next_task(aws):
    ssm = aws.client("ssm")
    window(ssm, "Install", "Scan")
    execution = aws.advance(to=NOON.replace(hour=22, minute=1))[0]

    ssm.cancel_maintenance_window_execution(WindowExecutionId=execution["WindowExecutionId"])
    ended = aws.advance(by=timedelta(hours=3))[0]

    assert ended["Status"] == "CANCELLED"
    assert set(last_runs(aws).values()) == {"Install"}


def test_patch_now_runs_when_the_clock_moves(aws):
    ssm = aws.client("ssm")
    one, two, _ = aws.world.nodes.values()
    asked = {"DocumentName": "AWS-RunPatchBaseline", "Parameters": {"Operation": ["Scan"]}, "Comment": "op-1"}

    command = ssm.send_command(InstanceIds=[one.instance_id, two.instance_id], **asked)["Command"]
    assert (command["Status"], command["TargetCount"]) == ("Pending", 2)
    aws.advance(by=timedelta(hours=1))

    found = ssm.list_commands(CommandId=command["CommandId"])["Commands"][0]
    assert (found["Status"], found["CompletedCount"], found["Comment"]) == ("Success", 2, "op-1")
    assert last_runs(aws) == {"node-1": "Scan", "node-2": "Scan", "node-3": None}
    turn = ssm.get_command_invocation(CommandId=command["CommandId"], InstanceId=one.instance_id)
    assert (turn["Status"], turn["ResponseCode"]) == ("Success", 0)


@pytest.mark.parametrize(
    "parameters", [{}, {"Operation": ["Undo"]}, {"Operation": ["Scan"], "Hurry": ["yes"]}]
)
def test_patch_now_is_refused_with_parameters_that_its_document_has_not(aws, parameters):
    with pytest.raises(ClientError, match="InvalidParameters"):
        aws.client("ssm").send_command(
            InstanceIds=[next(iter(aws.world.nodes))],
            DocumentName="AWS-RunPatchBaseline",
            Parameters=parameters,
        )


def test_patch_now_is_refused_for_what_ssm_does_not_manage_and_can_be_cancelled(aws):
    ssm = aws.client("ssm")
    asked = {
        "DocumentName": "AWS-RunPatchBaseline",
        "Parameters": {"Operation": ["Scan"]},
        "MaxConcurrency": "1",
    }
    with pytest.raises(ClientError, match="InvalidInstanceId"):
        ssm.send_command(InstanceIds=["i-0123456789abcdef0"], **asked)

    command = ssm.send_command(Targets=[{"Key": "tag:PatchGroup", "Values": ["payments"]}], **asked)[
        "Command"
    ]
    aws.advance(by=timedelta(seconds=1))
    ssm.cancel_command(CommandId=command["CommandId"])
    aws.advance(by=timedelta(hours=1))

    assert sum(operation == "Scan" for operation in last_runs(aws).values()) == 1
    assert ssm.list_commands(CommandId=command["CommandId"])["Commands"][0]["Status"] == "Cancelled"


def test_a_run_can_be_read_down_to_one_invocation(aws):
    ssm = aws.client("ssm")
    window(ssm, "Scan")
    execution = aws.advance(by=timedelta(days=1))[0]
    place = {"WindowExecutionId": execution["WindowExecutionId"]}

    run = ssm.get_maintenance_window_execution(**place)
    place["TaskId"] = run["TaskIds"][0]
    task = ssm.get_maintenance_window_execution_task(**place)
    listed = ssm.describe_maintenance_window_execution_task_invocations(**place)
    invocation = listed["WindowExecutionTaskInvocationIdentities"][0]
    alone = ssm.get_maintenance_window_execution_task_invocation(
        **place, InvocationId=invocation["InvocationId"]
    )

    assert (run["Status"], task["Status"], invocation["Status"], alone["Status"]) == ("SUCCESS",) * 4
    assert invocation["InvocationId"] == alone["InvocationId"]
    with pytest.raises(ClientError, match="DoesNotExistException"):
        ssm.get_maintenance_window_execution(WindowExecutionId=invocation["ExecutionId"])
