"""Read what windows did: their runs, the tasks of a run, and what became of each instance. Writes nothing."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from patching.aws.errors import AwsChanged, translated

Row = dict[str, Any]
RUNS_PAGE = 100
COMMANDS_PAGE = 50
AUTOMATIONS_PAGE = 50

NOT_STARTED = "NOT_STARTED"
SKIPPED = "SKIPPED_OVERLAPPING"
# Run Command and Automation have words of their own; these are what windows say
WORDS = {
    "Success": "SUCCESS",
    "CompletedWithSuccess": "SUCCESS",
    "Failed": "FAILED",
    "CompletedWithFailure": "FAILED",
    "Rejected": "FAILED",
    "TimedOut": "TIMED_OUT",
    "Cancelled": "CANCELLED",
    "Cancelling": "CANCELLING",
    "InProgress": "IN_PROGRESS",
    "Pending": "PENDING",
    "Delayed": "PENDING",
}
# a command that never ran on the node, whatever it ended as (StatusDetails of Run Command)
NEVER_RAN = {"DeliveryTimedOut", "Undeliverable", "Terminated", "AccessDenied", "RateExceeded"}
OVER = ("SUCCESS", "FAILED", "TIMED_OUT", "CANCELLED")


@dataclass(frozen=True)
class FoundRun:
    """One execution of a window, in AWS's words."""

    window_id: str
    execution_id: str
    status: str
    started_at: datetime
    ended_at: datetime | None = None
    status_details: str = ""


@dataclass(frozen=True)
class FoundOutcome:
    """What became of one instance in one task; ``instance_id`` is empty for a task without targets."""

    instance_id: str
    status: str
    status_details: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True)
class FoundTask:
    """One task of a run. ``operation`` is Install or Scan where AWS tells it, else empty."""

    document: str
    status: str
    operation: str = ""
    status_details: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    outcomes: tuple[FoundOutcome, ...] = ()


