"""One command over many nodes: who starts when, who is out of reach, and when it is called off.

A command is a dictionary that goes on disk as it is. Patch commands change nodes when a node's turn ends.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from patching.simulator import automations, turns
from patching.simulator.document_texts import is_automation
from patching.simulator.ssm.patch_groups import PatchGroups
from patching.simulator.state import Node, iso, moment

if TYPE_CHECKING:
    from patching.simulator.simulation import Simulation

Reply = dict[str, Any]

PATCH_DOCUMENTS = ("AWS-RunPatchBaseline", "AWS-RunPatchBaselineWithHooks", "AWS-RunPatchBaselineAssociation")
OTHER_WORK = timedelta(minutes=2)
# What no longer changes.
FINAL = ("Success", "Failed", "TimedOut", "Cancelled")


def new_command(
    ssm: PatchGroups, document: str, parameters: Reply, nodes: Iterable[Node], **more: Any
) -> Reply:
    """A command that nobody has started yet. `more` is kept with it: Comment, MaxConcurrency, MaxErrors, cutoff, …"""
    return {
        "CommandId": ssm.world.new_uuid(),
        "DocumentName": document,
        "Parameters": parameters,
        "RequestedDateTime": ssm.now_iso,
        "MaxConcurrency": "50",
        "MaxErrors": "0",
        "SnapshotId": ssm.world.new_uuid(),
        **{name: value for name, value in more.items() if value is not None},
        "nodes": [{"InstanceId": node.instance_id, "Status": "Pending"} for node in nodes],
    }


def is_over(command: Reply) -> bool:
    return all(turn["Status"] in FINAL for turn in command["nodes"])


def status_of(command: Reply) -> str:
    """The command's status, made of its nodes'."""
    statuses = {turn["Status"] for turn in command["nodes"]}
    if statuses - set(FINAL):
        return "InProgress" if statuses - {"Pending"} else "Pending"
    return next((status for status in ("Failed", "TimedOut", "Cancelled") if status in statuses), "Success")


def next_moment(command: Reply) -> datetime | None:
    """When something happens to it next."""
    running = [moment(turn["EndTime"]) for turn in command["nodes"] if turn["Status"] == "InProgress"]
    waiting = any(turn["Status"] == "Pending" for turn in command["nodes"])
    if command.get("cutoff") and (waiting or (running and command.get("cancel_at_cutoff"))):
        running.append(moment(command["cutoff"]))
    return min(running, default=None)


def first_moment(command: Reply) -> datetime | None:
    """When it was sent, while no node has begun."""
    waiting = command["nodes"] and all(turn["Status"] == "Pending" for turn in command["nodes"])
    return moment(command["RequestedDateTime"]) if waiting else None


def progress(simulation: "Simulation", ssm: PatchGroups, command: Reply) -> None:
    """Bring the command up to the world's clock: end turns, call off what is too late, begin what may begin."""
    now = simulation.world.now
    for turn in command["nodes"]:
        if turn["Status"] == "InProgress" and moment(turn["EndTime"]) <= now:
            _end(simulation, ssm, command, turn)
    if command.get("cutoff") and now >= moment(command["cutoff"]):
        _call_off(ssm, command, now)
    elif _failures(command) > _share(command["MaxErrors"], len(command["nodes"])):
        _stop(command, "Cancelled", "Terminated")
    running = sum(turn["Status"] == "InProgress" for turn in command["nodes"])
    room = max(1, _share(command["MaxConcurrency"], len(command["nodes"]))) - running
    if is_automation(command["DocumentName"]):
        room = min(room, automations.free(ssm))
    for turn in [turn for turn in command["nodes"] if turn["Status"] == "Pending"][: max(0, room)]:
        _begin(simulation, ssm, command, turn)
    if is_automation(command["DocumentName"]):
        automations.follow(ssm, command, status_of(command), is_over(command))


def _begin(simulation: "Simulation", ssm: PatchGroups, command: Reply, turn: Reply) -> None:
    now = simulation.world.now
    node = simulation.world.nodes.get(turn["InstanceId"])
    turn |= {"Status": "InProgress", "StartTime": iso(now)}
    if is_automation(command["DocumentName"]):
        child = automations.of_command(simulation, ssm, command, turn["InstanceId"])
        turn["automation"] = child["AutomationExecutionId"]
        turn["EndTime"] = iso(automations.next_moment(child) or now)
        return
    operation, lasts = _parameter(command, "Operation", "Scan"), OTHER_WORK
    if node is not None and (command["DocumentName"] in PATCH_DOCUMENTS or node.ping_status != "Online"):
        lasts = turns.begin(ssm, node, turn, operation, command.get("TimeoutSeconds"))
    turn["EndTime"] = iso(now + lasts)


def _end(simulation: "Simulation", ssm: PatchGroups, command: Reply, turn: Reply) -> None:
    node = simulation.world.nodes.get(turn["InstanceId"])
    if "automation" in turn:
        _follow(simulation, ssm, turn)
        return
    status = "Success"
    if node is not None and turn.keys() & {"lost", "baseline"}:
        status = turns.end(
            simulation,
            ssm,
            node,
            turn,
            operation=_parameter(command, "Operation", "Scan"),
            reboot=_parameter(command, "RebootOption", "RebootIfNeeded"),
            snapshot_id=command["SnapshotId"],
            at=moment(turn["StartTime"]),
        )
    # A lost node is not counted as an error: the command never reached it.
    turn |= {"Status": status, "StatusDetails": "DeliveryTimedOut" if status == "TimedOut" else status}


def _follow(simulation: "Simulation", ssm: PatchGroups, turn: Reply) -> None:
    """A turn that an automation takes ends when that does."""
    child = ssm.state.automations[turn["automation"]]
    automations.progress(simulation, ssm, child)
    coming = automations.next_moment(child)
    if coming is not None:
        turn["EndTime"] = iso(coming)
    else:
        status = child["AutomationExecutionStatus"]
        turn |= {"Status": status, "StatusDetails": status, "EndTime": child["ExecutionEndTime"]}


def _call_off(ssm: PatchGroups, command: Reply, now: datetime) -> None:
    """At the window's cutoff nobody begins any more; with CANCEL_TASK those who have begun are stopped too."""
    _stop(command, "TimedOut", "Not started before the cutoff of the maintenance window.")
    if command.get("cancel_at_cutoff"):
        for turn in command["nodes"]:
            if turn["Status"] == "InProgress":
                turn |= {"Status": "Cancelled", "StatusDetails": "Cancelled", "EndTime": iso(now)}
                if "automation" in turn:
                    automations.stop(ssm.state.automations[turn["automation"]], now)


def cancel(command: Reply) -> None:
    """CancelCommand: nodes that have not begun will not; what runs is not taken back."""
    _stop(command, "Cancelled", "Cancelled")


def _stop(command: Reply, status: str, details: str) -> None:
    for turn in command["nodes"]:
        if turn["Status"] == "Pending":
            turn |= {"Status": status, "StatusDetails": details}


def _failures(command: Reply) -> int:
    return sum(turn["Status"] == "Failed" for turn in command["nodes"])


def _share(rate: str, total: int) -> int:
    """A number, or a percentage of the nodes rounded down."""
    return int(rate[:-1]) * total // 100 if rate.endswith("%") else int(rate)


def _parameter(command: Reply, name: str, default: str) -> str:
    values = (command.get("Parameters") or {}).get(name) or [default]
    return str(values[0])
