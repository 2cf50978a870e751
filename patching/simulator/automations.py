"""Automations of AWSManagedServices-PatchInstance: a snapshot of the root volume, then the patches.

An execution is a dictionary that goes on disk as it is: AWS's own members, and in small letters what only we know.
One for many nodes is a parent: its children are started by a command, in turns, as AWS's rate controls do.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from patching.simulator import turns
from patching.simulator.document_texts import Document, document_of
from patching.simulator.ec2.volumes import TAKES, new_snapshot, root_volume
from patching.simulator.ssm.patch_groups import PatchGroups
from patching.simulator.state import Node, iso, moment

if TYPE_CHECKING:
    from patching.simulator.simulation import Simulation

Reply = dict[str, Any]

CHECKING = timedelta(seconds=10)
REMEMBERED = timedelta(days=30)
TARGET_WORDS = ("{{TARGET_ID}}", "{{RESOURCE_ID}}", "{{ TARGET_ID }}", "{{ RESOURCE_ID }}")


def new_automation(ssm: PatchGroups, document: Document, parameters: Reply, **more: Any) -> Reply:
    """Keep an execution that waits for its turn. `more` are further members that AWS would show."""
    _forget_old(ssm)
    automation: Reply = {
        "AutomationExecutionId": ssm.world.new_uuid(),
        "DocumentName": document.name,
        "DocumentVersion": "1",
        "AutomationExecutionStatus": "Pending",
        "ExecutionStartTime": ssm.now_iso,
        "Parameters": parameters,
        "Mode": "Auto",
        "ExecutedBy": ssm.caller.get("arn") or "",
        "AutomationType": "Local",
        **more,
        "steps": [],
    }
    ssm.state.automations[automation["AutomationExecutionId"]] = automation
    return automation


def of_command(simulation: "Simulation", ssm: PatchGroups, command: Reply, instance_id: str) -> Reply:
    """The child that does a command's work on one node, begun; the command itself is its parent."""
    document = document_of(command["DocumentName"])
    assert document is not None
    _keep_parent(ssm, document, command)
    own = {
        name: [instance_id if value in TARGET_WORDS else value for value in values]
        for name, values in (command["Parameters"] or {}).items()
    }
    parameters = {**own, "InstanceId": [instance_id]} if instance_id else own
    child = new_automation(ssm, document, parameters, ParentAutomationExecutionId=command["CommandId"])
    progress(simulation, ssm, child)
    return child


def alive(ssm: PatchGroups) -> list[Reply]:
    """Those that wait or run, parents aside."""
    return [one for one in _unfinished(ssm) if "many" not in one]


def parents(ssm: PatchGroups) -> list[Reply]:
    """Those for many nodes that were started by a call; a window's are driven by the window."""
    return [one for one in _unfinished(ssm) if "command" in one]


def free(ssm: PatchGroups) -> int:
    """How many more may run at once."""
    running = sum(one["AutomationExecutionStatus"] == "InProgress" for one in alive(ssm))
    return max(0, ssm.quota("automations") - running)


def next_moment(automation: Reply) -> datetime | None:
    """When something happens to it next; now, where it waits for room."""
    if "ExecutionEndTime" in automation:
        return None
    if automation["AutomationExecutionStatus"] == "Pending":
        return (
            moment(automation["room_at"])
            if "room_at" in automation
            else moment(automation["ExecutionStartTime"])
        )
    return moment(automation["steps"][-1]["ends"])


def progress(simulation: "Simulation", ssm: PatchGroups, automation: Reply) -> None:
    """Bring it up to the world's clock: begin it when there is room, end steps, begin the next ones."""
    now = simulation.world.now
    if "ExecutionEndTime" in automation:
        return
    if automation["AutomationExecutionStatus"] == "Pending":
        if not free(ssm):
            automation["room_at"] = iso(_room_at(ssm, now))
            return
        automation |= {"AutomationExecutionStatus": "InProgress", "ExecutionStartTime": iso(now)}
        _begin_step(ssm, automation, _steps(automation)[0])
    while "ExecutionEndTime" not in automation and moment(automation["steps"][-1]["ends"]) <= now:
        _end_step(simulation, ssm, automation)


def stop(automation: Reply, now: datetime) -> None:
    """Called off: what runs is not taken back, but nothing more is done."""
    if "ExecutionEndTime" in automation:
        return
    for step in automation["steps"]:
        if step["StepStatus"] == "InProgress":
            step |= {"StepStatus": "Cancelled", "ExecutionEndTime": iso(now)}
    automation |= {"AutomationExecutionStatus": "Cancelled", "ExecutionEndTime": iso(now)}


