"""Changes made in AWS behind our back: told field by field, then restored, reported or paused, as policy says."""

from datetime import timedelta
from typing import Any

import pytest

from patching.aws.schedules import Schedules
from patching.models import (
    AccountRegion,
    ChangeRequest,
    Drift,
    MaintenanceWindow,
    Operation,
    PatchBaseline,
    ResourceState,
)
from patching.outside import RESTORED_AT_MOST
from portal.governance import clock
from portal.governance.models import OutboxMessage
from tests import pushing
from tests.patching.test_push import deferral
from tests.pushing import approved, change, pushed, resource
from tests.simulated_aws import SimulatedAws

Policy = AccountRegion.DriftPolicy


def edit_the_window(aws: SimulatedAws, **changes: Any) -> None:
    window_id = resource("window", label="payments-dev").aws_id
    aws.client("ssm").update_maintenance_window(WindowId=window_id, **changes)


def window_in_aws(aws: SimulatedAws) -> dict[str, Any]:
    window_id = resource("window", label="payments-dev").aws_id
    return dict(aws.client("ssm").get_maintenance_window(WindowId=window_id))


def told() -> list[str]:
    return sorted(OutboxMessage.objects.filter(event__startswith="drift").values_list("subject", flat=True))


@pytest.fixture
def standing(asked: ChangeRequest, retail: AccountRegion) -> AccountRegion:
    """Everything approved is in AWS."""
    assert pushed(retail).state == "succeeded"
    return retail


def under(place: AccountRegion, policy: str) -> AccountRegion:
    AccountRegion.objects.filter(pk=place.pk).update(drift_policy=policy)
    return place


def test_enforcing_restores_and_keeps_what_was_found_field_by_field(standing, simulated_aws):
    edit_the_window(simulated_aws, Duration=9, Cutoff=2)

    assert pushed(standing).state == "succeeded"

    drift = Drift.objects.get()
    assert drift.state == "restored"
    assert drift.changes == [
        {"field": "duration", "live": "9", "desired": "4"},
        {"field": "cutoff", "live": "2", "desired": "1"},
    ]
    assert (drift.live["duration"], window_in_aws(simulated_aws)["Duration"]) == (9, 4)


def test_reporting_leaves_it_as_it_is_and_tells_who_decides(standing, simulated_aws, opal):
    under(standing, Policy.REPORT)
    edit_the_window(simulated_aws, Duration=9)

    run = pushed(standing)

    assert (run.state, run.writes) == ("partial", 0)
    assert window_in_aws(simulated_aws)["Duration"] == 9
    state = resource("window", label="payments-dev")
    assert (state.condition, state.reason_code) == ("drifted", "drift")
    assert "duration: “9” instead of “4”" in state.condition_text
    assert "payments-dev in 211125483017/eu-central-1 was changed outside Patchwarden" in told()


def test_reporting_goes_on_with_everything_else(standing, simulated_aws, rita):
    under(standing, Policy.REPORT)
    edit_the_window(simulated_aws, Duration=9)
    looser = {**pushing.EVERYTHING, "ApproveAfterDays": 3}
    spec = pushing.baseline_item("payments-dev-win", looser)["spec"]
    approved(rita, [change(PatchBaseline.objects.get(), "baseline", definition=spec["definition"])])

    pushed(standing)

    assert [entry["operation"] for entry in simulated_aws.log()[-1:]] == ["UpdatePatchBaseline"]
    assert window_in_aws(simulated_aws)["Duration"] == 9


def test_pausing_writes_nothing_at_all_until_a_person_decides(standing, simulated_aws, rita):
    under(standing, Policy.PAUSE)
    edit_the_window(simulated_aws, Duration=9)
    pushed(standing)
    looser = pushing.baseline_item("payments-dev-win", {**pushing.EVERYTHING, "ApproveAfterDays": 3})["spec"]
    request = approved(
        rita, [change(PatchBaseline.objects.get(), "baseline", definition=looser["definition"])]
    )
    mark = len(simulated_aws.log())

    run = pushed(standing)

    assert (run.state, run.error_code) == ("refused", "paused")
    assert len(simulated_aws.log()) == mark
    request.refresh_from_db()
    assert request.state == "pushing"  # it waits; nobody said no


