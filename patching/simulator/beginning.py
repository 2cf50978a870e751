"""How a world begins: the make-believe company, scanned once the day before, or its accounts without it."""

import json
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from patching.simulator import catalogue, fleet
from patching.simulator.ssm import predefined
from patching.simulator.state import START, Account, Node, World, from_json, moment, to_json

FLEETS = ("demo", "empty")
FIRST_SCAN = timedelta(days=1)


def fresh_world(asked: dict[str, Any] | None = None) -> World:
    """A new world as asked for: {"fleet": "demo" | "empty", "start_at": ISO}, both optional."""
    asked = asked or {}
    start = moment(str(asked["start_at"])) if asked.get("start_at") else START
    name = asked.get("fleet") or "demo"
    if name not in FLEETS:
        raise ValueError(f"fleet must be one of {', '.join(FLEETS)}.")
    return new_world(nodes_at(start) if name == "demo" else [], start)


def new_world(nodes: list[Node], now: datetime = START, accounts: list[Account] | None = None) -> World:
    """These nodes in these accounts (the company's, if not said), with nothing set up in SSM."""
    world = World(now=now)
    for account in accounts or fleet.ACCOUNTS:
        world.accounts[account.account] = from_json(Account, to_json(account))
        for region in account.regions:
            world.region(account.account, region)
    world.nodes = {node.instance_id: node for node in nodes}
    return world


def nodes_at(start: datetime) -> list[Node]:
    """The company's instances as they stand when the clock starts. New objects every time: worlds change them."""
    return [from_json(Node, one) for one in json.loads(_scanned_company(start))]


@lru_cache(maxsize=4)
def _scanned_company(start: datetime) -> str:
    patches = catalogue.load()
    nodes = fleet.demo_company(patches)
    baselines = {
        baseline["OperatingSystem"]: (baseline_id, baseline)
        for baseline_id, baseline in predefined.baselines(fleet.REGION).items()
    }
    fleet.first_scan(nodes, patches, start - FIRST_SCAN, baselines)
    return json.dumps([to_json(node) for node in nodes])
