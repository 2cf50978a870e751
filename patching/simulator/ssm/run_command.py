"""Run Command: what SendCommand sends, and what became of commands, those of maintenance windows included."""

from datetime import timedelta
from typing import Any

from patching.simulator import commands
from patching.simulator.corner import picked
from patching.simulator.document_texts import document_of
from patching.simulator.errors import Fault
from patching.simulator.ssm.compliance import Compliance
from patching.simulator.ssm.executions import Executions
from patching.simulator.ssm.targeting import targeted
from patching.simulator.state import Node, iso, moment

Reply = dict[str, Any]

OUTPUT = ("OutputS3BucketName", "OutputS3KeyPrefix", "NotificationConfig", "CloudWatchOutputConfig")
SENT: tuple[str, ...] = ("Comment", "TimeoutSeconds", "MaxConcurrency", "MaxErrors", "Targets", "InstanceIds")
SENT += ("DocumentVersion", "ServiceRoleArn", *OUTPUT)
COMMAND = ("CommandId", "DocumentName", "Parameters", "RequestedDateTime", *SENT)
COMMAND = tuple(name for name in COMMAND if name != "ServiceRoleArn")
SHOWN_IN_FULL: tuple[str, ...] = ("CommandId", "InstanceId", "Comment", "DocumentName", "DocumentVersion")
SHOWN_IN_FULL += (
    "Status",
    "StatusDetails",
    "StandardOutputUrl",
    "StandardErrorUrl",
    "CloudWatchOutputConfig",
)
PLUGIN = "aws:runShellScript"
NO_NOTIFICATION: Reply = {"NotificationArn": "", "NotificationEvents": [], "NotificationType": ""}
NO_LOG: Reply = {"CloudWatchLogGroupName": "", "CloudWatchOutputEnabled": False}
EXPIRES_AFTER = 3600  # seconds, where the request said nothing
RESPONSES = {"Success": 0, "Failed": 1}


class RunCommand(Executions, Compliance):
    def send_command(self, request: Reply) -> Reply:
        """There is no ClientToken here: sent twice is done twice. It begins when the clock moves next."""
        nodes = self._addressed(request)
        parameters, document = request.get("Parameters") or {}, document_of(request["DocumentName"])
        if document is not None and (problem := document.problem_with(parameters)):
            raise Fault("InvalidParameters", problem)
        more = picked(request, SENT)
        command = commands.new_command(self, request["DocumentName"], parameters, nodes, **more)
        self.state.commands.append(command)
        return {"Command": _command(command)}

    def list_commands(self, request: Reply) -> Reply:
        rows = [
            _command(one)
            for one in self._commands()
            if request.get("CommandId") in (None, one["CommandId"])
            and (
                not request.get("InstanceId")
                or any(t["InstanceId"] == request["InstanceId"] for t in one["nodes"])
            )
        ]
        page, token = self.paged(rows, request.get("MaxResults"), request.get("NextToken"))
        return {"Commands": page, "NextToken": token}

    def list_command_invocations(self, request: Reply) -> Reply:
        rows = [
            _invocation(command, turn)
            | ({"CommandPlugins": [_plugin(command, turn)] if request.get("Details") else []})
            for command in self._commands()
            for turn in command["nodes"]
            if request.get("CommandId") in (None, command["CommandId"])
            and request.get("InstanceId") in (None, turn["InstanceId"])
        ]
        page, token = self.paged(rows, request.get("MaxResults"), request.get("NextToken"))
        return {"CommandInvocations": page, "NextToken": token}

    def get_command_invocation(self, request: Reply) -> Reply:
        for command in self._commands():
            for turn in command["nodes"]:
                if (command["CommandId"], turn["InstanceId"]) == (
                    request["CommandId"],
                    request["InstanceId"],
                ):
                    return _invocation_in_full(command, turn)
        raise Fault("InvocationDoesNotExist", "The command ID and managed node ID do not match.")

    def cancel_command(self, request: Reply) -> Reply:
        found = [one for one in self._commands() if one["CommandId"] == request["CommandId"]]
        if not found:
            raise Fault("InvalidCommandId", "The specified command ID is not valid.")
        commands.cancel(found[0])
        return {}

    def _commands(self) -> list[Reply]:
        """The latest first."""
        of_windows = [
            invocation["command"]
            for execution in self.state.executions
            for task in execution["tasks"]
            for invocation in task["invocations"]
            if task["TaskType"] == "RUN_COMMAND"
        ]
        return sorted(
            [*of_windows, *self.state.commands], key=lambda one: one["RequestedDateTime"], reverse=True
        )

    def _addressed(self, request: Reply) -> list[Node]:
        ids = request.get("InstanceIds") or []
        if bool(ids) == bool(request.get("Targets")):
            raise Fault("ValidationException", "Give either InstanceIds or Targets.")
        managed = {node.instance_id: node for node in self.managed_nodes()}
        if any(instance_id not in managed for instance_id in ids):
            raise Fault(
                "InvalidInstanceId", f"Instances {ids} not in a valid state for account {self.account_id}"
            )
        return [managed[one] for one in ids] if ids else targeted(self, request["Targets"])


