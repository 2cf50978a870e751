"""How each resource stands after a pass: what is parked stays parked, what cannot go is let go, in words."""

from datetime import timedelta
from typing import Any

import pytest

from patching import operating, progress, push, turns
from patching.aws import marks
from patching.aws.windows import Windows
from patching.models import (
    AccountRegion,
    ChangeRequest,
    MaintenanceWindow,
    Operation,
    PatchGroup,
    ResourceState,
    Tombstone,
)
from portal.governance import clock
from tests import pushing
from tests.faults.test_crash_points import Died, die
from tests.pushing import approved, change, pushed, removal, resource

WINDOW = "payments-dev"
SCAN_TOO = [{"name": "Install", "kind": "install"}, {"name": "Scan", "kind": "scan"}]


@pytest.fixture
def standing(asked: ChangeRequest, retail: AccountRegion, settings: Any) -> AccountRegion:
    settings.PUSH_MAX_DELETE_SHARE = 0.9
    assert pushed(retail).state == "succeeded"
    return retail


def parked(label: str = WINDOW) -> ResourceState:
    rows = ResourceState.objects.filter(kind="window", label=label)
    rows.update(condition="parked", condition_text="Parked by Opal: wait.", reason_code="parked")
    return rows.get()


def test_a_parked_removal_stays_parked_and_is_not_hurried(standing, simulated_aws, rita):
    approved(rita, [removal(MaintenanceWindow.objects.get(), "window")])
    parked()
    mark = len(simulated_aws.log("DeleteMaintenanceWindow"))
    runs = [pushed(standing) for _ in range(3)]
    assert resource("window", label=WINDOW).condition == "parked"
    assert len(simulated_aws.log("DeleteMaintenanceWindow")) == mark
    assert {run.error_code for run in runs} == {"partial"}
    standing.refresh_from_db()
    assert standing.push_done == standing.push_wanted  # nobody comes back in seconds for it


def test_a_parked_removal_that_is_retried_is_carried_out(standing, simulated_aws, rita, opal):
    approved(rita, [removal(MaintenanceWindow.objects.get(), "window")])
    operating.retry_resource(parked(), by=opal)
    assert pushed(standing).state == "succeeded"
    assert resource("window", label=WINDOW).condition == "removed"


def test_what_a_list_leaves_out_once_is_not_removed_yet(standing, simulated_aws, rita, settings, monkeypatch):
    settings.PUSH_SETTLE_SECONDS = 60
    Operation.objects.update(resolved_at=clock.real_now() - timedelta(minutes=5))
    request = approved(rita, [removal(MaintenanceWindow.objects.get(), "window")])
    with monkeypatch.context() as left_out:
        left_out.setattr(Windows, "read", lambda *_: iter(()))
        assert pushed(standing).error_code == "partial"
    request.refresh_from_db()
    assert request.state == "pushing"
    assert resource("window", label=WINDOW).condition != "removed"

    pushed(standing)

    request.refresh_from_db()
    assert WINDOW not in {
        row["Name"] for row in simulated_aws.client("ssm").describe_maintenance_windows()["WindowIdentities"]
    }
    assert request.state == "applied"


def test_what_was_deleted_outside_is_removed_once_it_is_missed_twice(standing, simulated_aws, rita, settings):
    settings.PUSH_SETTLE_SECONDS = 60
    Operation.objects.update(resolved_at=clock.real_now() - timedelta(minutes=5))
    request = approved(rita, [removal(MaintenanceWindow.objects.get(), "window")])
    simulated_aws.delete("window", resource("window", label=WINDOW).aws_id)
    assert pushed(standing).error_code == "partial"
    ResourceState.objects.exclude(missing_since=None).update(
        missing_since=clock.real_now() - timedelta(minutes=2)
    )
    assert pushed(standing).state == "succeeded"
    request.refresh_from_db()
    assert (request.state, resource("window", label=WINDOW).condition) == ("applied", "removed")


def test_a_parked_window_is_not_even_opened(standing, simulated_aws):
    window_id = parked().aws_id
    simulated_aws.edit("window", window_id, Enabled=False)
    assert pushed(standing).writes == 0
    assert resource("window", label=WINDOW).condition == "parked"


def test_removing_what_lost_its_mark_lets_it_go_and_says_so(standing, simulated_aws, rita):
    window_id = resource("window", label=WINDOW).aws_id
    simulated_aws.untag("window", window_id, marks.RESOURCE)
    request = approved(rita, [removal(MaintenanceWindow.objects.get(), "window")])

    assert pushed(standing).state == "succeeded"

    request.refresh_from_db()
    assert request.state == "applied"
    assert simulated_aws.log("DeleteMaintenanceWindow") == []
    assert "no longer carries our mark" in resource("window", label=WINDOW).condition_text
    part = ResourceState.objects.get(kind="target", aws_id="", label__startswith=WINDOW)
    assert f"Its window {window_id} no longer carries our mark" in part.condition_text


