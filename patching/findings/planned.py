"""Windows as they are or would be, with their openings ahead. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from patching import openings
from patching.sizing import Node

RUNS_AHEAD = 12
MOST_RUNS = 20_000  # of one window in what is looked at; every 30 minutes for a year
OFFSET_AT_MOST = timedelta(days=7)  # 6 days, and the day itself


@dataclass(frozen=True, eq=False)
class Planned:
    """One window as it is or would be, with what decides whether it is a good idea."""

    spec: Mapping[str, Any]
    rank: int = 0
    production: bool = False
    asked: bool = True  # part of what is looked at; the others are only its company
    since: datetime | None = None
    environment: str = ""  # as people call it
    known: Mapping[str, Node] = field(default_factory=dict)  # what inventory says of its instances, by id

    @property
    def name(self) -> str:
        return str(self.spec["name"])

    @property
    def whose(self) -> tuple[str, str]:
        return self.spec["application"], self.spec["environment"]

    @property
    def place(self) -> tuple[str, str]:
        """Account and Region."""
        return self.spec["account"], self.spec["region"]

    @property
    def timezone(self) -> str:
        return str(self.spec["timezone"])

    @property
    def instances(self) -> int:
        return len(self.spec["instances"])

    @property
    def nodes(self) -> tuple[Node, ...]:
        """Its instances in the order of their ids; AWS does not tell in which order it takes them."""
        az = self.spec["az"]
        return tuple(self.known.get(one) or Node(one, zone=az) for one in sorted(self.spec["instances"]))

    @property
    def zones(self) -> Counter[str]:
        """How many of its instances are in each zone, as far as that is known."""
        return Counter(node.zone for node in self.nodes if node.zone)

    @property
    def tasks(self) -> list[Mapping[str, Any]]:
        return list(self.spec["tasks"])

    def runs(self, start: datetime, count: int) -> list["Run"]:
        return self._runs(openings.next_starts(self.spec, start=start, count=count, since=self.since))

    def first_from(self, moment: datetime) -> "Run | None":
        """The first opening that begins from a moment on, also where the day that its offset counts from is over."""
        earlier = moment - OFFSET_AT_MOST
        passed = len(self.runs_between(earlier, moment))
        return next(iter(self.runs(earlier, passed + 1)[passed:]), None)

    def runs_between(self, start: datetime, end: datetime) -> list["Run"]:
        """Openings that begin from ``start`` on and before ``end``."""
        starts = openings.next_starts(self.spec, start=start, count=MOST_RUNS, since=self.since, until=end)
        return self._runs(starts)

    def _runs(self, starts: list[datetime]) -> list["Run"]:
        length = timedelta(hours=self.spec["duration"])
        return [Run(self, one, one + length) for one in starts]


@dataclass(frozen=True)
class Run:
    """One opening of a window."""

    window: Planned
    start: datetime
    end: datetime

    def overlap(self, other: "Run") -> timedelta:
        return max(timedelta(), min(self.end, other.end) - max(self.start, other.start))


def most_open_at_once(windows: Sequence[Planned], at: datetime) -> tuple[int, int]:
    """The most windows, and the most instances, that are open at one moment of the next runs."""
    moments: list[tuple[datetime, int, int]] = []
    for window in windows:
        for run in window.runs(at, RUNS_AHEAD):
            # an end sorts before a start at the same moment: one closes, then the other opens
            moments += [(run.end, -1, -window.instances), (run.start, 1, window.instances)]
    open_windows = open_instances = most_windows = most_instances = 0
    for _, number, size in sorted(moments, key=lambda one: one[:2]):
        open_windows, open_instances = open_windows + number, open_instances + size
        most_windows, most_instances = max(most_windows, open_windows), max(most_instances, open_instances)
    return most_windows, most_instances
