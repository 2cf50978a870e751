"""Which calls a fault is aimed at, and whether it still holds."""

from typing import Any

from patching.simulator.state import World

FILTERS = ("service", "operation", "account", "region")


def is_aimed_at(world: World, fault: dict[str, Any], call: Any) -> bool:
    """Whether all its filters fit: each is one value, a list of them, or absent."""
    return (
        is_on(world, fault)
        and all(fits(fault.get(name), getattr(call, name)) for name in FILTERS)
        and (call.mutates or not fault.get("mutating"))
    )


def is_on(world: World, fault: dict[str, Any]) -> bool:
    """Whether its time, in real seconds, is not over."""
    return "until" not in fault or world.real_time() < fault["until"]


def fits(wanted: Any, value: str) -> bool:
    return wanted is None or value == wanted or (isinstance(wanted, list) and value in wanted)


def role_is_denied(world: World, account: str) -> bool:
    """Whether the role of this account lets nobody in any more."""
    denied = (fault for fault in world.faults if fault["kind"] == "deny-role" and is_on(world, fault))
    return any(fits(fault.get("account"), account) for fault in denied)
