"""Compliance types of one's own: `Custom:…` items put on nodes, each put replacing what was there of its type."""

from datetime import datetime
from typing import Any

from patching.simulator import syncing
from patching.simulator.corner import picked
from patching.simulator.errors import Fault
from patching.simulator.ssm.instances import Instances
from patching.simulator.state import iso

Reply = dict[str, Any]

INSTANCE_TYPE = "ManagedInstance"
PUT = ("ComplianceType", "ExecutionSummary", "Items", "ItemContentHash")


class CustomCompliance(Instances):
    def put_compliance_items(self, request: Reply) -> Reply:
        """AWS would let one write the type Patch too; nobody should, so it is refused here."""
        kind = request["ComplianceType"]
        if not kind.startswith("Custom:"):
            raise Fault("ValidationException", f"The compliance type {kind} is not one of Custom:….")
        if request["ResourceType"] != INSTANCE_TYPE:
            raise Fault("InvalidResourceType", f"The resource type is not valid. Use {INSTANCE_TYPE}.")
        if request.get("UploadType") == "PARTIAL":
            raise Fault("ValidationException", "UploadType PARTIAL is for the type Association only.")
        node = self.managed_node(request["ResourceId"])
        if node is None:
            raise Fault("InvalidResourceId", "The resource ID is not valid.")
        ids = [item.get("Id") for item in request["Items"]]
        if len(set(ids)) < len(ids):
            raise Fault("InvalidItemContentException", "Two items have the same Id.")
        known = self.state.compliance_items.get(node.instance_id, {})
        if kind not in known and len(known) >= self.quota("compliance-types"):
            raise Fault(
                "ComplianceTypeCountLimitExceededException",
                f"A managed node takes {self.quota('compliance-types')} custom compliance types at most.",
            )
        when = request["ExecutionSummary"]["ExecutionTime"]
        put = picked(request, PUT)
        put["ExecutionSummary"] = {
            **put["ExecutionSummary"],
            "ExecutionTime": iso(when) if isinstance(when, datetime) else when,
        }
        self.state.compliance_items[node.instance_id] = {**known, kind: put}
        syncing.write_node(self.world, node)
        return {}
