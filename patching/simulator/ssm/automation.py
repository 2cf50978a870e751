"""Automation as it is asked for. How executions go on with time is `patching.simulator.automations`'s."""

from collections import Counter
from typing import Any

from patching.simulator import automations, commands
from patching.simulator.corner import once_per_token, picked, read_date
from patching.simulator.document_texts import Document, document_of
from patching.simulator.errors import Fault
from patching.simulator.ssm.documents import VERSIONS
from patching.simulator.ssm.instances import Instances
from patching.simulator.ssm.patch_groups import PatchGroups
from patching.simulator.ssm.targeting import targeted
from patching.simulator.state import moment

Reply = dict[str, Any]

NOT_SIMULATED = ("TargetLocations", "TargetLocationsURL", "TargetMaps")
EXECUTION: tuple[str, ...] = (
    "AutomationExecutionId",
    "DocumentName",
    "DocumentVersion",
    "ExecutionStartTime",
)
EXECUTION += ("ExecutionEndTime", "AutomationExecutionStatus", "Mode", "ExecutedBy", "FailureMessage")
EXECUTION += ("ParentAutomationExecutionId", "TargetParameterName", "Targets", "MaxConcurrency", "MaxErrors")
EXECUTION += ("Outputs",)
STEP: tuple[str, ...] = ("StepName", "Action", "StepStatus", "StepExecutionId", "ExecutionStartTime")
STEP += ("ExecutionEndTime", "Inputs", "Outputs", "FailureMessage")
FILTERS = {
    "ExecutionStatus": "AutomationExecutionStatus",
    "ExecutionId": "AutomationExecutionId",
    "ParentExecutionId": "ParentAutomationExecutionId",
    "AutomationType": "AutomationType",
}
STEP_FILTERS = {
    "StepExecutionStatus": "StepStatus",
    "StepExecutionId": "StepExecutionId",
    "StepName": "StepName",
    "Action": "Action",
}


