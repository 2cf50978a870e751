"""One run of a maintenance window: its tasks by priority, each over its targets, until the cutoff.

Our reading of AWS where it does not say: targets are resolved when a task begins; a node whose turn has not come
at the cutoff is not started, whatever the task's CutoffBehavior; a window's change or deletion does not stop it.
"""

import json
from collections.abc import Iterator
from copy import deepcopy
from datetime import datetime, timedelta
from typing import Any

from patching.simulator import commands
from patching.simulator.corner import picked
from patching.simulator.simulation import Simulation
from patching.simulator.ssm.operations import Ssm
from patching.simulator.ssm.targeting import targeted
from patching.simulator.ssm.tasks import INVOCATIONS
from patching.simulator.state import iso, moment

Reply = dict[str, Any]

FINAL = ("SUCCESS", "FAILED", "TIMED_OUT", "CANCELLED", "SKIPPED_OVERLAPPING")
STATUSES = {
    "Success": "SUCCESS",
    "Failed": "FAILED",
    "TimedOut": "TIMED_OUT",
    "Cancelled": "CANCELLED",
    "InProgress": "IN_PROGRESS",
    "Pending": "PENDING",
}
TOO_MANY = "The limit of maintenance windows that run at the same time is reached."
WORST_FIRST = ("FAILED", "TIMED_OUT", "CANCELLED")
TASK: tuple[str, ...] = ("WindowTaskId", "TaskArn", "TaskType", "Priority", "MaxConcurrency", "MaxErrors")
TASK += ("ServiceRoleArn", "CutoffBehavior", "TaskInvocationParameters", "Targets", "Name")


def open_window(simulation: Simulation, ssm: Ssm, window: Reply) -> Reply:
    """Begin a run of the window now, or note that it was skipped because the last one still goes on."""
    now = simulation.world.now
    execution: Reply = {
        "WindowId": window["WindowId"],
        "WindowExecutionId": simulation.world.new_uuid(),
        "Status": "IN_PROGRESS",
        "StartTime": iso(now),
        "cutoff": iso(now + timedelta(hours=window["Duration"] - window["Cutoff"])),
        "tasks": [],
    }
    if any(one["WindowId"] == window["WindowId"] for one in running(ssm)):
        execution |= {"Status": "SKIPPED_OVERLAPPING", "EndTime": iso(now)}
    elif not _has_room(ssm) and ssm.chooses("sixth-window", "fails"):
        execution |= {"Status": "FAILED", "StatusDetails": TOO_MANY, "EndTime": iso(now)}
    else:
        if not _has_room(ssm):
            execution |= {"Status": "PENDING", "StatusDetails": TOO_MANY}
        tasks = [task for task in ssm.state.tasks.values() if task["WindowId"] == window["WindowId"]]
        execution["tasks"] = [
            _new_task(ssm, task) for task in sorted(tasks, key=lambda task: task["Priority"])
        ]
    ssm.state.executions.append(execution)
    return execution


def running(ssm: Ssm) -> list[Reply]:
    return [one for one in ssm.state.executions if "EndTime" not in one]


def progress(simulation: Simulation, ssm: Ssm, execution: Reply) -> None:
    """Bring one run up to the world's clock. One that waits begins when there is room, or too late at its cutoff."""
    if execution["Status"] == "PENDING":
        if not _has_room(ssm) and simulation.world.now < moment(execution["cutoff"]):
            return
        execution["Status"] = "IN_PROGRESS"
        execution.pop("StatusDetails", None)
    while (level := _level(execution)) is not None:
        for task in level:
            if task["Status"] == "PENDING":
                _begin(simulation, ssm, execution, task)
            _progress_task(simulation, ssm, task)
        if any(task["Status"] not in FINAL for task in level):
            return
    _end(simulation, execution)


def next_moment(execution: Reply) -> datetime | None:
    """When something happens in this run next, as far as it does not hang on another's end."""
    if execution["Status"] == "PENDING":
        return moment(execution["cutoff"])
    going_on = [task for task in execution["tasks"] if task["Status"] == "IN_PROGRESS"]
    coming = [commands.next_moment(one["command"]) for task in going_on for one in task["invocations"]]
    return min((when for when in coming if when), default=None)


def _has_room(ssm: Ssm) -> bool:
    """Whether one more may run in this account and region."""
    busy = sum(one["Status"] != "PENDING" for one in running(ssm))
    return busy < ssm.quota("concurrent-windows")


def _new_task(ssm: Ssm, task: Reply) -> Reply:
    """The task as it is when the window opens, with the targets as registered then."""
    ids = [
        one
        for target in task.get("Targets", [])
        if target["Key"] == "WindowTargetIds"
        for one in target["Values"]
    ]
    return {
        **deepcopy(picked(task, TASK)),
        "TaskExecutionId": ssm.world.new_uuid(),
        "Status": "PENDING",
        "window_targets": [deepcopy(ssm.state.targets[one]) for one in ids if one in ssm.state.targets],
        "invocations": [],
    }


