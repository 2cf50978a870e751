"""Holds in AWS: the way back first, then shut; one timeline of all of them; and open again without us."""

from datetime import timedelta

import pytest

from patching import holding
from patching.models import Drift, Freeze, MaintenanceWindow, PatchGroup, ResourceState, WindowHold
from portal.governance import clock
from tests import asks, people, pushing, window_nights
from tests.patching.test_freezing import freeze_item, opening_item
from tests.pushing import approved, pushed, removal
from tests.simulated_aws import RETAIL
from tests.window_nights import NEXT, OPENS, go_to

DAY = timedelta(days=1)


@pytest.fixture
def window(retail, simulated_aws):
    """Rita's window of Sundays stands in AWS, and it is Thursday."""
    return window_nights.window_in_aws(retail)


def this_minute():
    """A freeze begins and ends at a minute."""
    return clock.now().replace(second=0, microsecond=0)


def local(moment):
    """As a freeze names a moment in UTC."""
    return moment.strftime("%Y-%m-%dT%H:%M")


def frozen(start, end, name="Closing"):
    """A freeze of payments dev over this time, approved."""
    times = {"starts_at": local(start), "ends_at": local(end), "timezone": "UTC"}
    approved(people.person("rita"), [freeze_item(name=name, **times)])
    return Freeze.objects.get(name=name)


def lifted(freeze):
    approved(people.person("rita"), [removal(freeze, "freeze")])


def is_open(aws, name="payments-dev"):
    rows = aws.client("ssm").describe_maintenance_windows()["WindowIdentities"]
    return next(row["Enabled"] for row in rows if row["Name"] == name)


def ways_back(aws):
    """When AWS itself will enable windows."""
    region = aws.world.region(RETAIL, "eu-central-1")
    rows = region.schedules.values()
    return sorted(
        one["ScheduleExpression"] for one in rows if "updateMaintenanceWindow" in one["Target"]["Arn"]
    )


def way_back_at(moment):
    return f"at({moment:%Y-%m-%dT%H:%M:%S})"


def writes(aws):
    return [one["operation"] for one in aws.log() if one["operation"] not in ("Fire",)]


def runs_of(aws, name="payments-dev"):
    """Openings of a window so far."""
    region = aws.world.region(RETAIL, "eu-central-1")
    ids = {key for key, one in region.windows.items() if one["Name"] == name}
    return [one for one in region.executions if one["WindowId"] in ids]


def test_the_way_back_stands_before_the_window_is_shut(window, retail, simulated_aws):
    before = len(writes(simulated_aws))
    frozen(clock.now() + timedelta(hours=1), NEXT + DAY)
    assert pushed(retail).state == "succeeded"
    made = ["CreateScheduleGroup", "CreateSchedule", "UpdateMaintenanceWindow"]
    assert writes(simulated_aws)[before:] == made
    assert not is_open(simulated_aws)
    assert ways_back(simulated_aws) == [way_back_at(NEXT + DAY)]
    assert pushed(retail).writes == 0


def test_a_freeze_far_ahead_leaves_the_window_open_until_its_last_opening_before(
    window, retail, simulated_aws
):
    frozen(NEXT - timedelta(hours=1), NEXT + DAY)
    pushed(retail)
    retail.refresh_from_db()
    assert is_open(simulated_aws)
    go_to(simulated_aws, NEXT - timedelta(hours=25) + timedelta(minutes=1))
    assert pushed(retail).state == "succeeded"
    assert not is_open(simulated_aws)


def test_the_next_push_is_due_when_a_hold_takes_effect(window, retail, simulated_aws, settings):
    frozen(NEXT - timedelta(hours=1), NEXT + DAY)
    begins = NEXT - timedelta(hours=25)
    go_to(simulated_aws, begins - timedelta(minutes=1))
    pushed(retail)
    retail.refresh_from_db()
    assert retail.next_push_at == begins


def test_nothing_is_shut_where_the_way_back_cannot_be_laid_down(window, retail, simulated_aws):
    simulated_aws.inject("deny", operation="CreateSchedule")
    frozen(clock.now() + timedelta(hours=1), NEXT + DAY)
    pushed(retail)
    assert is_open(simulated_aws)


def test_at_its_end_the_window_opens_its_schedule_goes_and_the_proof_is_kept(window, retail, simulated_aws):
    frozen(clock.now(), clock.now() + DAY)
    pushed(retail)
    # the portal is first: AWS has not come to it yet
    clock.set_to(clock.now() + DAY)
    before = len(writes(simulated_aws))
    assert pushed(retail).state == "succeeded"
    assert writes(simulated_aws)[before:] == ["UpdateMaintenanceWindow", "DeleteSchedule"]
    assert is_open(simulated_aws)
    assert ways_back(simulated_aws) == []
    hold = WindowHold.objects.get()
    assert (
        hold.restored_proof["window"] == ResourceState.objects.get(kind="window", label="payments-dev").aws_id
    )


