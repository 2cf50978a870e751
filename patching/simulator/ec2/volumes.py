"""The volumes of the fleet, which follow from its instances, and the snapshots taken of them, which are kept."""

import fnmatch
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from patching.simulator.corner import Corner, NotOursError
from patching.simulator.errors import Fault
from patching.simulator.state import Node, moment

Reply = dict[str, Any]

TAKES = timedelta(minutes=4)  # from pending to completed
ROOT, DATA = "0", "1"  # the first digit of a volume's id; the others are its instance's
GIBIBYTES = {ROOT: 50, DATA: 500}
VOLUME_FILTERS: dict[str, Callable[[Reply], list[str]]] = {
    "volume-id": lambda row: [row["VolumeId"]],
    "availability-zone": lambda row: [row["AvailabilityZone"]],
    "status": lambda row: [row["State"]],
    "attachment.instance-id": lambda row: [one["InstanceId"] for one in row["Attachments"]],
    "attachment.device": lambda row: [one["Device"] for one in row["Attachments"]],
}
SNAPSHOT_FILTERS: dict[str, Callable[[Reply], list[str]]] = {
    "snapshot-id": lambda row: [row["SnapshotId"]],
    "volume-id": lambda row: [row["VolumeId"]],
    "status": lambda row: [row["State"]],
    "owner-id": lambda row: [row["OwnerId"]],
    "description": lambda row: [row["Description"]],
}


class Volumes(Corner):
    def describe_volumes(self, request: Reply) -> Reply:
        """Those of the fleet. A volume that somebody made with CreateVolume is moto's, and found there by its id."""
        ids = request.get("VolumeIds") or []
        if any(self._node_of(one) is None for one in ids):
            raise NotOursError
        nodes = self.world.nodes_in(self.account_id, self.region_name)
        volumes = [self.volume(one) for one in ids] or [row for node in nodes for row in self._volumes(node)]
        rows = _filtered(volumes, request.get("Filters"), VOLUME_FILTERS)
        page, token = self.paged(rows, request.get("MaxResults"), request.get("NextToken"), default=500)
        return {"Volumes": page, "NextToken": token}

    def create_snapshot(self, request: Reply) -> Reply:
        if self._node_of(request["VolumeId"]) is None:
            raise NotOursError
        tags = [
            tag
            for one in request.get("TagSpecifications") or []
            if one.get("ResourceType") == "snapshot"
            for tag in one.get("Tags") or []
        ]
        snapshot = new_snapshot(self, request["VolumeId"], request.get("Description") or "", tags)
        return {**snapshot, "State": "pending", "Progress": ""}

    def describe_snapshots(self, request: Reply) -> Reply:
        """Those taken of the fleet's volumes; snapshots that AWS or others share are not simulated."""
        ids = request.get("SnapshotIds") or []
        for one in ids:
            self._refuse_unknown_snapshot(one)
        rows = [
            self._as_of_now(row)
            for row in self.state.snapshots.values()
            if (not ids or row["SnapshotId"] in ids)
            and {"self", row["OwnerId"]} & set(request.get("OwnerIds") or ["self"])
        ]
        rows = _filtered(rows, request.get("Filters"), SNAPSHOT_FILTERS)
        page, token = self.paged(rows, request.get("MaxResults"), request.get("NextToken"), default=1000)
        return {"Snapshots": page, "NextToken": token}

    def delete_snapshot(self, request: Reply) -> Reply:
        self._refuse_unknown_snapshot(request["SnapshotId"])
        del self.state.snapshots[request["SnapshotId"]]
        return {}

    def volume(self, volume_id: str) -> Reply:
        """One volume as EC2 describes it."""
        node = self._node_of(volume_id)
        if node is None:
            raise Fault("InvalidVolume.NotFound", f"The volume '{volume_id}' does not exist.")
        return next(row for row in self._volumes(node) if row["VolumeId"] == volume_id)

    def is_volume_here(self, volume_id: str) -> bool:
        return self._node_of(volume_id) is not None

    def _refuse_unknown_snapshot(self, snapshot_id: str) -> None:
        if snapshot_id not in self.state.snapshots:
            raise Fault("InvalidSnapshot.NotFound", f"The snapshot '{snapshot_id}' does not exist.")

    def _node_of(self, volume_id: str) -> Node | None:
        node = self.world.nodes.get(f"i-0{volume_id.removeprefix('vol-')[1:]}")
        if node is None or (node.account, node.region) != (self.account_id, self.region_name):
            return None
        return node if any(volume_id == one["Ebs"]["VolumeId"] for one in block_devices(node)) else None

    def _volumes(self, node: Node) -> Iterator[Reply]:
        for device in block_devices(node):
            volume_id = device["Ebs"]["VolumeId"]
            tags = self.state.tags.get(f"volume/{volume_id}", {})
            attached = {**device["Ebs"], "InstanceId": node.instance_id, "Device": device["DeviceName"]}
            yield {
                "VolumeId": volume_id,
                "VolumeType": "gp3",
                "Size": _size(volume_id),
                "Iops": 3000,
                "Throughput": 125,
                "State": "in-use",
                "CreateTime": node.launched_at,
                "AvailabilityZone": node.az,
                "Encrypted": True,
                "MultiAttachEnabled": False,
                "Attachments": [
                    {("State" if name == "Status" else name): value for name, value in attached.items()}
                ],
                "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
            }

    def _as_of_now(self, row: Reply) -> Reply:
        """A snapshot is finished when enough time has passed."""
        gone = self.now - moment(row["StartTime"])
        if gone >= TAKES:
            return {
                **row,
                "State": "completed",
                "Progress": "100%",
                "CompletionTime": _plus(row["StartTime"], TAKES),
            }
        return {**row, "State": "pending", "Progress": f"{int(gone / TAKES * 100)}%"}