class Automation(Instances, PatchGroups):
    @once_per_token
    def start_automation_execution(self, request: Reply) -> Reply:
        document = self._automation_document(request)
        parameters = request.get("Parameters") or {}
        for name in NOT_SIMULATED:
            if request.get(name):
                raise Fault("ValidationException", f"{name} is not simulated.")
        self._refuse_bad_parameters(document, parameters, request.get("TargetParameterName"))
        self._refuse_too_many()
        if request.get("Targets"):
            started = self._start_for_many(document, parameters, request)
        else:
            started = automations.new_automation(self, document, parameters)
        return {"AutomationExecutionId": started["AutomationExecutionId"]}

    def get_automation_execution(self, request: Reply) -> Reply:
        automation = self._automation(request["AutomationExecutionId"])
        counts = Counter(step["StepStatus"] for step in automation["steps"])
        return {
            "AutomationExecution": {
                **_shown(automation),
                "Parameters": automation["Parameters"] or None,
                "StepExecutions": [_step(step) for step in automation["steps"]],
                "StepExecutionsTruncated": False,
                **_current(automation),
                "ProgressCounters": {
                    "TotalSteps": len(automation["steps"]),
                    "SuccessSteps": counts["Success"],
                    "FailedSteps": counts["Failed"],
                    "CancelledSteps": counts["Cancelled"],
                    "TimedOutSteps": counts["TimedOut"],
                },
            }
        }

    def describe_automation_executions(self, request: Reply) -> Reply:
        """The latest first."""
        rows = [
            {**_shown(row), "AutomationType": row["AutomationType"], "LogFile": "", **_current(row)}
            for row in reversed(list(self.state.automations.values()))
            if all(_passes(row, one) for one in request.get("Filters") or [])
        ]
        page, token = self.paged(rows, request.get("MaxResults"), request.get("NextToken"))
        return {"AutomationExecutionMetadataList": page, "NextToken": token}

    def describe_automation_step_executions(self, request: Reply) -> Reply:
        steps = self._automation(request["AutomationExecutionId"])["steps"]
        for one in request.get("Filters") or []:
            if one["Key"] not in STEP_FILTERS:
                raise Fault("InvalidFilterKey", f"The specified key is not valid: {one['Key']}.")
            steps = [step for step in steps if step[STEP_FILTERS[one["Key"]]] in one["Values"]]
        rows = [_step(step) for step in (reversed(steps) if request.get("ReverseOrder") else steps)]
        page, token = self.paged(rows, request.get("MaxResults"), request.get("NextToken"))
        return {"StepExecutions": page, "NextToken": token}

    def stop_automation_execution(self, request: Reply) -> Reply:
        """Cancel calls off what runs; Complete lets the step that runs end and begins no other."""
        automation = self._automation(request["AutomationExecutionId"])
        if "ExecutionEndTime" in automation:
            raise Fault("InvalidAutomationStatusUpdateException", "The automation is not running.")
        if "many" in automation and "command" not in automation:
            raise Fault("ValidationException", "Cancel the execution of the maintenance window instead.")
        if "command" in automation:
            commands.cancel(automation["command"])
        elif request.get("Type") == "Complete":
            automation["finishing"] = True
            return {}
        for child in automations.alive(self):
            if child.get("ParentAutomationExecutionId") == automation["AutomationExecutionId"]:
                automations.stop(child, self.now)
        automations.stop(automation, self.now)
        return {}

    def _start_for_many(self, document: Document, parameters: Reply, request: Reply) -> Reply:
        """A parent, whose command starts a child for each node in turn."""
        (target,) = request["Targets"]
        managed = {node.instance_id: node for node in self.managed_nodes()}
        if target["Key"] == "ParameterValues":
            nodes = [managed[one] for one in target.get("Values") or [] if one in managed]
        else:
            nodes = targeted(self, [target])
        rates = {name: request.get(name) or "1" for name in ("MaxConcurrency", "MaxErrors")}
        command = commands.new_command(self, document.name, parameters, nodes, **rates)
        if not nodes:
            raise Fault("InvalidTarget", "The target is not valid or doesn't exist.")
        return automations.new_automation(
            self,
            document,
            parameters,
            AutomationExecutionId=command["CommandId"],
            AutomationExecutionStatus="InProgress",
            **picked(request, ("TargetParameterName", "Targets")),
            **rates,
            many=True,
            command=command,
        )

    def _automation_document(self, request: Reply) -> Document:
        document = document_of(request["DocumentName"])
        if document is None or document.kind != "Automation":
            raise Fault(
                "AutomationDefinitionNotFoundException",
                f"An Automation runbook with the name {request['DocumentName']} couldn't be found.",
            )
        if request.get("DocumentVersion") not in (None, *VERSIONS):
            raise Fault(
                "AutomationDefinitionVersionNotFoundException",
                "An Automation runbook with the specified name and version couldn't be found.",
            )
        return document

    def _refuse_bad_parameters(self, document: Document, parameters: Reply, target: str | None) -> None:
        if bool(target) and target not in document.parameters:
            raise _bad(f"{target} is no parameter of {document.name}.")
        if problem := document.problem_with(parameters, target):
            raise _bad(problem)

    def _refuse_too_many(self) -> None:
        most = self.quota("automations") + self.quota("queued-automations")
        if len(automations.alive(self)) >= most:
            raise Fault(
                "AutomationExecutionLimitExceededException",
                "The number of simultaneously running Automation executions exceeded the allowable limit.",
            )

    def _automation(self, automation_id: str) -> Reply:
        if automation_id not in self.state.automations:
            raise Fault(
                "AutomationExecutionNotFoundException",
                f"There is no automation execution with the id {automation_id}.",
            )
        return self.state.automations[automation_id]


def _shown(automation: Reply) -> Reply:
    """What both ways of asking show; AWS always has the last ones, empty as they may be."""
    nothing: Reply = {
        "Targets": [],
        "Outputs": {},
        "ResolvedTargets": {"ParameterValues": [], "Truncated": False},
    }
    return nothing | picked(automation, EXECUTION)


def _step(step: Reply) -> Reply:
    return {**picked(step, STEP), "OverriddenParameters": {}}


def _current(automation: Reply) -> Reply:
    if "ExecutionEndTime" in automation or not automation["steps"]:
        return {}
    step = automation["steps"][-1]
    return {"CurrentStepName": step["StepName"], "CurrentAction": step["Action"]}


def _passes(row: Reply, one: Reply) -> bool:
    key, values = one["Key"], one["Values"]
    if key == "DocumentNamePrefix":
        return any(row["DocumentName"].startswith(value) for value in values)
    if key == "CurrentAction":
        return _current(row).get("CurrentAction") in values
    if key in ("StartTimeBefore", "StartTimeAfter"):
        limit, started = read_date(key, values[0]), moment(row["ExecutionStartTime"])
        return started < limit if key == "StartTimeBefore" else started > limit
    if key not in FILTERS:
        raise Fault("InvalidFilterKey", f"The filter {key} is not simulated.")
    return row.get(FILTERS[key]) in values


def _bad(message: str) -> Fault:
    return Fault("InvalidAutomationExecutionParametersException", message)
