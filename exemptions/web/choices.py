"""What the form that asks offers to choose from: instances with their window, and the patches that they lack now."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Count, Max, Min, Q

from exemptions import asked
from patching import posture
from patching.models import Application, ManagedInstance, PatchFinding
from patching.words import SYSTEM_NAMES
from portal.governance.models import User

MOST_PATCHES = 30  # rows to tick; what is further down is named by hand
WINDOWS = "WINDOWS"


@dataclass
class OpenPatch:
    """One patch that some of the instances lack, or one that was named though none of them does."""

    patch: str
    title: str = ""
    severity: str = ""
    instances: int = 0
    since: datetime | None = None
    cves: list[str] = field(default_factory=list)


def choosable(user: User, application: Application) -> dict[int, ManagedInstance]:
    """Instances that a live window or patch group holds, production first, each with its ``window`` and ``group``."""
    seen = ManagedInstance.objects.visible_to(user).present().filter(application=application)
    rows: list[Any] = list(
        seen.select_related("environment", "account_region__account").order_by(
            "-environment__rank", "name", "pk"
        )
    )
    windows, groups = asked.windows_of(rows), asked.groups_of(rows)
    for one in rows:
        one.window, one.group = windows.get(one.pk), groups.get(one.pk)
    return {one.pk: one for one in rows if one.window or one.group}


def lacking(instances: Collection[int]) -> dict[int, dict[str, int]]:
    """How many open findings each instance has, and how many of them are critical."""
    rows = (
        posture.with_step(PatchFinding.objects.open().filter(instance__in=instances))
        .values("instance")
        .annotate(open=Count("pk"), critical=Count("pk", filter=Q(step=posture.Step.CRITICAL)))
        .order_by()
    )
    return {row.pop("instance"): row for row in rows}


def open_patches(instances: Collection[int], named: Collection[str]) -> tuple[list[OpenPatch], int]:
    """The worst and oldest patches that these instances lack, those named first; and how many are not listed."""
    found = _found(instances)
    chosen = [found.pop(patch, OpenPatch(patch)) for patch in sorted(named)]
    rest = list(found.values())
    room = max(MOST_PATCHES - len(chosen), 0)
    shown = [*chosen, *rest[:room]]
    _add_cves(shown, instances)
    return shown, len(rest[room:])


def linux_among(instances: Collection[ManagedInstance]) -> list[str]:
    """The operating systems among them whose patches are packages, in words."""
    systems = {one.operating_system for one in instances if one.operating_system not in ("", WINDOWS)}
    return sorted(SYSTEM_NAMES.get(one, one) for one in systems)


def _found(instances: Collection[int]) -> dict[str, OpenPatch]:
    rows = (
        posture.with_step(PatchFinding.objects.open().filter(instance__in=instances))
        .values("patch_id")
        .annotate(
            title=Max("title"),
            worst=Max("severity"),
            rank=Min("step_rank"),
            since=Min("first_seen_at"),
            size=Count("instance", distinct=True),
        )
        .order_by("rank", "since", "patch_id")
    )
    return {
        row["patch_id"]: OpenPatch(row["patch_id"], row["title"], row["worst"], row["size"], row["since"])
        for row in rows
    }


def _add_cves(patches: Collection[OpenPatch], instances: Collection[int]) -> None:
    by_name: Mapping[str, OpenPatch] = {one.patch: one for one in patches}
    rows = PatchFinding.objects.open().filter(instance__in=instances, patch_id__in=by_name)
    for patch, cves in rows.order_by("pk").values_list("patch_id", "cves"):
        by_name[patch].cves = sorted({*by_name[patch].cves, *cves})
