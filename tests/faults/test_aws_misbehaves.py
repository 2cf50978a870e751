"""AWS throttles, refuses, is edited, locks us out or answers in crumbs: told in words, healed, nothing twice."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from patching import breaker, pacing, progress, pull, push, turns
from patching.aws import marks, session
from patching.models import AccountRegion, ManagedInstance, ResourceState
from patching.simulator.state import Node
from portal.governance import clock
from tests import pushing
from tests.faults.rig import load, matrix, oracle
from tests.faults.rig.matrix import Figures
from tests.pushing import pushed, resource
from tests.simulated_aws import RETAIL, SHARED, SimulatedAws

pytestmark = [pytest.mark.slow, pytest.mark.django_db]
FIGURES = Callable[[str, str], Figures]
HERE = "tests/faults/test_aws_misbehaves.py"
PASSES = 60
KINDS = ("baseline", "registration", "window", "target", "task", "tag")


@pytest.fixture(autouse=True)
def patient(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "THROTTLED_PAUSE", 0.001)
    settings.PUSH_SETTLE_SECONDS = 0
    settings.PUSH_MAX_DELETE_SHARE = 0.9


def rest(place: AccountRegion) -> AccountRegion:
    """The pause after a busy pass is over."""
    AccountRegion.objects.filter(pk=place.pk).update(backoff_until=None, circuit_until=None)
    place.refresh_from_db()
    return place


def until_in_sync(place: AccountRegion) -> int:
    """Passes until everything is as approved."""
    for number in range(1, PASSES + 1):
        if pushed(rest(place)).state == "succeeded":
            return number
    raise AssertionError(f"Not in sync after {PASSES} passes: {pushing.standing()}")


def test_half_of_all_calls_throttled_only_takes_longer(simulated_aws, figures: FIGURES):
    (seed,) = matrix.seeds()
    matrix.announce(seed, f"{HERE} -k half_of_all")
    tally = figures("F12", "every second call throttled")
    company = load.company(simulated_aws, cells=matrix.rounds(2, 8))
    company.begin()
    simulated_aws.inject("throttle", share=0.5, seed=seed, seconds=100_000)
    for place in company.places:
        tally.worst("passes", until_in_sync(place))
    simulated_aws.clear_faults()
    progress.settle_idle()
    tally.rounds += len(company.places)
    tally.seeds.append(seed)
    double = oracle.doubles(simulated_aws)
    lost = [*oracle.unsettled(), *oracle.unlike(simulated_aws)]
    tally.lost, tally.double = tally.lost + len(lost), tally.double + len(double)
    tally.tell()
    assert (lost, double) == ([], [])


@pytest.mark.django_db(transaction=True)
def test_under_a_rate_the_pace_keeps_us_from_asking_in_vain(
    simulated_aws, settings, monkeypatch, figures: FIGURES
):
    tally = figures("F12", "AWS takes 20 reads and 10 writes a second; our pace is below")
    settings.AWS_READS_PER_SECOND, settings.AWS_WRITES_PER_SECOND = 16, 8
    monkeypatch.setattr(pacing, "READ_BURST", 4)
    monkeypatch.setattr(pacing, "WRITE_BURST", 4)
    company = load.company(simulated_aws, cells=matrix.rounds(1, 4), places=1)
    company.begin()
    simulated_aws.throttle(reads_per_second=20, writes_per_second=10)
    simulated_aws.calls(reset=True)
    session.forget()
    run = pushed(company.places[0])
    simulated_aws.clear_faults()
    asked = sum(number for name, number in simulated_aws.calls().items() if not name.startswith("sts:"))
    tally.rounds += 1
    tally.worst("calls per call needed", asked / (run.reads + run.writes))
    tally.tell()
    assert run.state == "succeeded"
    assert asked <= 1.5 * (run.reads + run.writes)


def test_a_quota_stops_only_what_is_above_it_and_is_not_asked_again_for_an_hour(
    simulated_aws, figures: FIGURES
):
    wanted, limit = matrix.rounds(6, 24), matrix.rounds(4, 18)  # a baseline serves 25 groups
    tally = figures("F13", "fewer windows allowed than approved")
    company = load.company(simulated_aws, cells=wanted, places=1)
    (place,) = company.places
    company.begin()
    simulated_aws.quota("windows", limit)  # something foreign and the daily scan count too
    simulated_aws.calls(reset=True)
    pushed(place)
    for _ in range(matrix.rounds(3, 10)):
        pushed(rest(place))
    windows = ResourceState.objects.filter(kind="window")
    over = windows.filter(reason_code="quota")
    tried = simulated_aws.calls("CreateMaintenanceWindow")["ssm:CreateMaintenanceWindow"]
    tally.rounds += wanted
    tally.worst("tries above the quota", tried - (limit - 1))
    assert windows.filter(condition="in_sync").count() == limit - 1
    assert over.count() == wanted + 1 - (limit - 1) == tried - (limit - 1)
    assert all("quota of the account is reached" in state.condition_text for state in over)
    assert not over.filter(condition="parked").exists()
    simulated_aws.quota("windows", 500)
    AccountRegion.objects.filter(pk=place.pk).update(push_wanted=place.push_wanted + 1)
    assert until_in_sync(rest(place)) <= 2
    tally.tell()


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_deleted_outside_comes_back_once_whatever_it_is(
    asked, retail, simulated_aws, kind, figures: FIGURES
):
    tally = figures("F14", "a resource of each kind deleted outside")
    pushed(retail)
    for state in ResourceState.objects.filter(kind=kind).order_by("key"):
        delete(simulated_aws, state)
        until_in_sync(retail)
        tally.rounds += 1
    tally.double += len(oracle.doubles(simulated_aws))
    tally.tell()
    assert oracle.doubles(simulated_aws) == []
    assert pushed(retail).writes == 0
    assert not ResourceState.objects.exclude(condition__in=("in_sync", "removed")).exists()


def test_a_parent_deleted_outside_comes_back_with_all_it_held(asked, retail, simulated_aws):
    pushed(retail)
    for state in ResourceState.objects.filter(kind__in=("window", "baseline")):
        delete(simulated_aws, state)
    until_in_sync(retail)
    assert oracle.doubles(simulated_aws) == []
    assert oracle.unlike(simulated_aws) == []


def delete(aws: SimulatedAws, state: ResourceState) -> None:
    """As somebody with the console would."""
    ssm, (parent, _, own) = aws.client("ssm"), state.aws_id.rpartition("/")
    match state.kind:
        case "window":
            ssm.delete_maintenance_window(WindowId=state.aws_id)
        case "baseline":
            for row in ssm.describe_patch_groups()["Mappings"]:
                if row["BaselineIdentity"]["BaselineId"] == state.aws_id:
                    ssm.deregister_patch_baseline_for_patch_group(
                        BaselineId=state.aws_id, PatchGroup=row["PatchGroup"]
                    )
            ssm.delete_patch_baseline(BaselineId=state.aws_id)
        case "registration":
            ssm.deregister_patch_baseline_for_patch_group(
                BaselineId=state.aws_id, PatchGroup=state.applied["patch_group"]
            )
        case "target":
            for task in ssm.describe_maintenance_window_tasks(WindowId=parent)["Tasks"]:
                ssm.deregister_task_from_maintenance_window(
                    WindowId=parent, WindowTaskId=task["WindowTaskId"]
                )
            ssm.deregister_target_from_maintenance_window(WindowId=parent, WindowTargetId=own)
        case "task":
            ssm.deregister_task_from_maintenance_window(WindowId=parent, WindowTaskId=own)
        case "tag":
            aws.client("ec2").delete_tags(Resources=[parent], Tags=[{"Key": own}])


def test_whoever_fights_us_wins_after_three_rounds_and_a_person_hears_of_it(
    asked, retail, simulated_aws, opal, figures: FIGURES
):
    tally = figures("F15", "somebody edits a window after every restore")
    pushed(retail)
    window_id = resource("window", label="payments-dev").aws_id
    mark = len(simulated_aws.log("UpdateMaintenanceWindow"))
    for number in range(10):
        simulated_aws.edit("window", window_id, Duration=9 + number)
        pushed(rest(retail))
    restores = len(simulated_aws.log("UpdateMaintenanceWindow")) - mark
    tally.rounds += 10
    tally.worst("restores an hour", restores)
    tally.tell()
    assert restores == 3


@pytest.mark.parametrize("kind", ["window", "baseline"])
def test_without_its_mark_nothing_is_ours(asked, retail, simulated_aws, kind, figures: FIGURES):
    tally = figures("F16", "the ownership tag removed")
    pushed(retail)
    state = ResourceState.objects.filter(kind=kind).order_by("key")[0]
    simulated_aws.untag(kind, state.aws_id, marks.RESOURCE)
    edited = {"Duration": 9} if kind == "window" else {"Description": "Mine now"}
    simulated_aws.edit(kind, state.aws_id, **edited)
    mark = len(simulated_aws.log())
    for _ in range(3):
        pushed(rest(retail))
    tally.rounds += 1
    tally.worst("writes to it", len(simulated_aws.log()) - mark)
    tally.tell()
    state.refresh_from_db()
    assert [(one["operation"], one["request"]) for one in simulated_aws.log()[mark:]] == []
    assert state.reason_code == "ownership_lost"


@pytest.mark.parametrize("wrong", ["role", "external id", "expired"])
def test_one_account_that_is_locked_does_not_touch_the_others(simulated_aws, wrong, figures: FIGURES):
    tally = figures("F17", "role revoked, wrong external id, expired credentials")
    company = load.company(simulated_aws, cells=1, places=2)
    retail, shared = company.places
    company.begin()
    break_in(simulated_aws, retail, wrong)
    for place in (retail, shared):
        push.push(place, trigger="tick")
    retail.refresh_from_db()
    shared.refresh_from_db()
    tally.rounds += 1
    assert shared.health == "ok"
    assert oracle.unlike(simulated_aws) == [
        line for line in oracle.unlike(simulated_aws) if "retail" in line or "i-" in line
    ]
    if wrong != "expired":
        assert retail.health == "denied"
        assert retail not in turns.due()
        assert "AssumeRole" in retail.last_error or "Assuming" in retail.last_error
    mend(simulated_aws, retail, wrong)
    breaker.try_again(retail)
    assert until_in_sync(retail) <= 2
    assert oracle.unlike(simulated_aws) == []
    tally.tell()


def break_in(aws: SimulatedAws, place: AccountRegion, wrong: str) -> None:
    if wrong == "role":
        session.forget()
        aws.deny_role(RETAIL)
    elif wrong == "expired":
        session.clients(place)
        aws.expire_credentials(RETAIL)
    else:
        session.forget()
        place.account.external_id = "another-external-id"
        place.account.save(update_fields=["external_id"])


def mend(aws: SimulatedAws, place: AccountRegion, wrong: str) -> None:
    aws.clear_faults()
    if wrong == "external id":
        place.account.external_id = aws.external_id(RETAIL)
        place.account.save(update_fields=["external_id"])


def test_a_host_with_a_wrong_clock_stops_writing_and_says_why(asked, retail, simulated_aws, figures: FIGURES):
    tally = figures("F19", "AWS refuses the time of this host's clock")
    simulated_aws.inject(
        "error", code="RequestTimeTooSkewed", message="Signature expired: 20260601T000000Z", count=100
    )
    session.forget()
    run = pushed(retail)
    retail.refresh_from_db()
    tally.rounds += 1
    tally.tell()
    assert (run.state, run.writes, retail.health) == ("failed", 0, "clock")
    assert retail not in turns.due()


@pytest.mark.parametrize("hours", [1, -1, 24, -24])
def test_the_portals_clock_steals_no_lease(asked, retail, simulated_aws, hours):
    AccountRegion.objects.filter(pk=retail.pk).update(lease_until=clock.real_now() + timedelta(minutes=2))
    clock.set_to(clock.now() + timedelta(hours=hours)) if hours > 0 else clock.forget()
    assert push.push(retail, trigger="tick") is None


def test_in_pages_of_one_everything_is_found_once(simulated_aws, figures: FIGURES):
    tally = figures("F29", "every list in pages of one")
    company = load.company(simulated_aws, cells=matrix.rounds(2, 6), places=1)
    company.begin()
    simulated_aws.page_size(1)
    until_in_sync(company.places[0])
    assert pushed(company.places[0]).writes == 0
    simulated_aws.page_size(None)
    tally.rounds += ManagedInstance.objects.count()
    tally.double += len(oracle.doubles(simulated_aws))
    tally.tell()
    assert oracle.doubles(simulated_aws) == []
    assert oracle.unlike(simulated_aws) == []


def test_a_list_whose_token_expires_is_begun_anew_and_everything_counted_once(
    simulated_aws, retail, figures: FIGURES
):
    tally = figures("F29", "many instances in pages of ten; a NextToken expires in the middle of a list")
    number = matrix.rounds(40, 10_000)
    simulated_aws.reset_to(many(simulated_aws, number))
    retail.account.external_id = simulated_aws.external_id(RETAIL)
    retail.account.save(update_fields=["external_id"])
    session.forget()
    simulated_aws.page_size(10, token_seconds=0)
    cut_short = pull.pull(retail)
    assert cut_short.error_code == "InvalidNextToken"
    simulated_aws.page_size(10)
    for _ in range(2):
        assert pull.pull(retail).error == ""
        present = ManagedInstance.objects.present()
        tally.double += present.count() - present.values("instance_id").distinct().count()
        tally.lost += number - present.count()
    tally.rounds += number
    tally.tell()
    assert (tally.lost, tally.double) == (0, 0)


def many(aws: SimulatedAws, number: int) -> list[Node]:
    """So many servers in Retail, alike but for their ids; none of them was scanned."""
    sample = next(node for node in aws.world.nodes.values() if node.account == RETAIL and node.managed)
    return [
        replace(sample, instance_id=f"i-{one:017x}", name=f"server-{one}", last_run=None)
        for one in range(number)
    ]


def test_another_account_in_trouble_costs_no_time(simulated_aws):
    company = load.company(simulated_aws, cells=1, places=2)
    retail, shared = company.places
    company.begin()
    simulated_aws.inject("down", account=RETAIL, seconds=100_000)
    session.forget()
    assert push.push(retail, trigger="tick").state == "failed"
    assert pushed(shared).state == "succeeded"
    assert {place.account.account_id for place in turns.due()} <= {RETAIL, SHARED}
    retail.refresh_from_db()
    assert retail.health == "unreachable"
