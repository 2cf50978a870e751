"""The filter keys and values that AWS documents for each operating system, from a dated file."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class Vocabulary:
    """The filter keys of an operating system, their values where a list is known, and what its products look like."""

    system: str
    keys: tuple[str, ...]
    values: Mapping[str, tuple[str, ...]]
    product_pattern: str
    product_example: str


@cache
def vocabularies() -> Mapping[str, Vocabulary]:
    """What AWS documents, by operating system; dated, and with its source named, in the file itself."""
    text = (Path(__file__).parent.parent / "data" / "patch_vocabulary.json").read_text(encoding="utf-8")
    return {
        system: Vocabulary(
            system=system,
            keys=tuple(known["keys"]),
            values={key: tuple(values) for key, values in known["values"].items()},
            product_pattern=known["product_pattern"],
            product_example=known["product_example"],
        )
        for system, known in json.loads(text)["operating_systems"].items()
    }
