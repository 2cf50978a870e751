"""Instances and their tags. A node's tags are its EC2 tags, so there is nothing to keep in step."""

import fnmatch
from collections.abc import Callable
from typing import Any

from patching.simulator.corner import NotOursError
from patching.simulator.ec2.volumes import Volumes, block_devices, root_device
from patching.simulator.errors import Fault
from patching.simulator.state import Node

Reply = dict[str, Any]

TAGS_PER_RESOURCE = 50
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


class Ec2(Volumes):
    def describe_instances(self, request: Reply) -> Reply:
        ids = request.get("InstanceIds") or []
        if ids and request.get("MaxResults"):
            raise Fault(
                "InvalidParameterCombination",
                "The parameter instancesSet cannot be used with the parameter maxResults",
            )
        nodes = _those_that_pass(self._asked_for(ids), request.get("Filters"))
        page, token = self.paged(nodes, request.get("MaxResults"), request.get("NextToken"), default=1000)
        return {"Reservations": [_reservation(node) for node in page], "NextToken": token}

    def create_tags(self, request: Reply) -> Reply:
        tags = {tag["Key"]: tag.get("Value") or "" for tag in request["Tags"]}
        for key in tags:
            if key.lower().startswith("aws:"):
                raise Fault(
                    "InvalidParameterValue", "Tag keys starting with 'aws:' are reserved for internal use"
                )
        changed = {one: {**self._tags_of(one), **tags} for one in self._ours(request["Resources"])}
        for after in changed.values():
            if len([key for key in after if not key.startswith("aws:")]) > TAGS_PER_RESOURCE:
                raise Fault("TagLimitExceeded", "The maximum number of Tags for a resource has been reached.")
        for resource, after in changed.items():
            self._put_tags(resource, after)
        return {}

    def delete_tags(self, request: Reply) -> Reply:
        """A tag given with its value is deleted only while it has that value."""
        for resource in self._ours(request["Resources"]):
            tags = self._tags_of(resource)
            doomed = request.get("Tags") or [{"Key": key} for key in tags if not key.startswith("aws:")]
            gone = {one["Key"] for one in doomed if one.get("Value") in (None, tags.get(one["Key"]))}
            if gone & tags.keys():
                self._put_tags(resource, {key: value for key, value in tags.items() if key not in gone})
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

    def _ours(self, ids: list[str]) -> list[str]:
        """The same ids, if they are of instances, volumes of the fleet or snapshots of those."""
        self._refuse_unknown([one for one in ids if one.startswith("i-")])
        kept = self.state.snapshots
        if not all(one.startswith("i-") or one in kept or self.is_volume_here(one) for one in ids):
            raise NotOursError
        return ids

    def _tags_of(self, resource: str) -> dict[str, str]:
        if resource.startswith("i-"):
            return self.world.nodes[resource].tags
        if resource in self.state.snapshots:
            return {tag["Key"]: tag["Value"] for tag in self.state.snapshots[resource]["Tags"]}
        return self.state.tags.get(f"volume/{resource}", {})

    def _put_tags(self, resource: str, tags: dict[str, str]) -> None:
        if resource.startswith("i-"):
            self.world.nodes[resource].tags = tags
        elif resource in self.state.snapshots:
            rows = [{"Key": key, "Value": value} for key, value in tags.items()]
            self.state.snapshots[resource] = self.state.snapshots[resource] | {"Tags": rows}
        else:
            self.state.tags[f"volume/{resource}"] = tags

    def _asked_for(self, ids: list[str]) -> list[Node]:
        """The instances with these ids, or all that are here."""
        self._refuse_unknown(ids)
        here = self.world.nodes_in(self.account_id, self.region_name)
        return [self.world.nodes[one] for one in dict.fromkeys(ids)] if ids else here

    def _is_here(self, instance_id: str) -> bool:
        node = self.world.nodes.get(instance_id)
        return node is not None and (node.account, node.region) == (self.account_id, self.region_name)

    def _refuse_unknown(self, ids: list[str]) -> None:
        if unknown := [instance_id for instance_id in ids if not self._is_here(instance_id)]:
            plural = "s" if len(unknown) > 1 else ""
            verb = "do" if len(unknown) > 1 else "does"
            raise Fault(
                "InvalidInstanceID.NotFound",
                f"The instance ID{plural} '{', '.join(unknown)}' {verb} not exist",
            )


def _those_that_pass(nodes: list[Node], filters: list[Reply] | None) -> list[Node]:
    for one in filters or []:
        name, wanted = one["Name"], one.get("Values", [])
        if not name.startswith("tag:") and name not in READERS:
            raise Fault("InvalidParameterValue", f"The filter '{name}' is invalid")
        nodes = [node for node in nodes if _like(_values(node, name), wanted)]
    return nodes


def _values(node: Node, name: str) -> list[str]:
    if not name.startswith("tag:"):
        return READERS[name](node)
    value = node.tags.get(name[4:])
    return [] if value is None else [value]


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
        "RootDeviceType": "ebs",
        "RootDeviceName": root_device(node),
        "BlockDeviceMappings": block_devices(node),
        "Tags": [{"Key": key, "Value": value} for key, value in sorted(node.tags.items())],
    }


def _platform_details(node: Node) -> str:
    if node.platform_type == "Windows":
        return "Windows"
    return "Red Hat Enterprise Linux" if node.os == "REDHAT_ENTERPRISE_LINUX" else "Linux/UNIX"
