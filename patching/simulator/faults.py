"""Breaking things on purpose: throttling, refusals, slowness, and connections that die before or after the deed."""

import time
from typing import Any

from patching.simulator.errors import Fault
from patching.simulator.simulation import Call, Simulation

KINDS = ("throttle", "error", "slow", "cut", "lost-reply", "forget-tokens")


class ConnectionCutError(ConnectionError):
    """Ends the connection without an answer: the caller cannot know whether the call was done."""


def new_fault(asked: dict[str, Any]) -> dict[str, Any]:
    """A fault as injected: {"kind", "operation", "count", "account", "region"}; without a filter it hits any call."""
    if asked.get("kind") not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}.")
    return {"count": 1, **asked}


def strike(simulation: Simulation, call: Call) -> None:
    """What goes wrong before the call is looked at."""
    fault = _take(simulation, call, "throttle", "error", "cut")
    if fault is None:
        return
    if fault["kind"] == "cut":
        raise ConnectionCutError
    if fault["kind"] == "throttle":
        raise Fault(
            "RequestLimitExceeded" if call.service == "ec2" else "ThrottlingException", "Rate exceeded"
        )
    raise Fault(fault.get("code", "InternalServerError"), fault.get("message", "An injected error."))


def dawdle(simulation: Simulation, call: Call) -> None:
    """Keep this one caller waiting, and nobody else."""
    with simulation.lock:
        fault = _take(simulation, call, "slow")
    if fault is not None:
        time.sleep(float(fault.get("seconds", 1)))


def loses_the_reply(simulation: Simulation, call: Call) -> bool:
    return _take(simulation, call, "lost-reply") is not None


def _take(simulation: Simulation, call: Call, *kinds: str) -> dict[str, Any] | None:
    """The next injected fault that fits this call, used up by one."""
    world = simulation.world
    for fault in world.faults:
        fits = all(
            fault.get(name) in (None, getattr(call, name)) for name in ("operation", "account", "region")
        )
        if fault["kind"] in kinds and fits:
            fault["count"] -= 1
            world.faults = [one for one in world.faults if one["count"] > 0]
            return fault
    return None
