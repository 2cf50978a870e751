"""What the OpenAPI document says of every operation alike: how it answers when it says no."""

from typing import Any

ERROR = {
    "type": "object",
    "description": "Why not: a stable code, a sentence, and every field that is wrong.",
    "required": ["code", "detail", "errors"],
    "properties": {
        "code": {"type": "string", "example": "invalid"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "code", "message"],
                "properties": {
                    "field": {"type": "string", "example": "items[0].spec.duration"},
                    "code": {"type": "string", "example": "range"},
                    "message": {"type": "string"},
                },
            },
        },
    },
}
ALWAYS = {
    "401": "No token, or one that has ended.",
    "403": "This person, or this token's scopes, may not do this.",
    "429": "Too many calls; Retry-After says when to go on.",
}
ON_ONE = {"404": "There is none, or none that you may see."}
ON_WRITES = {
    "400": "Fields that cannot be accepted; every bad one is named.",
    "409": "No longer, or not yet, in the state that this needs; or another revision was read.",
    "422": "A rule says no.",
}
ON_IF_MATCH = {"412": "If-Match names another version than the current one."}


def tell_errors(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """A postprocessing hook of drf-spectacular."""
    result["components"].setdefault("schemas", {})["Error"] = ERROR
    answer = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    for path, operations in result["paths"].items():
        for method, operation in operations.items():
            for code, words in _errors_of(path, method, operation).items():
                operation["responses"].setdefault(code, {"description": words, "content": answer})
    return result


def _errors_of(path: str, method: str, operation: dict[str, Any]) -> dict[str, str]:
    found = dict(ALWAYS)
    if "{" in path:
        found |= ON_ONE
    if method != "get":
        found |= ON_WRITES
    if any(parameter["name"] == "If-Match" for parameter in operation.get("parameters", ())):
        found |= ON_IF_MATCH
    return found
