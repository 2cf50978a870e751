"""Read the baselines, windows and patching associations of an account-region, as AWS tells of them. Writes nothing."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from patching.aws import marks
from patching.aws.errors import translated
from patching.aws.marks import Mark

Row = dict[str, Any]
PAGE = 100
ASSOCIATIONS_PAGE = 50
# what changes with every run, and says nothing of what was set
PASSING = {"NextExecutionTime", "Overview", "LastExecutionDate"}
IDS = {"baseline": "BaselineId", "window": "WindowId", "association": "AssociationId"}
TAGGED_AS = {
    "baseline": "PatchBaseline",
    "window": "MaintenanceWindow",
}  # an association's tags are not asked for
# Documents that can install patches; Quick Setup's patch policies run theirs by associations
PATCHING_DOCUMENTS = (
    "AWS-RunPatchBaseline",
    "AWS-RunPatchBaselineAssociation",
    "AWS-RunPatchBaselineWithHooks",
    "AWS-InstallWindowsUpdates",
    "AWS-PatchInstanceWithRollback",
    "AWS-PatchAsgInstance",
    "AWSManagedServices-PatchInstance",
    "AWSQuickSetup-PatchPolicy",
)


def can_patch(document: str) -> bool:
    """Whether a document, by its name or ARN, is one of those that can install patches."""
    return document.rpartition("document/")[2].startswith(PATCHING_DOCUMENTS)


class Unmanaged:
    """Baselines that the account itself made, every window, associations that patch; our mark says which are ours."""

    kind = "unmanaged"
    permissions = (
        "ssm:DescribeAssociation",
        "ssm:DescribeMaintenanceWindowTargets",
        "ssm:DescribeMaintenanceWindowTasks",
        "ssm:DescribeMaintenanceWindows",
        "ssm:DescribePatchBaselines",
        "ssm:GetMaintenanceWindowTask",
        "ssm:GetPatchBaseline",
        "ssm:ListAssociations",
        "ssm:ListTagsForResource",
    )

    def __init__(self, clients: Any, installation: str) -> None:
        self.clients = clients
        self.installation = installation

    def listed(self, kind: str) -> dict[str, Row]:
        """What there is of a kind, by id, in the words of the list. One call for each hundred."""
        if kind == "association":
            associations = self._pages("list_associations", "Associations", ASSOCIATIONS_PAGE)
            return {row[IDS[kind]]: _plain(row) for row in associations if can_patch(row["Name"])}
        own = [{"Key": "OWNER", "Values": ["Self"]}]
        rows = (
            self._pages("describe_patch_baselines", "BaselineIdentities", Filters=own)
            if kind == "baseline"
            else self._pages("describe_maintenance_windows", "WindowIdentities")
        )
        return {row[IDS[kind]]: _plain(row) for row in rows}

    def tags(self, kind: str, aws_id: str) -> tuple[dict[str, str], Mark | None]:
        """Its tags, and our mark if it carries one. Raises AwsChanged when it is gone."""
        if kind not in TAGGED_AS:
            return {}, None
        found = self._ask("list_tags_for_resource", ResourceType=TAGGED_AS[kind], ResourceId=aws_id)[
            "TagList"
        ]
        return {tag["Key"]: tag["Value"] for tag in found}, marks.from_tags(found, self.installation)

    def details(self, kind: str, aws_id: str) -> Row:
        """What the list leaves out: rules, parameters; a window's targets and tasks, a call for each task."""
        if kind == "association":
            told = self._ask("describe_association", AssociationId=aws_id)["AssociationDescription"]
            return {"reply": _plain(told)}
        if kind == "baseline":
            return {"reply": _plain(self._ask("get_patch_baseline", BaselineId=aws_id))}
        targets = self._pages("describe_maintenance_window_targets", "Targets", WindowId=aws_id)
        tasks = self._pages("describe_maintenance_window_tasks", "Tasks", WindowId=aws_id)
        return {
            "targets": [_plain(row) for row in targets],
            "tasks": [_plain(self._task(aws_id, row["WindowTaskId"])) for row in tasks],
        }

    def _task(self, window_id: str, task_id: str) -> Row:
        return self._ask("get_maintenance_window_task", WindowId=window_id, WindowTaskId=task_id)

    def _pages(self, operation: str, result: str, size: int = PAGE, **request: Any) -> Iterator[Row]:
        with translated(operation):
            paginator = self.clients.ssm.get_paginator(operation)
            for page in paginator.paginate(**request, PaginationConfig={"PageSize": size}):
                yield from page.get(result) or []

    def _ask(self, operation: str, **request: Any) -> Row:
        with translated(operation):
            reply: Row = getattr(self.clients.ssm, operation)(**request)
        return reply


def _plain(row: Mapping[str, Any]) -> Row:
    """A reply as JSON keeps it, without what passes."""
    return {
        field: value.isoformat() if isinstance(value, datetime) else value
        for field, value in row.items()
        if field not in {"ResponseMetadata", *PASSING}
    }