def test_with_no_portal_aws_opens_the_window_and_the_portal_agrees_when_it_comes_back(
    window, retail, simulated_aws
):
    frozen(clock.now(), OPENS + DAY)
    pushed(retail)
    go_to(simulated_aws, NEXT + timedelta(hours=6))  # nobody pushed: a worker that is dead
    assert is_open(simulated_aws)
    assert len(runs_of(simulated_aws)) == 1  # the opening in the freeze fell out, the one after it came
    assert pushed(retail).writes == 0
    assert not Drift.objects.exists()
    assert pushing.is_all_in_sync()
    assert WindowHold.objects.get().restored_at is not None


def test_overlapping_holds_form_one_timeline_and_ending_one_keeps_the_other(window, retail, simulated_aws):
    now = this_minute()
    frozen(now, now + 2 * DAY, "First")
    second = frozen(now + DAY, now + 4 * DAY, "Second")
    pushed(retail)
    assert ways_back(simulated_aws) == [way_back_at(now + 4 * DAY)]
    lifted(second)
    pushed(retail)
    assert ways_back(simulated_aws) == [way_back_at(now + 2 * DAY)]
    assert not is_open(simulated_aws)


def test_a_freeze_taken_back_opens_the_window_at_once(window, retail, simulated_aws):
    freeze = frozen(clock.now(), NEXT)
    pushed(retail)
    assert not is_open(simulated_aws)
    lifted(freeze)
    assert pushed(retail).state == "succeeded"
    assert is_open(simulated_aws)
    assert ways_back(simulated_aws) == []
    assert pushed(retail).writes == 0


def test_the_gate_refuses_once_the_word_is_gone(window, retail, simulated_aws, meanwhile):
    freeze = frozen(clock.now(), NEXT)
    meanwhile("intent-written", 1, lambda: lifted(freeze))  # while the schedule is being made
    pushed(retail)
    assert is_open(simulated_aws)
    meanwhile("intent-written", 0, lambda: None)
    pushed(retail)
    pushed(retail)
    assert ways_back(simulated_aws) == []


def test_a_hold_whose_word_is_not_there_keeps_nothing_shut(window, retail, simulated_aws):
    now = clock.now()
    holding.hold(
        [window], source="freeze:999", digest="0" * 64, reason="Invented", starts_at=now, ends_at=now + DAY
    )
    pushed(retail)
    assert is_open(simulated_aws)


def test_a_window_made_under_a_freeze_never_opens_in_it(retail, simulated_aws):
    frozen(clock.now(), NEXT + DAY)
    window_nights.window_in_aws(retail)
    assert not is_open(simulated_aws)
    assert ways_back(simulated_aws) == [way_back_at(NEXT + DAY)]


def test_a_moved_opening_runs_once_at_its_new_time_and_leaves_nothing(window, retail, simulated_aws):
    moved_to = OPENS + timedelta(days=2)
    item = opening_item(window, moved_to=moved_to.isoformat(), run_at=OPENS.isoformat())
    approved(people.person("rita"), [item])
    assert pushed(retail).state == "succeeded"
    extra = f"payments-dev-{moved_to:%Y%m%d-%H%M}"
    assert is_open(simulated_aws, extra)
    go_to(simulated_aws, OPENS - timedelta(hours=23))
    pushed(retail)
    assert not is_open(simulated_aws)
    go_to(simulated_aws, OPENS + timedelta(hours=1))
    pushed(retail)
    assert is_open(simulated_aws)
    go_to(simulated_aws, moved_to + timedelta(hours=6))
    window_nights.read(retail)
    assert [run.started_at for run in window.runs.all()] == [moved_to]
    pushed(retail)
    pushed(retail)
    rows = simulated_aws.client("ssm").describe_maintenance_windows()["WindowIdentities"]
    assert extra not in {row["Name"] for row in rows}
    assert pushing.is_all_in_sync()


def test_a_request_asked_before_a_freeze_does_not_go_stale_because_of_it(window, retail, simulated_aws):
    rita = people.person("rita")
    longer = pushing.change(MaintenanceWindow.objects.get(), "window", duration=5)
    request = asks.submitted(rita, [longer])
    frozen(clock.now(), NEXT)
    pushed(retail)
    asks.approve(request, people.person("omar"))
    pushed(retail)
    request.refresh_from_db()
    assert request.state == "applied"


def test_a_swap_of_baselines_puts_off_an_opening_that_would_fall_into_it(window, retail, simulated_aws):
    frozen(clock.now(), clock.now() + timedelta(minutes=20))
    pushed(retail)
    strict = [
        pushing.baseline_item("payments-strict"),
        pushing.change(PatchGroup.objects.get(), "patch-group", baselines={"WINDOWS": "payments-strict"}),
    ]
    approved(people.person("rita"), strict)
    before = len(writes(simulated_aws))
    pushed(retail)
    during = writes(simulated_aws)[before:]
    put_off = during.index("UpdateSchedule")
    assert put_off < during.index("DeregisterPatchBaselineForPatchGroup")
    pushed(retail)
    assert ways_back(simulated_aws) == [way_back_at(WindowHold.objects.get().ends_at)]
    assert pushing.is_all_in_sync()
