"""One service's corner of the simulated AWS: what every operation, of any service, has at hand."""

import functools
import hashlib
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from patching.simulator.errors import Fault
from patching.simulator.paging import paged
from patching.simulator.state import Region, World, iso, moment

Reply = dict[str, Any]
Operation = Callable[[Any, Reply], Reply]
Self = TypeVar("Self", bound="Corner")


class NotOursError(Exception):
    """This request is about something that moto simulates and we do not."""


class Corner:
    """A service in one account and region, for the length of one call."""

    def __init__(self, world: World, account: str, region: str, caller: dict[str, Any] | None = None) -> None:
        self.world = world
        self.account_id = account
        self.region_name = region
        self.caller = caller or {}

    @property
    def state(self) -> Region:
        return self.world.region(self.account_id, self.region_name)

    @property
    def now(self) -> datetime:
        return self.world.now

    @property
    def now_iso(self) -> str:
        return iso(self.world.now)

    paged = staticmethod(paged)

    def token_mismatch(self) -> Fault:
        """How this service says that a ClientToken came back with another request."""
        return Fault(
            "IdempotentParameterMismatch", "The client token was used before, with other parameters."
        )


def once_per_token(operation: Operation) -> Operation:
    """Answer a repeated ClientToken from memory: the same request gets the same reply, another one is refused."""

    @functools.wraps(operation)
    def remembered(self: Any, request: Reply) -> Reply:
        token = request.get("ClientToken")
        if not token:
            return operation(self, request)
        key = f"{operation.__name__}/{token}"
        digest = _digest(request)
        known = self.state.tokens.get(key)
        if known is None:
            reply = operation(self, request)
            self.state.tokens[key] = {"request": digest, "reply": reply}
            return reply
        if known["request"] != digest:
            raise self.token_mismatch()
        return dict(known["reply"])

    return remembered


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
