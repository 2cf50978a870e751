"""What to ask for where a window or its run went wrong, as fields of the window's or the opening's spec. Reads only."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from patching import openings
from patching.models import MaintenanceWindow, ManagedInstance, WindowHold
from patching.shutting_items import key_of

LONGEST = 24  # hours that AWS lets a window be open
LONGER = 2  # hours
NOTICE = timedelta(hours=12)  # for those who decide, and for the push
NIGHTS = 14  # that are looked through


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


def once_more(window: MaintenanceWindow, opening: datetime, at: datetime) -> dict[str, Any]:
    """An opening that never came, made up for at its own time of day on the first day that suits.

    Nothing is held then and no other window of the application and environment is open. Empty where the window opens
    again before that anyway.
    """
    zone, length = ZoneInfo(window.spec["timezone"]), timedelta(hours=window.spec["duration"])
    following = openings.next_starts(window.spec, start=at, count=1, since=window.created_at)
    today, time = at.astimezone(zone).date(), opening.astimezone(zone).time()
    for night in range(NIGHTS):
        moment = datetime.combine(today + timedelta(days=night), time, zone).astimezone(UTC)
        if following and moment + length > following[0]:
            return {}
        if moment >= at + NOTICE and _is_free(window, moment, moment + length):
            return {"run_at": key_of(opening), "moved_to": key_of(moment)}
    return {}


def _is_free(window: MaintenanceWindow, start: datetime, end: datetime) -> bool:
    if WindowHold.objects.ahead(start).filter(window=window, starts_at__lt=end).exists():
        return False
    others = MaintenanceWindow.objects.live().filter(
        application=window.application, environment=window.environment
    )
    return not any(
        openings.between(
            other.spec, start - timedelta(hours=other.spec["duration"]), end, since=other.created_at
        )
        for other in others.exclude(pk=window.pk)
    )


def _twice(number: str) -> str:
    """Twice as many or twice the share, all of them at most."""
    share = number.removesuffix("%")
    if not share.isdecimal():
        return number
    return f"{min(100, int(share) * 2)}%" if share != number else str(int(share) * 2)
