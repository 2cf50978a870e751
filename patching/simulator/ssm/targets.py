"""What a maintenance window works on: target registrations."""

import re
from typing import Any

from patching.simulator.corner import matches, once_per_token, picked
from patching.simulator.errors import Fault
from patching.simulator.ssm.windows import Windows

Reply = dict[str, Any]

KEYS = {
    "INSTANCE": re.compile(r"InstanceIds|tag-key|tag:.+"),
    "RESOURCE_GROUP": re.compile(r"resource-groups:(Name|ResourceTypeFilters)"),
}
FILTERS = {
    "Type": lambda row: row["ResourceType"],
    "WindowTargetId": lambda row: row["WindowTargetId"],
    "OwnerInformation": lambda row: row.get("OwnerInformation", ""),
}
OPTIONAL = ("OwnerInformation", "Name", "Description")
UPDATED = ("WindowId", "WindowTargetId", "Targets", *OPTIONAL)


class Targets(Windows):
    @once_per_token
    def register_target_with_maintenance_window(self, request: Reply) -> Reply:
        window_id = self.window_for_children(request["WindowId"])["WindowId"]
        refuse_bad_targets(request["ResourceType"], request["Targets"])
        if len(self._targets_of(window_id)) >= (limit := self.quota("targets-per-window")):
            raise Fault("ResourceLimitExceededException", f"A window takes {limit} targets at most.")
        target_id = self.world.new_uuid()
        self.state.targets[target_id] = {
            "WindowId": window_id,
            "WindowTargetId": target_id,
            **picked(request, ("ResourceType", "Targets", *OPTIONAL)),
        }
        return {"WindowTargetId": target_id}

    def update_maintenance_window_target(self, request: Reply) -> Reply:
        target = self.target(request)
        if request.get("Targets"):
            refuse_bad_targets(target["ResourceType"], request["Targets"])
        elif request.get("Replace"):
            raise Fault("ValidationException", "With Replace, Targets must be given.")
        kept = {k: v for k, v in target.items() if not (request.get("Replace") and k in OPTIONAL)}
        changed = kept | picked(request, ("Targets", *OPTIONAL))
        self.state.targets[request["WindowTargetId"]] = changed
        return picked(changed, UPDATED)

    def deregister_target_from_maintenance_window(self, request: Reply) -> Reply:
        target_id = self.target(request)["WindowTargetId"]
        if request.get("Safe") and self._tasks_using(target_id):
            raise Fault(
                "TargetInUseException", f"Window target {target_id} is used by a task of this window."
            )
        del self.state.targets[target_id]
        return {"WindowId": request["WindowId"], "WindowTargetId": target_id}

    def describe_maintenance_window_targets(self, request: Reply) -> Reply:
        window_id = self.window(request["WindowId"])["WindowId"]
        rows = [row for row in self._targets_of(window_id) if matches(request.get("Filters"), FILTERS, row)]
        page, token = self.paged(rows, request.get("MaxResults"), request.get("NextToken"))
        return {"Targets": page, "NextToken": token}

    def target(self, request: Reply) -> Reply:
        target = self.state.targets.get(request["WindowTargetId"])
        if target is None or target["WindowId"] != request["WindowId"]:
            raise Fault(
                "DoesNotExistException",
                f"Target {request['WindowTargetId']} is not registered with window {request['WindowId']}",
            )
        return target

    def _targets_of(self, window_id: str) -> list[Reply]:
        return [row for row in self.state.targets.values() if row["WindowId"] == window_id]

    def _tasks_using(self, target_id: str) -> list[Reply]:
        return [
            task
            for task in self.state.tasks.values()
            if any(
                target_id in one["Values"]
                for one in task.get("Targets", [])
                if one["Key"] == "WindowTargetIds"
            )
        ]


def refuse_bad_targets(resource_type: str, targets: list[Reply]) -> None:
    for one in targets:
        if not KEYS[resource_type].fullmatch(one.get("Key") or ""):
            raise Fault(
                "ValidationException", f"The target key {one.get('Key')} is not valid for {resource_type}."
            )
        if one["Key"] != "tag-key" and not one.get("Values"):
            raise Fault("ValidationException", f"The target {one['Key']} has no values.")
        if one["Key"] == "resource-groups:Name" and len(one["Values"]) > 1:
            raise Fault("ValidationException", "A target names one resource group.")
    keys = [one["Key"] for one in targets]
    if resource_type == "RESOURCE_GROUP" and "resource-groups:Name" not in keys:
        raise Fault("ValidationException", "A target of type RESOURCE_GROUP needs resource-groups:Name.")
