"""A node's turn to be patched, whoever sent it: Run Command, a maintenance window or an automation."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from patching.simulator import patching_night, syncing
from patching.simulator.ssm.patch_groups import PatchGroups, group_of
from patching.simulator.state import Node

if TYPE_CHECKING:
    from patching.simulator.simulation import Simulation

Reply = dict[str, Any]

DELIVERY_SECONDS = 600


def begin(ssm: PatchGroups, node: Node, turn: Reply, operation: str, patience: int | None) -> timedelta:
    """Note what the turn will go by, and say how long it lasts; a lost agent is waited for in vain."""
    if node.ping_status != "Online":
        turn["lost"] = True
        return timedelta(seconds=patience or DELIVERY_SECONDS)
    # The baseline is the one that judges when the node's turn begins, whatever is rebound meanwhile.
    turn["baseline"] = ssm.judge_of(node)["BaselineId"]
    return patching_night.duration(node, operation)


def end(
    simulation: "Simulation",
    ssm: PatchGroups,
    node: Node,
    turn: Reply,
    *,
    operation: str,
    reboot: str,
    snapshot_id: str,
    at: datetime,
) -> str:
    """Patch the node by what was noted, and say how it went: Success, Failed or TimedOut."""
    if turn.pop("lost", False):
        return "TimedOut"
    baseline_id = turn.pop("baseline")
    run = patching_night.patch(
        node,
        operation=operation,
        baseline=ssm.baseline_or_default(baseline_id, node.os),
        baseline_id=baseline_id,
        catalogue=simulation.catalogue,
        at=at,
        reboot=reboot,
        snapshot_id=snapshot_id,
        patch_group=group_of(node),
    )
    syncing.write_node(simulation.world, node)
    return "Failed" if operation == "Install" and run.get("FailedCount") else "Success"
