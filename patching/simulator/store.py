"""The world on disk: one SQLite file of JSON parts, one transaction per save, so that kill -9 never leaves half of it.

Only parts that changed are written. What moto keeps for us (S3, parameters, …) is not here and lives in memory only.
"""

import base64
import json
import sqlite3
from pathlib import Path
from typing import Any

from patching.simulator.state import Account, Node, Region, World, from_json, iso, moment

FILE = "simulated-aws.sqlite3"
TABLES = """
create table if not exists part (name text primary key, body text not null);
create table if not exists log (number integer primary key, body text not null);
"""

# Not REPLACE: a part keeps its place, and with it the nodes their order.
KEEP = "insert into part values (?, ?) on conflict (name) do update set body = excluded.body"


class Store:
    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(directory / FILE, isolation_level=None, check_same_thread=False)
        self._db.execute("pragma journal_mode=wal")
        # A killed process loses nothing with NORMAL; a power cut may lose the last calls, never the file.
        self._db.execute("pragma synchronous=normal")
        self._db.executescript(TABLES)
        self._saved = dict(self._db.execute("select name, body from part order by rowid"))
        self._ended: set[str] = set()
        self._logged = self._db.execute("select count(*) from log").fetchone()[0]

    def load(self) -> World | None:
        """The world as last saved, or None in a new directory."""
        parts = {name: json.loads(body, object_hook=_unpacked) for name, body in self._saved.items()}
        if "meta" not in parts:
            return None
        meta = parts.pop("meta")
        world = World(now=moment(meta["now"]), seed=meta["seed"], issued=meta["issued"])
        world.problems, world.faults, world.sessions = meta["problems"], meta["faults"], meta["sessions"]
        world.accounts = {key: from_json(Account, body) for key, body in meta["accounts"].items()}
        for name, body in parts.items():
            kind, _, key = name.partition(":")
            if kind == "node":
                world.nodes[key] = from_json(Node, body)
            elif kind == "region":
                world.regions[key] = from_json(Region, body)
        for name, body in sorted(parts.items(), key=lambda part: part[1].get("number", 0)):
            if name.startswith("execution:"):
                world.regions[body["region"]].executions.append(body["execution"])
        rows = self._db.execute("select body from log order by number")
        world.log = [json.loads(body, object_hook=_unpacked) for (body,) in rows]
        return world

    def save(self, world: World, account: str | None = None, region: str | None = None) -> None:
        """Write what changed: everywhere, or in one account and region."""
        changed = {
            name: text for name, text in self._parts(world, account, region) if self._saved.get(name) != text
        }
        entries = list(enumerate(world.log[self._logged :], start=self._logged + 1))
        if not changed and not entries:
            return
        self._db.execute("begin immediate")
        self._db.executemany(KEEP, changed.items())
        self._db.executemany("insert into log values (?, ?)", [(n, _text(entry)) for n, entry in entries])
        self._db.execute("commit")
        self._saved |= changed
        self._logged += len(entries)
        self._ended |= {
            name
            for corner in world.regions.values()
            for execution in corner.executions
            if "EndTime" in execution and (name := _name(execution)) in self._saved
        }

    def clear(self) -> None:
        self._db.executescript("begin immediate; delete from part; delete from log; commit;")
        self._saved, self._ended, self._logged = {}, set(), 0

    def close(self) -> None:
        self._db.close()

    def _parts(self, world: World, account: str | None, region: str | None) -> list[tuple[str, str]]:
        parts = [("meta", _text(_meta(world)))]
        for key, corner in world.regions.items():
            if account is None or key == f"{account}/{region}":
                body = {name: value for name, value in vars(corner).items() if name != "executions"}
                parts.append((f"region:{key}", _text(body)))
                parts += self._executions(key, corner)
        for node in world.nodes.values():
            if account is None or (node.account, node.region) == (account, region):
                parts.append((f"node:{node.instance_id}", _text(vars(node))))
        return parts

    def _executions(self, key: str, corner: Region) -> list[tuple[str, str]]:
        """Each run of a window is a part of its own: it changes for hours, then never again."""
        parts = []
        for number, execution in enumerate(corner.executions):
            name = _name(execution)
            if name not in self._ended:
                body = {"region": key, "number": number, "execution": execution}
                parts.append((name, _text(body)))
        return parts


def _name(execution: dict[str, Any]) -> str:
    return f"execution:{execution['WindowExecutionId']}"


def _meta(world: World) -> dict[str, Any]:
    return {
        "now": iso(world.now),
        "seed": world.seed,
        "issued": world.issued,
        "accounts": {key: vars(account) for key, account in world.accounts.items()},
        "sessions": world.sessions,
        "problems": world.problems,
        "faults": world.faults,
    }


def _text(body: Any) -> str:
    return json.dumps(body, default=_packed, separators=(",", ":"))


def _packed(value: Any) -> Any:
    if isinstance(value, bytes):  # the payload of a Lambda task
        return {"base64": base64.b64encode(value).decode()}
    if hasattr(value, "isoformat"):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} does not go on disk")


def _unpacked(body: dict[str, Any]) -> Any:
    return base64.b64decode(body["base64"]) if body.keys() == {"base64"} else body
