"""How long a fault test runs, from which seed, and where its figures go: one size scales the same tests.

``FAULT_ROUNDS=long`` takes the numbers of the matrix and writes a row into docs/reliability.md; ``FAULT_SEED`` repeats
a run with its own seed.
"""

import fcntl
import importlib.metadata
import os
import platform
import random
import sqlite3
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import cycle, product
from typing import Any, TypeVar

from django.db import connection

from tests.faults.rig.processes import ROOT

One = TypeVar("One")
Other = TypeVar("Other")

SHORT_SEED = 20260601
LONG = os.environ.get("FAULT_ROUNDS", "short") == "long"
DOCUMENT = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- figures: written by make faults -->", "<!-- end of figures -->"
HEADER = (
    "| Fault | What is injected | Rounds | Seeds | Database | Lost | Double | Other figures | Seconds "
    "| Date, versions |\n"
    "|---|---|--:|---|---|--:|--:|---|--:|---|\n"
)


def rounds(short: int, long: int) -> int:
    """How many, in a run of this size."""
    return long if LONG else short


def pairs(ones: Iterable[One], others: Iterable[Other]) -> list[tuple[One, Other]]:
    """Every one with every other in the long run; in the short run every one with the others in turn."""
    return list(product(ones, others)) if LONG else list(zip(ones, cycle(others), strict=False))


def seeds(long: int = 1) -> list[int]:
    """The seeds of a run: the one asked for; in the short run always the same; in the long one new ones each time."""
    given = os.environ.get("FAULT_SEED")
    if given:
        return [int(given)]
    if not LONG:
        return [SHORT_SEED]
    return [random.SystemRandom().randrange(1, 1_000_000) for _ in range(rounds(1, long))]


def is_repeated() -> bool:
    """Whether somebody asked for this very seed."""
    return "FAULT_SEED" in os.environ


def announce(seed: int, test: str) -> random.Random:
    """Say how to repeat what is about to happen; returns its source of chance."""
    size = "long" if LONG else "short"
    sys.stdout.write(f"\nTo repeat: FAULT_ROUNDS={size} FAULT_SEED={seed} python -m pytest {test}\n")
    return random.Random(seed)


@dataclass
class Figures:
    """What one fault test counted. Rounds of several seeds add up."""

    fault: str
    injected: str
    rounds: int = 0
    seeds: list[int] = field(default_factory=list)
    lost: int = 0
    double: int = 0
    other: dict[str, Any] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)
    database: str = ""

    def count(self, name: str, number: float = 1) -> None:
        self.other[name] = self.other.get(name, 0) + number

    def worst(self, name: str, number: float) -> None:
        self.other[name] = max(self.other.get(name, 0), number)

    def row(self) -> str:
        cells: Sequence[object] = (
            self.fault,
            self.injected,
            self.rounds,
            ", ".join(map(str, self.seeds)) or "–",
            self.database or database(),
            self.lost,
            self.double,
            "; ".join(f"{name}: {_plain(value)}" for name, value in self.other.items()) or "–",
            round(time.monotonic() - self.began),
            f"{datetime.now(UTC):%Y-%m-%d}; {versions()}",
        )
        return "| " + " | ".join(str(cell).replace("|", "/") for cell in cells) + " |"

    def tell(self) -> None:
        """Print the row, and in a long run put it in the place of the last one in docs/reliability.md."""
        row = self.row()
        sys.stdout.write(f"{row}\n")
        if LONG:
            _replace(row)


def p95(seconds: Sequence[float]) -> float:
    """The time that 95 of 100 stayed under."""
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]


def database() -> str:
    return "PostgreSQL" if connection.vendor == "postgresql" else "SQLite"


def versions() -> str:
    server = ".".join(platform.python_version_tuple()[:2])
    if connection.vendor == "postgresql":
        number = connection.pg_version
        engine = f"PostgreSQL {number // 10000}.{number % 10000}"
    else:
        engine = f"SQLite {sqlite3.sqlite_version}"
    names = {"Django": "django", "Celery": "celery"}
    found = ", ".join(f"{name} {importlib.metadata.version(of)}" for name, of in names.items())
    return f"Python {server}, {found}, {engine}"


def _plain(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _replace(row: str) -> None:
    """One row for each fault, injection and database; the newest stays. Several runs may write at once.

    What a run of a seed asked for by name replaces is that seed's row alone.
    """
    with DOCUMENT.open("r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        before, rest = file.read().split(BEGIN)
        table, after = rest.split(END)
        rows = [
            line for line in table.splitlines() if line.startswith("| F") and not line.startswith("| Fault ")
        ]
        lines = sorted([row, *(line for line in rows if not _is_replaced(line, row))], key=_order)
        file.seek(0)
        file.truncate()
        file.write(f"{before}{BEGIN}\n{HEADER}" + "".join(f"{line}\n" for line in lines) + f"{END}{after}")


def _is_replaced(old: str, new: str) -> bool:
    if _key(old) != _key(new):
        return False
    return not is_repeated() or set(_seeds(old)) <= set(_seeds(new))


def _key(row: str) -> str:
    cells = _cells(row)
    return "/".join((cells[1], cells[2], cells[5]))


def _seeds(row: str) -> list[str]:
    return _cells(row)[4].split(", ")


def _cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.split("|")]


def _order(row: str) -> tuple[int, str]:
    digits = "".join(character for character in _cells(row)[1] if character.isdigit())
    return int(digits or 0), _key(row)
