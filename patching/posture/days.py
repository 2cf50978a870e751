"""One row a day and part of the fleet, so that a trend can be shown after the scans behind it are gone."""

from datetime import date, datetime, timedelta
from typing import NamedTuple

from django.db import transaction
from django.db.models import Count, Q, Sum

from patching.models import AccountRegion, DailyPosture, ManagedInstance, PatchFinding
from patching.posture.standing import RUNNING, Status, with_standing
from portal.governance import clock
from portal.governance.models import User

Part = tuple[int | None, int | None]  # application and environment


class Day(NamedTuple):
    """How everything a person may see stood at the end of one day; ``compliant`` is raw, ``unknown`` has old
    scans in it."""

    day: date
    instances: int
    ssm_compliant: int
    compliant: int
    noncompliant: int
    unknown: int
    excused: int
    missing_patches: int

    @property
    def net_compliant(self) -> int:
        """Compliant, or excused on that day."""
        return self.compliant + self.excused


@transaction.atomic
def roll_up(at: datetime) -> None:
    """Write down how every application's environment stands now, over what this day had before."""
    # two readings that end together take turns: no constraint holds for what belongs to no application
    AccountRegion.objects.select_for_update().order_by("pk").first()
    day = at.date()
    known: dict[Part, DailyPosture] = {
        (row.application_id, row.environment_id): row for row in DailyPosture.objects.filter(day=day)
    }
    for part, figures in _parts(at).items():
        row = known.pop(part, None) or DailyPosture(day=day, application_id=part[0], environment_id=part[1])
        for name, value in figures.items():
            setattr(row, name, value)
        row.save()
    DailyPosture.objects.filter(pk__in=[row.pk for row in known.values()]).delete()


def trend(user: User, *, days: int = 30, at: datetime | None = None) -> list[Day]:
    """The last days, oldest first; a day on which nothing was read is left out, not drawn as zero."""
    first = (at or clock.now()).date() - timedelta(days=days - 1)
    names = Day._fields[1:]
    rows = (
        DailyPosture.objects.visible_to(user)
        .filter(day__gte=first)
        .order_by("day")
        .values("day")
        .annotate(**{f"all_{name}": Sum(name) for name in names})
    )
    return [Day(row["day"], *(row[f"all_{name}"] for name in names)) for row in rows]


def _parts(at: datetime) -> dict[Part, dict[str, int]]:
    instances = with_standing(ManagedInstance.objects.all(), at)
    old = Q(status__in=[Status.STALE.value, Status.UNKNOWN.value])
    rows = (
        instances.order_by()
        .values("application", "environment")
        .annotate(
            instances=Count("pk"),
            ssm_compliant=Count("pk", filter=Q(ssm_status=Status.COMPLIANT.value)),
            compliant=Count("pk", filter=Q(status=Status.COMPLIANT.value)),
            noncompliant=Count("pk", filter=Q(status=Status.NONCOMPLIANT.value)),
            unknown=Count("pk", filter=old),
            excused_=Count("pk", filter=Q(excused=True)),
        )
    )
    missing = _missing()
    return {
        (row["application"], row["environment"]): {
            "instances": row["instances"],
            "ssm_compliant": row["ssm_compliant"],
            "compliant": row["compliant"],
            "noncompliant": row["noncompliant"],
            "unknown": row["unknown"],
            "excused": row["excused_"],
            "missing_patches": missing.get((row["application"], row["environment"]), 0),
        }
        for row in rows
    }


def _missing() -> dict[Part, int]:
    rows = (
        PatchFinding.objects.open()
        .filter(instance__gone_at=None, instance__run_state__in=RUNNING)
        .order_by()
        .values("instance__application", "instance__environment")
        .annotate(missing=Count("pk"))
    )
    return {(row["instance__application"], row["instance__environment"]): row["missing"] for row in rows}
