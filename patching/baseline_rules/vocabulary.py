"""The filter keys and values that AWS documents for each operating system, from a dated file."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Vocabulary:
    """The filter keys of an operating system, their values where a list is known, and what its products look like."""

    system: str
    keys: tuple[str, ...]
    values: Mapping[str, tuple[str, ...]]
    product_pattern: str
    product_example: str
    products: tuple[str, ...] = ()

    def known(self, key: str) -> tuple[str, ...]:
        """Values of a key that can be chosen; empty where no list is published."""
        return self.products if key == "PRODUCT" else self.values.get(key, ())

    def widened(self, listed: Mapping[str, Iterable[str]]) -> "Vocabulary":
        """With what AWS itself lists besides: nothing that is known here is taken away."""
        wider = {key: _union(self.values.get(key, ()), listed[key]) for key in self.keys if listed.get(key)}
        products = _union(self.products, listed.get("PRODUCT", ()))
        wider.pop("PRODUCT", None)
        return replace(self, values={**self.values, **wider}, products=products)


def _union(known: Iterable[str], more: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys([*known, *more]))


@cache
def dated() -> str:
    """The day as of which the file tells what AWS documents, ISO."""
    return str(_file()["dated"])


def _file() -> Any:
    path = Path(__file__).parent.parent / "data" / "patch_vocabulary.json"
    return json.loads(path.read_text(encoding="utf-8"))


@cache
def vocabularies() -> Mapping[str, Vocabulary]:
    """What AWS documents, by operating system; dated, and with its source named, in the file itself."""
    return {
        system: Vocabulary(
            system=system,
            keys=tuple(known["keys"]),
            values={key: tuple(values) for key, values in known["values"].items()},
            product_pattern=known["product_pattern"],
            product_example=known["product_example"],
            products=tuple(known["products"]),
        )
        for system, known in _file()["operating_systems"].items()
    }
