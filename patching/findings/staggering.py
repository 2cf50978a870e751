"""Windows in good order: one for each zone, zones one after the other, environments with soak between. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from patching.findings.edits import Edit
from patching.findings.order import SOAK, order_of_environments
from patching.findings.planned import RUNS_AHEAD, Planned, Run
from patching.findings.shifting import later
from patching.findings.telling import NOTE, Finding, clock_of, day_of
from patching.findings.together import all_zones_in_one
from patching.findings.zones import overlapping
from patching.schedules import publications
from patching.words import counted

DAY = timedelta(days=1)
LONGEST_NAME = 128


def staggered_sets(windows: Sequence[Planned], at: datetime) -> Iterator[Finding]:
    """For each application whose windows are in each other's way, all of them in good order as one change."""
    for slug in sorted({window.whose[0] for window in windows if window.asked}):
        mine = [window for window in windows if window.whose[0] == slug]
        wrong = _against(mine, at)
        if len(wrong) == 1 and wrong[0].edits:
            continue  # its own fix is enough
        found = staggered(mine, at) if wrong else None
        if found is None or len(_against([window for window, _ in found], at)) >= len(wrong):
            continue
        edits = tuple(edit for _, edit in found if edit is not None)
        yield Finding(
            NOTE,
            f"{counted(len(found), 'window')} in good order would settle this for {slug}",
            _in_words([window for window, _ in found], at),
            "Ask for the staggered set, all in one request.",
            code="staggered",
            about=slug,
            edits=edits,
        )


def _against(windows: Sequence[Planned], at: datetime) -> list[Finding]:
    runs = {window: window.runs(at, RUNS_AHEAD) for window in windows}
    return [
        *overlapping(windows, runs),
        *all_zones_in_one(windows),
        *order_of_environments(windows, at),
    ]


def staggered(windows: Sequence[Planned], at: datetime) -> list[tuple[Planned, Edit | None]] | None:
    """Windows of one application in good order, each with the edit that it takes; None where it cannot be said.

    The first window keeps its time; a zone begins when the one before has ended, an environment when the one before
    has soaked.
    """
    taken = {window.name for window in windows}
    by_zone = [part for window in windows for part in _by_zone(window, taken)]
    cycle = publications(at, count=1)[0]
    first = {window: window.first_from(cycle) for window, _ in by_zone}
    ranked = sorted(by_zone, key=lambda part: part[0].rank)
    found: list[tuple[Planned, Edit | None]] = []
    soaked: datetime | None = None
    for _, group in groupby(ranked, key=lambda part: part[0].rank):
        parts = sorted(group, key=lambda part: _when(first[part[0]], part[0]))
        ends = soaked
        for number, (window, edit) in enumerate(parts):
            run = first[window]
            if run is None:
                return None
            wait = max(ends - run.start, timedelta()) if ends is not None else timedelta()
            if number == 0 and wait:
                wait = DAY * -(-wait // DAY)  # the hour of the day stays
            moved = _moved(window, edit, wait)
            if moved is None:
                return None
            found.append(moved)
            ends = run.end + wait
        soaked = ends + SOAK if ends is not None else None
    return found


def _when(run: Run | None, window: Planned) -> tuple[bool, datetime | None, str]:
    return run is None, run.start if run else None, window.spec["az"]


def _by_zone(window: Planned, taken: set[str]) -> Iterator[tuple[Planned, Edit | None]]:
    """The window, or a window for each of its zones: the first keeps the name, the others are new."""
    if window.spec["az"] or len(window.zones) < 2:
        yield window, None
        return
    for number, zone in enumerate(sorted(window.zones)):
        ids = [node.instance_id for node in window.nodes if node.zone == zone]
        fields: dict[str, Any] = {"az": zone, "instances": ids}
        if number:
            name = _free(f"{window.name[: LONGEST_NAME - 4]}-{zone[-1]}", taken)
            fields |= {"name": name}
        spec = {**window.spec, **fields}
        part = replace(window, spec=spec, asked=True)
        yield (
            part,
            Edit("create", "window", spec["name"], window.place, spec)
            if number
            else Edit.of(window, **fields),
        )


def _moved(window: Planned, edit: Edit | None, wait: timedelta) -> tuple[Planned, Edit | None] | None:
    """The window so much later; None where its schedule cannot say that."""
    if not wait:
        return window, edit
    fields = later(window.spec, wait)
    if fields is None:
        return None
    moved = replace(window, spec={**window.spec, **fields}, asked=True)
    if edit is None:
        return moved, Edit.of(window, **fields)
    return moved, replace(edit, spec={**edit.spec, **fields})


def _free(name: str, taken: set[str]) -> str:
    number, free = 2, name
    while free in taken:
        number, free = number + 1, f"{name}{number}"
    taken.add(free)
    return free


def _in_words(windows: Sequence[Planned], at: datetime) -> str:
    """payments-test-a Wed 10 Jun 2026 20:00, payments-prod-a Mon 15 Jun 2026 20:00 Europe/Berlin."""
    cycle = publications(at, count=1)[0]
    runs = [run for window in windows if (run := window.first_from(cycle))]
    told = [
        f"{run.window.name} {day_of(run.start, run.window.timezone)} {clock_of(run.start, run.window.timezone)}"
        for run in sorted(runs, key=lambda run: run.start)
    ]
    return f"{', '.join(told)} {windows[0].timezone}, counted from the next Patch Tuesday."
