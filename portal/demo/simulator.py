"""The doors of the simulated AWS, as the demo uses them: its clock and its list of accounts."""

import json
import os
from datetime import UTC, datetime
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from portal.governance.errors import DomainError

# a long way forward plays many patch nights
LONGEST_ANSWER = 280


class SimulatorSilent(DomainError):
    """The simulated AWS gave no answer, or said no."""

    code = "simulator_silent"
    http_status = 503


def clock() -> datetime:
    """What time it is in the simulated AWS."""
    return _moment(_ask("GET", "clock", timeout=10)["now"])


def advance(to: datetime) -> datetime:
    """Let time pass there until a moment; returns where its clock stands then."""
    reply = _ask("POST", "advance", {"to": to.astimezone(UTC).isoformat()}, timeout=LONGEST_ANSWER)
    return _moment(reply["now"])


def accounts() -> list[dict[str, Any]]:
    """Its accounts with their names, regions, role names and external ids."""
    return _ask("GET", "accounts", timeout=10)


def _ask(method: str, door: str, body: dict[str, Any] | None = None, *, timeout: float) -> Any:
    address = f"{os.environ.get('AWS_ENDPOINT_URL', '')}/_sim/{door}"
    data = None if body is None else json.dumps(body).encode()
    try:
        with urlopen(Request(address, data=data, method=method), timeout=timeout) as reply:  # noqa: S310 - checks.py holds it to loopback
            return json.load(reply)
    except HTTPError as problem:
        raise SimulatorSilent(
            f"The simulated AWS refused {door}: {problem.read().decode()[:300]}"
        ) from problem
    except (URLError, OSError, ValueError) as problem:
        raise SimulatorSilent(f"The simulated AWS does not answer at {address}: {problem}") from problem


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
