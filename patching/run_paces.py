"""How long instances took in our own runs: minutes by document, kind of task and operating system. Reads only."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from statistics import median

from django.conf import settings

from patching.models import MaintenanceWindow, RunOutcome
from patching.sizing import Pace, Paces
from portal.governance import clock

LOOK_BACK = timedelta(days=120)
ENOUGH = 10  # instances; fewer tell more of themselves than of the next one
NEWEST = 5000

About = tuple[str, str, str]


def known() -> Paces:
    """Minutes to reckon with: medians of instances that were done well, of all accounts; else ``TASK_MINUTES``."""
    taken: dict[About, list[float]] = defaultdict(list)
    for about, minutes in _taken():
        taken[about].append(minutes)
        taken[(*about[:2], "")].append(minutes)
    measured = {about: Pace(median(of), len(of)) for about, of in taken.items() if len(of) >= ENOUGH}
    return Paces(settings.TASK_MINUTES, measured)


def _taken() -> Iterator[tuple[About, float]]:
    rows = RunOutcome.objects.filter(
        status="SUCCESS",
        started_at__gte=clock.now() - LOOK_BACK,
        ended_at__isnull=False,
        run__window__isnull=False,
        instance__isnull=False,
    ).order_by("-started_at")
    told = rows.values_list(
        "run__window", "task", "task_kind", "instance__operating_system", "started_at", "ended_at"
    )[:NEWEST]
    newest = list(told)
    windows = MaintenanceWindow.objects.filter(pk__in={row[0] for row in newest})
    documents = {
        (pk, task["name"]): task["document"]
        for pk, spec in windows.values_list("pk", "spec")
        for task in spec["tasks"]
    }
    for window, task, kind, system, started, ended in newest:
        if (window, task) in documents and started is not None and ended is not None:
            yield (documents[window, task], kind, system), (ended - started).total_seconds() / 60
