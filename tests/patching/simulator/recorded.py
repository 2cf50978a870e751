"""What AWS's replies were seen to look like: the members of recorded ones, and the members of ours, as paths.

A path names members of the service model: "Tasks[].Targets[].Key"; the keys of a map are written "{}".
"""

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from botocore.model import OperationNotFoundError

from patching.simulator.validation import operation_model

SHAPES = Path(__file__).parents[2] / "data" / "recorded_shapes.json"
NEUTRAL: dict[str, Any] = {"string": "a-text", "integer": 1, "long": 1, "boolean": True, "blob": b""}
NEUTRAL |= {"timestamp": datetime(2026, 6, 1, tzinfo=UTC), "list": [], "map": {}, "structure": {}}
FOLDERS = ("aws_cli_examples", "placebo_cloud_custodian", "userguide")


def shapes() -> dict[str, dict[str, Any]]:
    """What was recorded, by operation: the sources, and each member with its type."""
    return json.loads(SHAPES.read_text(encoding="utf-8"))["operations"]


def members(operation: str, reply: dict[str, Any]) -> dict[str, str]:
    """Each member of a reply and its type in AWS's model; what the model does not know is "unknown"."""
    shape = operation_model("ssm", operation).output_shape
    return dict(_members(shape, reply, "")) if shape else {}


def replies(corpus: Path) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every recorded reply of Systems Manager in the corpus: its operation, its source and itself."""
    for folder in FOLDERS:
        for path in sorted((corpus / folder).glob("*.json")):
            recorded = json.loads(path.read_text(encoding="utf-8"))
            source = recorded.get("source") or recorded.get("_source")
            for operation, reply in _replies_in(path, recorded):
                if reply and _is_a_reply(operation, reply):
                    yield operation, f"{source['repo']} {source['path']}", reply


def gathered(corpus: Path) -> dict[str, dict[str, Any]]:
    """What `tests/data/recorded_shapes.json` holds of each operation."""
    found: dict[str, dict[str, Any]] = {}
    for operation, source, reply in replies(corpus):
        entry = found.setdefault(operation, {"sources": [], "members": {}})
        entry["sources"] = sorted({*entry["sources"], source})
        entry["members"] = dict(sorted({**entry["members"], **members(operation, reply)}.items()))
    return dict(sorted(found.items()))


def sample(operation: str) -> dict[str, Any]:
    """A reply with every recorded member that the model knows, once, with neutral values."""
    reply: dict[str, Any] = {}
    for path, kind in shapes()[operation]["members"].items():
        if kind != "unknown":
            _set(reply, re.findall(r"\[\]|\{\}|[^.\[\]{}]+", path), kind)
    return reply


def _set(holder: Any, steps: list[str], kind: str) -> None:
    """Put a neutral value at the end of the steps, and what leads there on the way."""
    step, rest = steps[0], steps[1:]
    empty: Any = [] if rest[:1] == ["[]"] else {}
    value = empty if rest else deepcopy(NEUTRAL[kind])
    if step == "[]":
        if not holder:
            holder.append(value)
        value = holder[0]
    else:
        name = "a-key" if step == "{}" else step
        value = holder.setdefault(name, value)
    if rest and isinstance(value, list | dict):
        _set(value, rest, kind)


def _replies_in(path: Path, recorded: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for example in recorded.get("examples", []):
        yield example["operation"], example.get("output")
    for block in recorded.get("blocks", []):
        if block["operation"]:
            yield block["operation"], block["json"]
    if "data" in recorded and recorded.get("status_code") == 200:
        operation = path.stem.partition("__")[2].rpartition("_")[0]
        yield operation, {key: value for key, value in recorded["data"].items() if key != "ResponseMetadata"}


def _is_a_reply(operation: str, value: Any) -> bool:
    """Guides show requests too, and replies of operations that botocore no longer has."""
    try:
        shape = operation_model("ssm", operation).output_shape
    except OperationNotFoundError:
        return False
    return shape is not None and isinstance(value, dict) and value.keys() <= shape.members.keys()


def _members(shape: Any, value: Any, path: str) -> Iterator[tuple[str, str]]:
    if shape is None:
        yield path, "unknown"
    elif shape.type_name == "structure" and isinstance(value, dict):
        for name, item in value.items():
            yield from _members(shape.members.get(name), item, f"{path}.{name}" if path else name)
    elif shape.type_name == "list" and isinstance(value, list):
        yield path, "list"
        for item in value:
            yield from _members(shape.member, item, f"{path}[]")
    elif shape.type_name == "map" and isinstance(value, dict):
        yield path, "map"
        for item in value.values():
            yield from _members(shape.value, item, f"{path}{{}}")
    else:
        yield path, shape.type_name
