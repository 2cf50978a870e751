"""Instances and their tags. A node's tags are its EC2 tags, so there is nothing to keep in step."""

import fnmatch
from collections.abc import Callable
from typing import Any

from patching.simulator.corner import Corner, NotOursError
from patching.simulator.errors import Fault
from patching.simulator.state import Node

Reply = dict[str, Any]

TAGS_PER_INSTANCE = 50
READERS: dict[str, Callable[[Node], list[str]]] = {
    "instance-id": lambda node: [node.instance_id],
    "availability-zone": lambda node: [node.az],
    "instance-state-name": lambda node: ["running"],
    "instance-state-code": lambda node: ["16"],
    "instance-type": lambda node: [node.instance_type],
    "platform": lambda node: ["windows"] if node.platform_type == "Windows" else [],
    "platform-details": lambda node: [_platform_details(node)],
    "owner-id": lambda node: [node.account],
    "tag-key": lambda node: list(node.tags),
    "tag-value": lambda node: list(node.tags.values()),
}


class Ec2(Corner):
    def describe_instances(self, request: Reply) -> Reply:
        ids = request.get("InstanceIds") or []
        if ids and request.get("MaxResults"):
            raise Fault(
                "InvalidParameterCombination",
                "The parameter instancesSet cannot be used with the parameter maxResults",
            )
        self._refuse_unknown(ids)
        nodes = [
            node
            for node in self.world.nodes_in(self.account_id, self.region_name)
            if (not ids or node.instance_id in ids) and _passes(node, request.get("Filters"))
        ]
        page, token = self.paged(nodes, request.get("MaxResults"), request.get("NextToken"), default=1000)
        return {"Reservations": [_reservation(node) for node in page], "NextToken": token}

    def create_tags(self, request: Reply) -> Reply:
        nodes = self._nodes(request["Resources"])
        tags = {tag["Key"]: tag.get("Value") or "" for tag in request["Tags"]}
        for key in tags:
            if key.lower().startswith("aws:"):
                raise Fault(
                    "InvalidParameterValue", "Tag keys starting with 'aws:' are reserved for internal use"
                )
        for node in nodes:
            if len([key for key in {**node.tags, **tags} if not key.startswith("aws:")]) > TAGS_PER_INSTANCE:
                raise Fault("TagLimitExceeded", "The maximum number of Tags for a resource has been reached.")
        for node in nodes:
            node.tags |= tags
        return {}

    def delete_tags(self, request: Reply) -> Reply:
        """A tag given with its value is deleted only while it has that value."""
        nodes = self._nodes(request["Resources"])
        for node in nodes:
            for tag in request.get("Tags") or [
                {"Key": key} for key in node.tags if not key.startswith("aws:")
            ]:
                if tag.get("Value") in (None, node.tags.get(tag["Key"])):
                    node.tags.pop(tag["Key"], None)
        return {}

    def describe_tags(self, request: Reply) -> Reply:
        rows = [
            {"Key": key, "ResourceId": node.instance_id, "ResourceType": "instance", "Value": value}
            for node in self.world.nodes_in(self.account_id, self.region_name)
            for key, value in node.tags.items()
        ]
        readers = {
            "key": "Key",
            "resource-id": "ResourceId",
            "resource-type": "ResourceType",
            "value": "Value",
        }
        for one in request.get("Filters") or []:
            if one["Name"].startswith("tag:"):
                wanted = {"Key": [one["Name"][4:]], "Value": one["Values"]}
                rows = [row for row in rows if all(_like([row[name]], wanted[name]) for name in wanted)]
            elif one["Name"] in readers:
                rows = [row for row in rows if _like([row[readers[one["Name"]]]], one["Values"])]
            else:
                raise Fault("InvalidParameterValue", f"The filter '{one['Name']}' is invalid")
        page, token = self.paged(rows, request.get("MaxResults"), request.get("NextToken"), default=1000)
        return {"Tags": page, "NextToken": token}

    def _nodes(self, ids: list[str]) -> list[Node]:
        if not all(resource.startswith("i-") for resource in ids):
            raise NotOursError
        self._refuse_unknown(ids)
        return [self.world.nodes[instance_id] for instance_id in ids]

    def _refuse_unknown(self, ids: list[str]) -> None:
        here = {node.instance_id for node in self.world.nodes_in(self.account_id, self.region_name)}
        if unknown := [instance_id for instance_id in ids if instance_id not in here]:
            plural = "s" if len(unknown) > 1 else ""
            verb = "do" if len(unknown) > 1 else "does"
            raise Fault(
                "InvalidInstanceID.NotFound",
                f"The instance ID{plural} '{', '.join(unknown)}' {verb} not exist",
            )


def _passes(node: Node, filters: list[Reply] | None) -> bool:
    for one in filters or []:
        name, wanted = one["Name"], one.get("Values", [])
        if name.startswith("tag:"):
            value = node.tags.get(name[4:])
            have = [] if value is None else [value]
        elif name in READERS:
            have = READERS[name](node)
        else:
            raise Fault("InvalidParameterValue", f"The filter '{name}' is invalid")
        if not _like(have, wanted):
            return False
    return True


def _like(have: list[str], wanted: list[str]) -> bool:
    """EC2's filters know * and ?, and nothing else of what fnmatch knows."""
    patterns = [one.replace("[", "[[]") for one in wanted]
    return any(fnmatch.fnmatchcase(value, pattern) for value in have for pattern in patterns)


def _reservation(node: Node) -> Reply:
    return {
        "ReservationId": f"r-{node.instance_id[2:]}",
        "OwnerId": node.account,
        "Groups": [],
        "Instances": [_instance(node)],
    }


def _instance(node: Node) -> Reply:
    windows = node.platform_type == "Windows"
    return {
        "InstanceId": node.instance_id,
        "ImageId": f"ami-{node.instance_id[2:]}",
        "State": {"Code": 16, "Name": "running"},
        "InstanceType": node.instance_type,
        "LaunchTime": node.launched_at,
        "Placement": {"AvailabilityZone": node.az, "GroupName": "", "Tenancy": "default"},
        "Platform": "windows" if windows else None,
        "PlatformDetails": _platform_details(node),
        "Architecture": "x86_64",
        "Tags": [{"Key": key, "Value": value} for key, value in sorted(node.tags.items())],
    }


def _platform_details(node: Node) -> str:
    if node.platform_type == "Windows":
        return "Windows"
    return "Red Hat Enterprise Linux" if node.os == "REDHAT_ENTERPRISE_LINUX" else "Linux/UNIX"
