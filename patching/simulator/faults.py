"""Breaking things on purpose: throttling, refusals, slowness, and connections that die before or after the deed.

A fault is a dictionary that is kept with the world. Filters say which calls it fits; how often it hits them is said
by `count`, by `share` (drawn from `seed`, so that the same calls are hit again), by `first_of_each`, or by time.
"""

import random
import time
from collections.abc import Iterator
from typing import Any

from patching.simulator.aim import FILTERS, fits, is_aimed_at, is_on
from patching.simulator.errors import Fault
from patching.simulator.simulation import Call, Simulation
from patching.simulator.state import World

# Each hits the next call, unless said otherwise.
ONCE = ("throttle", "error", "slow", "slow-reply", "cut", "lost-reply")
# These stay until they are cleared, unless said otherwise.
LASTING = ("down", "deny", "deny-role", "rate-limit", "lag")
# These are done at once and leave nothing behind.
DEEDS = ("forget-tokens", "expire-credentials")
KINDS = ONCE + LASTING + DEEDS
# Kinds whose `seconds` is not how long the fault lasts; they take `lasts` for that.
OWN_SECONDS = ("slow", "slow-reply", "lag")
NUMBERS = ("count", "share", "seconds", "lasts", "reads_per_second", "writes_per_second", "burst")
EXPIRED = "2000-01-01T00:00:00Z"


class ConnectionCutError(ConnectionError):
    """Ends the connection without an answer: the caller cannot know whether the call was done."""


def new_fault(asked: dict[str, Any]) -> dict[str, Any]:
    """A fault as injected: {"kind", "operation", "count", "account", "region", …}; without a filter for any call."""
    kind = asked.get("kind")
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}.")
    _refuse_bad_numbers(asked)
    if kind == "lag" and "seconds" not in asked:
        raise ValueError('A lag needs "seconds", such as 5.')
    if kind == "rate-limit" and not {"reads_per_second", "writes_per_second"} & asked.keys():
        raise ValueError('A rate-limit needs "reads_per_second", "writes_per_second" or both.')
    limited = {"share", "first_of_each", "lasts"} | (set() if kind in OWN_SECONDS else {"seconds"})
    return dict(asked) if kind in LASTING or limited & asked.keys() else {"count": 1, **asked}


def inject(world: World, asked: dict[str, Any]) -> dict[str, Any]:
    """Break what is asked for, now or from now on; returns the fault."""
    fault = new_fault(asked)
    if fault["kind"] == "forget-tokens":
        for corner in _corners(world, fault):
            corner.tokens = {}
        return fault
    if fault["kind"] == "expire-credentials":
        for key, session in world.sessions.items():
            if fault.get("account") in (None, session["account"]):
                world.sessions[key] = {**session, "expires": EXPIRED}
        return fault
    lasts = fault.get("lasts", None if fault["kind"] in OWN_SECONDS else fault.get("seconds"))
    if lasts is not None:
        fault["until"] = world.real_time() + float(lasts)
    world.faults.append(fault)
    return fault


def clear(world: World, kind: str | None = None) -> int:
    """Mend what was broken: everything, or one kind. Returns how many faults that were."""
    kept = [fault for fault in world.faults if kind not in (None, fault["kind"])]
    mended = len(world.faults) - len(kept)
    world.faults = kept
    return mended


def everything_is_down(world: World) -> bool:
    """Whether no service answers anywhere. With a filter only what fits is down."""
    down = [fault for fault in world.faults if fault["kind"] == "down"]
    return any(
        not any(fault.get(name) for name in FILTERS) and is_on(world, fault)
        for fault in down
        if not {"share", "count"} & fault.keys()
    )


def strike(simulation: Simulation, call: Call, caller: Any = None) -> None:
    """What goes wrong before the call is looked at."""
    refuse_denied(simulation, call, caller)
    _limit_the_rate(simulation, call)
    fault = _take(simulation, call, "throttle", "error", "cut", "down")
    if fault is None:
        return
    if fault["kind"] in ("cut", "down"):
        raise ConnectionCutError
    if fault["kind"] == "throttle":
        raise _throttled(call)
    raise Fault(fault.get("code", "InternalServerError"), fault.get("message", "An injected error."))


