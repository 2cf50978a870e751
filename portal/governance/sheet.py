"""What a table on paper says, before anything is printed. Pure, and light to import."""

from collections.abc import Sequence
from dataclasses import dataclass

MOST_ROWS = 1000  # about eight seconds of work


@dataclass(frozen=True)
class Sheet:
    """What is printed: a title, what is worth knowing of it, and one table of texts."""

    title: str
    facts: Sequence[tuple[str, str]]
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    right: frozenset[int]  # columns of figures
    closing: Sequence[tuple[str, str]]  # on the last page