def test_a_request_about_what_was_changed_meanwhile_goes_stale(standing, simulated_aws, rita):
    request = approved(rita, [change(MaintenanceWindow.objects.get(), "window", description="Later")])
    edit_the_window(simulated_aws, Duration=9)

    pushed(standing)

    request.refresh_from_db()
    assert request.state == "stale"
    assert (
        "window payments-dev in 211125483017/eu-central-1 was changed in AWS after this was submitted"
        in request.outcome_note
    )


def edit_a_part(aws: SimulatedAws, kind: str) -> None:
    """Somebody turns the knob of one part of the window in the console."""
    ssm = aws.client("ssm")
    window_id = resource("window", label="payments-dev").aws_id
    part = ResourceState.objects.filter(kind=kind, label__startswith="payments-dev:").order_by("label")[0]
    part_id = part.aws_id.partition("/")[2]
    if kind == "target":
        named = {"WindowId": window_id, "WindowTargetId": part_id}
        ssm.update_maintenance_window_target(**named, Targets=[{"Key": "tag:Team", "Values": ["web"]}])
    else:
        ssm.update_maintenance_window_task(WindowId=window_id, WindowTaskId=part_id, MaxErrors="100%")


@pytest.mark.parametrize("kind", ["target", "task"])
def test_a_request_about_a_window_whose_parts_were_changed_goes_stale(standing, simulated_aws, rita, kind):
    request = approved(rita, [change(MaintenanceWindow.objects.get(), "window", description="Later")])
    edit_a_part(simulated_aws, kind)

    pushed(standing)

    request.refresh_from_db()
    assert request.state == "stale"
    assert f"{kind} payments-dev: " in request.outcome_note


def test_parts_of_a_window_do_not_matter_to_a_request_about_a_baseline(standing, simulated_aws, rita):
    looser = pushing.baseline_item("payments-dev-win", {**pushing.EVERYTHING, "ApproveAfterDays": 3})["spec"]
    request = approved(
        rita, [change(PatchBaseline.objects.get(), "baseline", definition=looser["definition"])]
    )
    edit_a_part(simulated_aws, "task")

    pushed(standing)

    request.refresh_from_db()
    assert request.state == "applied"


def test_a_person_may_have_one_change_restored(standing, simulated_aws):
    under(standing, Policy.PAUSE)
    edit_the_window(simulated_aws, Duration=9)
    pushed(standing)
    drift = Drift.objects.get(state="open")
    state = resource("window", label="payments-dev")
    state.restore_digest = drift.live_digest
    state.save(update_fields=["restore_digest"])

    assert pushed(standing).state == "succeeded"

    assert window_in_aws(simulated_aws)["Duration"] == 4
    state.refresh_from_db()
    assert (Drift.objects.get().state, state.restore_digest) == ("restored", "")


def test_leave_to_restore_one_change_is_no_leave_for_the_next(standing, simulated_aws):
    under(standing, Policy.REPORT)
    edit_the_window(simulated_aws, Duration=9)
    pushed(standing)
    state = resource("window", label="payments-dev")
    state.restore_digest = Drift.objects.get().live_digest
    state.save(update_fields=["restore_digest"])
    edit_the_window(simulated_aws, Duration=11)

    pushed(standing)

    assert window_in_aws(simulated_aws)["Duration"] == 11


def test_the_fourth_change_within_an_hour_is_left_alone_and_told(standing, simulated_aws, opal):
    for number in range(RESTORED_AT_MOST):
        edit_the_window(simulated_aws, Duration=9 + number)
        assert pushed(standing).state == "succeeded"
    edit_the_window(simulated_aws, Duration=20)

    assert pushed(standing).state == "partial"

    assert window_in_aws(simulated_aws)["Duration"] == 20
    assert Drift.objects.get(state="open").paused
    assert "something else manages it" in resource("window", label="payments-dev").condition_text
    assert any("changed again after 3 restores" in subject for subject in told())


