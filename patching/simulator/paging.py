"""MaxResults and NextToken, the same for every listing. A token from elsewhere is refused, as AWS does."""

import base64
import binascii
from collections.abc import Sequence
from typing import TypeVar

from patching.simulator.errors import Fault

Row = TypeVar("Row")


def paged(
    rows: Sequence[Row], max_results: int | None, next_token: str | None, *, default: int = 50
) -> tuple[list[Row], str | None]:
    """One page of rows, and the token of the next one (None on the last page)."""
    start = _position(next_token) if next_token else 0
    end = start + (max_results or default)
    return list(rows[start:end]), (_token(end) if end < len(rows) else None)


def _token(position: int) -> str:
    return base64.urlsafe_b64encode(f"from:{position}".encode()).decode()


def _position(token: str) -> int:
    try:
        word, _, position = base64.urlsafe_b64decode(token.encode()).decode().partition(":")
        if word == "from":
            return int(position)
    except (binascii.Error, UnicodeDecodeError, ValueError):
        pass
    raise Fault("InvalidNextToken", "The specified token is not valid.")