def block_devices(node: Node) -> list[Reply]:
    """The root volume, and on machines made for data one more."""
    digits = node.instance_id.removeprefix("i-")[1:]
    devices = {root_device(node): ROOT}
    if node.instance_type.startswith("r"):
        devices["xvdf" if node.platform_type == "Windows" else "/dev/xvdf"] = DATA
    return [
        {
            "DeviceName": device,
            "Ebs": {
                "VolumeId": f"vol-{kind}{digits}",
                "Status": "attached",
                "AttachTime": node.launched_at,
                "DeleteOnTermination": kind == ROOT,
            },
        }
        for device, kind in devices.items()
    ]


def root_device(node: Node) -> str:
    return "/dev/xvda" if node.os.startswith("AMAZON_LINUX") else "/dev/sda1"


def root_volume(node: Node) -> str:
    """The id of the volume that the system is on."""
    return str(block_devices(node)[0]["Ebs"]["VolumeId"])


def new_snapshot(corner: Corner, volume_id: str, description: str, tags: list[Reply]) -> Reply:
    """Begin a snapshot now, and keep it."""
    snapshot: Reply = {
        "SnapshotId": f"snap-{corner.world.new_hex(17)}",
        "VolumeId": volume_id,
        "VolumeSize": _size(volume_id),
        "StartTime": corner.now_iso,
        "OwnerId": corner.account_id,
        "Description": description,
        "Encrypted": True,
        "StorageTier": "standard",
        "Tags": tags,
    }
    corner.state.snapshots[snapshot["SnapshotId"]] = snapshot
    return snapshot


def _size(volume_id: str) -> int:
    return GIBIBYTES[volume_id.removeprefix("vol-")[0]]


def _plus(start: str, lasts: timedelta) -> datetime:
    return moment(start) + lasts


def _filtered(
    rows: list[Reply], filters: list[Reply] | None, readers: dict[str, Callable[[Reply], list[str]]]
) -> list[Reply]:
    for one in filters or []:
        read = readers.get(one["Name"]) or _tag_reader(one["Name"])
        wanted = [value.replace("[", "[[]") for value in one.get("Values", [])]
        rows = [
            row
            for row in rows
            if any(fnmatch.fnmatchcase(has, value) for has in read(row) for value in wanted)
        ]
    return rows


def _tag_reader(name: str) -> Callable[[Reply], list[str]]:
    if name == "tag-key":
        return lambda row: [tag["Key"] for tag in row["Tags"]]
    if name.startswith("tag:"):
        return lambda row: [tag["Value"] for tag in row["Tags"] if tag["Key"] == name[4:]]
    raise Fault("InvalidParameterValue", f"The filter '{name}' is invalid")
