"""How a world begins: the make-believe company, scanned once the day before, a crowd, or its accounts alone."""

import json
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from patching.simulator import catalogue, fleet
from patching.simulator.ssm import predefined
from patching.simulator.state import START, Account, Node, Nodes, World, from_json, moment, to_json

FLEETS = ("demo", "empty")
LARGEST_CROWD = 100_000
FIRST_SCAN = timedelta(days=1)


def fresh_world(asked: dict[str, Any] | None = None) -> World:
    """A new world as asked for: {"fleet": "demo" | "empty" | "10000", "start_at": ISO}, both optional."""
    asked = asked or {}
    start = moment(str(asked["start_at"])) if asked.get("start_at") else START
    name = checked_fleet(str(asked.get("fleet") or "demo"))
    if name == "empty":
        return new_world([], start)
    return new_world(nodes_at(start) if name == "demo" else crowd_at(int(name), start), start)


def checked_fleet(name: str) -> str:
    """The name of a fleet, or how many instances. Raises ValueError."""
    if name in FLEETS or (name.isdecimal() and 0 < int(name) <= LARGEST_CROWD):
        return name
    raise ValueError(
        f"fleet must be {', '.join(FLEETS)}, or how many instances from 1 to {LARGEST_CROWD}, such as 10000."
    )


def new_world(nodes: list[Node], now: datetime = START, accounts: list[Account] | None = None) -> World:
    """These nodes in these accounts (the company's, if not said), with nothing set up in SSM."""
    world = World(now=now)
    for account in accounts or fleet.ACCOUNTS:
        world.accounts[account.account] = from_json(Account, to_json(account))
        for region in account.regions:
            world.region(account.account, region)
    world.nodes = Nodes((node.instance_id, node) for node in nodes)
    return world


def nodes_at(start: datetime) -> list[Node]:
    """The company's instances as they stand when the clock starts. New objects every time: worlds change them."""
    return [from_json(Node, one) for one in json.loads(_scanned_company(start))]


def crowd_at(count: int, start: datetime) -> list[Node]:
    """So many instances, in one account and region, as they stand when the clock starts."""
    return fleet.crowd(count, catalogue.load(), start - FIRST_SCAN, default_baselines())


@lru_cache(maxsize=4)
def _scanned_company(start: datetime) -> str:
    patches = catalogue.load()
    nodes = fleet.demo_company(patches)
    fleet.first_scan(nodes, patches, start - FIRST_SCAN, default_baselines())
    return json.dumps([to_json(node) for node in nodes])


def default_baselines() -> dict[str, tuple[str, dict[str, Any]]]:
    """Operating system → the id of AWS's baseline for it, and the baseline."""
    return {
        baseline["OperatingSystem"]: (baseline_id, baseline)
        for baseline_id, baseline in predefined.baselines(fleet.REGION).items()
    }
