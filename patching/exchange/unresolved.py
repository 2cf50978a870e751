"""Values that a file does not hold: they come from a parameter, or exist only after something was deployed. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Unresolved:
    """Stands where a value would be. ``why`` is a sentence that says what would supply it."""

    why: str


@dataclass(frozen=True)
class Reference:
    """Stands for the id of something else in the same file, by its name there."""

    name: str


def first_unresolved(value: Any, path: str = "") -> tuple[str, Unresolved] | None:
    """The first value that is missing inside another, with its path; None where all is known."""
    return next(_unresolved(value, path), None)


def _unresolved(value: Any, path: str) -> Iterator[tuple[str, Unresolved]]:
    if isinstance(value, Unresolved):
        yield path, value
    elif isinstance(value, Reference):
        yield path, Unresolved(f"It names {value.name}, whose value is known only after it was deployed.")
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from _unresolved(one, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from _unresolved(one, f"{path}[{number}]")
