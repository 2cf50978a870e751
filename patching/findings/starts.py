"""Windows that never open, or that miss a run when the clocks change. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from patching import schedules
from patching.findings.edits import Edit
from patching.findings.planned import Planned, Run
from patching.findings.shifting import again
from patching.findings.telling import NOTE, WARNING, Finding
from patching.words import counted


def never_run(
    windows: Iterable[Planned], runs: Mapping[Planned, list[Run]], at: datetime
) -> Iterator[Finding]:
    for window in windows:
        if window.asked and not runs[window]:
            yield Finding(
                WARNING,
                f"{window.name} never opens",
                f"{window.spec['schedule']} has no run ahead.",
                "Choose a schedule with runs in the future.",
                code="never_opens",
                about=window.name,
                edits=(Edit.of(window, **fields),) if (fields := again(window.spec, at)) else (),
            )


def clock_changes(windows: Iterable[Planned], at: datetime) -> Iterator[Finding]:
    for window in windows:
        if not window.asked:
            continue
        try:
            changes = schedules.clock_changes(
                window.spec["schedule"], timezone=window.timezone, offset=window.spec["offset"], start=at
            )
        except schedules.ScheduleError:
            continue
        skipped = [change for change in changes if change.kind == "skipped"]
        if skipped:
            yield Finding(
                NOTE,
                f"{window.name} misses {counted(len(skipped), 'run')} when the clocks go forward",
                str(skipped[0]),
                "Start before 02:00 or after 03:00 to keep every run.",
            )
