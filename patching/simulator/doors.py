"""The simulator's own doors under `/_sim/`: move the clock, read the log, break something on purpose.

They are for the demo and for tests, on loopback only. AWS has nothing like them. docs/simulator.md lists them.
"""

import json
from collections.abc import Callable
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from patching.simulator import behind, clock, faults
from patching.simulator.controls import CHOICES, LARGEST_PAGE, SECONDS, checked_variant
from patching.simulator.errors import Fault
from patching.simulator.simulation import Simulation
from patching.simulator.state import World, iso, moment

Reply = Any


class BadDoorError(Exception):
    """What was asked at a door makes no sense. The message says why."""


class Doors:
    def __init__(self, simulation: Simulation, fresh_world: Callable[[dict[str, Any]], World]) -> None:
        self.simulation = simulation
        self.fresh_world = fresh_world
        self.routes: dict[tuple[str, str], Callable[[dict[str, Any]], Reply]] = {
            ("POST", "advance"): self.advance,
            ("POST", "inject"): self.inject,
            ("POST", "clear"): self.clear,
            ("POST", "reset"): self.reset,
            ("POST", "node"): self.node,
            ("POST", "variant"): self.variant,
            ("POST", "paging"): self.paging,
            ("POST", "quota"): self.quota,
            ("POST", "real-time"): self.real_time,
            ("POST", "edit"): self.edit,
            ("POST", "delete"): self.delete,
            ("POST", "tags"): self.tags,
            ("POST", "call"): self.call,
            ("POST", "instance"): self.instance,
            ("POST", "terminate"): self.terminate,
            ("POST", "release"): self.release,
            ("POST", "resource-group"): self.resource_group,
            ("POST", "calls"): self.forget_calls,
            ("GET", "calls"): lambda body: dict(sorted(self.simulation.calls.items())),
            ("GET", "clock"): self.clock,
            ("GET", "log"): lambda body: self.simulation.world.log,
            ("GET", "accounts"): self.accounts,
            ("GET", "problems"): lambda body: self.simulation.world.problems,
            ("GET", "faults"): lambda body: self.simulation.world.faults,
            ("GET", "variant"): lambda body: self._variants(),
        }

    def open(self, method: str, name: str, body: bytes) -> tuple[HTTPStatus, Reply]:
        door = self.routes.get((method, name))
        if door is None:
            return HTTPStatus.NOT_FOUND, {"error": f"There is no door {method} /_sim/{name}."}
        try:
            asked = json.loads(body or b"{}")
            if not isinstance(asked, dict):
                raise BadDoorError("Send a JSON object.")
            with self.simulation.lock:
                return HTTPStatus.OK, door(asked)
        except Fault as refused:
            return HTTPStatus.BAD_REQUEST, {"error": f"{refused.code}: {refused.message}"}
        except (BadDoorError, ValueError, TypeError) as problem:
            return HTTPStatus.BAD_REQUEST, {"error": str(problem)}

    # Time and the beginning

    def advance(self, body: dict[str, Any]) -> Reply:
        """Forward only. A moment that has passed leaves the clock alone, since the portal's may lag a little."""
        if body.keys() == {"to"}:
            to = moment(str(body["to"]))
        elif body.keys() == {"by"}:
            to = self.simulation.world.now + timedelta(seconds=float(body["by"]))
        else:
            raise BadDoorError('Send {"to": "2026-06-09T02:00:00Z"} or {"by": seconds}.')
        executions = clock.advance(self.simulation, to)
        return {"now": iso(self.simulation.world.now), "executions": executions}

    def clock(self, body: dict[str, Any]) -> Reply:
        return {"now": iso(self.simulation.world.now)}

    def real_time(self, body: dict[str, Any]) -> Reply:
        """Let the simulator's real clock run ahead, as if so long had passed: {"seconds": 5}."""
        self.simulation.world.controls.seconds_ahead += _number(body, "seconds")
        self.simulation.save()
        return {"seconds_ahead": self.simulation.world.controls.seconds_ahead}

    def reset(self, body: dict[str, Any]) -> Reply:
        """Back to the beginning: {} or {"fleet": "demo" | "empty", "start_at": ISO}."""
        self.simulation.reset(self.fresh_world(body))
        return self.clock({})

    # What is told

    def accounts(self, body: dict[str, Any]) -> Reply:
        return [vars(account) for account in self.simulation.world.accounts.values()]

    def forget_calls(self, body: dict[str, Any]) -> Reply:
        """Count from nothing again; returns what was counted until now."""
        counted = dict(sorted(self.simulation.calls.items()))
        self.simulation.calls.clear()
        return counted

    # What goes wrong, and what AWS does not say

    def inject(self, body: dict[str, Any]) -> Reply:
        fault = faults.inject(self.simulation.world, body)
        self.simulation.save()
        return fault

    def clear(self, body: dict[str, Any]) -> Reply:
        """Mend everything, or {"kind": "throttle"} alone."""
        mended = faults.clear(self.simulation.world, body.get("kind"))
        self.simulation.save()
        return {"cleared": mended}

    def variant(self, body: dict[str, Any]) -> Reply:
        """Take variants: {"unknown-window": "does-not-exist", "list-lag": 5}. Returns all of them."""
        checked = {name: checked_variant(name, value) for name, value in body.items()}
        self.simulation.world.controls.variants |= checked
        self.simulation.save()
        return self._variants()

    def paging(self, body: dict[str, Any]) -> Reply:
        """{"page_size": 3} for every listing, {"token_seconds": 60} for every NextToken; null as it was."""
        controls = self.simulation.world.controls
        if not body.keys() or body.keys() - {"page_size", "token_seconds"}:
            raise BadDoorError('Send {"page_size": 3}, {"token_seconds": 60} or both; null is no limit.')
        size = body.get("page_size", controls.page_size)
        if size is not None and (isinstance(size, bool) or size not in range(1, LARGEST_PAGE + 1)):
            raise BadDoorError(f"page_size must be a whole number from 1 to {LARGEST_PAGE}.")
        if body.get("token_seconds") is not None:
            _number(body, "token_seconds")
        controls.page_size = size
        controls.page_token_seconds = body.get("token_seconds", controls.page_token_seconds)
        self.simulation.save()
        return {"page_size": controls.page_size, "token_seconds": controls.page_token_seconds}

    def quota(self, body: dict[str, Any]) -> Reply:
        """{"name": "windows", "limit": 3}, of one account and region if they are given."""
        controls = self.simulation.world.controls
        controls.set_quota(
            str(body.get("name")), body.get("limit", -1), body.get("account"), body.get("region")
        )
        self.simulation.save()
        return controls.quotas

    # What others do

    def node(self, body: dict[str, Any]) -> Reply:
        """Change a node behind everybody's back: {"instance_id": …, "ping_status": "ConnectionLost"}."""
        node = self.simulation.world.nodes.get(str(body.get("instance_id")))
        if node is None:
            raise BadDoorError("There is no such instance.")
        for name, value in body.items():
            if not hasattr(node, name):
                raise BadDoorError(f"A node has no {name}.")
            setattr(node, name, value)
        self.simulation.save()
        return vars(node)

    def edit(self, body: dict[str, Any]) -> Reply:
        """{"kind": "window", "account", "region", "id", "changes": {"Duration": 2}}."""
        row = behind.edit(
            self.simulation,
            str(body.get("kind")),
            _place(body),
            str(body.get("id")),
            _object(body, "changes"),
        )
        self.simulation.save()
        return row

    def delete(self, body: dict[str, Any]) -> Reply:
        """{"kind": "window", "account", "region", "id"}."""
        behind.delete(self.simulation, str(body.get("kind")), _place(body), str(body.get("id")))
        self.simulation.save()
        return {}

    def tags(self, body: dict[str, Any]) -> Reply:
        """{"kind": "window" | "baseline" | "instance", "account", "region", "id", "tags": {"Key": value or null}}."""
        place = ("", "") if body.get("kind") == "instance" else _place(body)
        tags = behind.retag(
            self.simulation, str(body.get("kind")), place, str(body.get("id")), _object(body, "tags")
        )
        self.simulation.save()
        return tags

    def call(self, body: dict[str, Any]) -> Reply:
        """{"service": "ssm", "operation": "CreateMaintenanceWindow", "account", "region", "request": {…}}."""
        reply = behind.call(
            self.simulation,
            str(body.get("service")),
            str(body.get("operation")),
            _place(body),
            _object(body, "request"),
        )
        self.simulation.save()
        return reply

    def instance(self, body: dict[str, Any]) -> Reply:
        """{"account", "region", "name", "tags": {…}, …} or {"like": instance id, "name": …}."""
        node = behind.add_instance(self.simulation, body)
        self.simulation.save()
        return vars(node)

    def terminate(self, body: dict[str, Any]) -> Reply:
        behind.terminate_instance(self.simulation, str(body.get("instance_id")))
        self.simulation.save()
        return {}

    def release(self, body: dict[str, Any]) -> Reply:
        """{"os": "WINDOWS", "id": "KB5099999", "products": ["WindowsServer2022"], "released": ISO, …}."""
        row = behind.release(self.simulation, body)
        self.simulation.save()
        return row

    def resource_group(self, body: dict[str, Any]) -> Reply:
        """{"account", "region", "name", "query": {"TagFilters": […]} or {"InstanceIds": […]} or null}."""
        behind.resource_group(self.simulation, _place(body), str(body.get("name")), body.get("query"))
        self.simulation.save()
        return self.simulation.world.region(*_place(body)).resource_groups

    def _variants(self) -> Reply:
        """Every variant and the way that it goes."""
        controls = self.simulation.world.controls
        seconds = {name: controls.variants.get(name, "for-ever") for name in ("token-memory",)}
        seconds |= {name: controls.variants.get(name, 0) for name in SECONDS if name not in seconds}
        return {name: controls.choice(name) for name in CHOICES} | seconds


def _place(body: dict[str, Any]) -> tuple[str, str]:
    if not body.get("account") or not body.get("region"):
        raise BadDoorError("Say in which account and region.")
    return str(body["account"]), str(body["region"])


def _object(body: dict[str, Any], name: str) -> dict[str, Any]:
    if not isinstance(body.get(name), dict):
        raise BadDoorError(f"Send {name} as a JSON object.")
    return dict(body[name])


def _number(body: dict[str, Any], name: str) -> float:
    value = body.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise BadDoorError(f"{name} must be a number from 0, such as 5.")
    return float(value)
