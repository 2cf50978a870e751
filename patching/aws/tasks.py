"""Tasks of our windows. They cannot be tagged; their name carries the mark, their description the label."""

from collections.abc import Iterator, Mapping
from typing import Any

from patching.aws import marks
from patching.aws.adapter import Adapter
from patching.aws.errors import AwsChanged
from patching.aws.marks import Call, Ids, Mark, Names, Observed, observed, unknown
from patching.specs import Key, TaskSpec

PARAMETERS = {"RUN_COMMAND": "RunCommand", "AUTOMATION": "Automation"}
NOTHING = "0"  # what AWS would refuse, so it never equals a spec


class Tasks(Adapter[TaskSpec]):
    kind = "task"
    permissions = (
        "ssm:DeregisterTaskFromMaintenanceWindow",
        "ssm:DescribeMaintenanceWindowTasks",
        "ssm:GetMaintenanceWindowTask",
        "ssm:RegisterTaskWithMaintenanceWindow",
        "ssm:UpdateMaintenanceWindowTask",
    )

    def read(self, names: Names) -> Iterator[Observed]:
        """Every task of every window of ours; one without our mark was put there by somebody else."""
        for window_id in names.ids("window"):
            known = names.believed_parts(self.kind, window_id)
            if known is not None:
                yield from known
                continue
            for reply in self._of_window(window_id):
                mark = marks.from_name(reply.get("Name", ""), self.installation)
                aws_id = f"{window_id}/{reply['WindowTaskId']}"
                once = names.once_ours(self.kind, aws_id) or unknown(self.kind, aws_id)
                key = names.key(self.kind, mark.uid) if mark else once
                yield observed(key, aws_id, from_aws(reply, names), mark)

    def _of_window(self, window_id: str) -> Iterator[dict[str, Any]]:
        """Whole tasks: the list leaves out what each passes to its document."""
        try:
            for row in self.pages("ssm", "describe_maintenance_window_tasks", "Tasks", WindowId=window_id):
                yield self.ask(
                    "ssm", "get_maintenance_window_task", WindowId=window_id, WindowTaskId=row["WindowTaskId"]
                )
        except AwsChanged:  # the window or the task went while we were reading
            return

    def create(self, spec: TaskSpec, mark: Mark, token: str, ids: Ids) -> Call:
        request = {
            "WindowId": ids[Key("window", spec.window)],
            "TaskType": spec.task_type,
            **to_aws(spec, ids),
            "Name": mark.name(),
            "ClientToken": token,
        }
        return Call("ssm", "RegisterTaskWithMaintenanceWindow", request)

    def update(self, spec: TaskSpec, seen: Observed, ids: Ids) -> Call:
        """The whole content: AWS drops every invocation parameter that is not sent again."""
        request = {
            "WindowId": seen.parent_id,
            "WindowTaskId": seen.own_id,
            **to_aws(spec, ids),
            "Name": Mark(self.installation, seen.uid, seen.incarnation).name(),
            "Replace": True,
        }
        return Call("ssm", "UpdateMaintenanceWindowTask", request)

    def delete(self, seen: Observed, earlier: str | None) -> Call:
        request = {"WindowId": seen.parent_id, "WindowTaskId": seen.own_id}
        return Call("ssm", "DeregisterTaskFromMaintenanceWindow", request)

    def made_id(self, spec: TaskSpec, call: Call, reply: Mapping[str, Any]) -> str:
        return f"{call.request['WindowId']}/{reply['WindowTaskId']}"


def to_aws(spec: TaskSpec, ids: Ids) -> dict[str, Any]:
    """Content without TaskType, which is fixed when the task is registered."""
    targets = sorted(ids[Key("target", name)].rpartition("/")[2] for name in spec.targets)
    parameters = {name: list(values) for name, values in spec.parameters}
    return {
        "TaskArn": spec.document,
        "Description": spec.label,
        "Targets": [{"Key": "WindowTargetIds", "Values": targets}],
        "Priority": spec.priority,
        "MaxConcurrency": spec.max_concurrency,
        "MaxErrors": spec.max_errors,
        "CutoffBehavior": spec.cutoff_behavior,
        # AWS refuses an empty list of an automation's parameters
        "TaskInvocationParameters": {
            PARAMETERS[spec.task_type]: {"Parameters": parameters} if parameters else {}
        },
    }


def from_aws(reply: Mapping[str, Any], names: Names) -> TaskSpec:
    task_type = reply["TaskType"]
    invocation = (reply.get("TaskInvocationParameters") or {}).get(PARAMETERS.get(task_type, ""), {})
    parameters = invocation.get("Parameters") or {}
    return TaskSpec(
        window=names.of_id(reply["WindowId"]),
        targets=frozenset(
            names.of_id(value) for entry in reply.get("Targets") or [] for value in entry.get("Values", [])
        ),
        label=reply.get("Description", ""),
        task_type=task_type,
        document=reply["TaskArn"],
        priority=reply.get("Priority", 1),
        max_concurrency=reply.get("MaxConcurrency", NOTHING),
        max_errors=reply.get("MaxErrors", NOTHING),
        cutoff_behavior=reply.get("CutoffBehavior", "CONTINUE_TASK"),
        parameters=tuple(sorted((name, tuple(values)) for name, values in parameters.items())),
    )
