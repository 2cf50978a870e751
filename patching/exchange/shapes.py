"""AWS's request shapes as every format writes them: which fields are content, and of which type. Pure."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

BASELINE_FIELDS = (
    "Name",
    "Description",
    "OperatingSystem",
    "GlobalFilters",
    "ApprovalRules",
    "ApprovedPatches",
    "ApprovedPatchesComplianceLevel",
    "ApprovedPatchesEnableNonSecurity",
    "RejectedPatches",
    "RejectedPatchesAction",
    "Sources",
    "AvailableSecurityUpdatesComplianceStatus",
)
WINDOW_FIELDS = (
    "Name",
    "Description",
    "Schedule",
    "ScheduleTimezone",
    "ScheduleOffset",
    "Duration",
    "Cutoff",
    "StartDate",
    "EndDate",
)
TASK_FIELDS = (
    "Name",
    "Description",
    "TaskType",
    "TaskArn",
    "Priority",
    "MaxConcurrency",
    "MaxErrors",
    "CutoffBehavior",
)
# what stands beside the content in requests, replies and templates: read elsewhere, or nothing to ask for
BASELINE_BESIDE = (
    "BaselineId",
    "ClientToken",
    "CreatedDate",
    "DefaultBaseline",
    "ModifiedDate",
    "PatchGroups",
    "ResponseMetadata",
    "Tags",
)
WINDOW_BESIDE = (
    "AllowUnassociatedTargets",
    "ClientToken",
    "CreatedDate",
    "Enabled",
    "ModifiedDate",
    "NextExecutionTime",
    "ResponseMetadata",
    "Tags",
    "Targets",
    "Tasks",
    "WindowId",
)
TASK_BESIDE = (
    "AlarmConfiguration",
    "ClientToken",
    "LoggingInfo",
    "ResponseMetadata",
    "ServiceRoleArn",
    "Targets",
    "TaskInvocationParameters",
    "TaskParameters",
    "Type",
    "WindowId",
    "WindowTaskId",
)
# one value each, whatever they are part of
SCALARS = tuple(dict.fromkeys((*BASELINE_FIELDS[:3], *WINDOW_FIELDS, *TASK_FIELDS)))
# what AWS requires of each
BASELINE_NEEDS = ("Name",)
WINDOW_NEEDS = ("Name", "Schedule", "Duration", "Cutoff")
TASK_NEEDS = ("TaskArn", "TaskType")
PATCH_GROUP_TAGS = ("Patch Group", "PatchGroup")  # the two keys that Patch Manager knows


_WHOLE = re.compile(r"-?[0-9]{1,9}")


def _whole(value: Any) -> Any:
    """Formats write numbers as text too; what is no number stays as it is, for the checks to name."""
    if isinstance(value, str) and _WHOLE.fullmatch(value.strip()):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _flag(value: Any) -> Any:
    return {"true": True, "false": False}.get(value.lower(), value) if isinstance(value, str) else value


def text(value: Any) -> Any:
    """A scalar as AWS takes it: text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


def texts(value: Any) -> Any:
    """A list of text, also where one value was written by itself."""
    if isinstance(value, list):
        return [text(one) for one in value]
    return [text(value)] if isinstance(value, str | int | float) else value


_TYPES: dict[str, Callable[[Any], Any]] = {
    "ApproveAfterDays": _whole,
    "Cutoff": _whole,
    "Duration": _whole,
    "Priority": _whole,
    "ScheduleOffset": _whole,
    "ApprovedPatchesEnableNonSecurity": _flag,
    "EnableNonSecurity": _flag,
    "ApproveUntilDate": text,
    "ApprovedPatches": texts,
    "ApprovedPatchesComplianceLevel": text,
    "ComplianceLevel": text,
    "CutoffBehavior": text,
    "Description": text,
    "EndDate": text,
    "MaxConcurrency": text,
    "MaxErrors": text,
    "Name": text,
    "OperatingSystem": text,
    "Products": texts,
    "RejectedPatches": texts,
    "RejectedPatchesAction": text,
    "Schedule": text,
    "ScheduleTimezone": text,
    "StartDate": text,
    "TaskArn": text,
    "TaskType": text,
    "Values": texts,
}


NUMBERS = tuple(name for name, kind in _TYPES.items() if kind is _whole)


def typed(value: Any, name: str = "") -> Any:
    """The same with every known field in its AWS type: numbers that were written as text, lists of one."""
    if name in _TYPES:
        return _TYPES[name](value)
    if isinstance(value, Mapping):
        return {key: typed(one, str(key)) for key, one in value.items()}
    if isinstance(value, list):
        return [typed(one) for one in value]
    return value


def known(fields: Sequence[str], properties: Mapping[str, Any]) -> dict[str, Any]:
    """The content of a request: its known fields that hold something, in their AWS types."""
    kept = {name: properties[name] for name in fields if properties.get(name) not in (None, "")}
    return {name: typed(value, name) for name, value in kept.items()}
