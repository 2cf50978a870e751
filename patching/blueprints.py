"""Ready-made requests. Pure: instances in, items of one change request out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Protocol

from patching import documents, presets
from patching.schedules.building import DAYS
from patching.sizing import CUTOFF, recommended_hours


@dataclass(frozen=True)
class Stage:
    """One environment of an application, in the order in which environments are patched."""

    environment: str
    days_after: int  # the day from which all stages are counted, such as Patch Tuesday
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
    Stage("dev", days_after=1, others_after_days=0),
    Stage("test", days_after=4, others_after_days=7),
    Stage("prod", days_after=11, others_after_days=14),
)


class FirstDay(Protocol):
    """The day from which the days of all stages count, and how often it comes."""

    @property
    def latest(self) -> int:
        """How many days after it a stage may come."""
        ...

    def opens(self, days: int, hour: int) -> tuple[str, int]:
        """The schedule and offset of a window that opens so many days later, at this hour."""
        ...


@dataclass(frozen=True)
class Monthly:
    """The nth weekday of every month."""

    nth: int
    weekday: str

    @property
    def latest(self) -> int:
        """Up to the fourth plus 5 days, which every month has; one more is left for zones that start past midnight."""
        return (4 - self.nth) * 7 + 5

    def opens(self, days: int, hour: int) -> tuple[str, int]:
        weeks, offset = divmod(days, 7)
        return f"cron(0 {hour} ? * {self.weekday}#{self.nth + weeks} *)", offset


@dataclass(frozen=True)
class Weekly:
    """A weekday of every week; a stage that came later would meet the first one of the next week."""

    weekday: str
    latest: int = 6

    def opens(self, days: int, hour: int) -> tuple[str, int]:
        return f"cron(0 {hour} ? * {DAYS[(DAYS.index(self.weekday) + days) % 7]} *)", 0


@dataclass(frozen=True)
class Once:
    """One day, and never again."""

    on: date
    latest: int = 60

    def opens(self, days: int, hour: int) -> tuple[str, int]:
        return f"at({self.on + timedelta(days=days)}T{hour:02}:00:00)", 0


PATCH_TUESDAY = Monthly(2, "TUE")


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
    counted_from: FirstDay = PATCH_TUESDAY,
) -> list[dict[str, Any]]:
    """One window per zone and environment, one group and one baseline per environment.

    Windows of one environment start one after the other: the next zone begins when the one before has ended,
    on the following day where that is past midnight. Durations follow ``sizing.recommended_hours``.
    ``snapshot_document`` adds an Automation task before the installation. ``counted_from`` is the day from which the
    days of all stages count, such as the first Saturday of a month: ``Monthly(1, "SAT")``.
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
            schedule, offset = counted_from.opens(stage.days_after + later, hour)
            items.append(
                _create(
                    "window",
                    {
                        **place,
                        "name": f"{application}-{stage.environment}-{az[-1]}",
                        "description": f"{application} {stage.environment}, zone {az}",
                        "az": az,
                        "schedule": schedule,
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