def follow(ssm: PatchGroups, command: Reply, status: str, over: bool) -> None:
    """A parent is as its command is."""
    parent = ssm.state.automations.get(command["CommandId"])
    if parent is not None and "ExecutionEndTime" not in parent:
        parent["AutomationExecutionStatus"] = status
        if over:
            parent["ExecutionEndTime"] = ssm.now_iso


def _keep_parent(ssm: PatchGroups, document: Document, command: Reply) -> None:
    if command["CommandId"] in ssm.state.automations:
        return
    ids = [turn["InstanceId"] for turn in command["nodes"]]
    parent = new_automation(
        ssm,
        document,
        command["Parameters"] or {},
        AutomationExecutionId=command["CommandId"],
        TargetParameterName="InstanceId",
        Targets=[{"Key": "ParameterValues", "Values": ids[:50]}],
        MaxConcurrency=command["MaxConcurrency"],
        MaxErrors=command["MaxErrors"],
        many=True,
    )
    parent["AutomationExecutionStatus"] = "InProgress"


def _unfinished(ssm: PatchGroups) -> Iterable[Reply]:
    return [one for one in ssm.state.automations.values() if "ExecutionEndTime" not in one]


def _steps(automation: Reply) -> list[tuple[str, str]]:
    document = document_of(automation["DocumentName"])
    assert document is not None
    skips = automation["Parameters"].get("ExecutePatchBasedOnPreHookStatus") == ["Never"]
    return [step for step in document.steps if not (skips and step[0] == "InstallPatches")]


def _begin_step(ssm: PatchGroups, automation: Reply, step: tuple[str, str]) -> None:
    name, action = step
    now, node = ssm.world.now, _node(ssm, automation)
    row: Reply = {
        "StepName": name,
        "Action": action,
        "StepStatus": "InProgress",
        "StepExecutionId": ssm.world.new_uuid(),
        "ExecutionStartTime": iso(now),
        "Inputs": {},
        "Outputs": {},
    }
    lasts = CHECKING
    if name == "SnapshotRootVolume" and node is not None:
        description = f"Before patching, by automation {automation['AutomationExecutionId']}"
        snapshot = new_snapshot(ssm, root_volume(node), description, [])
        row["Inputs"] = {"VolumeId": f'"{snapshot["VolumeId"]}"'}
        row["Outputs"] = {"SnapshotId": [snapshot["SnapshotId"]]}
        lasts = TAKES
    elif name == "InstallPatches" and node is not None:
        lasts = turns.begin(ssm, node, row, "Install", None)
    automation["steps"].append(row | {"ends": iso(now + lasts)})


def _end_step(simulation: "Simulation", ssm: PatchGroups, automation: Reply) -> None:
    step, node, now = automation["steps"][-1], _node(ssm, automation), simulation.world.now
    status, message = "Success", ""
    if node is None:
        status, message = "Failed", "The instance does not exist."
    elif step["StepName"] == "InstallPatches":
        status = turns.end(
            simulation,
            ssm,
            node,
            step,
            operation="Install",
            reboot="RebootIfNeeded",
            snapshot_id=automation["AutomationExecutionId"],
            at=moment(step["ExecutionStartTime"]),
        )
        message = {
            "Failed": "Some patches could not be installed.",
            "TimedOut": "The node did not answer.",
        }.get(status, "")
    step |= {"StepStatus": status, "ExecutionEndTime": iso(now)} | (
        {"FailureMessage": message} if message else {}
    )
    left = _steps(automation)[len(automation["steps"]) :]
    if status == "Success" and left and not automation.get("finishing"):
        _begin_step(ssm, automation, left[0])
        return
    if automation.get("finishing") and left:
        status = "Cancelled"
    automation |= {"AutomationExecutionStatus": status, "ExecutionEndTime": iso(now)}
    if message:
        automation["FailureMessage"] = f"Step {step['StepName']} failed. {message}"


def _node(ssm: PatchGroups, automation: Reply) -> Node | None:
    instance_id = str((automation["Parameters"].get("InstanceId") or [""])[0])
    node = ssm.world.nodes.get(instance_id)
    here = node is not None and (node.account, node.region) == (ssm.account_id, ssm.region_name)
    return node if here else None


def _room_at(ssm: PatchGroups, now: datetime) -> datetime:
    """When the first of those that run may end, at the earliest; never now, or time would stand still."""
    ends = [moment(one["steps"][-1]["ends"]) for one in alive(ssm) if one["steps"]]
    return max(min(ends, default=now + timedelta(hours=1)), now + timedelta(seconds=1))


def _forget_old(ssm: PatchGroups) -> None:
    """What ended a month ago is gone, as in AWS."""
    limit = iso(ssm.now - REMEMBERED)
    kept = ssm.state.automations
    for key in [key for key, one in kept.items() if one.get("ExecutionEndTime", limit) < limit]:
        del kept[key]
