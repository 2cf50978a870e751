"""What happens when an EventBridge schedule fires: a universal target calls AWS as the schedule's role.

The role may do what Patchwarden asks of it and nothing else; a target that fails or is not allowed leaves a line
in the log that says why, where AWS would leave it to a dead-letter queue.
"""

import json
import re
from typing import Any

from botocore import xform_name

from patching.simulator import faults
from patching.simulator.errors import Fault
from patching.simulator.simulation import Call, Simulation

Reply = dict[str, Any]

UNIVERSAL = re.compile(r"arn:aws:scheduler:::aws-sdk:(?P<service>\w+):(?P<operation>\w+)")
ALLOWED = {("ec2", "CreateTags"), ("ec2", "DeleteTags"), ("ssm", "UpdateMaintenanceWindow")}


def fire(simulation: Simulation, account: str, region: str, schedule: Reply) -> None:
    """Call the target once; the virtual AWS does not retry."""
    call = Call("scheduler", "Fire", account, region)
    try:
        call = _call_of(schedule["Target"]["Arn"], account, region)
        request = json.loads(schedule["Target"].get("Input") or "{}")
        role = {"account": account, "arn": schedule["Target"]["RoleArn"]}
        faults.refuse_denied(simulation, call, role)
        simulation.answer(call, request, role)
    except (Fault, ValueError) as problem:
        note = {"schedule": schedule["Arn"], "failed": call.operation, "because": str(problem)}
        simulation.note(Call("scheduler", "ScheduleFailed", account, region), note)


def _call_of(arn: str, account: str, region: str) -> Call:
    found = UNIVERSAL.fullmatch(arn)
    if found is None:
        raise ValueError(f"The target {arn} is not simulated.")
    operation = found["operation"][:1].upper() + found["operation"][1:]
    if (found["service"], operation) not in ALLOWED:
        raise Fault(
            "AccessDeniedException", f"The role may not call {found['service']}:{xform_name(operation)}."
        )
    return Call(found["service"], operation, account, region)
