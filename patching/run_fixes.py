"""What to ask for where a window or its run went wrong, as fields of the window's spec. Reads only."""

from collections.abc import Mapping
from typing import Any

from patching.models import MaintenanceWindow, ManagedInstance

LONGEST = 24  # hours that AWS lets a window be open
LONGER = 2  # hours


def longer(spec: Mapping[str, Any]) -> dict[str, Any]:
    """More time for instances whose turn never came."""
    duration = min(LONGEST, spec["duration"] + LONGER)
    return {"duration": duration} if duration > spec["duration"] else {}


def ending_in_time(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Tasks that end with their window, so that the next run is not skipped; if they do so, twice as many at once."""
    tasks = [{**task, "cutoff_behavior": "CANCEL_TASK"} for task in spec["tasks"]]
    if tasks == list(spec["tasks"]):
        tasks = [{**task, "max_concurrency": _twice(task["max_concurrency"])} for task in tasks]
    return {"tasks": tasks} if tasks != list(spec["tasks"]) else {}


def targets(window: MaintenanceWindow) -> dict[str, Any]:
    """The instances of its application, environment and zone that are there and in no other window."""
    rows = ManagedInstance.objects.present().filter(
        account_region=window.account_region,
        application=window.application,
        environment=window.environment,
        auto_scaling_group="",
    )
    if window.spec["az"]:
        rows = rows.filter(availability_zone=window.spec["az"])
    others = (
        MaintenanceWindow.objects.live().filter(account_region=window.account_region).exclude(pk=window.pk)
    )
    taken = {one for spec in others.values_list("spec", flat=True) for one in spec["instances"]}
    free = sorted(set(rows.values_list("instance_id", flat=True)) - taken)
    return {"instances": free} if free and free != sorted(window.spec["instances"]) else {}


def _twice(number: str) -> str:
    """Twice as many or twice the share, all of them at most."""
    share = number.removesuffix("%")
    if not share.isdecimal():
        return number
    return f"{min(100, int(share) * 2)}%" if share != number else str(int(share) * 2)
