"""Three answers to one question, side by side: how long should this window be. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from patching.sizing.advice import CUTOFF, ams_table, recommended_hours
from patching.sizing.paces import Paces
from patching.sizing.rehearsal import Node, hours_needed


@dataclass(frozen=True)
class Answer:
    """One answer: whose it is, hours and cutoff of a window, over how many windows, and what it rests on."""

    source: str
    hours: int | None  # None where it has no answer
    cutoff: int
    windows: int
    based_on: str


def answers(
    nodes: Sequence[Node], tasks: Sequence[Mapping[str, Any]], *, cutoff: int, paces: Paces
) -> tuple[Answer, Answer, Answer]:
    """The guide's rule, AMS's table and a simulation with the window's own cutoff, for these instances and tasks."""
    table = ams_table(len(nodes))
    return (
        Answer(
            "Guide",
            recommended_hours(len(nodes)),
            CUTOFF,
            1,
            "4 h with a 1 h cutoff, and 1 h more for every 50 instances.",
        ),
        Answer(
            "AMS's table",
            table.hours if table else None,
            0,
            table.windows if table else 0,
            "30 minutes an instance, and nothing else runs.",
        ),
        Answer(
            "Simulation",
            hours_needed(nodes, tasks, cutoff=cutoff, paces=paces),
            cutoff,
            1,
            _based_on(nodes, tasks, paces),
        ),
    )


def _based_on(nodes: Sequence[Node], tasks: Sequence[Mapping[str, Any]], paces: Paces) -> str:
    """Install 9 min (measured on 212), Scan 5 min (assumed)."""
    systems = sorted({node.system for node in nodes}) or [""]
    told = []
    for task in sorted(tasks, key=lambda one: int(one["priority"])):
        known = [paces.of(task, system) for system in systems]
        slowest = max(known, key=lambda one: one.minutes)
        how = f"measured on {slowest.measured:,}" if slowest.measured else "assumed"
        told.append(f"{task['name']} {slowest.minutes:.3g} min ({how})")
    return f"{', '.join(told)} an instance, {' and '.join(_rates(tasks))} at once." if told else "No tasks."


def _rates(tasks: Sequence[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(str(task["max_concurrency"]) for task in tasks))
