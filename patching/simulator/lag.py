"""Lists that lag behind: what Describe* and List* saw some real seconds ago, while Get* sees the present.

Before each change a photograph of the account and region is taken; it lives in memory only, and only while some
lag is set. Rows are replaced when they change and never edited in place, so a photograph costs a few dictionaries.
"""

from copy import copy
from dataclasses import dataclass, fields, replace
from typing import Any

from patching.simulator.aim import is_aimed_at
from patching.simulator.state import Node, Nodes, Region, World

LISTING = ("Describe", "List")
KEPT = 3600.0  # real seconds


@dataclass
class Photograph:
    """One account and region as it was until `taken`, in real time."""

    taken: float
    region: Region
    nodes: list[Node]


class Album:
    def __init__(self) -> None:
        self._photographs: dict[str, list[Photograph]] = {}

    def take(self, world: World, account: str, region: str) -> None:
        """To be called before something changes there."""
        if not world.controls.seconds("list-lag") and not _lags(world):
            self._photographs.clear()
            return
        now, row = world.real_time(), self._photographs.setdefault(f"{account}/{region}", [])
        row[:] = [one for one in row if one.taken > now - KEPT]
        nodes = [replace(node, tags=dict(node.tags)) for node in world.nodes_in(account, region)]
        row.append(Photograph(now, _still(world.region(account, region)), nodes))

    def world_seen_by(self, world: World, call: Any) -> World:
        """The world as this call sees it: the present, or for a list that lags the past of its own corner."""
        seconds = lag_of(world, call)
        if not seconds:
            return world
        place, moment = f"{call.account}/{call.region}", world.real_time() - seconds
        then = next((one for one in self._photographs.get(place, []) if one.taken > moment), None)
        if then is None:
            return world
        past = copy(world)
        past.regions = {**world.regions, place: then.region}
        past.nodes = Nodes((node.instance_id, replace(node)) for node in then.nodes)
        return past


def lag_of(world: World, call: Any) -> float:
    """By how many real seconds this call lags behind."""
    if not call.operation.startswith(LISTING):
        return 0.0
    injected = [float(one["seconds"]) for one in _lags(world) if is_aimed_at(world, one, call)]
    return max([world.controls.seconds("list-lag"), *injected])


def _lags(world: World) -> list[dict[str, Any]]:
    return [fault for fault in world.faults if fault["kind"] == "lag"]


def _still(region: Region) -> Region:
    """A copy that later changes do not reach: two levels deep, as far as anything is edited in place."""
    members = {one.name: getattr(region, one.name) for one in fields(region)}
    return Region(**{name: _copied(value) for name, value in members.items()})


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: dict(row) if isinstance(row, dict) else row for key, row in value.items()}
    return list(value) if isinstance(value, list) else value
