"""Which nodes a list of targets means: every entry must fit (AND), any value of an entry may (OR)."""

from typing import Any

from patching.simulator.ssm.instances import Instances
from patching.simulator.state import Node

Reply = dict[str, Any]

NODES = {"AWS::EC2::Instance", "AWS::SSM::ManagedInstance"}


def targeted(ssm: Instances, targets: list[Reply]) -> list[Node]:
    """Managed nodes only: SSM knows no others. A resource group that nobody defined means nobody."""
    groups = ssm.state.resource_groups
    return [
        node for node in ssm.managed_nodes() if targets and all(_fits(node, one, groups) for one in targets)
    ]


def _fits(node: Node, target: Reply, groups: dict[str, Reply]) -> bool:
    key, values = target["Key"], target.get("Values") or []
    if key == "InstanceIds":
        return node.instance_id in values
    if key == "tag-key":
        return any(value in node.tags for value in values)
    if key.startswith("tag:"):
        return node.tags.get(key[4:]) in values
    if key == "resource-groups:Name":
        return any(_is_in(node, groups[name]) for name in values if name in groups)
    return key == "resource-groups:ResourceTypeFilters" and not NODES.isdisjoint(values)


def _is_in(node: Node, group: Reply) -> bool:
    """Whether a resource group has this node: by id, or by all of its tag filters."""
    if "InstanceIds" in group:
        return node.instance_id in group["InstanceIds"]
    return all(
        node.tags.get(one["Key"]) in one["Values"] if one.get("Values") else one["Key"] in node.tags
        for one in group["TagFilters"]
    )
