"""Inventory: what agents tell of their nodes, and what others put there."""

from collections import Counter
from typing import Any

from patching.simulator import node_inventory, syncing
from patching.simulator.corner import picked
from patching.simulator.errors import Fault
from patching.simulator.node_inventory import ATTRIBUTES, NUMBERS, OF_NODE, SCHEMA_VERSION
from patching.simulator.ssm.filtering import COMPARE
from patching.simulator.ssm.instances import Instances
from patching.simulator.state import Node

Reply = dict[str, Any]

PUT = ("TypeName", "SchemaVersion", "CaptureTime", "ContentHash", "Content", "Context")
EXISTS = "Exists"


class Inventory(Instances):
    def put_inventory(self, request: Reply) -> Reply:
        """A hash without content says that nothing changed; it must be the hash of what is there."""
        node = self._inventoried(request["InstanceId"])
        kept = dict(self.state.inventory.get(node.instance_id, {}))
        for item in request["Items"]:
            name = item["TypeName"]
            if name in OF_NODE:
                raise Fault("InvalidTypeNameException", f"The type {name} is told by the agent alone.")
            if item.get("Content") is not None:
                kept[name] = picked(item, PUT)
            elif not item.get("ContentHash") or item["ContentHash"] != kept.get(name, {}).get("ContentHash"):
                raise Fault(
                    "ItemContentMismatchException", f"The content of {name} is not known by that hash."
                )
        self.state.inventory[node.instance_id] = kept
        syncing.write_node(self.world, node)
        return {"Message": "Inventory was successfully updated."}

    def list_inventory_entries(self, request: Reply) -> Reply:
        node, name = self._inventoried(request["InstanceId"]), request["TypeName"]
        self._refuse_unknown_type(name, node)
        rows = node_inventory.entries(node, name, self.state)
        for one in request.get("Filters") or []:
            rows = [row for row in rows if _passes(row.get(one["Key"].rsplit(".", 1)[-1]), one)]
        page, token = self.paged(rows, request.get("MaxResults"), request.get("NextToken"))
        return {
            "TypeName": name,
            "InstanceId": node.instance_id,
            "SchemaVersion": self._version(node, name),
            "CaptureTime": self._captured(node, name),
            "Entries": page,
            "NextToken": token,
        }

    def get_inventory(self, request: Reply) -> Reply:
        """Nodes that pass every filter, each with one type; with an aggregator, how many have each value."""
        nodes = self.managed_nodes()
        for one in request.get("Filters") or []:
            name, _, attribute = one["Key"].rpartition(".")
            nodes = [node for node in nodes if self._node_passes(node, name, attribute, one)]
        if request.get("Aggregators"):
            return self._aggregated(nodes, request)
        wanted = [one["TypeName"] for one in request.get("ResultAttributes") or []] or [
            node_inventory.INFORMATION
        ]
        page, token = self.paged(nodes, request.get("MaxResults"), request.get("NextToken"))
        return {"Entities": [self._entity(node, wanted) for node in page], "NextToken": token}

    def get_inventory_schema(self, request: Reply) -> Reply:
        """The types that follow from nodes; those put by others have no schema that AWS would know."""
        name = request.get("TypeName") or ""
        kinds = [kind for kind in ATTRIBUTES if kind.startswith(name)]
        if not kinds:
            raise Fault("InvalidTypeNameException", f"The type {name} is not known.")
        rows = [
            {
                "TypeName": kind,
                "Version": SCHEMA_VERSION,
                "Attributes": [
                    {"Name": attribute, "DataType": "number" if attribute in NUMBERS else "string"}
                    for attribute in ATTRIBUTES[kind]
                ],
            }
            for kind in kinds
        ]
        page, token = self.paged(rows, request.get("MaxResults"), request.get("NextToken"))
        return {"Schemas": page, "NextToken": token}

    def _inventoried(self, instance_id: str) -> Node:
        node = self.managed_node(instance_id)
        if node is None:
            raise Fault("InvalidInstanceId", f"Instance {instance_id} is not a managed instance.")
        return node

    def _refuse_unknown_type(self, name: str, node: Node) -> None:
        if name not in OF_NODE and name not in self.state.inventory.get(node.instance_id, {}):
            raise Fault("InvalidTypeNameException", f"The type {name} is not known.")

    def _node_passes(self, node: Node, name: str, attribute: str, one: Reply) -> bool:
        if not name:
            raise Fault("InvalidFilter", f"The filter name {one['Key']} is not valid. Use Type.Attribute.")
        rows = node_inventory.entries(node, name, self.state)
        if one.get("Type") == EXISTS:
            return bool(rows) == (one["Values"][0].lower() == "true")
        return any(_passes(row.get(attribute), one) for row in rows)

    def _aggregated(self, nodes: list[Node], request: Reply) -> Reply:
        expressions = [one.get("Expression") or "" for one in request["Aggregators"]]
        if len(expressions) != 1 or "." not in expressions[0]:
            raise Fault(
                "InvalidAggregatorException", "Give one aggregator with an Expression: Type.Attribute."
            )
        name, _, attribute = expressions[0].rpartition(".")
        counts = Counter(
            row[attribute]
            for node in nodes
            for row in node_inventory.entries(node, name, self.state)
            if attribute in row
        )
        content = [{attribute: value, "Count": str(count)} for value, count in sorted(counts.items())]
        data = {name: {"TypeName": name, "SchemaVersion": SCHEMA_VERSION, "Content": content}}
        return {"Entities": [{"Data": data}]}

    def _entity(self, node: Node, wanted: list[str]) -> Reply:
        data = {
            name: {
                "TypeName": name,
                "SchemaVersion": self._version(node, name),
                "CaptureTime": self._captured(node, name),
                "Content": rows,
            }
            for name in wanted
            if (rows := node_inventory.entries(node, name, self.state))
        }
        return {"Id": node.instance_id, "Data": data}

    def _version(self, node: Node, name: str) -> str:
        return str(self._put(node, name).get("SchemaVersion", SCHEMA_VERSION))

    def _captured(self, node: Node, name: str) -> str:
        return str(self._put(node, name).get("CaptureTime") or node_inventory.captured_at(node))

    def _put(self, node: Node, name: str) -> Reply:
        found: Reply = self.state.inventory.get(node.instance_id, {}).get(name, {})
        return found


def _passes(has: str | None, one: Reply) -> bool:
    kind = one.get("Type") or "Equal"
    if has is None:
        return False
    if kind == "NotEqual":
        return has not in one["Values"]
    return any(COMPARE[kind](has, value) for value in one["Values"])
