"""State Manager's associations: kept and listed, so that one can see how else a node is patched. They never run."""

from typing import Any

from patching.simulator.corner import picked
from patching.simulator.errors import Fault
from patching.simulator.ssm.instances import Instances
from patching.simulator.ssm.targeting import targeted
from patching.simulator.state import Node

Reply = dict[str, Any]

ASKED: tuple[str, ...] = (
    "Name",
    "DocumentVersion",
    "InstanceId",
    "Parameters",
    "Targets",
    "ScheduleExpression",
)
ASKED += ("OutputLocation", "AssociationName", "AutomationTargetParameterName", "MaxErrors", "MaxConcurrency")
ASKED += ("ComplianceSeverity", "SyncCompliance", "ApplyOnlyAtCronInterval", "CalendarNames")
ASKED += ("TargetLocations", "ScheduleOffset", "Duration", "TargetMaps", "AlarmConfiguration")
LISTED: tuple[str, ...] = ("Name", "InstanceId", "AssociationId", "AssociationVersion", "DocumentVersion")
LISTED += ("Targets", "Overview", "ScheduleExpression", "AssociationName", "ScheduleOffset", "Duration")
FILTERS = {
    "InstanceId": "InstanceId",
    "Name": "Name",
    "AssociationId": "AssociationId",
    "AssociationName": "AssociationName",
}
PENDING = {"Status": "Pending", "DetailedStatus": "Creating"}
PER_NODE_PAGE = 5


class Associations(Instances):
    def create_association(self, request: Reply) -> Reply:
        if request.get("InstanceId") and self.managed_node(request["InstanceId"]) is None:
            raise Fault("InvalidInstanceId", f"Instance {request['InstanceId']} is not a managed instance.")
        if not request.get("InstanceId") and not request.get("Targets"):
            raise Fault("ValidationException", "Give Targets, or InstanceId.")
        if request.get("InstanceId") and any(
            (row["Name"], row.get("InstanceId")) == (request["Name"], request["InstanceId"])
            for row in self.state.associations.values()
        ):
            raise Fault("AssociationAlreadyExists", "The specified association already exists.")
        association_id = self.world.new_uuid()
        self.state.associations[association_id] = {
            "AssociationId": association_id,
            "AssociationVersion": "1",
            "DocumentVersion": "$DEFAULT",
            "Date": self.now_iso,
            "LastUpdateAssociationDate": self.now_iso,
            "Overview": PENDING,
            **picked(request, ASKED),
        }
        return {"AssociationDescription": self.state.associations[association_id]}

    def describe_association(self, request: Reply) -> Reply:
        return {"AssociationDescription": self._association(request)}

    def delete_association(self, request: Reply) -> Reply:
        del self.state.associations[self._association(request)["AssociationId"]]
        return {}

    def list_associations(self, request: Reply) -> Reply:
        rows = list(self.state.associations.values())
        for one in request.get("AssociationFilterList") or []:
            if one["key"] not in FILTERS:
                raise Fault("ValidationException", f"The filter {one['key']} is not simulated.")
            rows = [row for row in rows if row.get(FILTERS[one["key"]]) == one["value"]]
        page, token = self.paged(rows, request.get("MaxResults"), request.get("NextToken"))
        return {"Associations": [picked(row, LISTED) for row in page], "NextToken": token}

    def describe_effective_instance_associations(self, request: Reply) -> Reply:
        rows = [
            {**picked(row, ("AssociationId", "AssociationVersion")), "InstanceId": request["InstanceId"]}
            for row in self._on(request["InstanceId"])
        ]
        page, token = self.paged(
            rows, request.get("MaxResults"), request.get("NextToken"), default=PER_NODE_PAGE
        )
        return {"Associations": page, "NextToken": token}

    def describe_instance_associations_status(self, request: Reply) -> Reply:
        members = ("AssociationId", "Name", "DocumentVersion", "AssociationVersion", "AssociationName")
        rows = [
            {**picked(row, members), "InstanceId": request["InstanceId"], **PENDING}
            for row in self._on(request["InstanceId"])
        ]
        page, token = self.paged(rows, request.get("MaxResults"), request.get("NextToken"))
        return {"InstanceAssociationStatusInfos": page, "NextToken": token}

    def _association(self, request: Reply) -> Reply:
        for row in self.state.associations.values():
            by_id = request.get("AssociationId") == row["AssociationId"]
            by_name = request.get("Name") == row["Name"] and request.get("InstanceId") == row.get(
                "InstanceId"
            )
            if by_id or (not request.get("AssociationId") and by_name and request.get("InstanceId")):
                return row
        raise Fault("AssociationDoesNotExist", "The specified association does not exist.")

    def _on(self, instance_id: str) -> list[Reply]:
        node = self.managed_node(instance_id)
        if node is None:
            raise Fault("InvalidInstanceId", f"Instance {instance_id} is not a managed instance.")
        return [row for row in self.state.associations.values() if self._means(row, node)]

    def _means(self, row: Reply, node: Node) -> bool:
        if row.get("InstanceId"):
            return bool(row["InstanceId"] == node.instance_id)
        targets = row.get("Targets") or []
        everybody = any(one["Key"] == "InstanceIds" and "*" in (one.get("Values") or []) for one in targets)
        return everybody or any(one is node for one in targeted(self, targets))
