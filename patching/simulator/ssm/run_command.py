"""Run Command: what SendCommand sends, and what became of commands, those of maintenance windows included."""

from typing import Any

from patching.simulator import commands
from patching.simulator.corner import picked
from patching.simulator.errors import Fault
from patching.simulator.ssm.compliance import Compliance
from patching.simulator.ssm.executions import Executions
from patching.simulator.ssm.targeting import targeted
from patching.simulator.state import Node

Reply = dict[str, Any]

SENT = ("Comment", "TimeoutSeconds", "MaxConcurrency", "MaxErrors", "Targets", "InstanceIds")
COMMAND = ("CommandId", "DocumentName", "Parameters", "RequestedDateTime", *SENT)


class RunCommand(Executions, Compliance):
    def send_command(self, request: Reply) -> Reply:
        """There is no ClientToken here: sent twice is done twice. It begins when the clock moves next."""
        nodes = self._addressed(request)
        more = picked(request, SENT)
        command = commands.new_command(
            self, request["DocumentName"], request.get("Parameters") or {}, nodes, **more
        )
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
    return {
        **picked(command, COMMAND),
        "Status": status,
        "StatusDetails": status,
        "TargetCount": len(turns),
        "CompletedCount": sum(turn["Status"] in commands.FINAL for turn in turns),
        "ErrorCount": sum(turn["Status"] == "Failed" for turn in turns),
        "DeliveryTimedOutCount": sum(turn.get("StatusDetails") == "DeliveryTimedOut" for turn in turns),
    }


def _invocation(command: Reply, turn: Reply) -> Reply:
    return {
        **picked(command, ("CommandId", "DocumentName", "Comment", "RequestedDateTime")),
        "InstanceId": turn["InstanceId"],
        "Status": turn["Status"],
        "StatusDetails": turn.get("StatusDetails", turn["Status"]),
    }


def _invocation_in_full(command: Reply, turn: Reply) -> Reply:
    shown = {key: value for key, value in _invocation(command, turn).items() if key != "RequestedDateTime"}
    return {
        **shown,
        "ResponseCode": {"Success": 0, "Failed": 1}.get(turn["Status"], -1),
        "ExecutionStartDateTime": turn.get("StartTime", ""),
        "ExecutionEndDateTime": turn.get("EndTime", "") if turn["Status"] in commands.FINAL else "",
    }
