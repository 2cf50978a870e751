"""What the OpenAPI document says of every operation alike: how it answers when it says no."""

from typing import Any

from portal.governance.idempotency import HEADER, LONGEST

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
ANSWERS = {
    "400": ("Invalid", "Fields that cannot be accepted; every bad one is named."),
    "401": ("NotSignedIn", "No token, or one that has ended."),
    "403": ("NotAllowed", "This person, or this token's scopes, may not do this."),
    "404": ("NotFound", "There is none, or none that you may see."),
    "409": (
        "WrongState",
        "No longer, or not yet, in the state that this needs; or another revision was read.",
    ),
    "412": ("Changed", "If-Match names another version than the current one."),
    "413": ("TooLarge", "A body above 2 MiB, files aside."),
    "422": ("RuleBroken", "A rule says no."),
    "429": ("TooMany", "Too many calls; Retry-After says when to go on."),
}


IDEMPOTENCY_KEY = {
    "name": HEADER,
    "in": "header",
    "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST},
    "description": (
        "Printable ASCII, a new one for each call. The same call with the same key is answered with the first answer "
        "and `Idempotent-Replayed: true` for a day, and done once."
    ),
}


def tell_errors(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """A postprocessing hook of drf-spectacular."""
    components = result["components"]
    components.setdefault("schemas", {})["Error"] = ERROR
    answer = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    components["responses"] = {
        name: {"description": words, "content": answer} for name, words in ANSWERS.values()
    }
    for path, operations in result["paths"].items():
        for method, operation in operations.items():
            if method != "get":
                operation.setdefault("parameters", []).append(IDEMPOTENCY_KEY)
            if any(parameter["name"] == "If-None-Match" for parameter in operation.get("parameters", ())):
                operation["responses"]["304"] = {"description": "What you have is what there is."}
            for code in _errors_of(path, method, operation):
                reference = {"$ref": f"#/components/responses/{ANSWERS[code][0]}"}
                operation["responses"].setdefault(code, reference)
    return result


def _errors_of(path: str, method: str, operation: dict[str, Any]) -> list[str]:
    codes = ["401", "403", "429"]
    parameters = operation.get("parameters", ())
    if "{" in path:
        codes.append("404")
    if method != "get":
        codes += ["400", "409", "413", "422"]
    elif any(parameter["in"] == "query" for parameter in parameters):
        codes.append("400")
    if any(parameter["name"] == "If-Match" for parameter in parameters):
        codes.append("412")
    return sorted(codes)
