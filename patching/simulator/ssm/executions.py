"""What SSM tells of past and present runs of windows. How they come about is `patching.simulator.executions`'s."""

from typing import Any

from patching.simulator.corner import matches, picked, read_date
from patching.simulator.errors import Fault
from patching.simulator.ssm.tasks import Tasks
from patching.simulator.state import moment

Reply = dict[str, Any]

EXECUTION = ("WindowId", "WindowExecutionId", "Status", "StatusDetails", "StartTime", "EndTime")
TASK = ("TaskExecutionId", "Status", "StatusDetails", "StartTime", "EndTime", "TaskArn", "TaskType")
INVOCATION = ("InvocationId", "Parameters", "StartTime", "EndTime", "OwnerInformation", "WindowTargetId")
DATES = ("ExecutedBefore", "ExecutedAfter")
BY_STATUS = {"STATUS": lambda row: row["Status"]}


class Executions(Tasks):
    def describe_maintenance_window_executions(self, request: Reply) -> Reply:
        """The latest first. An unknown window has no runs, and no error either."""
        rows = [
            picked(row, EXECUTION)
            for row in reversed(self.state.executions)
            if row["WindowId"] == request["WindowId"] and _in_period(row, request.get("Filters"))
        ]
        page, token = self.paged(rows, request.get("MaxResults"), request.get("NextToken"))
        return {"WindowExecutions": page, "NextToken": token}

    def get_maintenance_window_execution(self, request: Reply) -> Reply:
        execution = self._execution(request)
        shown = picked(execution, ("WindowExecutionId", "Status", "StatusDetails", "StartTime", "EndTime"))
        return {**shown, "TaskIds": [task["TaskExecutionId"] for task in execution["tasks"]]}

    def describe_maintenance_window_execution_tasks(self, request: Reply) -> Reply:
        rows = [
            {"WindowExecutionId": request["WindowExecutionId"], **picked(task, TASK)}
            for task in self._execution(request)["tasks"]
            if matches(request.get("Filters"), BY_STATUS, task)
        ]
        page, token = self.paged(rows, request.get("MaxResults"), request.get("NextToken"))
        return {"WindowExecutionTaskIdentities": page, "NextToken": token}

    def get_maintenance_window_execution_task(self, request: Reply) -> Reply:
        task = self._executed_task(request)
        shown = picked(task, ("TaskExecutionId", "TaskArn", "Priority", "MaxConcurrency", "MaxErrors"))
        shown |= picked(task, ("Status", "StatusDetails", "StartTime", "EndTime"))
        more = {"Type": task["TaskType"], "ServiceRole": task.get("ServiceRoleArn"), "TaskParameters": []}
        return {"WindowExecutionId": request["WindowExecutionId"], **more, **shown}

    def describe_maintenance_window_execution_task_invocations(self, request: Reply) -> Reply:
        task = self._executed_task(request)
        rows = [self._invocation(request, task, one) for one in task["invocations"]]
        rows = [row for row in rows if matches(request.get("Filters"), BY_STATUS, row)]
        page, token = self.paged(rows, request.get("MaxResults"), request.get("NextToken"))
        return {"WindowExecutionTaskInvocationIdentities": page, "NextToken": token}

    def get_maintenance_window_execution_task_invocation(self, request: Reply) -> Reply:
        task = self._executed_task(request)
        for invocation in task["invocations"]:
            if invocation["InvocationId"] == request["InvocationId"]:
                return self._invocation(request, task, invocation)
        raise Fault("DoesNotExistException", f"Task invocation {request['InvocationId']} does not exist")

    def cancel_maintenance_window_execution(self, request: Reply) -> Reply:
        """Tasks that run go on; those that wait never begin. The clock ends the run when it gets there."""
        for task in self._execution(request)["tasks"]:
            if task["Status"] == "PENDING":
                task |= {"Status": "CANCELLED", "StartTime": self.now_iso, "EndTime": self.now_iso}
        return {"WindowExecutionId": request["WindowExecutionId"]}

    def _invocation(self, request: Reply, task: Reply, invocation: Reply) -> Reply:
        return {
            "WindowExecutionId": request["WindowExecutionId"],
            "TaskExecutionId": task["TaskExecutionId"],
            "TaskType": task["TaskType"],
            "ExecutionId": invocation["command"]["CommandId"],
            "Status": invocation["Status"],
            **picked(invocation, INVOCATION),
        }

    def _execution(self, request: Reply) -> Reply:
        for execution in self.state.executions:
            if execution["WindowExecutionId"] == request["WindowExecutionId"]:
                return execution
        raise Fault(
            "DoesNotExistException", f"Window execution {request['WindowExecutionId']} does not exist"
        )

    def _executed_task(self, request: Reply) -> Reply:
        for task in self._execution(request)["tasks"]:
            if task["TaskExecutionId"] == request["TaskId"]:
                return task
        raise Fault("DoesNotExistException", f"Task execution {request['TaskId']} does not exist")


def _in_period(row: Reply, filters: list[Reply] | None) -> bool:
    started = moment(row["StartTime"])
    for one in filters or []:
        if one["Key"] not in DATES:
            raise Fault("ValidationException", f"The filter key {one['Key']} is not valid.")
        limit = read_date(one["Key"], one["Values"][0])
        if (started >= limit) if one["Key"] == "ExecutedBefore" else (started <= limit):
            return False
    return True
