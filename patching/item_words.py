"""What all kinds of items are described and refused with: fields and problems. Pure."""

from dataclasses import dataclass
from typing import NamedTuple


class Problem(NamedTuple):
    """One mistake: the field as a path, a stable code, a sentence with the limit and an example."""

    field: str
    code: str
    message: str


@dataclass(frozen=True)
class Field:
    """One field of a spec: its type in words, whether it is required, and what it means."""

    name: str
    type: str
    required: bool
    meaning: str
