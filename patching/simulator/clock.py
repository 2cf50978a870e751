"""The one clock of the simulated AWS: what is due happens in order of time, over all accounts and regions.

Time stands still until someone moves it. A state that was saved is always one where everything up to its clock
has happened, so a killed simulator goes on where it was.
"""

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from patching import schedules
from patching.simulator import automations, commands, executions, firing
from patching.simulator.simulation import Simulation
from patching.simulator.ssm.operations import Ssm
from patching.simulator.ssm.windows import runs
from patching.simulator.state import moment

Reply = dict[str, Any]

# Real seconds between two saves on a long way forward. Nothing is saved while a moment is still happening.
CHECKPOINT = 0.3
SUMMARY = ("WindowId", "WindowExecutionId", "Status", "StartTime", "EndTime")


def advance(simulation: Simulation, to: datetime) -> list[Reply]:
    """Let time pass until `to`. Returns the window runs that began or ended on the way, oldest first."""
    world = simulation.world
    began, saved = world.now, time.monotonic()
    touched: dict[str, tuple[Ssm, Reply]] = {}
    agenda = Agenda(simulation)
    while (due := agenda.next_moment()) is not None and due <= to:
        world.now = max(due, world.now)
        for ssm, execution in _happen(simulation, agenda, world.now):
            touched[execution["WindowExecutionId"]] = (ssm, execution)
        agenda.refresh()
        if time.monotonic() - saved > CHECKPOINT:
            simulation.save()
            saved = time.monotonic()
    world.now = max(to, began)
    simulation.save()
    return [_summary(ssm, execution) for ssm, execution in touched.values()]


class Agenda:
    """When each window and each schedule is due next, looked up once and again only where something changed."""

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation
        self.corners = [
            Ssm(simulation.world, one.account, one.region) for one in simulation.world.regions.values()
        ]
        self.windows: dict[tuple[int, str], tuple[Reply, datetime | None]] = {}
        self.schedules: dict[tuple[int, str], tuple[Reply, datetime | None]] = {}
        self.refresh()

    def refresh(self) -> None:
        for number, ssm in enumerate(self.corners):
            self._look_up(self.windows, number, ssm.state.windows, self._window_due)
            self._look_up(self.schedules, number, ssm.state.schedules, self._schedule_due)

    def next_moment(self) -> datetime | None:
        books = (self.windows, self.schedules)
        coming: list[datetime | None] = [due for book in books for _, due in book.values()]
        for ssm in self.corners:
            coming += [executions.next_moment(one) for one in executions.running(ssm)]
            coming += [_next_of(one) for one in ssm.state.commands]
            coming += [automations.next_moment(one) for one in automations.alive(ssm)]
            room = automations.free(ssm)
            for one in automations.parents(ssm):  # without room it waits for others, which have their moments
                coming.append(_next_of(one["command"]) if room else commands.next_moment(one["command"]))
        return min((when for when in coming if when), default=None)

    def due_windows(self, now: datetime) -> Iterator[tuple[Ssm, Reply]]:
        for (number, _), (window, due) in sorted(self.windows.items()):
            if due == now:
                yield self.corners[number], window

    def due_schedules(self, now: datetime) -> Iterator[tuple[Ssm, Reply]]:
        for (number, _), (schedule, due) in sorted(self.schedules.items()):
            if due == now:
                yield self.corners[number], schedule

    def _look_up(self, book: dict[Any, Any], number: int, rows: dict[str, Reply], due: Any) -> None:
        now = self.simulation.world.now
        for key in [key for key in book if key[0] == number and key[1] not in rows]:
            del book[key]
        for name, row in rows.items():
            known = book.get((number, name))
            # Rows are replaced when they change, never edited in place, so the same object is the same row.
            if known is None or known[0] is not row or (known[1] is not None and known[1] <= now):
                book[(number, name)] = (row, due(row, now + timedelta(seconds=1)))

    def _window_due(self, window: Reply, start: datetime) -> datetime | None:
        coming = runs(window, start, count=1) if window["Enabled"] else []
        return coming[0] if coming else None

    def _schedule_due(self, schedule: Reply, start: datetime) -> datetime | None:
        if schedule["State"] != "ENABLED":
            return None
        opens, closes = (
            schedule.get(name) and moment(str(schedule[name])) for name in ("StartDate", "EndDate")
        )
        coming = schedules.next_runs(
            schedule["ScheduleExpression"],
            timezone=schedule["ScheduleExpressionTimezone"],
            start=max(start, opens) if opens else start,
            count=1,
            end=closes or None,
            anchor=opens or moment(schedule["CreationDate"]),
        )
        return coming[0] if coming else None


def _happen(simulation: Simulation, agenda: Agenda, now: datetime) -> Iterator[tuple[Ssm, Reply]]:
    """Everything of this moment: schedules first, so that what they put back counts for the windows that open."""
    for ssm, schedule in list(agenda.due_schedules(now)):
        _fire(simulation, ssm, schedule)
    for ssm, window in list(agenda.due_windows(now)):
        if ssm.state.windows.get(window["WindowId"], {}).get("Enabled"):
            yield ssm, executions.open_window(simulation, ssm, window)
    for ssm in agenda.corners:
        for execution in executions.running(ssm):
            executions.progress(simulation, ssm, execution)
            yield ssm, execution
        for automation in automations.alive(ssm):
            automations.progress(simulation, ssm, automation)
        for parent in automations.parents(ssm):
            commands.progress(simulation, ssm, parent["command"])
        for command in ssm.state.commands:
            if not commands.is_over(command):
                commands.progress(simulation, ssm, command)


def _next_of(command: Reply) -> datetime | None:
    return commands.next_moment(command) or commands.first_moment(command)


def _fire(simulation: Simulation, ssm: Ssm, schedule: Reply) -> None:
    firing.fire(simulation, ssm.account_id, ssm.region_name, schedule)
    once = schedule["ScheduleExpression"].startswith("at(")
    if once and schedule["ActionAfterCompletion"] == "DELETE":
        ssm.state.schedules.pop(f"{schedule['GroupName']}/{schedule['Name']}", None)


def _summary(ssm: Ssm, execution: Reply) -> Reply:
    window = ssm.state.windows.get(execution["WindowId"], {})
    row = {name: execution.get(name) for name in SUMMARY}
    return {"account": ssm.account_id, "region": ssm.region_name, "Name": window.get("Name"), **row}
