"""A whole world in one file of JSON, to keep, to send or to begin another simulated AWS with.

The file has the rows of the state on disk: {"kind", "part": [[name, body], …], "findings": […], "log": […]}.
"""

import json
import sqlite3
from pathlib import Path

from patching.simulator.state import World
from patching.simulator.store import Store

KIND = "simulated AWS"


def write(world: World, path: Path) -> None:
    """Write the world, replacing the file as a whole or not at all."""
    store = Store(None)
    world.mark_all_changed()
    store.save(world)
    text = json.dumps({"kind": KIND, **store.dump()}, separators=(",", ":"))
    unfinished = path.with_name(f"{path.name}.unfinished")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)


def read(path: Path) -> World:
    """The world that `write` wrote. Raises OSError where there is no file, ValueError where it is another's."""
    content = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict) or content.get("kind") != KIND:
        raise ValueError(f"{path} is not a world of the simulated AWS.")
    store = Store(None)
    try:
        store.restore(content)
    except (KeyError, TypeError, sqlite3.Error) as problem:
        raise ValueError(f"{path} is not whole: {problem}") from None
    world = store.load()
    if world is None:
        raise ValueError(f"{path} holds no world.")
    world.mark_all_changed()
    return world
