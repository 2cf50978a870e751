"""The world on disk: one SQLite file of JSON parts, one transaction per save, so that kill -9 never leaves half of it.

What is written follows what was touched, never how much there is: nodes that say they changed, and in each account
and region the rows of those members that somebody looked at. What moto keeps for us (S3, parameters, …) is not here.
"""

import base64
import json
import sqlite3
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from patching.simulator import commands
from patching.simulator.state import Account, Node, Region, World, from_json, iso, moment

FILE = "simulated-aws.sqlite3"
TABLES = """
create table if not exists part (name text primary key, body text not null);
create table if not exists findings (digest text primary key, body text not null);
create table if not exists log (number integer primary key, body text not null);
"""

# Not REPLACE: a part keeps its place, and with it rows their order.
KEEP = "insert into part values (?, ?) on conflict (name) do update set body = excluded.body"
KEEP_FINDINGS = "insert or ignore into findings values (?, ?)"
META = tuple(one.name for one in fields(World) if one.name not in ("nodes", "regions", "log"))
# Rows of these are replaced when they change, never edited in place, so the same object is the same row.
REPLACED = {"windows", "targets", "tasks", "schedules", "tokens"}
REPLACED |= {"snapshots", "compliance_items", "inventory", "associations"}
REPLACED |= {"imported_findings", "finding_updates"}
# These change in place for hours, then never again.
RUNS = {
    "commands": commands.is_over,
    "executions": lambda execution: "EndTime" in execution,
    "automations": lambda automation: "ExecutionEndTime" in automation,
}
LISTS = {"commands": "CommandId", "executions": "WindowExecutionId"}


@dataclass
class Changes:
    """What one save writes."""

    parts: dict[str, str] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    findings: dict[str, str] = field(default_factory=dict)
    # what is known of the rows afterwards: part → the row itself, or its text where rows are edited in place
    known: dict[str, Any] = field(default_factory=dict)


