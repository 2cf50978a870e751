"""One service's corner of the simulated AWS: what every operation, of any service, has at hand."""

import functools
import hashlib
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from patching.simulator.errors import Fault
from patching.simulator.paging import BadTokenError, Pages
from patching.simulator.state import Region, World, iso, moment

Reply = dict[str, Any]
Operation = Callable[[Any, Reply], Reply]
Row = TypeVar("Row")


class NotOursError(Exception):
    """This request is about something that moto simulates and we do not."""


class Corner:
    """A service in one account and region, for the length of one call."""

    def __init__(self, world: World, account: str, region: str, caller: dict[str, Any] | None = None) -> None:
        self.world = world
        self.account_id = account
        self.region_name = region
        self.caller = caller or {}
        self.listing = ""  # what a NextToken of this call is good for

    @property
    def state(self) -> Region:
        return self.world.region(self.account_id, self.region_name)

    @property
    def now(self) -> datetime:
        return self.world.now

    @property
    def now_iso(self) -> str:
        return iso(self.world.now)

    def paged(
        self, rows: Sequence[Row], max_results: int | None, next_token: str | None, *, default: int = 50
    ) -> tuple[list[Row], str | None]:
        """One page of rows, and the token of the next one (None on the last page)."""
        controls = self.world.controls
        pages = Pages(self.listing, self.world.real_time(), controls.page_size, controls.page_token_seconds)
        try:
            return pages.page(rows, max_results, next_token, default)
        except BadTokenError:
            raise self.bad_page_token() from None

    def bad_page_token(self) -> Fault:
        """How this service says that a NextToken is not one of its own."""
        return Fault("InvalidNextToken", "The specified token is not valid.")

    def token_mismatch(self) -> Fault:
        """How this service says that a ClientToken came back with another request."""
        return Fault(
            "IdempotentParameterMismatch", "The client token was used before, with other parameters."
        )

    def quota(self, name: str) -> int:
        """How many there may be in this account and region."""
        return self.world.controls.quota(self.account_id, self.region_name, name)

    def chooses(self, variant: str, choice: str) -> bool:
        """Whether this world takes that choice where AWS does not say."""
        return self.world.controls.choice(variant) == choice

    def is_there(self, reply: Reply) -> bool:
        """Whether what a creation answered still exists."""
        kinds = (self.state.windows, self.state.targets, self.state.tasks, self.state.baselines)
        return any(one in kind for kind in kinds for one in reply.values())


def once_per_token(operation: Operation) -> Operation:
    """Answer a repeated ClientToken from memory: the same request gets the same reply, another one is refused."""

    @functools.wraps(operation)
    def remembered(self: Any, request: Reply) -> Reply:
        token = request.get("ClientToken")
        if not token:
            return operation(self, request)
        key = f"{operation.__name__}/{token}"
        digest = _digest(request)
        known = _remembered(self, key)
        if known is None:
            reply = operation(self, request)
            self.state.tokens[key] = {"request": digest, "reply": reply, "at": self.world.real_time()}
            return reply
        if known["request"] != digest:
            raise self.token_mismatch()
        return dict(known["reply"])

    return remembered


def _remembered(corner: Corner, key: str) -> Reply | None:
    """What was answered to this token, unless that is too long ago or no longer counts."""
    known = corner.state.tokens.get(key)
    if known is None:
        return None
    if corner.world.real_time() - known.get("at", 0) >= corner.world.controls.seconds("token-memory"):
        return None
    if corner.chooses("token-of-deleted", "new") and not corner.is_there(known["reply"]):
        return None
    return known


def _digest(request: Reply) -> str:
    return hashlib.sha256(json.dumps(request, sort_keys=True, default=str).encode()).hexdigest()


def picked(source: Reply, names: tuple[str, ...]) -> Reply:
    """Those of the named members that are there."""
    return {name: source[name] for name in names if source.get(name) is not None}


def read_date(name: str, text: str) -> datetime:
    """A time that a request gives as text."""
    try:
        return moment(text)
    except ValueError:
        raise Fault("ValidationException", f"{name} {text} is not a date in ISO 8601.") from None


def matches(filters: list[Reply] | None, readers: dict[str, Callable[[Reply], Any]], row: Reply) -> bool:
    """Whether a row passes Key/Values filters: every filter, any of its values."""
    for one in filters or []:
        if one["Key"] not in readers:
            raise Fault(
                "ValidationException", f"The filter key {one['Key']} is not valid. Use {sorted(readers)}."
            )
        if str(readers[one["Key"]](row)) not in one.get("Values", []):
            return False
    return True
