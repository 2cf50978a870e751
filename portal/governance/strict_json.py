"""JSON without what Python's reader quietly accepts: keys twice, NaN, endless numbers, halves of characters. Pure."""

import json
import math
from collections.abc import Iterator
from typing import Any

LONGEST_NUMBER = 40  # digits; nothing here counts that far, and Python itself stops at 4,300


def loads(text: str) -> Any:
    """The value. Raises JSONDecodeError where it is no JSON, ValueError for the rest, RecursionError where too deep."""
    value = json.loads(
        text,
        object_pairs_hook=_no_duplicates,
        parse_constant=_no_constant,
        parse_int=_whole,
        parse_float=_finite,
    )
    if "\\u" in text and (where := next(_torn(value), None)) is not None:
        raise ValueError(f"it holds half of a character, “{where.encode(errors='replace').decode()[:40]}”")
    return value


def is_torn(text: str) -> bool:
    """Whether a text holds half of a character (a lone surrogate), which no database and no reply can hold."""
    return any("\ud800" <= one <= "\udfff" for one in text)


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key “{key.encode(errors='replace').decode()[:40]}” appears twice")
        found[key] = value
    return found


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


def _whole(digits: str) -> int:
    if len(digits) > LONGEST_NUMBER:
        raise ValueError(f"a number of {len(digits)} digits is more than anything here counts")
    return int(digits)


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"{digits[:20]} is more than anything here counts")
    return number


def _torn(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield from [value] if is_torn(value) else []
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from _torn(key)
            yield from _torn(one)
    elif isinstance(value, list):
        for one in value:
            yield from _torn(one)