class Executions:
    """The runs of windows in one account-region."""

    kind = "execution"
    permissions = (
        "ssm:DescribeAutomationExecutions",
        "ssm:DescribeMaintenanceWindowExecutionTaskInvocations",
        "ssm:DescribeMaintenanceWindowExecutionTasks",
        "ssm:DescribeMaintenanceWindowExecutions",
        "ssm:GetAutomationExecution",
        "ssm:ListCommandInvocations",
    )

    def __init__(self, clients: Any) -> None:
        self.clients = clients

    def runs(self, window_id: str, since: datetime) -> list[FoundRun]:
        """Runs of a window that began after a moment; an unknown window has none."""
        after = [{"Key": "ExecutedAfter", "Values": [since.strftime("%Y-%m-%dT%H:%M:%SZ")]}]
        rows = self._pages(
            "describe_maintenance_window_executions",
            "WindowExecutions",
            RUNS_PAGE,
            WindowId=window_id,
            Filters=after,
        )
        try:
            return [_run(row) for row in rows]
        except AwsChanged:  # deleted since we wrote it down
            return []

    def tasks(self, execution_id: str) -> list[FoundTask]:
        """Its tasks, the first first, each with what became of every instance. Empty when AWS has forgotten it."""
        rows = self._pages(
            "describe_maintenance_window_execution_tasks",
            "WindowExecutionTaskIdentities",
            RUNS_PAGE,
            WindowExecutionId=execution_id,
        )
        try:
            return [self._task(execution_id, row) for row in list(rows)]
        except AwsChanged:
            return []

    def _task(self, execution_id: str, row: Mapping[str, Any]) -> FoundTask:
        invocations = list(
            self._pages(
                "describe_maintenance_window_execution_task_invocations",
                "WindowExecutionTaskInvocationIdentities",
                RUNS_PAGE,
                WindowExecutionId=execution_id,
                TaskId=row["TaskExecutionId"],
            )
        )
        told = [_parameters(one) for one in invocations]
        outcomes = [found for one in invocations for found in self._outcomes(one)]
        return FoundTask(
            document=row.get("TaskArn", "").rpartition("document/")[2],
            status=_word(row["Status"]),
            operation=next((one for one in map(_operation, told) if one), ""),
            status_details=row.get("StatusDetails", ""),
            started_at=row.get("StartTime"),
            ended_at=row.get("EndTime"),
            outcomes=tuple(outcomes),
        )

    def _outcomes(self, invocation: Row) -> Iterator[FoundOutcome]:
        """An invocation is one for each target, and a target by tag is many instances: look inside."""
        kind, inside = invocation.get("TaskType", ""), invocation.get("ExecutionId", "")
        if inside and kind == "RUN_COMMAND":
            yield from self._of_command(inside)
        elif inside and kind == "AUTOMATION":
            yield from self._of_automation(inside)
        else:
            for instance_id in _parameters(invocation).get("instanceIds") or [""]:
                yield FoundOutcome(
                    instance_id,
                    _word(invocation["Status"]),
                    invocation.get("StatusDetails", ""),
                    invocation.get("StartTime"),
                    invocation.get("EndTime"),
                )

    def _of_command(self, command_id: str) -> Iterator[FoundOutcome]:
        rows = self._pages(
            "list_command_invocations",
            "CommandInvocations",
            COMMANDS_PAGE,
            CommandId=command_id,
            Details=True,
        )
        for row in rows:
            plugins = row.get("CommandPlugins") or []
            starts = [one["ResponseStartDateTime"] for one in plugins if one.get("ResponseStartDateTime")]
            ends = [one["ResponseFinishDateTime"] for one in plugins if one.get("ResponseFinishDateTime")]
            status, details = _word(row["Status"]), row.get("StatusDetails", "")
            failed_over = status in OVER and status != "SUCCESS"
            never_ran = details in NEVER_RAN or (failed_over and not starts)
            yield FoundOutcome(
                row["InstanceId"],
                NOT_STARTED if never_ran else status,
                details,
                min(starts, default=None) if not never_ran else None,
                max(ends, default=None) if status in OVER and not never_ran else None,
            )

    def _of_automation(self, execution_id: str) -> Iterator[FoundOutcome]:
        """A rate-controlled automation is a parent with one child for each instance; a plain one is its own."""
        children = list(
            self._pages(
                "describe_automation_executions",
                "AutomationExecutionMetadataList",
                AUTOMATIONS_PAGE,
                Filters=[{"Key": "ParentExecutionId", "Values": [execution_id]}],
            )
        )
        for row in children or [{"AutomationExecutionId": execution_id}]:
            try:
                found = self._automation(row)
            except AwsChanged:  # AWS forgets automations after thirty days
                continue
            if found is not None:
                yield found

    def _automation(self, row: Row) -> FoundOutcome | None:
        """Where the list leaves out the instance, or why it failed, the execution itself tells."""
        status = _word(row.get("AutomationExecutionStatus", ""))
        instance_id = row.get("Target", "")
        if not instance_id or (status in OVER and status != "SUCCESS"):
            told = self._ask("get_automation_execution", AutomationExecutionId=row["AutomationExecutionId"])[
                "AutomationExecution"
            ]
            row = {**told, **row}
            status = _word(row["AutomationExecutionStatus"])
            instance_id = instance_id or next(iter((told.get("Parameters") or {}).get("InstanceId", [])), "")
        if not instance_id.startswith(("i-", "mi-")):
            return None
        return FoundOutcome(
            instance_id,
            status,
            _failing_step(row) or row.get("FailureMessage", ""),
            row.get("ExecutionStartTime"),
            row.get("ExecutionEndTime"),
        )

    def _pages(self, operation: str, result: str, size: int, **request: Any) -> Iterator[Row]:
        with translated(operation):
            paginator = self.clients.ssm.get_paginator(operation)
            for page in paginator.paginate(**request, PaginationConfig={"PageSize": size}):
                yield from page.get(result) or []

    def _ask(self, operation: str, **request: Any) -> Row:
        with translated(operation):
            reply: Row = getattr(self.clients.ssm, operation)(**request)
        return reply


def _run(row: Mapping[str, Any]) -> FoundRun:
    return FoundRun(
        window_id=row["WindowId"],
        execution_id=row["WindowExecutionId"],
        status=row["Status"],
        started_at=row["StartTime"],
        ended_at=row.get("EndTime"),
        status_details=row.get("StatusDetails", ""),
    )


def _word(status: str) -> str:
    return WORDS.get(status, status)


def _parameters(invocation: Mapping[str, Any]) -> Row:
    """What was passed to the document, which AWS gives as JSON in a text; {} where it cannot be read."""
    try:
        told = json.loads(invocation.get("Parameters") or "{}")
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _operation(told: Row) -> str:
    values = (told.get("parameters") or {}).get("Operation") or [""]
    return str(values[0] if isinstance(values, list) else values)


def _failing_step(row: Mapping[str, Any]) -> str:
    """``InstallPatches: Failed. The reason``, of the first step that did not end well."""
    for step in row.get("StepExecutions") or []:
        if _word(step.get("StepStatus", "")) in OVER[1:]:
            why = step.get("FailureMessage", "")
            return f"{step['StepName']}: {step['StepStatus']}. {why}".strip()
    return ""
