"""Why patching does not reach an instance: one predicate per reason, each counted and listed alike."""

from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import (
    BooleanField,
    Case,
    CharField,
    Exists,
    OuterRef,
    Q,
    QuerySet,
    Value,
    When,
)
from django.db.models.functions import Concat

from patching import openings
from patching.models import MaintenanceWindow, ResourceState
from patching.models.accounts import InstanceQuerySet
from patching.posture.standing import FRESH_FOR

Condition = ResourceState.Condition


class Gap(NamedTuple):
    """A reason: its name in an address, what it is called, and what to do about it."""

    name: str
    label: str
    advice: str


GAPS = (
    Gap("agent_offline", "SSM agent offline", "Start the agent, or find out why the instance is cut off."),
    Gap("not_managed", "Not managed by Systems Manager", "Give it an instance profile and the SSM agent."),
    Gap("no_patch_group", "No patch group tag", "Ask for a patch group that names it."),
    Gap(
        "no_baseline",
        "No baseline for its operating system",
        "Its patch group has none in AWS, so it falls to the account's default.",
    ),
    Gap("no_window", "In no maintenance window", "Ask for a window that names it."),
    Gap("idle_window", "Its window does not run", "The window is not in AWS yet, or has no future run."),
    Gap(
        "auto_scaling",
        "In an Auto Scaling group",
        "Patch the image instead; a patched instance is replaced sooner or later.",
    ),
    Gap("never_scanned", "Never scanned", "It is scanned once it is managed and in a patch group."),
    Gap("stale_scan", "Last scan older than 26 h", "See whether the daily scan reached it."),
    Gap(
        "other_baseline",
        "Judged by another baseline",
        "The last scan used another baseline than the approved one; the next scan settles it.",
    ),
    Gap(
        "deferred",
        "Left out of its window by an exemption",
        "It goes back into its window when the exemption ends.",
    ),
)
LABELS = {gap.name: gap.label for gap in GAPS}


def with_gaps(instances: InstanceQuerySet, at: datetime) -> InstanceQuerySet:
    """Annotates one boolean ``gap_…`` per reason, and ``covered`` where there is none."""
    annotated = instances.annotate(**{f"gap_{name}": _yes_no(q) for name, q in _predicates(at).items()})
    any_gap = Q()
    for gap in GAPS:
        any_gap |= Q(**{f"gap_{gap.name}": True})
    return annotated.annotate(covered=Case(When(any_gap, then=Value(False)), default=Value(True)))


def in_aws(**wanted: Any) -> QuerySet[ResourceState]:
    """Resources of ours that AWS holds, as we last saw it; whether they are as approved is another matter."""
    never_made = Q(condition=Condition.FAILED, applied__isnull=True)
    absent = Q(condition__in=[Condition.PENDING, Condition.MISSING, Condition.REMOVED])
    return ResourceState.objects.filter(**wanted).exclude(absent | never_made)


def windows_with_a_future(at: datetime) -> list[int]:
    """Live windows that stand in AWS and open again."""
    there = set(in_aws(kind="window").values_list("key", flat=True))
    return [
        window.pk
        for window in MaintenanceWindow.objects.live()
        if str(window.uid) in there and next_run(window, at) is not None
    ]


def next_run(window: MaintenanceWindow, at: datetime) -> datetime | None:
    """When a window opens next, or None if it never does again."""
    starts = openings.next_starts(window.spec, start=at, count=1, since=window.created_at)
    return starts[0] if starts else None


def _predicates(at: datetime) -> dict[str, Q]:
    """A comparison with what is not there is unknown, not false; ``_yes_no`` makes it false.

    A side group is a group like any other here: what counts is whether a baseline is registered for it in AWS.
    """
    ours = MaintenanceWindow.objects.live().filter(
        account_region=OuterRef("account_region"), name=OuterRef("window_value")
    )
    registered = in_aws(
        kind="registration",
        account_region=OuterRef("account_region"),
        key=Concat(
            OuterRef("group_name"), Value(":"), OuterRef("operating_system"), output_field=CharField()
        ),
    )
    return {
        "agent_offline": Q(is_managed=True) & ~Q(ping_status="Online"),
        "not_managed": Q(is_managed=False),
        "no_patch_group": Q(group_name=""),
        "no_baseline": ~Q(group_name="") & ~Q(Exists(registered)),
        "no_window": Q(deferred=False) & ~Q(Exists(ours)),
        "idle_window": Q(Exists(ours), deferred=False)
        & ~Q(Exists(ours.filter(pk__in=windows_with_a_future(at)))),
        "auto_scaling": ~Q(auto_scaling_group=""),
        "never_scanned": Q(scanned_at=None),
        "stale_scan": Q(scanned_at__lt=at - FRESH_FOR),
        "other_baseline": Q(latest__judged_by_expected=False),
        "deferred": Q(deferred=True),
    }


def _yes_no(predicate: Q) -> Case:
    return Case(When(predicate, then=Value(True)), default=Value(False), output_field=BooleanField())
