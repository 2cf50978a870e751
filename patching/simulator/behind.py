"""What others do in AWS behind the portal's back: change, delete and untag things, make foreign ones, add instances.

None of it is in the log of calls, since nobody called through the portal.
"""

import re
from dataclasses import asdict, fields
from typing import Any

from patching.simulator.catalogue import release_of
from patching.simulator.simulation import Call, Simulation
from patching.simulator.ssm.operations import Ssm
from patching.simulator.state import Node, iso

Reply = dict[str, Any]

# What stands in a region under its id.
ROWS = {
    "window": "windows",
    "target": "targets",
    "task": "tasks",
    "baseline": "baselines",
    "schedule": "schedules",
    "group": "groups",
}
TAGGED = {"window": "MaintenanceWindow", "baseline": "PatchBaseline"}
RELEASE = {"classification": "SecurityUpdates", "severity": "Critical"}
INSTANCE = {
    "os": "WINDOWS",
    "product": "WindowsServer2022",
    "platform_name": "Microsoft Windows Server 2022 Datacenter",
    "platform_version": "10.0.20348",
    "platform_type": "Windows",
}
# Of a new instance nobody has reported anything yet.
NEVER_RUN = ("last_run", "findings", "failed", "pending_reboot")
INSTANCE_ID = re.compile(r"i-[0-9a-f]{8,17}")


def edit(simulation: Simulation, kind: str, place: tuple[str, str], key: str, changes: Reply) -> Reply:
    """Set members of a row as AWS holds it, null takes one away: edit(…, "window", …, {"Duration": 2})."""
    rows = _rows(simulation, kind, place)
    if key not in rows and kind != "group":
        raise ValueError(f"There is no {kind} {key} in {place[0]}/{place[1]}.")
    simulation.album.take(simulation.world, *place)
    changed = {**rows.get(key, {}), **changes}
    rows[key] = {name: value for name, value in changed.items() if value is not None}
    if kind == "group" and not rows[key]:
        del rows[key]
    return dict(rows.get(key, {}))


def delete(simulation: Simulation, kind: str, place: tuple[str, str], key: str) -> None:
    """Take a row away, with what hangs on it: a window's targets and tasks, a baseline's groups."""
    if key not in _rows(simulation, kind, place):
        raise ValueError(f"There is no {kind} {key} in {place[0]}/{place[1]}.")
    simulation.album.take(simulation.world, *place)
    ssm = Ssm(simulation.world, *place)
    if kind == "window":
        ssm.delete_maintenance_window({"WindowId": key})
    elif kind == "baseline":
        for group in ssm.groups_of(key):
            ssm.deregister_patch_baseline_for_patch_group({"BaselineId": key, "PatchGroup": group})
        ssm.state.default_baselines = {
            os: one for os, one in ssm.state.default_baselines.items() if one != key
        }
        ssm.delete_patch_baseline({"BaselineId": key})
    else:
        del _rows(simulation, kind, place)[key]


def retag(simulation: Simulation, kind: str, place: tuple[str, str], key: str, tags: Reply) -> dict[str, str]:
    """Set tags, null takes one away: of a window, a baseline or an instance."""
    if kind == "instance":
        node = _node(simulation, key)
        place = (node.account, node.region)
        simulation.album.take(simulation.world, *place)
        node.tags = _without_nulls({**node.tags, **tags})
        return node.tags
    if kind not in TAGGED:
        raise ValueError(f"kind must be one of instance, {', '.join(TAGGED)}.")
    if key not in _rows(simulation, kind, place):
        raise ValueError(f"There is no {kind} {key} in {place[0]}/{place[1]}.")
    simulation.album.take(simulation.world, *place)
    all_tags = simulation.world.region(*place).tags
    name = f"{TAGGED[kind]}/{key}"
    all_tags[name] = _without_nulls({**all_tags.get(name, {}), **tags})
    return all_tags[name]


