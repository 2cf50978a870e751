"""Patch nights of payments over hundreds of servers, with what goes wrong in them, for pages that stand that."""

from datetime import UTC, datetime, timedelta
from typing import Any

from patching import run_reviews
from patching.models import (
    AccountRegion,
    Drift,
    FailureRecord,
    MaintenanceWindow,
    ManagedInstance,
    ResourceState,
    RunOutcome,
    WindowRun,
)
from portal.governance import clock
from tests import asks, people, pushing

APPROVED = datetime(2026, 5, 1, 12, tzinfo=UTC)
NOW = datetime(2026, 6, 22, 6, 30, tzinfo=UTC)  # the Monday after production opened
WHY = (
    "Checkout answers with 500 since 04:10. The payment service does not start after the restart: its licence check "
    "wants the old .NET runtime. Rolled two servers back by hand, the others still stand still."
)
# how instances of one night end: how many in a hundred, and what Systems Manager says of it
ENDS = (
    ("SUCCESS", 71, ""),
    ("NOT_STARTED", 14, "The cutoff came before its turn."),
    (
        "FAILED",
        8,
        "AWS-RunPatchBaseline failed with exit code 3010: a restart is pending from an earlier update.",
    ),
    ("TIMED_OUT", 4, "No answer within 3,600 s after delivery to the agent."),
    ("CANCELLED", 3, "Cancelled at the cutoff."),
)


def build(per_zone: int = 60) -> dict[str, MaintenanceWindow]:
    """The windows of the story by name, approved in May, in AWS, with a year of runs behind them."""
    cast = {name: people.person(name) for name in people.CAST}
    clock.set_to(APPROVED)
    asks.in_effect(
        cast["rita"], asks.ha_items(asks.fleet(per_zone)), cast["omar"], cast["ivan"], cast["clara"]
    )
    clock.set_to(NOW)
    AccountRegion.objects.update(last_pulled_at=NOW - timedelta(minutes=4), drift_policy="report")
    for place in AccountRegion.objects.all():
        pushing.in_aws(place, since=APPROVED)
    windows = {one.name: one for one in MaintenanceWindow.objects.select_related("account_region__account")}
    for one in ManagedInstance.objects.select_related("environment"):
        zone = one.availability_zone[-1]
        name = f"payments-{one.environment.slug}-{zone}"
        name = name if name in windows else f"payments-{one.environment.slug}"
        ManagedInstance.objects.filter(pk=one.pk).update(tags={**one.tags, "MaintenanceWindow": name})
    return windows


def ran(window: MaintenanceWindow, began: datetime, *, well: bool = False, **more: Any) -> WindowRun:
    """A night of this window in which everything ended as ``ENDS`` has it, or well."""
    run = WindowRun.objects.create(
        account_region=window.account_region,
        window=window,
        aws_window_id="mw-0a1b2c3d4e5f67890",
        execution_id=f"{window.uid}-{began:%Y%m%d}",
        status="SUCCESS" if well else "TIMED_OUT",
        started_at=began,
        ended_at=began + timedelta(hours=3, minutes=52),
        read_at=began + timedelta(hours=4),
        **more,
    )
    ids = window.spec["instances"]
    members = {one.instance_id: one for one in ManagedInstance.objects.filter(instance_id__in=ids)}
    ends = [(status, why) for status, share, why in ENDS for _ in range(share)]
    for number, one in enumerate(ids):
        status, why = ("SUCCESS", "") if well else ends[number * 100 // len(ids)]
        start = began + timedelta(minutes=2 * number)
        RunOutcome.objects.create(
            run=run,
            instance=members[one],
            instance_id_text=one,
            task="Install",
            status=status,
            status_details=why,
            started_at=None if status == "NOT_STARTED" else start,
            ended_at=None if status == "NOT_STARTED" else start + timedelta(minutes=25),
        )
    return run


def problem(run: WindowRun) -> FailureRecord:
    """Rita's report about a run, which holds what is patched later."""
    return run_reviews.report_problem(run, by=people.person("rita"), reason=WHY)


def disabled(window: MaintenanceWindow) -> Drift:
    """Somebody has switched it off in the console."""
    state = ResourceState.objects.get(kind="window", key=str(window.uid))
    live = {**state.applied, "enabled": False}
    text = "enabled: “False” instead of “True”"
    ResourceState.objects.filter(pk=state.pk).update(condition="drifted", condition_text=text)
    return Drift.objects.create(
        resource=state,
        live=live,
        live_digest="shut",
        changes=[{"field": "enabled", "live": "False", "desired": "True"}],
        found_at=NOW - timedelta(hours=9),
    )
