"""Windows for which an account has no room: more than it holds, more at once than AWS runs. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from patching.findings.conflicts import TOO_MANY, Conflict, conflicts
from patching.findings.edits import Edit
from patching.findings.planned import RUNS_AHEAD, Planned
from patching.findings.shifting import later
from patching.findings.telling import NOTE, WARNING, Finding, clock_of, day_of
from patching.findings.together import GENTLE
from patching.sizing import AUTOMATIONS, wanted_at_once
from patching.words import counted, listed

HOUR = timedelta(hours=1)
LATEST = 12  # hours by which a start is shifted at most


def too_many_at_once(windows: Sequence[Planned], limit: int, at: datetime) -> Iterator[Finding]:
    """More windows of one account and Region open at once than AWS runs; with the next start that has room.

    ``windows`` are all of that place. Others than those asked for are counted and not named.
    """
    found = _crowded(windows, limit, at)
    if not found:
        return
    first = found[0]
    mine = next(run.window for run in reversed(first.runs) if run.window.asked)
    zone = mine.timezone
    shifted = _next_free(mine, windows, limit, at)
    fix = f"Start {mine.name} at another time."
    if shifted is not None:
        fix = f"Start {mine.name} {shifted[0]} h later, when there is room."
    yield Finding(
        WARNING,
        f"{mine.name} is one of {len(first.runs)} windows open at once, AWS runs {limit}",
        f"{day_of(first.start, zone)} from {clock_of(first.start, zone)} {zone}, with "
        f"{counted(len(first.runs) - 1, 'other window')} of this account and Region: "
        f"what comes last waits, and may reach its cutoff.",
        fix,
        code="too_many_at_once",
        about=mine.name,
        edits=() if shifted is None else (shifted[1],),
    )


def no_room(windows: Sequence[Planned], used: int, others: int, asked: int, limit: int) -> Iterator[Finding]:
    """More windows than an account and Region may hold; with windows of one environment shared between its zones.

    ``used`` are there already, ``others`` of them not ours, and ``asked`` come on top.
    """
    excess = used + asked - limit
    if excess <= 0 or asked <= 0:
        return
    wanted = [window for window in windows if window.asked]
    edits = shared(wanted, excess)
    theirs = f", {others} of them not managed here," if others else ""
    yield Finding(
        WARNING,
        f"{used + asked} windows would be in an account and Region that holds {limit}",
        f"{used} are there{theirs} and {asked} come on top. It cannot be submitted so.",
        _shared_in_words(edits) if edits else "Raise the quota in AWS, or remove windows that nobody needs.",
        code="no_room",
        about=wanted[0].name if wanted else "",
        edits=edits,
    )


def shared(windows: Sequence[Planned], excess: int) -> tuple[Edit, ...]:
    """One window for all zones of an environment, half of it at once, the least important first; () if not enough."""
    edits: list[Edit] = []
    ordered = sorted(windows, key=lambda one: (one.rank, one.whose, one.place, one.name))
    for _, group in groupby(ordered, key=lambda one: (one.rank, one.whose, one.place)):
        first, *more = group
        if excess <= 0 or not more:
            continue
        together = sorted({one for each in (first, *more) for one in each.spec["instances"]})
        longest = max(each.spec["duration"] for each in (first, *more))
        tasks = [
            {**task, "max_concurrency": GENTLE} if task["kind"] == "install" else dict(task)
            for task in first.tasks
        ]
        edits.append(Edit.of(first, az="", instances=together, duration=longest, tasks=tasks))
        edits += [Edit("remove", "window", each.name, each.place, {}) for each in more]
        excess -= len(more)
    return tuple(edits) if excess <= 0 else ()


def too_many_automations(windows: Sequence[Planned]) -> Iterator[Finding]:
    """A task that asks for more automations at once than run in one window."""
    for window in windows:
        greedy = [
            task
            for task in window.tasks
            if task["type"] == "AUTOMATION" and wanted_at_once(task, window.instances) > AUTOMATIONS
        ]
        if not window.asked or not greedy:
            continue
        task = greedy[0]
        wanted = wanted_at_once(task, window.instances)
        held = [
            {**one, "max_concurrency": str(AUTOMATIONS)} if one in greedy else dict(one)
            for one in window.tasks
        ]
        yield Finding(
            NOTE,
            f"{task['name']} of {window.name} asks for {wanted} automations at once, {AUTOMATIONS} run",
            f"{task['max_concurrency']} of {counted(window.instances, 'instance')}; the others wait their turn.",
            f"Ask for {AUTOMATIONS} at once.",
            code="automations",
            about=window.name,
            edits=(Edit.of(window, tasks=held),),
        )


def _crowded(windows: Sequence[Planned], limit: int, at: datetime) -> list[Conflict]:
    runs = [run for window in windows for run in window.runs(at, RUNS_AHEAD)]
    found = conflicts(runs, limit=lambda place: limit)
    return [one for one in found if one.kind == TOO_MANY and any(run.window.asked for run in one.runs)]


def _next_free(
    window: Planned, windows: Sequence[Planned], limit: int, at: datetime
) -> tuple[int, Edit] | None:
    """Hours to wait until the window meets no crowd any more, and the edit; None where there are none."""
    others = [one for one in windows if one is not window]
    for hours in range(1, LATEST + 1):
        fields: Mapping[str, Any] | None = later(window.spec, hours * HOUR)
        if fields is None:
            return None
        moved = replace(window, spec={**window.spec, **fields})
        crowds = _crowded([*others, moved], limit, at)
        if not any(run.window is moved for crowd in crowds for run in crowd.runs):
            return hours, Edit.of(window, **fields)
    return None


def _shared_in_words(edits: Sequence[Edit]) -> str:
    kept = listed(edit.name for edit in edits if edit.action == "change")
    return f"Share one window between the zones: {kept}, half of the instances at once."
