"""Where AWS does not say how it behaves, a push comes to the same end either way."""

from datetime import timedelta
from typing import Any

import pytest

from patching import push
from patching.models import AccountRegion, MaintenanceWindow, Operation, PatchGroup, ResourceState
from patching.simulator.controls import CHOICES
from portal.governance import clock
from tests import pushing
from tests.faults.rig import oracle
from tests.pushing import approved, change, pushed, removal, resource
from tests.simulated_aws import SimulatedAws

pytestmark = [pytest.mark.slow, pytest.mark.django_db]
LAGS = (("list-lag", 5), ("read-after-create", 5), ("token-memory", 0))  # seconds
WAYS = [
    *((name, choices[1]) for name, choices in CHOICES.items()),
    *LAGS,
]  # the first is what other tests have
PASSES = 12
SETTLE = 10  # seconds, longer than any lag below


def to_rest(place: AccountRegion, aws: SimulatedAws) -> None:
    """Passes until everything is as approved; each comes when lags and settle waits are over."""
    for _ in range(PASSES):
        aws.pass_real_time(SETTLE + 1)
        earlier = clock.real_now() - timedelta(seconds=SETTLE + 1)
        Operation.objects.filter(resolved_at__isnull=False).update(resolved_at=earlier)
        Operation.objects.update(intent_at=earlier)
        ResourceState.objects.exclude(missing_since=None).update(missing_since=earlier)
        AccountRegion.objects.filter(pk=place.pk).update(backoff_until=None)
        place.refresh_from_db()
        run = push.push(place, trigger="test")
        assert run is not None
        if run.state == "succeeded":
            return
    raise AssertionError(f"Not as approved after {PASSES} passes: {pushing.standing()}")


@pytest.mark.parametrize(("name", "choice"), WAYS)
def test_a_life_in_aws_ends_the_same_either_way(asked, retail, simulated_aws, settings, rita, name, choice):
    settings.PUSH_SETTLE_SECONDS, settings.PUSH_MAX_DELETE_SHARE = SETTLE, 0.9
    simulated_aws.door("variant", {name: choice})
    to_rest(retail, simulated_aws)
    window = MaintenanceWindow.objects.get()
    approved(rita, [change(window, "window", duration=6)])
    strict = pushing.baseline_item("payments-strict")
    approved(
        rita,
        [strict, change(PatchGroup.objects.get(), "patch-group", baselines={"WINDOWS": "payments-strict"})],
    )
    to_rest(retail, simulated_aws)
    simulated_aws.delete("window", resource("window", label="payments-dev").aws_id)
    to_rest(retail, simulated_aws)
    assert oracle.unlike(simulated_aws) == []
    assert oracle.doubles(simulated_aws) == []
    approved(rita, [removal(MaintenanceWindow.objects.get(), "window")])
    to_rest(retail, simulated_aws)
    assert oracle.unlike(simulated_aws) == []
    simulated_aws.pass_real_time(SETTLE + 1)
    assert pushed(retail).writes == 0


@pytest.mark.parametrize("size", [1, 2, 10])
def test_small_pages_change_nothing(asked, retail, simulated_aws, size: int, rita: Any):
    simulated_aws.page_size(size)
    pushed(retail)
    approved(rita, [change(MaintenanceWindow.objects.get(), "window", duration=6)])
    assert pushed(retail).state == "succeeded"
    assert oracle.unlike(simulated_aws) == []
    assert pushed(retail).writes == 0
