"""What a maintenance window does: task registrations."""

from typing import Any

from patching.simulator.corner import matches, once_per_token, picked
from patching.simulator.errors import Fault
from patching.simulator.ssm.targets import Targets

Reply = dict[str, Any]

FILTERS = {
    "WindowTaskId": lambda row: row["WindowTaskId"],
    "TaskArn": lambda row: row["TaskArn"],
    "Priority": lambda row: row["Priority"],
    "TaskType": lambda row: row["TaskType"],
}
OPTIONAL: tuple[str, ...] = ("Targets", "ServiceRoleArn", "TaskParameters", "TaskInvocationParameters")
OPTIONAL += ("MaxConcurrency", "MaxErrors")
OPTIONAL += ("LoggingInfo", "Name", "Description", "CutoffBehavior", "AlarmConfiguration")
CHANGEABLE = ("TaskArn", "Priority", *OPTIONAL)
DESCRIBED: tuple[str, ...] = ("WindowId", "WindowTaskId", "TaskArn", "Targets", "TaskParameters", "Priority")
DESCRIBED += ("ServiceRoleArn", "MaxConcurrency", "MaxErrors", "Name", "Description", "CutoffBehavior")
DESCRIBED += ("LoggingInfo", "AlarmConfiguration")
UPDATED = ("WindowId", "WindowTaskId", *CHANGEABLE)
INVOCATIONS = {
    "RUN_COMMAND": "RunCommand",
    "AUTOMATION": "Automation",
    "STEP_FUNCTIONS": "StepFunctions",
    "LAMBDA": "Lambda",
}


class Tasks(Targets):
    @once_per_token
    def register_task_with_maintenance_window(self, request: Reply) -> Reply:
        window_id = self.window_for_children(request["WindowId"])["WindowId"]
        self._refuse_bad_task(request)
        if len(self._tasks_of(window_id)) >= (limit := self.quota("tasks-per-window")):
            raise Fault("ResourceLimitExceededException", f"A window takes {limit} tasks at most.")
        task_id = self.world.new_uuid()
        self.state.tasks[task_id] = {
            "WindowId": window_id,
            "WindowTaskId": task_id,
            "TaskType": request["TaskType"],
            "Priority": 1,
            "CutoffBehavior": "CONTINUE_TASK",
            "TaskParameters": {},
            **picked(request, CHANGEABLE),
        }
        return {"WindowTaskId": task_id}

    def update_maintenance_window_task(self, request: Reply) -> Reply:
        """TaskInvocationParameters are replaced as a whole whenever they are sent, Replace or not."""
        task = self.task(request)
        if request.get("Replace") and not request.get("TaskArn"):
            raise Fault("ValidationException", "With Replace, TaskArn must be given.")
        kept = {k: v for k, v in task.items() if not (request.get("Replace") and k in OPTIONAL)}
        changed = (
            {"CutoffBehavior": "CONTINUE_TASK", "TaskParameters": {}} | kept | picked(request, CHANGEABLE)
        )
        self._refuse_bad_task(changed)
        self.state.tasks[request["WindowTaskId"]] = changed
        return picked(changed, UPDATED)

    def get_maintenance_window_task(self, request: Reply) -> Reply:
        return dict(self.task(request))

    def deregister_task_from_maintenance_window(self, request: Reply) -> Reply:
        task_id = self.task(request)["WindowTaskId"]
        del self.state.tasks[task_id]
        return {"WindowId": request["WindowId"], "WindowTaskId": task_id}

    def describe_maintenance_window_tasks(self, request: Reply) -> Reply:
        window_id = self.window(request["WindowId"])["WindowId"]
        rows = [row for row in self._tasks_of(window_id) if matches(request.get("Filters"), FILTERS, row)]
        page, token = self.paged(rows, request.get("MaxResults"), request.get("NextToken"))
        tasks = [{**picked(row, DESCRIBED), "Type": row["TaskType"]} for row in page]
        return {"Tasks": tasks, "NextToken": token}

    def task(self, request: Reply) -> Reply:
        task = self.state.tasks.get(request["WindowTaskId"])
        if task is None or task["WindowId"] != request["WindowId"]:
            raise Fault(
                "DoesNotExistException",
                f"Task {request['WindowTaskId']} is not registered with window {request['WindowId']}",
            )
        return task

    def _tasks_of(self, window_id: str) -> list[Reply]:
        return [row for row in self.state.tasks.values() if row["WindowId"] == window_id]

    def _refuse_bad_task(self, task: Reply) -> None:
        self._refuse_bad_rates(task)
        for one in task.get("Targets") or []:
            if one.get("Key") not in ("WindowTargetIds", "InstanceIds"):
                raise Fault("ValidationException", f"A task cannot be targeted by {one.get('Key')}.")
            if one["Key"] == "WindowTargetIds":
                for target_id in one.get("Values", []):
                    self.target({"WindowId": task["WindowId"], "WindowTargetId": target_id})
        given = set(task.get("TaskInvocationParameters") or {})
        if given - {INVOCATIONS[task["TaskType"]]}:
            raise Fault(
                "ValidationException", f"TaskInvocationParameters {min(given)} do not fit {task['TaskType']}."
            )

    def _refuse_bad_rates(self, task: Reply) -> None:
        rates = [name for name in ("MaxConcurrency", "MaxErrors") if task.get(name) is not None]
        if task.get("Targets"):
            if len(rates) < 2:
                raise Fault("ValidationException", "A task with targets needs MaxConcurrency and MaxErrors.")
        elif task["TaskType"] == "RUN_COMMAND":
            raise Fault("ValidationException", "A task of type RUN_COMMAND needs targets.")
        elif rates:
            raise Fault("ValidationException", f"{rates[0]} is not supported for a task without targets.")
