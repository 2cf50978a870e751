"""A run that has tested something: payments in its three environments, patched in test."""

from collections.abc import Mapping
from datetime import timedelta

from patching.models import MaintenanceWindow, ManagedInstance, PatchFinding, RunOutcome, WindowRun
from portal.governance import clock
from portal.governance.models import User
from tests import asks
from tests.patching.test_run_reviews import ran


def run_in_test(cast: Mapping[str, User]) -> WindowRun:
    """A run of payments in test that installed something on its server."""
    asks.in_effect(cast["rita"], asks.ha_items(asks.fleet()), cast["omar"], cast["ivan"], cast["clara"])
    window = MaintenanceWindow.objects.get(name="payments-test-a")
    at = clock.now() + timedelta(days=3)
    clock.set_to(at + timedelta(hours=5))
    run = ran(window, started_at=at, ended_at=at + timedelta(hours=2))
    (member,) = window.spec["instances"]
    instance = ManagedInstance.objects.get(instance_id=member)
    RunOutcome.objects.create(
        run=run,
        instance=instance,
        instance_id_text=member,
        task="Install",
        task_kind="install",
        status="SUCCESS",
    )
    PatchFinding.objects.create(
        instance=instance,
        patch_id="KB5060842",
        state="missing",
        first_seen_at=at - timedelta(days=3),
        last_seen_at=at - timedelta(hours=1),
        resolved_at=at + timedelta(hours=3),
    )
    return run
