"""Which nodes a list of targets means: every entry must fit (AND), any value of an entry may (OR)."""

from typing import Any

from patching.simulator.ssm.instances import Instances
from patching.simulator.state import Node

Reply = dict[str, Any]


def targeted(ssm: Instances, targets: list[Reply]) -> list[Node]:
    """Managed nodes only: SSM knows no others. Resource groups are not simulated and mean nobody."""
    return [node for node in ssm.managed_nodes() if targets and all(_fits(node, one) for one in targets)]


def _fits(node: Node, target: Reply) -> bool:
    key, values = target["Key"], target.get("Values") or []
    if key == "InstanceIds":
        return node.instance_id in values
    if key == "tag-key":
        return any(value in node.tags for value in values)
    if key.startswith("tag:"):
        return node.tags.get(key[4:]) in values
    return False
