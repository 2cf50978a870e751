"""How else an instance can be patched than by our window: what would break an exemption. Reads rows only.

Windows and associations of others are known from the last reading of the account; Patch Now leaves no trace before
it runs, so an installation while a waiver holds is named afterwards.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import F, Q

from patching.aws.unmanaged import can_patch
from patching.models import ManagedInstance, Scan, Unmanaged, Waiver
from patching.reached import instances_reached

POLICY = "AWSQuickSetup-PatchPolicy"


@dataclass(frozen=True)
class Way:
    """One other way. ``certain`` is False where its targets cannot be told from the inventory."""

    kind: str  # window, association, patch policy
    name: str
    aws_id: str
    certain: bool = True


@dataclass(frozen=True)
class Installation:
    """An installation that ran on an instance while it was to be left alone."""

    instance: ManagedInstance
    at: datetime


def other_ways(instances: Sequence[ManagedInstance]) -> Mapping[int, list[Way]]:
    """By primary key, what else installs patches on these instances. ``account_region`` should be fetched with them."""
    by_place: dict[int, list[ManagedInstance]] = defaultdict(list)
    for instance in instances:
        by_place[instance.account_region_id].append(instance)
    rows = Unmanaged.objects.filter(
        account_region__in=by_place, kind__in=("window", "association"), gone_at=None
    )
    found: dict[int, list[Way]] = defaultdict(list)
    for row in rows.select_related("account_region__account").order_by("kind", "name", "pk"):
        if not _installs(row):
            continue
        here = by_place[row.account_region_id]
        reached = instances_reached(row, here)
        for instance in here if reached is None else reached:
            found[instance.pk].append(
                Way(_kind(row), row.name or row.aws_id, row.aws_id, reached is not None)
            )
    return dict(found)


def installed_all_the_same(waivers: Iterable[Waiver]) -> list[Installation]:
    """Installations on deferred instances while their waiver held, the latest of each instance."""
    wanted = Q(pk__in=[])
    for one in waivers:
        if one.kind == Waiver.Kind.NODE_DEFERRAL:
            wanted |= Q(instance=one.instance_id, ended_at__gt=one.starts_at, started_at__lt=one.until)
    scans = Scan.objects.filter(wanted, operation="Install", started_at__lte=F("ended_at"))
    latest = {scan.instance_id: scan for scan in scans.select_related("instance").order_by("ended_at")}
    return [Installation(scan.instance, scan.ended_at) for scan in latest.values()]


def _installs(row: Unmanaged) -> bool:
    if row.kind == "association":
        reply = row.content.get("reply", {})
        return can_patch(reply.get("Name", "")) and not _only_scans(reply.get("Parameters") or {})
    if not row.content.get("listed", {}).get("Enabled", True):
        return False
    return any(
        can_patch(task.get("TaskArn", "")) and not _only_scans(_parameters(task))
        for task in row.content.get("tasks", [])
    )


def _parameters(task: Mapping[str, Any]) -> Mapping[str, Any]:
    invocation = task.get("TaskInvocationParameters") or {}
    told = invocation.get("RunCommand") or invocation.get("Automation") or {}
    return told.get("Parameters") or {}


def _only_scans(parameters: Mapping[str, Any]) -> bool:
    return parameters.get("Operation") == ["Scan"]


def _kind(row: Unmanaged) -> str:
    if row.kind == "window":
        return "window"
    reply = row.content.get("reply", {})
    is_policy = POLICY in f"{reply.get('Name', '')} {reply.get('AssociationName', '')}"
    return "patch policy" if is_policy else "association"
