"""One opening of a window, instance by instance: who starts when, and who never does. Pure.

Our reading of AWS, the same as the simulated account's: tasks run by priority, equal ones together, the next ones
when all of those have ended; a task goes on with the next instance as soon as one is done; at the cutoff nobody
begins any more, whatever the task's cutoff behaviour; with CANCEL_TASK those who have begun are stopped as well.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import heapreplace
from itertools import groupby
from math import inf
from typing import Any

from patching.sizing.advice import LONGEST
from patching.sizing.paces import Paces

AUTOMATIONS = 20  # at once in one window. Source: AMS Accelerate User Guide, "Patching recommendations", FAQ
Task = Mapping[str, Any]


@dataclass(frozen=True)
class Node:
    """One instance as a window sees it."""

    instance_id: str
    system: str = ""  # SSM's word
    zone: str = ""


@dataclass(frozen=True)
class Turn:
    """One task of an opening. Minutes are counted from when the window opens."""

    name: str
    kind: str
    at_once: int
    begins: float
    ends: float  # of the last instance that started; when it begins, where none did
    left: tuple[Node, ...]  # never started
    cut: tuple[Node, ...]  # started, and stopped at the cutoff or not done when the window closes
    started: int

    @property
    def total(self) -> int:
        return self.started + len(self.left)


@dataclass(frozen=True)
class Opening:
    """All tasks of one opening, in the order in which they run."""

    turns: tuple[Turn, ...]
    cutoff: float  # minutes after it opens, from which nothing starts
    closes: float

    @property
    def left(self) -> tuple[Node, ...]:
        """Instances that at least one task never reaches."""
        return tuple({node: None for turn in self.turns for node in turn.left})

    @property
    def cut(self) -> tuple[Node, ...]:
        return tuple({node: None for turn in self.turns for node in turn.cut})

    @property
    def last_start(self) -> float:
        """When the last instance starts, or would have to."""
        return max((turn.begins for turn in self.turns), default=0.0)

    def spare(self, turn: Turn) -> float:
        """Minutes between the beginning of a task and the cutoff; below zero it never begins."""
        return self.cutoff - turn.begins


def rehearse(
    nodes: Sequence[Node], tasks: Iterable[Task], *, duration: float, cutoff: float, paces: Paces
) -> Opening:
    """What one opening of ``duration`` and ``cutoff`` hours does, where nothing fails.

    ``nodes`` in the order in which AWS takes them (which it does not tell); ``tasks`` with their defaults filled in.
    """
    closes, stop = duration * 60.0, (duration - cutoff) * 60.0
    turns: list[Turn] = []
    now = 0.0
    for _, level in groupby(sorted(tasks, key=_priority), key=_priority):
        together = [_turn(task, nodes, now, stop, closes, paces) for task in level]
        turns += together
        now = max([now, *(turn.ends for turn in together)])
    return Opening(tuple(turns), stop, closes)


def hours_needed(nodes: Sequence[Node], tasks: Iterable[Task], *, cutoff: int, paces: Paces) -> int | None:
    """The shortest whole duration in which every task starts and ends on every instance; None above 24 hours."""
    tasks = list(tasks)
    for hours in range(cutoff + 1, LONGEST + 1):
        found = rehearse(nodes, tasks, duration=hours, cutoff=cutoff, paces=paces)
        if not found.left and not found.cut:
            return hours
    return None


def at_once(task: Task, instances: int) -> int:
    """How many instances a task takes at once: a percentage rounded down, never none; automations 20 at most."""
    wanted = wanted_at_once(task, instances)
    return min(wanted, AUTOMATIONS) if task["type"] == "AUTOMATION" else wanted


def wanted_at_once(task: Task, instances: int) -> int:
    """How many it asks for: a percentage rounded down, never none and never more than there are."""
    rate = str(task["max_concurrency"])
    wanted = int(rate[:-1]) * instances // 100 if rate.endswith("%") else int(rate)
    return max(1, min(wanted, instances))


def _priority(task: Task) -> int:
    return int(task["priority"])


def _turn(task: Task, nodes: Sequence[Node], begins: float, stop: float, closes: float, paces: Paces) -> Turn:
    slots = [begins] * at_once(task, len(nodes))  # a heap of when each slot is free
    is_stopped = task["cutoff_behavior"] == "CANCEL_TASK"
    ends, started, cut = begins, 0, []
    for node in nodes:
        start = slots[0]
        if start >= stop:
            break
        end = start + paces.of(task, node.system).minutes
        latest = stop if is_stopped else inf
        if end > latest or end > closes:
            cut.append(node)
        end = min(end, latest)
        heapreplace(slots, end)
        ends, started = max(ends, end), started + 1
    return Turn(
        name=task["name"],
        kind=task["kind"],
        at_once=len(slots),
        begins=begins,
        ends=ends,
        left=tuple(nodes[started:]),
        cut=tuple(cut),
        started=started,
    )