def _level(execution: Reply) -> list[Reply] | None:
    """The tasks whose turn it is: those of the lowest priority number that are not done."""
    left = [task for task in execution["tasks"] if task["Status"] not in FINAL]
    return [task for task in left if task["Priority"] == left[0]["Priority"]] or None if left else None


def _begin(simulation: Simulation, ssm: Ssm, execution: Reply, task: Reply) -> None:
    now = simulation.world.now
    task["StartTime"] = iso(now)
    if now >= moment(execution["cutoff"]):
        too_late = "Not started before the cutoff of the maintenance window."
        task |= {"Status": "TIMED_OUT", "StatusDetails": too_late, "EndTime": iso(now)}
        return
    task["Status"] = "IN_PROGRESS"
    task["invocations"] = list(_invocations_of(ssm, execution, task))


def _invocations_of(ssm: Ssm, execution: Reply, task: Reply) -> Iterator[Reply]:
    """One for each registered target, one for ids named by the task itself, one for a task without targets."""
    for target in task["window_targets"]:
        more = picked(target, ("WindowTargetId", "OwnerInformation"))
        yield _invocation(ssm, execution, task, targeted(ssm, target["Targets"]), more)
    direct = [target for target in task.get("Targets", []) if target["Key"] == "InstanceIds"]
    if direct:
        yield _invocation(ssm, execution, task, targeted(ssm, direct), {})
    elif not task.get("Targets"):
        yield _invocation(ssm, execution, task, [], {}, alone=True)


def _invocation(
    ssm: Ssm, execution: Reply, task: Reply, nodes: list[Any], more: Reply, *, alone: bool = False
) -> Reply:
    asked = (task.get("TaskInvocationParameters") or {}).get(INVOCATIONS[task["TaskType"]]) or {}
    command = commands.new_command(
        ssm,
        task["TaskArn"],
        asked.get("Parameters") or {},
        nodes,
        Comment=asked.get("Comment"),
        TimeoutSeconds=asked.get("TimeoutSeconds"),
        MaxConcurrency=task.get("MaxConcurrency"),
        MaxErrors=task.get("MaxErrors"),
        cutoff=execution["cutoff"],
        cancel_at_cutoff=task["CutoffBehavior"] == "CANCEL_TASK",
    )
    if alone:
        command["nodes"] = [{"InstanceId": "", "Status": "Pending"}]
    parameters = {
        "documentName": task["TaskArn"],
        "instanceIds": [node.instance_id for node in nodes],
        "parameters": asked.get("Parameters") or {},
        "maxConcurrency": task.get("MaxConcurrency"),
        "maxErrors": task.get("MaxErrors"),
    }
    return {
        "InvocationId": ssm.world.new_uuid(),
        "Status": "PENDING",
        "Parameters": json.dumps({key: value for key, value in parameters.items() if value is not None}),
        "command": command,
        **more,
    }


def _progress_task(simulation: Simulation, ssm: Ssm, task: Reply) -> None:
    """Several targets of one task run one after another; at the cutoff those still waiting are called off."""
    if task["Status"] in FINAL:
        return
    now, blocked = simulation.world.now, False
    for invocation in task["invocations"]:
        command = invocation["command"]
        if not blocked:
            invocation.setdefault("StartTime", iso(now))
        if not blocked or now >= moment(command["cutoff"]):
            commands.progress(simulation, ssm, command)
        invocation["Status"] = _status(command, now)
        if commands.is_over(command):
            invocation.setdefault("EndTime", iso(now))
        else:
            blocked = True
    if not blocked:
        task |= {"Status": _worst({one["Status"] for one in task["invocations"]}), "EndTime": iso(now)}
        if not any(one["command"]["nodes"] for one in task["invocations"]):
            task["StatusDetails"] = "No invocations to execute."


def _status(command: Reply, now: datetime) -> str:
    """What was cancelled at the cutoff has timed out, in the words of maintenance windows."""
    status = STATUSES[commands.status_of(command)]
    return "TIMED_OUT" if status == "CANCELLED" and now >= moment(command["cutoff"]) else status


def _end(simulation: Simulation, execution: Reply) -> None:
    execution |= {
        "Status": _worst({task["Status"] for task in execution["tasks"]}),
        "EndTime": iso(simulation.world.now),
    }
    if not execution["tasks"]:
        execution["StatusDetails"] = "No tasks to execute."


def _worst(statuses: set[str]) -> str:
    return next((status for status in WORST_FIRST if status in statuses), "SUCCESS")