def test_an_hour_later_it_stays_with_the_person_who_was_told(standing, simulated_aws):
    for number in range(RESTORED_AT_MOST + 1):
        edit_the_window(simulated_aws, Duration=9 + number)
        pushed(standing)
    clock.set_to(clock.now() + timedelta(hours=2))

    pushed(standing)

    assert window_in_aws(simulated_aws)["Duration"] == 9 + RESTORED_AT_MOST


def test_what_is_asked_for_as_it_stands_is_adopted(standing, simulated_aws, rita):
    under(standing, Policy.REPORT)
    edit_the_window(simulated_aws, Duration=9)
    pushed(standing)
    approved(rita, [change(MaintenanceWindow.objects.get(), "window", duration=9)])

    run = pushed(standing)

    assert run.state == "succeeded"
    assert Drift.objects.get().state == "adopted"
    assert window_in_aws(simulated_aws)["Duration"] == 9


def test_what_somebody_puts_back_by_hand_passes(standing, simulated_aws):
    under(standing, Policy.REPORT)
    edit_the_window(simulated_aws, Duration=9)
    pushed(standing)
    edit_the_window(simulated_aws, Duration=4)

    assert pushed(standing).state == "succeeded"

    assert Drift.objects.get().state == "passed"


def test_reporting_does_not_make_anew_what_was_deleted(standing, simulated_aws):
    under(standing, Policy.REPORT)
    window_id = resource("window", label="payments-dev").aws_id
    simulated_aws.client("ssm").delete_maintenance_window(WindowId=window_id)

    run = pushed(standing)

    assert run.writes == 0
    assert resource("window", label="payments-dev").condition == "missing"
    assert Drift.objects.get(resource__kind="window").live is None


def test_what_a_list_leaves_out_once_is_not_made_anew(standing, simulated_aws, settings):
    settings.PUSH_SETTLE_SECONDS = 60
    Operation.objects.update(resolved_at=clock.real_now() - timedelta(minutes=5))
    before = resource("window", label="payments-dev").aws_id
    simulated_aws.client("ssm").delete_maintenance_window(WindowId=before)

    first = pushed(standing)
    state = resource("window", label="payments-dev")
    assert (first.writes, state.condition) == (0, "missing")
    assert "looked at again before it is made anew" in state.condition_text
    ResourceState.objects.exclude(missing_since=None).update(
        missing_since=clock.real_now() - timedelta(seconds=61)
    )

    assert pushed(standing).writes > 0
    assert resource("window", label="payments-dev").aws_id != before


def test_a_tag_is_left_alone_until_a_person_says_otherwise(standing, simulated_aws):
    server = pushing.servers()[0].instance_id
    theirs = [{"Key": "PatchGroup", "Value": "somebody-elses"}]
    simulated_aws.client("ec2").create_tags(Resources=[server], Tags=theirs)
    assert pushed(standing).writes == 0
    state = resource("tag", key=f"{server}:PatchGroup")
    state.restore_digest = Drift.objects.get().live_digest
    state.save(update_fields=["restore_digest"])

    assert pushed(standing).writes == 1

    state.refresh_from_db()
    assert state.condition == "in_sync"


def test_what_aws_gives_back_while_we_look_is_nobodys_change(asked, retail, simulated_aws, monkeypatch, opal):
    pushed(retail)
    waiver = deferral()
    assert pushed(retail).state == "succeeded"
    simulated_aws.advance(to=waiver.ends_at - timedelta(seconds=20))
    clock.set_to(simulated_aws.now)

    def read(self, names):
        monkeypatch.setattr(Schedules, "read", reading)
        simulated_aws.advance(by=timedelta(seconds=40))
        clock.set_to(simulated_aws.now)
        yield from reading(self, names)

    reading = Schedules.read
    monkeypatch.setattr(Schedules, "read", read)
    assert pushed(retail).state == "succeeded"
    assert not Drift.objects.exists()
