"""Which instances SSM manages, and whether their agents answer. Others do not exist for SSM."""

import zlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from patching.simulator.corner import Corner
from patching.simulator.errors import Fault
from patching.simulator.state import START, Node, iso

Reply = dict[str, Any]

LATEST_AGENT = "3.3.1957.0"
ROLE = "PatchwardenDemoInstance"
READERS: dict[str, Callable[[Node], str]] = {
    "InstanceIds": lambda node: node.instance_id,
    "AgentVersion": lambda node: node.agent_version,
    "PingStatus": lambda node: node.ping_status,
    "PlatformTypes": lambda node: node.platform_type,
    "ResourceType": lambda node: "EC2Instance",
    "IamRole": lambda node: ROLE,
    "ActivationIds": lambda node: "",
    "AssociationStatus": lambda node: "",
}


class Instances(Corner):
    def describe_instance_information(self, request: Reply) -> Reply:
        filters = [(one["Key"], one["Values"]) for one in request.get("Filters") or []]
        filters += [
            (one["key"], one["valueSet"]) for one in request.get("InstanceInformationFilterList") or []
        ]
        nodes = self.managed_nodes()
        for key, values in filters:
            nodes = [node for node in nodes if _passes(node, key, values)]
        page, token = self.paged(nodes, request.get("MaxResults"), request.get("NextToken"), default=10)
        return {"InstanceInformationList": [self._information(node) for node in page], "NextToken": token}

    def managed_nodes(self) -> list[Node]:
        """The nodes of this account and region that have, or had, an agent."""
        return [node for node in self.world.nodes_in(self.account_id, self.region_name) if node.managed]

    def managed_node(self, instance_id: str) -> Node | None:
        node = self.world.nodes.get(instance_id)
        here = node is not None and (node.account, node.region) == (self.account_id, self.region_name)
        return node if node and here and node.managed else None

    def _information(self, node: Node) -> Reply:
        return {
            "InstanceId": node.instance_id,
            "PingStatus": node.ping_status,
            "LastPingDateTime": self._last_ping(node),
            "AgentVersion": node.agent_version,
            "IsLatestVersion": node.agent_version == LATEST_AGENT,
            "PlatformType": node.platform_type,
            "PlatformName": node.platform_name,
            "PlatformVersion": node.platform_version,
            "IamRole": ROLE,
            "RegistrationDate": node.launched_at,
            "ResourceType": "EC2Instance",
            "IPAddress": _address(node),
            "ComputerName": f"{node.name}.internal.example",
            "SourceId": node.instance_id,
            "SourceType": "AWS::EC2::Instance",
        }

    def _last_ping(self, node: Node) -> str:
        """A few minutes ago, or for a lost agent some days before the demo began."""
        spread = _spread(node)
        if node.ping_status == "Online":
            return iso(self.now - timedelta(seconds=spread % 300))
        return iso(min(self.now, START) - timedelta(days=4, hours=spread % 100))


def _passes(node: Node, key: str, values: list[str]) -> bool:
    if key == "tag-key":
        return any(value in node.tags for value in values)
    if key.startswith("tag:"):
        return node.tags.get(key.removeprefix("tag:")) in values
    if key not in READERS:
        raise Fault("InvalidFilterKey", f"The specified key is not valid: {key}.")
    return READERS[key](node) in values


def _address(node: Node) -> str:
    spread = _spread(node)
    return f"10.{20 if node.az.endswith('a') else 30}.{spread // 250 % 250}.{spread % 250 + 4}"


def _spread(node: Node) -> int:
    """A number that is always the same for one node and differs between nodes."""
    return zlib.crc32(node.instance_id.encode())
