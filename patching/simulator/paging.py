"""MaxResults and NextToken, the same for every listing.

A token is good for the listing that gave it, asked with the same filters, and for a time that a door may set.
Tokens from elsewhere are refused, as AWS does.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

Row = TypeVar("Row")


class BadTokenError(Exception):
    """A NextToken that this listing did not give, or gave too long ago."""


@dataclass(frozen=True)
class Pages:
    """How one listing is cut into pages."""

    listing: str
    now: float  # real seconds
    largest: int | None = None
    token_seconds: float | None = None

    def page(
        self, rows: Sequence[Row], max_results: int | None, next_token: str | None, default: int
    ) -> tuple[list[Row], str | None]:
        """One page of rows, and the token of the next one (None on the last page)."""
        start = self._position(next_token) if next_token else 0
        size = max_results or default
        end = start + (min(size, self.largest) if self.largest else size)
        return list(rows[start:end]), (self._token(end) if end < len(rows) else None)

    def _token(self, position: int) -> str:
        return base64.urlsafe_b64encode(f"{self.listing}:{self.now}:{position}".encode()).decode()

    def _position(self, token: str) -> int:
        try:
            listing, given, position = base64.urlsafe_b64decode(token.encode()).decode().split(":")
            young = self.token_seconds is None or self.now - float(given) <= self.token_seconds
            if listing == self.listing and young:
                return int(position)
        except (binascii.Error, UnicodeDecodeError, ValueError):
            pass
        raise BadTokenError


def listing_of(call: Any, request: dict[str, Any]) -> str:
    """What stands for one listing: the operation, where, and everything asked but the page."""
    asked = {
        name: value for name, value in request.items() if name.lower() not in ("nexttoken", "maxresults")
    }
    place = [call.service, call.operation, call.account, call.region, asked]
    return hashlib.sha256(json.dumps(place, sort_keys=True, default=str).encode()).hexdigest()[:16]