def test_a_later_word_takes_over_what_the_earlier_allowed_to_leave(standing, simulated_aws, rita):
    row = MaintenanceWindow.objects.get()
    approved(rita, [change(row, "window", tasks=SCAN_TOO)])
    pushed(standing)
    row.refresh_from_db()
    approved(rita, [change(row, "window", tasks=SCAN_TOO[:1])])  # the scan may leave
    row.refresh_from_db()
    second = approved(rita, [change(row, "window", duration=6)])

    assert pushed(standing).state == "succeeded"

    tasks = simulated_aws.client("ssm").describe_maintenance_window_tasks(
        WindowId=resource("window", label=WINDOW).aws_id
    )["Tasks"]
    assert len(tasks) == 1
    assert not Tombstone.objects.filter(buried_at=None).exists()
    second.refresh_from_db()
    assert second.state == "applied"
    assert pushed(standing).writes == 0


def test_a_removal_without_a_decision_behind_it_closes_no_window(standing, simulated_aws):
    part = ResourceState.objects.get(kind="task", label__startswith=WINDOW)
    source = {"kind": "revision", "id": "0", "digest": "nobody's"}
    Tombstone.objects.create(
        account_region=standing, kind="task", key=part.key, source=source, created_at=clock.now()
    )
    MaintenanceWindow.objects.update(spec={**MaintenanceWindow.objects.get().spec, "tasks": []})
    mark = len(simulated_aws.log())
    pushed(standing)
    assert simulated_aws.log()[mark:] == []


def test_a_request_that_waits_for_a_held_window_ends_and_says_for_what(standing, simulated_aws, rita):
    AccountRegion.objects.update(drift_policy=AccountRegion.DriftPolicy.REPORT)
    simulated_aws.edit("window", resource("window", label=WINDOW).aws_id, Duration=9)
    pushed(standing)
    strict = pushing.baseline_item("payments-strict")
    swap = change(PatchGroup.objects.get(), "patch-group", baselines={"WINDOWS": "payments-strict"})
    request = approved(rita, [strict, swap])
    pushed(standing)
    request.refresh_from_db()
    assert request.state == "partially_applied"
    assert simulated_aws.log("DeletePatchBaseline") == []  # its group still uses it
    standing.refresh_from_db()
    assert standing.push_done == standing.push_wanted


def test_a_retry_of_a_request_tries_what_of_it_is_parked(standing, simulated_aws, rita, opal):
    row = MaintenanceWindow.objects.get()
    request = approved(rita, [change(row, "window", duration=6)])
    ChangeRequest.objects.filter(pk=request.pk).update(state="partially_applied")
    sources = [{"kind": "revision", "id": str(request.current_id), "digest": request.current.digest}]
    parked()
    ResourceState.objects.filter(kind="window", label=WINDOW).update(sources=sources)
    request.refresh_from_db()
    progress.try_again(request)
    assert resource("window", label=WINDOW).condition == "out_of_sync"


def test_what_a_worker_finished_and_could_not_say_the_tick_says(asked, retail, simulated_aws, meanwhile):
    meanwhile("run-closed", 1, die)
    with pytest.raises(Died):
        pushed(retail)
    meanwhile("run-closed", 0, die)
    asked.refresh_from_db()
    assert asked.state == "pushing"
    progress.settle_idle()
    asked.refresh_from_db()
    assert asked.state == "applied"


def test_who_asks_while_a_busy_pass_ends_need_not_wait(asked, retail, simulated_aws, meanwhile):
    simulated_aws.down()
    meanwhile("before-run-closed", 1, lambda: turns.want(retail))
    push.push(retail, trigger="tick")
    retail.refresh_from_db()
    assert retail.backoff_until is None


def test_a_session_that_ended_early_is_renewed_at_once(standing, simulated_aws):
    simulated_aws.expire_credentials()
    assert pushed(standing).state == "succeeded"


def test_a_role_without_its_writes_stops_the_pass_instead_of_parking_everything(asked, retail, simulated_aws):
    simulated_aws.deny(
        "CreatePatchBaseline", "CreateMaintenanceWindow", "RegisterPatchBaselineForPatchGroup", "CreateTags"
    )
    run = pushed(retail)
    retail.refresh_from_db()
    assert (run.state, retail.health) == ("failed", "denied")
    assert retail.circuit_until - clock.real_now() > timedelta(minutes=20)
    assert not ResourceState.objects.filter(condition="parked").exists()
