"""Minutes that instances took in our own runs, once enough of them were done well."""

from datetime import timedelta

import pytest

from patching import run_paces
from patching.models import MaintenanceWindow, RunOutcome, WindowRun
from portal.governance import clock
from tests import asks, factories

INSTALL = {"document": "AWS-RunPatchBaseline", "kind": "install", "parameters": {}}


@pytest.fixture
def run(cast):
    """A run of a window of payments, three days ago."""
    asks.in_effect(cast["rita"], [asks.window_item(asks.fleet()[:1])], cast["omar"])
    window, at = MaintenanceWindow.objects.get(), clock.now() - timedelta(days=3)
    return WindowRun.objects.create(
        account_region=window.account_region,
        window=window,
        aws_window_id="mw-1",
        execution_id="e-1",
        status="SUCCESS",
        started_at=at,
        ended_at=at + timedelta(hours=1),
        read_at=at + timedelta(hours=2),
    )


def took(run, *minutes, system="WINDOWS", status="SUCCESS"):
    for taken in minutes:
        instance = factories.instance(env="dev", operating_system=system)
        RunOutcome.objects.create(
            run=run,
            instance=instance,
            instance_id_text=instance.instance_id,
            task="Install",
            task_kind="install",
            status=status,
            started_at=run.started_at,
            ended_at=run.started_at + timedelta(minutes=taken),
        )


def test_the_median_of_ten_instances_is_taken(run):
    took(run, *[8] * 6, *[60] * 4)
    pace = run_paces.known().of(INSTALL, "WINDOWS")
    assert (pace.minutes, pace.measured) == (8, 10)


def test_fewer_than_ten_leave_what_is_assumed(run, settings):
    settings.TASK_MINUTES = {**settings.TASK_MINUTES, "install": 25.0}
    took(run, *[8] * 9)
    pace = run_paces.known().of(INSTALL, "WINDOWS")
    assert (pace.minutes, pace.measured) == (25, 0)


def test_a_system_that_was_seldom_measured_takes_what_all_took(run):
    took(run, *[8] * 10)
    took(run, 90, system="UBUNTU")
    assert run_paces.known().of(INSTALL, "UBUNTU").minutes == 8


def test_what_failed_says_nothing_of_how_long_it_takes(run):
    took(run, *[1] * 20, status="FAILED")
    assert run_paces.known().of(INSTALL, "WINDOWS").measured == 0