def refuse_denied(simulation: Simulation, call: Call, caller: Any = None) -> None:
    """Operations that the caller's policies no longer allow, for a schedule's role as for anybody."""
    if _take(simulation, call, "deny") is None:
        return
    who = caller["arn"] if isinstance(caller, dict) else f"arn:aws:iam::{call.account}:root"
    action = f"{call.service}:{call.operation}"
    if call.service == "ec2":
        raise Fault("UnauthorizedOperation", f"You are not authorized to perform this operation. User: {who}")
    raise Fault(
        "AccessDenied" if call.service == "sts" else "AccessDeniedException",
        f"User: {who} is not authorized to perform: {action} because no identity-based policy allows the "
        f"{action} action",
    )


def dawdle(simulation: Simulation, call: Call, kind: str = "slow") -> None:
    """Keep this one caller waiting, and nobody else: before the deed ("slow") or after it ("slow-reply")."""
    with simulation.lock:
        fault = _take(simulation, call, kind)
    if fault is not None:
        time.sleep(float(fault.get("seconds", 1)))


def loses_the_reply(simulation: Simulation, call: Call) -> bool:
    return _take(simulation, call, "lost-reply") is not None


def _take(simulation: Simulation, call: Call, *kinds: str) -> dict[str, Any] | None:
    """The next injected fault that hits this call, used up by one."""
    world = simulation.world
    for fault in _fitting(world, call, *kinds):
        if not _hits(fault, call):
            continue
        if "count" in fault:
            fault["count"] -= 1
            world.faults = [one for one in world.faults if one.get("count", 1) > 0]
        return fault
    return None


def _fitting(world: World, call: Call, *kinds: str) -> Iterator[dict[str, Any]]:
    for fault in list(world.faults):
        if fault["kind"] in kinds and is_aimed_at(world, fault, call):
            yield fault


def _hits(fault: dict[str, Any], call: Call) -> bool:
    """Whether this fault, which fits, hits this call; every call that it fits is counted for that."""
    if fault.get("first_of_each"):
        operation = f"{call.account}/{call.region}/{call.service}:{call.operation}"
        if operation in fault.setdefault("struck", []):
            return False
        fault["struck"].append(operation)
    if "share" not in fault:
        return True
    fault["seen"] = fault.get("seen", 0) + 1
    draw = random.Random(f"{fault.get('seed', 0)}:{fault['seen']}")  # noqa: S311 - a dice, not a secret
    return draw.random() < fault["share"]


def _limit_the_rate(simulation: Simulation, call: Call) -> None:
    """A token bucket for reads and one for writes, of each account and region; it begins full."""
    for fault in _fitting(simulation.world, call, "rate-limit"):
        per_second = fault.get("writes_per_second" if call.mutates else "reads_per_second")
        if per_second is None:
            continue
        now, holds = simulation.world.real_time(), float(fault.get("burst", max(1.0, per_second)))
        buckets = fault.setdefault("buckets", {})
        name = f"{call.account}/{call.region}/{'writes' if call.mutates else 'reads'}"
        left, at = buckets.get(name, (holds, now))
        left = min(holds, left + (now - at) * per_second)
        buckets[name] = (left - 1 if left >= 1 else left, now)
        if left < 1:
            raise _throttled(call)


def _throttled(call: Call) -> Fault:
    code = {"ec2": "RequestLimitExceeded", "sts": "Throttling"}.get(call.service, "ThrottlingException")
    return Fault(code, "Rate exceeded")


def _corners(world: World, fault: dict[str, Any]) -> Iterator[Any]:
    for corner in world.regions.values():
        if all(fits(fault.get(name), getattr(corner, name)) for name in ("account", "region")):
            yield corner


def _refuse_bad_numbers(asked: dict[str, Any]) -> None:
    for name in NUMBERS:
        value = asked.get(name)
        if name in asked and (isinstance(value, bool) or not isinstance(value, int | float) or value < 0):
            raise ValueError(f"{name} must be a number from 0.")
    if asked.get("share", 0) > 1:
        raise ValueError("share must be between 0 and 1, such as 0.5.")
