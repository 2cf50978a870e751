"""One-time schedules of EventBridge Scheduler that take an exemption or a hold back when its time is up.

They cannot be tagged; they are ours because their group is, and the group is named after the installation.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from patching.aws import marks
from patching.aws.adapter import Adapter
from patching.aws.errors import AwsChanged, AwsError
from patching.aws.marks import Call, Ids, Mark, Names, Observed
from patching.specs import Key, ScheduleSpec

TARGET = "arn:{partition}:scheduler:::aws-sdk:{service}:{operation}"


@dataclass
class Schedules(Adapter[ScheduleSpec]):
    kind = "schedule"
    permissions = (
        "scheduler:CreateSchedule",
        "scheduler:CreateScheduleGroup",
        "scheduler:DeleteSchedule",
        "scheduler:GetSchedule",
        "scheduler:GetScheduleGroup",
        "scheduler:ListSchedules",
        "scheduler:ListTagsForResource",
        "scheduler:UpdateSchedule",
    )

    group_exists: bool = field(default=False, init=False)
    group_is_ours: bool = field(default=False, init=False)
    _was_ours: bool = field(default=False, init=False)  # read as ours, not just asked for

    def read(self, names: Names) -> Iterator[Observed]:
        self._look_at_group()
        if not self.group_is_ours:
            return
        for row in self.pages("scheduler", "list_schedules", "Schedules", GroupName=self.installation):
            mark = marks.from_name(row["Name"], self.installation)
            if mark is None:
                continue
            known = names.believed(row["Name"])
            if known is not None:
                yield known
                continue
            try:
                reply = self.ask("scheduler", "get_schedule", GroupName=self.installation, Name=row["Name"])
            except AwsChanged:  # it has done its work and is gone
                continue
            key = names.key(self.kind, mark.uid)
            yield Observed(key, row["Name"], from_aws(reply, names), mark.uid, mark.incarnation)

    def _look_at_group(self) -> None:
        if self._was_ours:
            return
        try:
            group = self.ask("scheduler", "get_schedule_group", Name=self.installation)
        except AwsChanged:
            self.group_exists = self.group_is_ours = False
            return
        tags = self.ask("scheduler", "list_tags_for_resource", ResourceArn=group["Arn"])["Tags"]
        self.group_exists = True
        self.group_is_ours = {"Key": marks.INSTALLATION, "Value": self.installation} in tags
        self._was_ours = self.group_is_ours

    def prepare(self, token: str) -> Call | None:
        """The group, once; should its creation fail, the next pass looks again."""
        if self.group_is_ours:
            return None
        if self.group_exists:
            raise AwsError(
                "NotOurs", f"There is a schedule group {self.installation} that does not carry our tag."
            )
        self.group_is_ours = True
        tags = [{"Key": marks.INSTALLATION, "Value": self.installation}]
        request = {"Name": self.installation, "Tags": tags, "ClientToken": token}
        return Call("scheduler", "CreateScheduleGroup", request)

    def create(self, spec: ScheduleSpec, mark: Mark, token: str, ids: Ids) -> Call:
        request = {"Name": mark.name(), "ClientToken": token, **self._content(spec, ids)}
        return Call("scheduler", "CreateSchedule", request)

    def update(self, spec: ScheduleSpec, seen: Observed, ids: Ids) -> Call:
        return Call("scheduler", "UpdateSchedule", {"Name": seen.aws_id, **self._content(spec, ids)})

    def delete(self, seen: Observed, earlier: str | None) -> Call:
        return Call("scheduler", "DeleteSchedule", {"Name": seen.aws_id, "GroupName": self.installation})

    def made_id(self, spec: ScheduleSpec, call: Call, reply: Mapping[str, Any]) -> str:
        return str(call.request["Name"])

    def _content(self, spec: ScheduleSpec, ids: Ids) -> dict[str, Any]:
        role_arn = self.clients.role_arn(self.restore_role)
        window_id = ids[Key("window", spec.window)] if spec.window else ""
        return {"GroupName": self.installation, **to_aws(spec, role_arn, self.clients.partition, window_id)}


def to_aws(spec: ScheduleSpec, role_arn: str, partition: str = "aws", window_id: str = "") -> dict[str, Any]:
    """A tag with no value to go back to is taken away; a window is enabled, and nothing else of it is touched."""
    if spec.window:
        service, operation = "ssm", "updateMaintenanceWindow"
        work: dict[str, Any] = _enabling(window_id)
    else:
        tag = {"Key": spec.tag_key, **({"Value": spec.tag_value} if spec.tag_value else {})}
        service, operation = "ec2", "createTags" if spec.tag_value else "deleteTags"
        work = {"Resources": [spec.instance_id], "Tags": [tag]}
    return {
        "ScheduleExpression": f"at({spec.at})",
        "ScheduleExpressionTimezone": "UTC",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "ActionAfterCompletion": "DELETE",
        "State": "ENABLED",
        "Target": {
            "Arn": TARGET.format(partition=partition, service=service, operation=operation),
            "RoleArn": role_arn,
            "Input": json.dumps(work, sort_keys=True),
        },
    }


def from_aws(reply: Mapping[str, Any], names: Names | None = None) -> ScheduleSpec:
    """What a schedule will do; one that was disabled or rewritten by hand equals no spec."""
    at = reply.get("ScheduleExpression", "").removeprefix("at(").removesuffix(")")
    at += "" if reply.get("State") == "ENABLED" else " (disabled)"
    try:
        work = json.loads(reply["Target"]["Input"])
        if "WindowId" in work:
            known = names.of_id(work["WindowId"]) if names else work["WindowId"]
            return ScheduleSpec(at=at, window=known if work == _enabling(work["WindowId"]) else "")
        tag = work["Tags"][0]
        instance_id = ", ".join(work["Resources"])
    except (KeyError, IndexError, TypeError, ValueError):
        return ScheduleSpec(at=at)
    return ScheduleSpec(
        at=at, instance_id=instance_id, tag_key=tag.get("Key", ""), tag_value=tag.get("Value", "")
    )


def _enabling(window_id: str) -> dict[str, Any]:
    return {"Enabled": True, "WindowId": window_id}