def _command(command: Reply) -> Reply:
    status = commands.status_of(command)
    turns = command["nodes"]
    lasts = timedelta(seconds=command.get("TimeoutSeconds") or EXPIRES_AFTER)
    return {
        **_unsaid(command),
        "Targets": [],
        "OutputS3BucketName": "",
        "OutputS3KeyPrefix": "",
        **picked(command, COMMAND),
        "ExpiresAfter": iso(moment(command["RequestedDateTime"]) + lasts),
        "Status": status,
        "StatusDetails": status,
        "TargetCount": len(turns),
        "CompletedCount": sum(turn["Status"] in commands.FINAL for turn in turns),
        "ErrorCount": sum(turn["Status"] == "Failed" for turn in turns),
        "DeliveryTimedOutCount": sum(turn.get("StatusDetails") == "DeliveryTimedOut" for turn in turns),
    }


def _unsaid(command: Reply) -> Reply:
    """What AWS answers where the request said nothing."""
    return {
        "DocumentVersion": "",
        "ServiceRole": command.get("ServiceRoleArn", ""),
        "NotificationConfig": NO_NOTIFICATION,
        "CloudWatchOutputConfig": NO_LOG,
    }


def _invocation(command: Reply, turn: Reply) -> Reply:
    return {
        **_unsaid(command),
        **picked(command, ("CommandId", "DocumentName", "DocumentVersion", "Comment", "RequestedDateTime")),
        **picked(command, ("NotificationConfig", "CloudWatchOutputConfig")),
        "InstanceId": turn["InstanceId"],
        "InstanceName": "",
        "Status": turn["Status"],
        "StatusDetails": turn.get("StatusDetails", turn["Status"]),
        "StandardOutputUrl": "",
        "StandardErrorUrl": "",
    }


def _plugin(command: Reply, turn: Reply) -> Reply:
    """The step that did the work, which ListCommandInvocations tells with Details."""
    return {
        "Name": PLUGIN,
        "Status": turn["Status"],
        "StatusDetails": turn.get("StatusDetails", turn["Status"]),
        "ResponseCode": RESPONSES.get(turn["Status"], -1),
        "ResponseStartDateTime": turn.get("StartTime"),
        "ResponseFinishDateTime": turn.get("EndTime") if turn["Status"] in commands.FINAL else None,
        "Output": "",
        "StandardOutputUrl": "",
        "StandardErrorUrl": "",
        "OutputS3Region": "",
        "OutputS3BucketName": command.get("OutputS3BucketName", ""),
        "OutputS3KeyPrefix": command.get("OutputS3KeyPrefix", ""),
    }


def _invocation_in_full(command: Reply, turn: Reply) -> Reply:
    shown = picked(_invocation(command, turn), SHOWN_IN_FULL)
    ended = turn["Status"] in commands.FINAL and "EndTime" in turn
    lasted = (moment(turn["EndTime"]) - moment(turn["StartTime"])).total_seconds() if ended else None
    return {
        **shown,
        "PluginName": PLUGIN,
        "ResponseCode": RESPONSES.get(turn["Status"], -1),
        "ExecutionStartDateTime": turn.get("StartTime", ""),
        "ExecutionElapsedTime": "" if lasted is None else f"PT{lasted:g}S",
        "ExecutionEndDateTime": turn["EndTime"] if ended else "",
        "StandardOutputContent": "",
        "StandardErrorContent": "",
    }
