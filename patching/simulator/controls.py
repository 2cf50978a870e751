"""What is set by the doors and by nobody in AWS: variants, quotas, page sizes, and a real clock that can run ahead.

Where AWS does not say what it does, there is a variant for each way it may be; docs/simulator.md has the table.
"""

from dataclasses import dataclass, field
from math import inf
from typing import Any

FOR_EVER = "for-ever"
# The first choice is the one taken when nobody chose.
CHOICES: dict[str, tuple[str, ...]] = {
    "unknown-window": ("no-op", "does-not-exist"),
    "unknown-baseline": ("no-op", "does-not-exist"),
    "unregistered-group": ("no-op", "does-not-exist"),
    "token-of-deleted": ("dead-id", "new"),
    "cutoff": ("below-duration", "an-hour-less"),
    "delay-and-date": ("refused", "accepted"),
    "rule-filters": ("five", "four"),
    "sixth-window": ("waits", "fails"),
}
# Real seconds; a token may be remembered for ever.
SECONDS: dict[str, float] = {"token-memory": inf, "read-after-create": 0, "list-lag": 0}

QUOTAS = {
    "windows": 50,
    "tasks-per-window": 20,
    "targets-per-window": 100,
    "baselines": 50,
    "groups-per-baseline": 25,
    "concurrent-windows": 5,
    "automations": 100,
    "queued-automations": 5000,
    "data-syncs": 5,
    "compliance-types": 10,
}
LARGEST_PAGE = 1000


@dataclass
class Controls:
    """What this world's doors were told."""

    variants: dict[str, Any] = field(default_factory=dict)
    quotas: dict[str, dict[str, int]] = field(default_factory=dict)  # "account/region" or "" → name → limit
    page_size: int | None = None
    page_token_seconds: float | None = None
    seconds_ahead: float = 0  # how far the simulator's real clock runs ahead of the host's
    releases: list[dict[str, Any]] = field(
        default_factory=list
    )  # patches that are not in the catalogue's files

    def choice(self, name: str) -> str:
        """Which way a variant goes in this world."""
        return str(self.variants.get(name, CHOICES[name][0]))

    def seconds(self, name: str) -> float:
        """How long, in real seconds; infinite for ever."""
        value = self.variants.get(name, SECONDS[name])
        return inf if value == FOR_EVER else float(value)

    def choose(self, name: str, value: Any) -> None:
        """Take a variant: choose("unknown-window", "does-not-exist") or choose("list-lag", 5)."""
        self.variants[name] = checked_variant(name, value)

    def quota(self, account: str, region: str, name: str) -> int:
        """How many there may be: of this account and region, of all, or AWS's own figure."""
        for place in (f"{account}/{region}", ""):
            if name in self.quotas.get(place, {}):
                return self.quotas[place][name]
        return QUOTAS[name]

    def set_quota(self, name: str, limit: int, account: str | None = None, region: str | None = None) -> None:
        if name not in QUOTAS:
            raise ValueError(f"name must be one of {', '.join(QUOTAS)}.")
        if (account is None) != (region is None):
            raise ValueError("Give account and region, or neither.")
        if isinstance(limit, bool) or not isinstance(limit, int) or limit < 0:
            raise ValueError("limit must be a whole number from 0, such as 3.")
        self.quotas.setdefault(f"{account}/{region}" if account else "", {})[name] = limit


def checked_variant(name: str, value: Any) -> Any:
    if name in CHOICES:
        if value not in CHOICES[name]:
            raise ValueError(f"{name} must be one of {', '.join(CHOICES[name])}.")
        return value
    if name not in SECONDS:
        raise ValueError(f"There is no variant {name}. There are {', '.join([*CHOICES, *SECONDS])}.")
    if value == FOR_EVER and name == "token-memory":
        return value
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        seconds = -1
    if not 0 <= seconds < inf:
        raise ValueError(f"{name} takes real seconds from 0, such as 5.")
    return seconds
