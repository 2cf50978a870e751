"""Which baseline judges which patch group: one for each operating system, otherwise the default."""

from typing import Any

from patching.simulator.errors import Fault
from patching.simulator.ssm.baselines import Baselines, passes_filter
from patching.simulator.state import Node

Reply = dict[str, Any]

# SSM reads the patch group of a node from these two tag keys and no other.
GROUP_KEYS = ("Patch Group", "PatchGroup")


class PatchGroups(Baselines):
    def register_patch_baseline_for_patch_group(self, request: Reply) -> Reply:
        baseline = self.baseline(request["BaselineId"])
        baseline_id, group = baseline["BaselineId"], request["PatchGroup"]
        bound = self.state.groups.get(group, {}).get(baseline["OperatingSystem"])
        if bound and bound != baseline_id:
            raise Fault(
                "AlreadyExistsException",
                f"Patch Group {group} already has a baseline registered for OperatingSystem "
                f"{baseline['OperatingSystem']}.",
            )
        limit = self.quota("groups-per-baseline")
        if not bound and len(self.groups_of(baseline_id)) >= limit:
            raise Fault("ResourceLimitExceededException", f"A baseline takes {limit} patch groups at most.")
        self.state.groups.setdefault(group, {})[baseline["OperatingSystem"]] = baseline_id
        return {"BaselineId": baseline_id, "PatchGroup": group}

    def deregister_patch_baseline_for_patch_group(self, request: Reply) -> Reply:
        self.baseline(request["BaselineId"])  # refuses one that is not there
        by_os = self.state.groups.get(request["PatchGroup"], {})
        unregistered = request["BaselineId"] not in by_os.values()
        if unregistered and self.chooses("unregistered-group", "does-not-exist"):
            raise Fault(
                "DoesNotExistException",
                f"Patch baseline {request['BaselineId']} is not registered for patch group {request['PatchGroup']}",
            )
        for operating_system in [os for os, bound in by_os.items() if bound == request["BaselineId"]]:
            del by_os[operating_system]
        if not by_os:
            self.state.groups.pop(request["PatchGroup"], None)
        return {"BaselineId": request["BaselineId"], "PatchGroup": request["PatchGroup"]}

    def get_patch_baseline_for_patch_group(self, request: Reply) -> Reply:
        operating_system = request.get("OperatingSystem") or "WINDOWS"
        return {
            "BaselineId": self.judging(request["PatchGroup"], operating_system),
            "PatchGroup": request["PatchGroup"],
            "OperatingSystem": operating_system,
        }

    def describe_patch_groups(self, request: Reply) -> Reply:
        rows = [
            {"PatchGroup": group, "BaselineIdentity": self.identity(self.baseline(baseline_id))}
            for group, by_os in sorted(self.state.groups.items())
            for operating_system, baseline_id in sorted(by_os.items())
            if all(passes_filter(one, group, operating_system) for one in request.get("Filters") or [])
        ]
        page, token = self.paged(rows, request.get("MaxResults"), request.get("NextToken"))
        return {"Mappings": page, "NextToken": token}

    def judging(self, group: str, operating_system: str) -> str:
        """The id of the baseline that judges nodes of this group and operating system."""
        return self.state.groups.get(group, {}).get(operating_system) or self.default_for(operating_system)

    def judge_of(self, node: Node) -> Reply:
        """The baseline that judges this node."""
        return self.baseline(self.judging(group_of(node), node.os))


def group_of(node: Node) -> str:
    """The node's patch group, or "" where it has none."""
    return next((node.tags[key] for key in GROUP_KEYS if node.tags.get(key)), "")
