"""Ready-made requests. Pure: instances in, items of one change request out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from patching import documents, presets
from patching.sizing import CUTOFF, recommended_hours


@dataclass(frozen=True)
class Stage:
    """One environment of an application, in the order in which environments are patched."""

    environment: str
    days_after_patch_tuesday: int  # 0 to 19; or after whatever day the stages are counted from
    others_after_days: int  # delay of everything but critical security updates; 0 approves everything at once


@dataclass(frozen=True)
class Member:
    """One instance of the application, with what decides its window."""

    instance_id: str
    environment: str
    az: str


# Source: AMS Accelerate User Guide, "Example design for high availability Windows application".
# Wednesday, Saturday, and Saturday a week later: test soaks for a week before production.
HA_WINDOWS_STAGES = (
    Stage("dev", days_after_patch_tuesday=1, others_after_days=0),
    Stage("test", days_after_patch_tuesday=4, others_after_days=7),
    Stage("prod", days_after_patch_tuesday=11, others_after_days=14),
)
PATCH_TUESDAY = (2, "TUE")


def latest_day(nth: int) -> int:
    """How many days after the nth such day of a month a stage may come.

    Up to the fourth plus 5 days, which every month has; one more is left for zones that start past midnight.
    """
    return (4 - nth) * 7 + 5


LATEST_DAY = latest_day(PATCH_TUESDAY[0])


def ha_windows_application(
    *,
    application: str,
    account: str,
    region: str,
    timezone: str,
    members: Iterable[Member],
    stages: Sequence[Stage] = HA_WINDOWS_STAGES,
    start_hour: int = 20,
    snapshot_document: str = "",
    counted_from: tuple[int, str] = PATCH_TUESDAY,
) -> list[dict[str, Any]]:
    """One window per zone and environment, one group and one baseline per environment.

    Windows of one environment start one after the other: the next zone begins when the one before has ended,
    on the following day where that is past midnight. Durations follow ``sizing.recommended_hours``.
    ``snapshot_document`` adds an Automation task before the installation. ``counted_from`` is the day of a month from
    which the days of all stages count, such as the first Saturday: ``(1, "SAT")``.
    """
    members = list(members)
    items: list[dict[str, Any]] = []
    for stage in stages:
        items.append(_create("baseline", _baseline(application, stage)))
    for stage in stages:
        theirs = [member for member in members if member.environment == stage.environment]
        place = {
            "account": account,
            "region": region,
            "application": application,
            "environment": stage.environment,
        }
        items.append(_create("patch-group", _group(application, stage, place, theirs)))
        hours_before = 0
        for az in sorted({member.az for member in theirs}):
            ids = sorted(member.instance_id for member in theirs if member.az == az)
            duration = recommended_hours(len(ids))
            later, hour = divmod(start_hour + hours_before, 24)
            weeks, offset = divmod(stage.days_after_patch_tuesday + later, 7)
            nth, weekday = counted_from
            items.append(
                _create(
                    "window",
                    {
                        **place,
                        "name": f"{application}-{stage.environment}-{az[-1]}",
                        "description": f"{application} {stage.environment}, zone {az}",
                        "az": az,
                        "schedule": f"cron(0 {hour} ? * {weekday}#{nth + weeks} *)",
                        "timezone": timezone,
                        "offset": offset,
                        "duration": duration,
                        "cutoff": CUTOFF,
                        "tasks": _tasks(snapshot_document),
                        "instances": ids,
                    },
                )
            )
            hours_before += duration
    return items


def _create(kind: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    return {"action": "create", "kind": kind, "target": None, "spec": dict(spec)}


def _baseline(application: str, stage: Stage) -> dict[str, Any]:
    return {
        "name": f"{application}-{stage.environment}-win",
        "application": application,
        "environment": stage.environment,
        "definition": {
            "OperatingSystem": "WINDOWS",
            "Description": f"{application} {stage.environment}",
            "ApprovalRules": {"PatchRules": presets.rules("WINDOWS", stage.others_after_days)},
        },
    }


def _group(
    application: str, stage: Stage, place: Mapping[str, str], members: Sequence[Member]
) -> dict[str, Any]:
    return {
        **place,
        "name": f"{application}-{stage.environment}",
        "baselines": {"WINDOWS": f"{application}-{stage.environment}-win"},
        "instances": sorted(member.instance_id for member in members),
    }


def _tasks(snapshot_document: str) -> list[dict[str, Any]]:
    before = []
    if snapshot_document:
        called = documents.type_of(snapshot_document, else_=documents.AUTOMATION)
        before = [{"name": "Snapshot", "kind": "pre", "type": called, "document": snapshot_document}]
    return [
        *before,
        {"name": "Install", "kind": "install", "max_concurrency": "50%", "max_errors": "10%"},
        {"name": "Scan", "kind": "scan", "max_concurrency": "50%", "max_errors": "100%"},
    ]