class Store:
    def __init__(self, directory: Path | None) -> None:
        """In this directory, or in memory, which is for snapshots."""
        if directory is not None:
            directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        file = directory / FILE if directory else ":memory:"
        self._db = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        self._db.execute("pragma journal_mode=wal")
        # A killed process loses nothing with NORMAL; a power cut may lose the last calls, never the file.
        self._db.execute("pragma synchronous=normal")
        self._db.executescript(TABLES)
        self._forget()
        self._logged = self._db.execute("select count(*) from log").fetchone()[0]

    def load(self) -> World | None:
        """The world as last saved, or None in a new directory."""
        meta = self._db.execute("select body from part where name = 'meta'").fetchone()
        if meta is None:
            return None
        self._forget()
        world = _world_of(_read(meta[0]))
        findings = self._findings()
        for name, body in self._db.execute("select name, body from part where name != 'meta' order by rowid"):
            kind, _, key = name.partition(":")
            if kind == "node":
                world.nodes[key] = _node_of(_read(body), findings)
            elif kind == "region":
                place = _read(body)
                world.regions[key] = from_json(Region, place)
                if place.keys() == {"account", "region"}:
                    self._known[name] = True
                    world.regions[key].noticed().clear()
            elif kind == "row":
                self._put_row(world, name, body)
            elif kind == "execution":  # written before each run was a row of its region
                run = _read(body)
                world.regions[run["region"]].executions.append(run["execution"])
                self._rows.setdefault((run["region"], "executions"), set()).add(name)
        world.log = [_read(body) for (body,) in self._db.execute("select body from log order by number")]
        world.nodes.changed.clear()
        return world

    def save(self, world: World) -> None:
        """Write what may have changed since the last save."""
        changes = Changes()
        self._gather_nodes(world, changes)
        for key, corner in world.regions.items():
            self._gather_region(key, corner, changes)
        if (meta := _text(_meta(world))) != self._known.get("meta"):
            changes.parts["meta"] = changes.known["meta"] = meta
        entries = list(enumerate(world.log[self._logged :], start=self._logged + 1))
        if changes.parts or changes.gone or entries:
            self._write(changes, entries)
        world.nodes.changed.clear()
        for corner in world.regions.values():
            corner.noticed().clear()

    def clear(self) -> None:
        self._db.executescript(
            "begin immediate; delete from part; delete from findings; delete from log; commit;"
        )
        self._forget()
        self._logged = 0

    def tidy(self) -> None:
        """Drop findings that no node has any more. For the one process that writes here, when it begins."""
        used = "select json_extract(body, '$.findings') from part where name like 'node:%'"
        self._db.execute(f"delete from findings where digest not in ({used})")  # noqa: S608 - no text of others in it

    def dump(self) -> dict[str, list[list[Any]]]:
        """Every row of every table, in order."""
        return {
            table: [list(row) for row in self._db.execute(f"select * from {table} order by rowid")]  # noqa: S608
            for table in ("part", "findings", "log")
        }

    def restore(self, rows: dict[str, list[list[Any]]]) -> None:
        """What `dump` gave, into an empty store."""
        for table in ("part", "findings", "log"):
            self._db.executemany(f"insert into {table} values (?, ?)", rows[table])  # noqa: S608
        self._logged = len(rows["log"])

    def close(self) -> None:
        self._db.close()

    def _forget(self) -> None:
        self._known: dict[str, Any] = {}
        self._rows: dict[tuple[str, str], set[str]] = {}  # region and member → the parts of its rows
        self._ended: set[str] = set()

    def _write(self, changes: Changes, entries: list[tuple[int, Any]]) -> None:
        self._db.execute("begin immediate")
        self._db.executemany("delete from part where name = ?", [(name,) for name in changes.gone])
        self._db.executemany(KEEP_FINDINGS, changes.findings.items())
        self._db.executemany(KEEP, changes.parts.items())
        self._db.executemany("insert into log values (?, ?)", [(n, _text(entry)) for n, entry in entries])
        self._db.execute("commit")
        self._logged += len(entries)
        self._known |= changes.known
        for name in changes.gone:
            self._known.pop(name, None)

    def _gather_nodes(self, world: World, changes: Changes) -> None:
        """Findings are kept once for all nodes that have the same."""
        digests: dict[int, str] = {}
        for instance_id in world.nodes.changed:
            node = world.nodes.get(instance_id)
            if node is None:
                changes.gone.add(f"node:{instance_id}")
                continue
            if id(node.findings) not in digests:
                text = _text(node.findings)
                digest = digests[id(node.findings)] = blake2b(text.encode(), digest_size=16).hexdigest()
                changes.findings[digest] = text
            body = {**vars(node), "findings": digests[id(node.findings)]}
            changes.parts[f"node:{instance_id}"] = _text(body)

    def _gather_region(self, key: str, corner: Region, changes: Changes) -> None:
        if f"region:{key}" not in self._known:
            place = {"account": corner.account, "region": corner.region}
            changes.parts[f"region:{key}"] = _text(place)
            changes.known[f"region:{key}"] = True
        for member in corner.noticed() & vars(corner).keys():
            rows = dict(_rows(member, vars(corner)[member]))
            names = {f"row:{key}:{member}:{row}" for row in rows}
            changes.gone |= self._rows.get((key, member), set()) - names
            self._rows[key, member] = names
            for row, body in rows.items():
                self._gather_row(f"row:{key}:{member}:{row}", member, body, changes)

    def _gather_row(self, name: str, member: str, row: Any, changes: Changes) -> None:
        if name in self._ended or (member in REPLACED and self._known.get(name) is row):
            return
        if member in RUNS and RUNS[member](row):
            self._ended.add(name)
        text = _text(row)
        known = row if member in REPLACED else text
        if self._known.get(name) != text:
            changes.parts[name] = text
            changes.known[name] = known

    def _put_row(self, world: World, name: str, body: str) -> None:
        """One row back in its place, and known from now on."""
        _, account_and_region, member, row = name.split(":", 3)
        corner = world.regions[account_and_region]
        if member not in vars(corner):  # of a later version
            return
        value = _read(body)
        if not row:
            setattr(corner, member, value)
        elif isinstance(vars(corner)[member], list):
            vars(corner)[member].append(value)
        else:
            vars(corner)[member][row] = value
        self._rows.setdefault((account_and_region, member), set()).add(name)
        self._known[name] = value if member in REPLACED else body
        if member in RUNS and RUNS[member](value):
            self._ended.add(name)

    def _findings(self) -> dict[str, list[Any]]:
        """Each list of findings once, its rows shared, as they were before they went on disk."""
        rows: dict[str, Any] = {}
        found = {}
        for digest, body in self._db.execute("select digest, body from findings"):
            found[digest] = [rows.setdefault(json.dumps(row), row) for row in json.loads(body)]
        return found


def _rows(member: str, value: Any) -> Iterator[tuple[str, Any]]:
    """What of a member is written on its own; "" is the member as a whole."""
    if member in LISTS:
        yield from ((one[LISTS[member]], one) for one in value)
    elif isinstance(value, dict):
        yield from value.items()
    else:
        yield "", value


def _world_of(meta: dict[str, Any]) -> World:
    world = from_json(World, meta | {"now": moment(meta["now"])})
    world.accounts = {key: from_json(Account, body) for key, body in meta["accounts"].items()}
    for one in fields(World):  # controls, and whatever other dataclass a world may have
        if is_dataclass(one.default_factory):
            setattr(world, one.name, from_json(one.default_factory, meta.get(one.name, {})))
    return world


def _node_of(body: dict[str, Any], findings: dict[str, list[Any]]) -> Node:
    if isinstance(body["findings"], str):
        body["findings"] = findings.get(body["findings"], [])
    return from_json(Node, body)


def _meta(world: World) -> dict[str, Any]:
    meta = {name: getattr(world, name) for name in META}
    return meta | {
        "now": iso(world.now),
        "accounts": {key: vars(account) for key, account in world.accounts.items()},
    }


def _text(body: Any) -> str:
    return json.dumps(body, default=_packed, separators=(",", ":"))


def _read(body: str) -> Any:
    return json.loads(body, object_hook=_unpacked)


def _packed(value: Any) -> Any:
    if isinstance(value, bytes):  # the payload of a Lambda task
        return {"base64": base64.b64encode(value).decode()}
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(f"{type(value).__name__} does not go on disk")


def _unpacked(body: dict[str, Any]) -> Any:
    return base64.b64decode(body["base64"]) if body.keys() == {"base64"} else body
