"""Maintenance windows: marked by tags, filled while disabled, enabled last."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from patching.aws import marks
from patching.aws.adapter import Adapter
from patching.aws.errors import AwsChanged
from patching.aws.marks import Call, Ids, Mark, Names, Observed, observed
from patching.specs import WindowSpec

UNDER_WAY = {"PENDING", "IN_PROGRESS", "CANCELLING"}


class Windows(Adapter[WindowSpec]):
    kind = "window"
    permissions = (
        "ssm:AddTagsToResource",
        "ssm:CreateMaintenanceWindow",
        "ssm:DeleteMaintenanceWindow",
        "ssm:DescribeMaintenanceWindowExecutions",
        "ssm:DescribeMaintenanceWindows",
        "ssm:ListTagsForResource",
        "ssm:UpdateMaintenanceWindow",
    )

    def read(self, names: Names) -> Iterator[Observed]:
        for row in self.pages("ssm", "describe_maintenance_windows", "WindowIdentities"):
            window_id, spec = row["WindowId"], from_aws(row)
            known = names.believed(window_id)
            if known is not None and known.spec == spec:
                names.learn(window_id, known.key)
                yield known
                continue
            mark = self._mark(window_id)
            key = names.key(self.kind, mark.uid) if mark else names.once_ours(self.kind, window_id)
            if mark is not None and key is not None:
                names.learn(window_id, key)
            if key is not None:
                yield observed(key, window_id, spec, mark)

    def _mark(self, window_id: str) -> Mark | None:
        try:
            reply = self.ask(
                "ssm", "list_tags_for_resource", ResourceType="MaintenanceWindow", ResourceId=window_id
            )
        except AwsChanged:  # deleted since it was listed
            return None
        return marks.from_tags(reply["TagList"], self.installation)

    def create(self, spec: WindowSpec, mark: Mark, token: str, ids: Ids) -> Call:
        request = {**to_aws(spec), "ClientToken": token, "Tags": mark.tags()}
        return Call("ssm", "CreateMaintenanceWindow", request)

    def update(self, spec: WindowSpec, seen: Observed, ids: Ids) -> Call:
        """The whole content, since AWS keeps what an update leaves out. Whether it is enabled stays as it is."""
        enabled = isinstance(seen.spec, WindowSpec) and seen.spec.enabled
        request = {"WindowId": seen.aws_id, **to_aws(spec), "Enabled": enabled, "Replace": True}
        return Call("ssm", "UpdateMaintenanceWindow", request)

    def enable(self, window_id: str, enabled: bool) -> Call:
        return Call("ssm", "UpdateMaintenanceWindow", {"WindowId": window_id, "Enabled": enabled})

    def delete(self, seen: Observed, earlier: str | None) -> Call:
        return Call("ssm", "DeleteMaintenanceWindow", {"WindowId": seen.aws_id})

    def adopt(self, aws_id: str, mark: Mark) -> Call:
        request = {"ResourceType": "MaintenanceWindow", "ResourceId": aws_id, "Tags": mark.tags()}
        return Call("ssm", "AddTagsToResource", request)

    def made_id(self, spec: WindowSpec, call: Call, reply: Mapping[str, Any]) -> str:
        return str(reply["WindowId"])

    def is_running(self, window_id: str, since: datetime) -> bool:
        """Whether a run that began after a moment has not ended; disabling a window does not stop it."""
        after = [{"Key": "ExecutedAfter", "Values": [since.strftime("%Y-%m-%dT%H:%M:%SZ")]}]
        rows = self.pages(
            "ssm",
            "describe_maintenance_window_executions",
            "WindowExecutions",
            WindowId=window_id,
            Filters=after,
        )
        return any(row["Status"] in UNDER_WAY for row in rows)


def to_aws(spec: WindowSpec) -> dict[str, Any]:
    """Content without Enabled, which CreateMaintenanceWindow does not know."""
    optional = {
        "Description": spec.description,
        "StartDate": spec.start_date,
        "EndDate": spec.end_date,
        "ScheduleOffset": spec.offset,
    }
    return {
        "Name": spec.name,
        "Schedule": spec.schedule,
        "ScheduleTimezone": spec.timezone or "UTC",
        "Duration": spec.duration,
        "Cutoff": spec.cutoff,
        "AllowUnassociatedTargets": False,
        **{field: value for field, value in optional.items() if value},
    }


def from_aws(row: Mapping[str, Any]) -> WindowSpec:
    return WindowSpec(
        name=row["Name"],
        description=row.get("Description", ""),
        schedule=row["Schedule"],
        timezone=row.get("ScheduleTimezone") or "UTC",
        offset=row.get("ScheduleOffset") or 0,
        duration=row["Duration"],
        cutoff=row["Cutoff"],
        start_date=row.get("StartDate", ""),
        end_date=row.get("EndDate", ""),
        enabled=row["Enabled"],
    )
