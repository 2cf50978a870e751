"""Requests and replies against AWS's own service model, as botocore ships it.

botocore's client checks types, required members and minimums only; AWS checks patterns, enums and maximums too, and
answers in the words used here. The model is not the whole truth: `WIDER` lists where AWS was seen to allow more.
"""

from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from typing import Any

import regex  # type: ignore[import-untyped]
from botocore.model import Shape
from moto.core.utils import get_service_model

from patching.simulator.errors import Fault
from patching.simulator.state import moment

# AWS deployed a rule with five filters although the model says four.
WIDER = {("PatchFilterList", "max"): 5}
# The model says INSTALLED and Windows; the service and its own examples say "Installed", "windows" or nothing.
FREE_ENUMS = {"PatchComplianceDataState", "PlatformValues", "ComplianceStatus", "NotificationType"}
NUMBERS = {"integer", "long", "double", "float"}
VALIDATION_CODES = {"sts": "ValidationError"}


def operation_model(service: str, operation: str) -> Any:
    return get_service_model(service).operation_model(operation)


def check_request(service: str, operation: str, request: dict[str, Any]) -> None:
    """Refuse what AWS would refuse before looking at any resource."""
    shape = operation_model(service, operation).input_shape
    found = list(_request_errors(shape, request, "")) if shape else []
    if found:
        plural = "s" if len(found) > 1 else ""
        raise Fault(
            VALIDATION_CODES.get(service, "ValidationException"),
            f"{len(found)} validation error{plural} detected: {'; '.join(found)}",
        )


def shaped_reply(service: str, operation: str, reply: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The reply with ISO strings turned into times where the model has times, and what is wrong with it."""
    problems: list[str] = []
    shape = operation_model(service, operation).output_shape
    if shape is None:
        return {}, [f"{operation}: has no output, got {sorted(reply)}"] if reply else []
    return _shaped(shape, reply, operation, problems), problems


def _request_errors(shape: Any, value: Any, path: str) -> Iterator[str]:
    if shape.type_name == "structure":
        if not isinstance(value, dict):
            yield _error(shape, value, path, "Member must be a structure")
            return
        for name in shape.required_members:
            if value.get(name) is None:
                yield _error(shape, None, _join(path, name), "Member must not be null")
        for name, member in shape.members.items():
            if value.get(name) is not None:
                yield from _request_errors(member, value[name], _join(path, name))
    elif shape.type_name == "list":
        yield from _size_errors(shape, value, path)
        for number, item in enumerate(value, start=1):
            yield from _request_errors(shape.member, item, f"{path}.{number}.member")
    elif shape.type_name == "map":
        yield from _size_errors(shape, value, path)
        for key, item in value.items():
            yield from _request_errors(shape.key, key, f"{path}.key")
            yield from _request_errors(shape.value, item, f"{path}.{key}")
    elif shape.type_name in NUMBERS:
        yield from _number_errors(shape, value, path)
    elif shape.type_name == "string":
        yield from _string_errors(shape, value, path)


def _string_errors(shape: Any, value: Any, path: str) -> Iterator[str]:
    if not isinstance(value, str):
        yield _error(shape, value, path, "Member must be a string")
        return
    yield from _size_errors(shape, value, path)
    if getattr(shape, "enum", None) and value not in shape.enum:
        yield _error(shape, value, path, f"Member must satisfy enum value set: [{', '.join(shape.enum)}]")
    pattern = shape.metadata.get("pattern")
    if pattern and not _compiled(pattern).fullmatch(value):
        yield _error(shape, value, path, f"Member must satisfy regular expression pattern: {pattern}")


def _size_errors(shape: Any, value: Any, path: str) -> Iterator[str]:
    least, most = shape.metadata.get("min"), _most(shape)
    if least is not None and len(value) < int(least):
        yield _error(shape, value, path, f"Member must have length greater than or equal to {least}")
    if most is not None and len(value) > int(most):
        yield _error(shape, value, path, f"Member must have length less than or equal to {most}")


def _number_errors(shape: Any, value: Any, path: str) -> Iterator[str]:
    if isinstance(value, bool) or not isinstance(value, int | float):
        yield _error(shape, value, path, "Member must be a number")
        return
    least, most = shape.metadata.get("min"), _most(shape)
    if least is not None and value < least:
        yield _error(shape, value, path, f"Member must have value greater than or equal to {least}")
    if most is not None and value > most:
        yield _error(shape, value, path, f"Member must have value less than or equal to {most}")


def _most(shape: Any) -> Any:
    return WIDER.get((shape.name, "max"), shape.metadata.get("max"))


def _error(shape: Any, value: Any, path: str, constraint: str) -> str:
    shown = (
        "Value null" if value is None else "Value" if shape.metadata.get("sensitive") else f"Value '{value}'"
    )
    return f"{shown} at '{path}' failed to satisfy constraint: {constraint}"


def _join(path: str, name: str) -> str:
    name = name[:1].lower() + name[1:]
    return f"{path}.{name}" if path else name


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> "regex.Pattern[str]":
    return regex.compile(pattern)


def _shaped(shape: Any, value: Any, path: str, problems: list[str]) -> Any:
    kind = shape.type_name
    if kind == "structure" and isinstance(value, dict):
        return _shaped_structure(shape, value, path, problems)
    if kind == "list" and isinstance(value, list):
        return [_shaped(shape.member, item, f"{path}[{n}]", problems) for n, item in enumerate(value)]
    if kind == "map" and isinstance(value, dict):
        return {key: _shaped(shape.value, item, f"{path}.{key}", problems) for key, item in value.items()}
    if kind == "timestamp" and isinstance(value, str | datetime):
        return moment(value) if isinstance(value, str) else value
    if not _is_a(kind, value):
        problems.append(f"{path}: {type(value).__name__} where AWS has {kind}")
    elif kind == "string" and _outside_enum(shape, value):
        problems.append(f"{path}: {value!r} is not one of {shape.enum}")
    return value


def _shaped_structure(shape: Any, value: dict[str, Any], path: str, problems: list[str]) -> dict[str, Any]:
    given = {name: item for name, item in value.items() if item is not None}
    problems += [
        f"{path}.{name}: AWS's reply has no such member" for name in given if name not in shape.members
    ]
    problems += [
        f"{path}.{name}: required, and missing" for name in shape.required_members if name not in given
    ]
    return {
        name: _shaped(shape.members[name], item, f"{path}.{name}", problems)
        for name, item in given.items()
        if name in shape.members
    }


def _outside_enum(shape: Shape, value: str) -> bool:
    return value not in (getattr(shape, "enum", None) or [value]) and shape.name not in FREE_ENUMS


def _is_a(kind: str, value: Any) -> bool:
    if kind == "boolean":
        return isinstance(value, bool)
    if kind in NUMBERS:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, str) if kind == "string" else isinstance(value, bytes | str) and kind == "blob"
