"""The items of a change request as OpenAPI and as tables for docs/api.md, made from ``items.FIELDS``. Pure."""

from collections.abc import Iterable
from typing import Any

from patching.items import ACTIONS, FIELDS, KINDS, MOST_ITEMS, TASK_FIELDS, Field

# how the words for a type begin → its JSON type; everything else is text
JSON_TYPES = (
    (
        "object of lists",
        {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}}},
    ),
    ("object", {"type": "object", "additionalProperties": {}}),
    ("list of instance ids", {"type": "array", "items": {"type": "string"}}),
    ("0–6 days", {"type": "integer"}),
    ("1–24 hours", {"type": "integer"}),
    ("0–23 hours", {"type": "integer"}),
    ("0–100", {"type": "integer"}),
    ("true or false", {"type": "boolean"}),
)
EXAMPLE_WINDOW = {
    "action": "create",
    "kind": "window",
    "target": None,
    "spec": {
        "name": "payments-dev-a",
        "account": "211125483017",
        "region": "eu-central-1",
        "application": "payments",
        "environment": "dev",
        "az": "eu-central-1a",
        "schedule": "cron(0 20 ? * TUE#2 *)",
        "timezone": "Europe/Berlin",
        "offset": 1,
        "duration": 4,
        "cutoff": 1,
        "tasks": [{"name": "Install", "kind": "install", "max_concurrency": "50%"}],
        "instances": ["i-0123456789abcdef0"],
    },
}


def reference(name: str) -> dict[str, str]:
    """Where a field finds one of ``components``."""
    return {"$ref": f"#/components/schemas/{name}"}


def spec_name(kind: str) -> str:
    """What the spec of a kind is called in the OpenAPI document: PatchGroupSpec."""
    return f"{kind.title().replace('-', '')}Spec"


def add_components(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """A postprocessing hook of drf-spectacular: the schemas that fields refer to."""
    specs = {spec_name(kind): _object(FIELDS[kind]) for kind in KINDS}
    result["components"]["schemas"] |= {"Items": _items(), "Task": _object(TASK_FIELDS), **specs}
    return result


def _items() -> dict[str, Any]:
    item = {
        "type": "object",
        "required": ["action", "kind"],
        "additionalProperties": False,
        "properties": {
            "action": {"type": "string", "enum": list(ACTIONS)},
            "kind": {"type": "string", "enum": list(KINDS)},
            "target": {
                "type": "integer",
                "nullable": True,
                "description": "The id of what is to be changed or deleted; null for create.",
            },
            "spec": {
                "anyOf": [reference(spec_name(kind)) for kind in KINDS],
                "description": "Of the item's kind; left out for delete.",
            },
        },
    }
    return {
        "type": "array",
        "minItems": 1,
        "maxItems": MOST_ITEMS,
        "items": item,
        "example": [EXAMPLE_WINDOW],
    }


def tables() -> str:
    """Markdown tables of each kind's spec fields, as docs/api.md holds them."""
    parts = [(f"`{kind}`", FIELDS[kind]) for kind in KINDS]
    parts.append(("`window`: each of its `tasks`", TASK_FIELDS))
    return "\n\n".join(f"#### {title}\n\n{_table(fields)}" for title, fields in parts)


def _table(fields: Iterable[Field]) -> str:
    rows = [
        f"| `{field.name}` | {field.type} | {'yes' if field.required else ''} | {field.meaning} |"
        for field in fields
    ]
    return "\n".join(["| Field | Type | Required | Meaning |", "|---|---|---|---|", *rows])


def _object(fields: Iterable[Field]) -> dict[str, Any]:
    fields = tuple(fields)
    return {
        "type": "object",
        "required": [field.name for field in fields if field.required],
        "additionalProperties": False,
        "properties": {field.name: _property(field) for field in fields},
    }


def _property(field: Field) -> dict[str, Any]:
    said = {"description": f"{field.meaning} ({field.type})"}
    if field.name == "tasks":
        return {"type": "array", "items": reference("Task"), **said}
    for words, schema in JSON_TYPES:
        if field.type.startswith(words):
            return {**schema, **said}
    return {"type": "string", **said}
