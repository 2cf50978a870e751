"""A worker that dies while a window is shut or opened again: never shut without a way back, and never for longer."""

from datetime import timedelta
from typing import Any

import pytest

from patching.models import AccountRegion, Freeze, MaintenanceWindow, PushRun, WindowHold
from portal.governance import clock
from tests import asks, people, pushing
from tests.faults.rig import matrix
from tests.faults.test_crash_points import Died, die, recover
from tests.patching.test_freezing import freeze_item
from tests.pushing import pushed, removal
from tests.simulated_aws import RETAIL, SimulatedAws

LASTS = timedelta(hours=20)
WHILE_SHUTTING = [
    *(
        (name, 1)
        for name in ("run-opened", "plan-written", "before-shut", "before-read-back", "before-run-closed")
    ),
    *((name, number) for name in ("intent-written", "call-returned", "result-saved") for number in (1, 2, 3)),
]
WHILE_OPENING = [
    *(
        (name, 1)
        for name in ("run-opened", "plan-written", "before-enable", "before-read-back", "run-closed")
    ),
    *((name, number) for name in ("intent-written", "call-returned", "result-saved") for number in (1, 2)),
]
OPENS = ("by date", "taken back")


@pytest.fixture
def frozen(asked: Any, retail: AccountRegion) -> Freeze:
    """A window that stands in AWS, and a freeze over it that was just approved."""
    pushed(retail)
    now = clock.now()
    times = {
        "starts_at": f"{now:%Y-%m-%dT%H:%M}",
        "ends_at": f"{now + LASTS:%Y-%m-%dT%H:%M}",
        "timezone": "UTC",
    }
    asks.in_effect(people.person("rita"), [freeze_item(**times)], people.person("omar"))
    return Freeze.objects.get()


def region(aws: SimulatedAws) -> Any:
    return aws.world.region(RETAIL, "eu-central-1")


def is_open(aws: SimulatedAws) -> bool:
    return next(one["Enabled"] for one in region(aws).windows.values() if one["Name"] == "payments-dev")


def ways_back(aws: SimulatedAws) -> list[str]:
    return [one["ScheduleExpression"] for one in region(aws).schedules.values()]


def raise_if_shut_for_good(aws: SimulatedAws) -> None:
    """A window that is disabled has its way back in AWS."""
    end = WindowHold.objects.get().ends_at
    assert is_open(aws) or ways_back(aws) == [f"at({end:%Y-%m-%dT%H:%M:%S})"]


def raise_unless_settled(aws: SimulatedAws, last: PushRun, *, opened: bool) -> None:
    assert (last.state, last.writes) == ("succeeded", 0)
    assert pushing.is_all_in_sync()
    assert is_open(aws) == opened
    assert len(ways_back(aws)) == (0 if opened else 1)


def test_a_worker_that_dies_between_way_back_and_shutting_is_taken_up(
    frozen, retail, simulated_aws, meanwhile
):
    meanwhile("before-shut", 1, die)
    with pytest.raises(Died):
        pushed(retail)
    meanwhile("before-shut", 0, die)
    assert is_open(simulated_aws)
    assert len(ways_back(simulated_aws)) == 1
    raise_unless_settled(simulated_aws, recover(retail), opened=False)


def test_a_worker_that_dies_right_after_shutting_leaves_the_rest_to_aws(
    frozen, retail, simulated_aws, meanwhile
):
    meanwhile("call-returned", 3, die)  # the schedule group, the schedule, the window
    with pytest.raises(Died):
        pushed(retail)
    meanwhile("call-returned", 0, die)
    assert not is_open(simulated_aws)
    end = WindowHold.objects.get().ends_at
    simulated_aws.advance(to=end)  # nobody comes back before that
    clock.set_to(end)
    assert is_open(simulated_aws)
    raise_unless_settled(simulated_aws, recover(retail), opened=True)


@pytest.mark.slow
@pytest.mark.parametrize(("point", "number"), WHILE_SHUTTING)
def test_dying_anywhere_while_shutting(frozen, retail, simulated_aws, meanwhile, point, number):
    meanwhile(point, number, die)
    with pytest.raises(Died):
        pushed(retail)
    meanwhile(point, 0, die)
    raise_if_shut_for_good(simulated_aws)
    simulated_aws.inject("forget-tokens")
    raise_unless_settled(simulated_aws, recover(retail), opened=False)


@pytest.mark.slow
@pytest.mark.parametrize(("where", "how"), matrix.pairs(WHILE_OPENING, OPENS))
def test_dying_anywhere_while_opening(frozen, retail, simulated_aws, meanwhile, where, how):
    point, number = where
    pushed(retail)
    if how == "taken back":
        asks.in_effect(people.person("rita"), [removal(frozen, "freeze")], people.person("omar"))
    else:
        clock.set_to(WindowHold.objects.get().ends_at)
    meanwhile(point, number, die)
    with pytest.raises(Died):
        pushed(retail)
    meanwhile(point, 0, die)
    raise_if_shut_for_good(simulated_aws)
    raise_unless_settled(simulated_aws, recover(retail), opened=True)


def test_a_window_that_goes_while_it_is_shut_takes_its_way_back_along(
    frozen, retail, simulated_aws, settings
):
    settings.PUSH_MAX_DELETE_SHARE = 0.9
    pushed(retail)
    window = MaintenanceWindow.objects.get()
    asks.in_effect(people.person("rita"), [removal(window, "window")], people.person("omar"))
    recover(retail)
    assert ways_back(simulated_aws) == []
    assert "payments-dev" not in {one["Name"] for one in region(simulated_aws).windows.values()}
