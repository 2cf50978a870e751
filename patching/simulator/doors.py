"""The simulator's own doors under `/_sim/`: move the clock, read the log, break something on purpose.

They are for the demo and for tests, on loopback only. AWS has nothing like them.
"""

import json
from collections.abc import Callable
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from patching.simulator import clock, faults
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
            ("POST", "reset"): self.reset,
            ("POST", "node"): self.node,
            ("GET", "clock"): self.clock,
            ("GET", "log"): lambda body: self.simulation.world.log,
            ("GET", "accounts"): self.accounts,
            ("GET", "problems"): lambda body: self.simulation.world.problems,
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
        except (BadDoorError, ValueError, TypeError) as problem:
            return HTTPStatus.BAD_REQUEST, {"error": str(problem)}

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

    def accounts(self, body: dict[str, Any]) -> Reply:
        return [vars(account) for account in self.simulation.world.accounts.values()]

    def inject(self, body: dict[str, Any]) -> Reply:
        fault = faults.new_fault(body)
        if fault["kind"] == "forget-tokens":
            for corner in self.simulation.world.regions.values():
                corner.tokens.clear()
        else:
            self.simulation.world.faults.append(fault)
        self.simulation.save()
        return fault

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

    def reset(self, body: dict[str, Any]) -> Reply:
        """Back to the beginning: {} or {"fleet": "demo" | "empty", "start_at": ISO}."""
        self.simulation.reset(self.fresh_world(body))
        return self.clock({})
