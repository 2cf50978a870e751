"""Patch nights for tests of runs: a window of payments in AWS, a night that passes there, and what was read of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from patching import executions
from patching.models import AccountRegion, MaintenanceWindow, WindowRun
from patching.reaching import reach
from portal.governance import clock
from tests import asks, people, pushing
from tests.simulated_aws import SimulatedAws

OPENS = datetime(2026, 6, 7, 0, tzinfo=UTC)  # the first Sunday, 02:00 in Berlin
NEXT = OPENS + timedelta(days=7)


def window_in_aws(place: AccountRegion, **changes: Any) -> MaintenanceWindow:
    """Rita's window for the servers of ``pushing``, approved and pushed with its baseline and group."""
    items = [
        pushing.baseline_item(),
        pushing.group_item(),
        asks.window_item(pushing.servers(), **changes),
    ]
    pushing.approved(people.person("rita"), items)
    pushing.pushed(place)
    return MaintenanceWindow.objects.get(name="payments-dev")


def go_to(aws: SimulatedAws, moment: datetime) -> None:
    """Let time pass in AWS and in the portal; nothing is read."""
    aws.advance(to=moment)
    clock.set_to(moment)


def read(place: AccountRegion) -> None:
    """What a pull does about runs."""
    executions.keep(place, reach(place), clock.now())


def night(place: AccountRegion, aws: SimulatedAws, until: datetime = OPENS + timedelta(hours=6)) -> WindowRun:
    """The first night passes and is read; the run of the window in it."""
    go_to(aws, until)
    read(place)
    return WindowRun.objects.exclude(window=None).latest("started_at")