def call(
    simulation: Simulation, service: str, operation: str, place: tuple[str, str], request: Reply
) -> Reply:
    """What an administrator of the account does in the console: any simulated operation, unlogged. Raises Fault."""
    if not simulation.handles(service, operation):
        raise ValueError(f"{service}:{operation} is not simulated.")
    who = {"account": place[0], "arn": f"arn:aws:iam::{place[0]}:user/somebody-else"}
    logged = len(simulation.world.log)
    reply = simulation.answer(Call(service, operation, *place), request, who)
    del simulation.world.log[logged:]
    return reply


def add_instance(simulation: Simulation, asked: Reply) -> Node:
    """An instance that comes up now: {"account", "region", "name", "tags", "like": an instance's id, …}."""
    like = asked.pop("like", None)
    model = asdict(_node(simulation, like)) if like else dict(INSTANCE)
    model = {name: value for name, value in model.items() if name not in NEVER_RUN}
    model["launched_at"] = _now(simulation)
    known = {one.name for one in fields(Node)}
    if strange := asked.keys() - known:
        raise ValueError(f"A node has no {min(strange)}.")
    node_id = asked.get("instance_id") or f"i-0{simulation.world.new_hex(16)}"
    if not INSTANCE_ID.fullmatch(node_id) or node_id in simulation.world.nodes:
        raise ValueError(f"{node_id} is not the id of a new instance.")
    members = {**model, **asked, "instance_id": node_id}
    members.setdefault("name", node_id)
    for name in ("account", "region"):
        if not members.get(name):
            raise ValueError(f"Say {name}, or which instance it is like.")
    members.setdefault("az", f"{members['region']}a")
    members["tags"] = {"Name": members["name"], **(asked.get("tags") or {})}
    node = Node(**members)
    simulation.album.take(simulation.world, node.account, node.region)
    simulation.world.nodes[node_id] = node
    return node


def terminate_instance(simulation: Simulation, instance_id: str) -> None:
    """Gone from EC2 and SSM at once, as EC2 shows it an hour after."""
    node = _node(simulation, instance_id)
    simulation.album.take(simulation.world, node.account, node.region)
    del simulation.world.nodes[instance_id]


def release(simulation: Simulation, row: Reply) -> Reply:
    """A patch that its vendor releases: {"os", "id", "products", …}; without `released`, now."""
    row = {"kb": row.get("id"), "title": row.get("id"), "released": _now(simulation), **RELEASE, **row}
    missing = [name for name in ("os", "id", "products") if not row.get(name)]
    if missing:
        raise ValueError(f"A release needs {', '.join(missing)}.")
    if simulation.catalogue and row["id"] in simulation.catalogue.by_id:
        raise ValueError(f"There is a patch {row['id']} already.")
    release_of(row)  # refuses what a release does not have
    simulation.world.controls.releases.append(row)
    return row


def resource_group(simulation: Simulation, place: tuple[str, str], name: str, query: Reply | None) -> None:
    """A resource group that windows can be aimed at, by tags or by instances; null takes it away.

    {"TagFilters": [{"Key": "App", "Values": ["payments"]}]} or {"InstanceIds": ["i-…"]}.
    """
    groups = simulation.world.region(*place).resource_groups
    if query is None:
        groups.pop(name, None)
        return
    if query.keys() not in ({"TagFilters"}, {"InstanceIds"}):
        raise ValueError('A resource group is {"TagFilters": [{"Key", "Values"}]} or {"InstanceIds": […]}.')
    groups[name] = query


def _rows(simulation: Simulation, kind: str, place: tuple[str, str]) -> dict[str, Any]:
    if kind not in ROWS:
        raise ValueError(f"kind must be one of {', '.join(ROWS)}.")
    if "/".join(place) not in simulation.world.regions:
        raise ValueError(f"There is nothing in {place[0]}/{place[1]}.")
    rows: dict[str, Any] = getattr(simulation.world.region(*place), ROWS[kind])
    return rows


def _node(simulation: Simulation, instance_id: Any) -> Node:
    node = simulation.world.nodes.get(str(instance_id))
    if node is None:
        raise ValueError("There is no such instance.")
    return node


def _without_nulls(tags: Reply) -> dict[str, str]:
    return {key: str(value) for key, value in tags.items() if value is not None}


def _now(simulation: Simulation) -> str:
    return iso(simulation.world.now)
