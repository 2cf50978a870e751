"""A push that dies anywhere is taken up where it stopped: nothing lost, nothing double."""

import re
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from patching.models import AccountRegion, MaintenanceWindow, Operation, PatchGroup, PushRun
from portal.governance import clock
from tests import pushing
from tests.faults.rig import matrix, processes
from tests.pushing import approved, change, pushed, removal, resource
from tests.simulated_aws import RETAIL, SimulatedAws

ROOT = Path(__file__).parent.parent.parent
PLACE = f"{RETAIL}/eu-central-1"
ONCE = (
    "run-opened",
    "requests-started",
    "before-look",
    "plan-written",
    "before-read-back",
    "before-enable",
    "before-run-closed",
    "run-closed",
)
EVERY_CALL = ("intent-written", "call-returned", "result-saved")
IN_A_SWAP = ("between-two-baselines", "opening-put-off")
IN_A_HOLD = ("before-shut",)
WRITES = 16  # of the small request: the daily scan included
AROUND_A_CALL = ("intent-written", "call-returned")


class Died(BaseException):
    """Stands for the end of the process: nothing that catches errors may catch it."""


def die() -> None:
    raise Died


def live_windows(aws: SimulatedAws) -> list[dict[str, Any]]:
    return aws.client("ssm").describe_maintenance_windows()["WindowIdentities"]


def raise_if_exposed(aws: SimulatedAws) -> None:
    """No window is open while it is half full, none while its group is between two baselines."""
    region = aws.world.region(RETAIL, "eu-central-1")
    for window_id, window in region.windows.items():
        parts = [
            one for one in (*region.targets.values(), *region.tasks.values()) if one["WindowId"] == window_id
        ]
        assert not window["Enabled"] or len(parts) in (0, 2), (
            f"{window['Name']} is open with {len(parts)} parts"
        )


def recover(place: AccountRegion) -> PushRun:
    """What the next workers do once the lease has run out: as many passes as it takes, and one more."""
    for _ in range(3):
        AccountRegion.objects.update(lease_until=clock.real_now() - timedelta(seconds=1), backoff_until=None)
        place.refresh_from_db()
        if pushed(place).state == "succeeded":
            break
    return pushed(place)


def raise_unless_whole(aws: SimulatedAws, last: PushRun) -> None:
    assert (last.state, last.writes) == ("succeeded", 0)
    assert pushing.is_all_in_sync()
    assert not Operation.objects.filter(state="intent").exists()
    assert PushRun.objects.filter(state="running").count() == 0
    assert [
        name for name, count in Counter(row["Name"] for row in live_windows(aws)).items() if count > 1
    ] == []
    region = aws.world.region(RETAIL, "eu-central-1")
    parts = (*region.targets.values(), *region.tasks.values())
    marks = Counter(one.get("OwnerInformation") or one["Name"] for one in parts)
    assert set(marks.values()) <= {1}
    assert len(region.baselines) == 1


def test_the_points_tested_are_the_points_there_are():
    named = set()
    for path in (ROOT / "patching").rglob("*.py"):
        named |= set(re.findall(r'crashpoint\("([a-z-]+)"\)', path.read_text()))
    assert named == {*ONCE, *EVERY_CALL, *IN_A_SWAP, *IN_A_HOLD}


def test_a_push_that_dies_with_an_answer_in_hand_is_taken_up(asked, retail, simulated_aws, meanwhile):
    meanwhile("call-returned", 6, die)
    with pytest.raises(Died):
        pushed(retail)
    meanwhile("call-returned", 0, die)
    simulated_aws.inject("forget-tokens")
    raise_unless_whole(simulated_aws, recover(retail))


@pytest.mark.slow
@pytest.mark.parametrize(("number", "point"), matrix.pairs(range(1, WRITES + 1), AROUND_A_CALL))
def test_a_push_that_dies_around_any_call_is_taken_up(asked, retail, simulated_aws, meanwhile, point, number):
    meanwhile(point, number, die)
    with pytest.raises(Died):
        pushed(retail)
    meanwhile(point, 0, die)
    raise_if_exposed(simulated_aws)
    simulated_aws.inject("forget-tokens")
    raise_unless_whole(simulated_aws, recover(retail))
    asked.refresh_from_db()
    assert asked.state == "applied"


@pytest.mark.slow
@pytest.mark.parametrize(("number", "point"), matrix.pairs(range(1, 6), AROUND_A_CALL))
def test_a_change_of_baseline_that_dies_leaves_no_open_window_on_the_default(
    asked, retail, simulated_aws, meanwhile, rita, point, number
):
    pushed(retail)
    strict = [
        pushing.baseline_item("payments-strict"),
        change(PatchGroup.objects.get(), "patch-group", baselines={"WINDOWS": "payments-strict"}),
    ]
    approved(rita, strict)
    meanwhile(point, number, die)
    with pytest.raises(Died):
        pushed(retail)
    meanwhile(point, 0, die)
    region = simulated_aws.world.region(RETAIL, "eu-central-1")
    window = region.windows[resource("window", label="payments-dev").aws_id]
    assert "payments-dev" in region.groups or not window["Enabled"]
    raise_unless_whole(simulated_aws, recover(retail))


@pytest.mark.slow
@pytest.mark.parametrize("number", range(1, 7))
def test_a_removal_that_dies_is_taken_up(asked, retail, simulated_aws, meanwhile, rita, settings, number):
    settings.PUSH_MAX_DELETE_SHARE = 0.9
    pushed(retail)
    approved(rita, [removal(MaintenanceWindow.objects.get(), "window")])
    meanwhile("call-returned", number, die)
    with pytest.raises(Died):
        pushed(retail)
    meanwhile("call-returned", 0, die)
    raise_unless_whole(simulated_aws, recover(retail))
    assert {row["Name"] for row in live_windows(simulated_aws)} == {"patchwarden-daily-scan"}


# A process of its own, killed by the crash point itself


@pytest.fixture
def push_that_dies(install, settings):
    """``push_that_dies("call-returned:7")``: in a process of its own, killed there."""
    installation = install(redis="", PUSH_SETTLE_SECONDS="0")
    settings.PUSH_SETTLE_SECONDS = 0

    def push(where: str) -> None:
        child = installation.push(PLACE, CRASH_AT=where)
        processes.until(lambda: not child.lives, 60, "the push ends")
        assert f"Died at {where}." in child.log.read_text()

    return push


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("point", [f"{name}:1" for name in (*ONCE, *EVERY_CALL)] + ["call-returned:7"])
def test_a_killed_process_loses_nothing(asked, retail, simulated_aws, push_that_dies, point):
    push_that_dies(point)
    raise_if_exposed(simulated_aws)
    raise_unless_whole(simulated_aws, recover(retail))
    asked.refresh_from_db()
    assert asked.state == "applied"


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_process_killed_between_two_baselines_leaves_its_window_closed(
    asked, retail, simulated_aws, rita, push_that_dies
):
    pushed(retail)
    strict = [
        pushing.baseline_item("payments-strict"),
        change(PatchGroup.objects.get(), "patch-group", baselines={"WINDOWS": "payments-strict"}),
    ]
    approved(rita, strict)
    push_that_dies("between-two-baselines:1")
    windows = {row["Name"]: row["Enabled"] for row in live_windows(simulated_aws)}
    assert not windows["payments-dev"]
    raise_unless_whole(simulated_aws, recover(retail))
