"""Targets of our windows: instances by tag. They cannot be tagged; OwnerInformation carries the mark."""

from collections.abc import Iterator, Mapping
from typing import Any

from patching.aws import marks
from patching.aws.adapter import Adapter
from patching.aws.errors import AwsChanged
from patching.aws.marks import Call, Ids, Mark, Names, Observed, observed, unknown
from patching.specs import Key, TargetSpec


class Targets(Adapter[TargetSpec]):
    kind = "target"
    permissions = (
        "ssm:DeregisterTargetFromMaintenanceWindow",
        "ssm:DescribeMaintenanceWindowTargets",
        "ssm:RegisterTargetWithMaintenanceWindow",
        "ssm:UpdateMaintenanceWindowTarget",
    )

    def read(self, names: Names) -> Iterator[Observed]:
        """Every target of every window of ours; one without our mark was put there by somebody else."""
        for window_id in names.ids("window"):
            known = names.believed_parts(self.kind, window_id)
            if known is not None:
                for seen in known:
                    names.learn(seen.own_id, seen.key)
                yield from known
                continue
            for row in self._of_window(window_id):
                mark = marks.from_owner_information(row.get("OwnerInformation", ""), self.installation)
                aws_id = f"{window_id}/{row['WindowTargetId']}"
                once = names.once_ours(self.kind, aws_id) or unknown(self.kind, aws_id)
                key = names.key(self.kind, mark.uid) if mark else once
                names.learn(row["WindowTargetId"], key)
                yield observed(key, aws_id, from_aws(row, names), mark)

    def _of_window(self, window_id: str) -> list[dict[str, Any]]:
        try:
            return list(
                self.pages("ssm", "describe_maintenance_window_targets", "Targets", WindowId=window_id)
            )
        except AwsChanged:  # the window went while we were reading
            return []

    def create(self, spec: TargetSpec, mark: Mark, token: str, ids: Ids) -> Call:
        request = {
            "WindowId": ids[Key("window", spec.window)],
            "ResourceType": "INSTANCE",
            **to_aws(spec),
            "OwnerInformation": mark.owner_information(),
            "ClientToken": token,
        }
        return Call("ssm", "RegisterTargetWithMaintenanceWindow", request)

    def update(self, spec: TargetSpec, seen: Observed, ids: Ids) -> Call:
        request = {
            "WindowId": seen.parent_id,
            "WindowTargetId": seen.own_id,
            **to_aws(spec),
            "OwnerInformation": Mark(self.installation, seen.uid, seen.incarnation).owner_information(),
            "Replace": True,
        }
        return Call("ssm", "UpdateMaintenanceWindowTarget", request)

    def delete(self, seen: Observed, earlier: str | None) -> Call:
        request = {"WindowId": seen.parent_id, "WindowTargetId": seen.own_id, "Safe": True}
        return Call("ssm", "DeregisterTargetFromMaintenanceWindow", request)

    def made_id(self, spec: TargetSpec, call: Call, reply: Mapping[str, Any]) -> str:
        return f"{call.request['WindowId']}/{reply['WindowTargetId']}"


def to_aws(spec: TargetSpec) -> dict[str, Any]:
    return {"Targets": [{"Key": spec.key, "Values": sorted(spec.values)}]}


def from_aws(row: Mapping[str, Any], names: Names) -> TargetSpec:
    """Several entries in one target (never ours) are shown joined, so that they differ from any spec."""
    entries = row.get("Targets") or []
    return TargetSpec(
        window=names.of_id(row["WindowId"]),
        key=" and ".join(entry["Key"] for entry in entries),
        values=frozenset(value for entry in entries for value in entry.get("Values", [])),
    )
