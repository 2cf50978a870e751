"""Windows that may take down all of an application: every zone in one, or every instance at once. Pure."""

from collections.abc import Iterator, Sequence

from patching.findings.edits import Edit
from patching.findings.planned import Planned
from patching.findings.telling import NOTE, WARNING, Finding
from patching.sizing import at_once
from patching.words import counted, listed

GENTLE = "50%"


def all_zones_in_one(windows: Sequence[Planned]) -> Iterator[Finding]:
    """One window over several zones: nothing keeps one zone up while the other is patched."""
    for window in windows:
        if window.asked and not window.spec["az"] and len(window.zones) > 1:
            yield Finding(
                WARNING if window.production else NOTE,
                f"{window.name} patches {counted(len(window.zones), 'zone')} in one window",
                f"{listed(f'{number:,} in {zone}' for zone, number in sorted(window.zones.items()))}: "
                f"nothing keeps one zone of {window.whose[0]} up while another restarts.",
                "Ask for one window for each zone, one after the other.",
                code="all_zones",
                about=window.name,
            )


def all_at_once(windows: Sequence[Planned]) -> Iterator[Finding]:
    """Every instance of an application and environment is installed at the same time."""
    for window in windows:
        alone = not any(
            other is not window and other.whose == window.whose and other.instances for other in windows
        )
        if not window.asked or not alone or window.instances < 2:
            continue
        whole = [
            task
            for task in window.tasks
            if task["kind"] == "install" and at_once(task, window.instances) == window.instances
        ]
        if not whole:
            continue
        task = whole[0]
        yield Finding(
            WARNING if window.production else NOTE,
            f"{window.name} installs on all {counted(window.instances, 'instance')} at once",
            f"{task['name']} takes {task['max_concurrency']}, and no other window patches "
            f"{window.whose[0]} in {window.environment.lower()}: all of it may restart together.",
            f"Install on {GENTLE} at once.",
            code="all_at_once",
            about=window.name,
            edits=(_gentler(window, [task["name"] for task in whole]),),
        )


def _gentler(window: Planned, names: Sequence[str]) -> Edit:
    tasks = [
        {**task, "max_concurrency": GENTLE} if task["name"] in names else dict(task) for task in window.tasks
    ]
    return Edit.of(window, tasks=tasks)
