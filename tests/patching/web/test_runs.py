"""Pages of runs and failures show outcomes in words, take the owner's word, and are closed to strangers."""

from datetime import timedelta

import pytest

from patching import run_reviews
from patching.models import (
    FailureRecord,
    MaintenanceWindow,
    ManagedInstance,
    RunOutcome,
    WindowHold,
    WindowRun,
)
from portal.governance import clock
from tests import asks

WHY = "Checkout answers with 500 since 04:10."


@pytest.fixture
def run(cast):
    """A run of the test window in which the turn of its one instance never came."""
    asks.in_effect(cast["rita"], asks.ha_items(asks.fleet()), cast["omar"], cast["ivan"], cast["clara"])
    window, at = MaintenanceWindow.objects.get(name="payments-test-a"), clock.now()
    made = WindowRun.objects.create(
        account_region=window.account_region,
        window=window,
        aws_window_id="mw-1",
        execution_id="e-1",
        status="TIMED_OUT",
        started_at=at - timedelta(hours=3),
        ended_at=at - timedelta(hours=1),
        read_at=at,
    )
    member = ManagedInstance.objects.get(instance_id=window.spec["instances"][0])
    RunOutcome.objects.create(
        run=made,
        instance=member,
        instance_id_text=member.instance_id,
        task="Install",
        status="NOT_STARTED",
        status_details="The cutoff came before its turn.",
    )
    return made


def text_of(response):
    assert response.status_code == 200
    return response.content.decode()


def outcome(run, name, status, task="Install"):
    RunOutcome.objects.create(run=run, instance_id_text=name, task=task, status=status)


def test_what_did_not_go_well_stands_before_what_did(browse, run, cast):
    for name, status in [("i-1", "SUCCESS"), ("i-2", "SUCCESS"), ("i-9", "FAILED")]:
        outcome(run, name, status)
    response = browse(cast["rita"]).get(f"/windows/runs/{run.pk}/")
    listed = [one.status for one in response.context["page"].object_list]
    assert listed == ["FAILED", "NOT_STARTED", "SUCCESS", "SUCCESS"]
    page = text_of(response)
    assert "2 of 4 instances did not get through" in page
    assert '<a href="?status=FAILED#list">1 failed</a>' in page


def test_instances_are_counted_once_however_many_tasks_they_went_without(browse, run, cast):
    for name in ("i-1", "i-2", "i-3"):
        for task in ("Install", "Scan"):
            outcome(run, name, "NOT_STARTED", task=task)
    page = text_of(browse(cast["rita"]).get(f"/windows/runs/{run.pk}/"))
    assert "4 of 4 instances did not get through" in page
    assert '<a href="?status=NOT_STARTED#list">4 not started</a>' in page


def test_a_task_that_failed_whole_is_told_apart_from_instances(browse, run, cast):
    run.outcomes.all().delete()
    outcome(run, "", "FAILED", task="Install")
    page = text_of(browse(cast["rita"]).get(f"/windows/runs/{run.pk}/"))
    assert "The task Install failed as a whole" in page
    assert "did not get through" not in page


def test_nobody_is_said_to_be_told_where_a_problem_is_only_recorded(browse, run, cast, settings):
    settings.FAILURE_HOLDS = "off"
    page = text_of(browse(cast["rita"]).get(f"/windows/runs/{run.pk}/"))
    assert "keeps what became of each instance." in page
    assert "are told" not in page


def test_what_a_problem_would_do_is_said_before_it_is_reported(browse, run, cast, settings):
    told = "payments-prod-a and payments-prod-b of later environments stay shut for 7 days"
    assert told in text_of(browse(cast["rita"]).get(f"/windows/runs/{run.pk}/"))
    settings.FAILURE_HOLDS = "report"
    page = text_of(browse(cast["rita"]).get(f"/windows/runs/{run.pk}/"))
    assert told not in page
    assert "No other window is kept shut by it." in page


def test_a_failure_folds_what_went_well_and_names_instances(browse, run, cast):
    outcome(run, "i-gone", "SUCCESS")
    record = run_reviews.report_problem(run, by=cast["rita"], reason=WHY)
    response = browse(cast["omar"]).get(f"/failures/{record.pk}/")
    found = response.context["outcomes"]
    assert [one["instance"] for one in found["good"]] == ["i-gone"]
    assert [str(one["named"]) for one in found["bad"]] == [
        str(ManagedInstance.objects.get(run_outcomes__run=run))
    ]
    page = text_of(response)
    assert "payments-prod-a and payments-prod-b</span> stay shut until" in page


def test_a_failure_does_not_say_of_what_has_run_out_that_it_stays_shut(browse, run, cast):
    record = run_reviews.report_problem(run, by=cast["rita"], reason=WHY)
    record.refresh_from_db()
    clock.set_to(record.holds_until + timedelta(days=3))
    page = text_of(browse(cast["omar"]).get(f"/failures/{record.pk}/"))
    assert "payments-prod-a and payments-prod-b</span> stayed shut until" in page
    assert "Their openings come again as their schedules say." in page
    assert "</span> stay shut" not in page
    assert "Disabled in AWS" not in page
    assert ">Held<" not in page


def test_a_run_says_what_was_not_started_and_why(browse, run, cast):
    page = text_of(browse(cast["rita"]).get(f"/windows/runs/{run.pk}/"))
    assert "Not started" in page
    assert "The cutoff came before its turn." in page
    assert "Confirm that everything works" in page


def test_window_and_instance_show_their_last_runs(browse, run, cast):
    client, address = browse(cast["rita"]), f"/windows/runs/{run.pk}/"
    assert address in text_of(client.get(f"/windows/{run.window_id}/"))
    assert address in text_of(client.get(f"/instances/{run.outcomes.get().instance_id}/"))


def test_a_skipped_run_says_so(browse, run, cast):
    WindowRun.objects.update(status="SKIPPED_OVERLAPPING")
    assert "It was skipped." in text_of(browse(cast["rita"]).get(f"/windows/runs/{run.pk}/"))


def test_outcomes_are_filtered_and_exported(browse, run, cast):
    client = browse(cast["rita"])
    assert "No outcome matches" in text_of(client.get(f"/windows/runs/{run.pk}/?status=SUCCESS"))
    exported = client.get(f"/windows/runs/{run.pk}/?format=csv")
    assert "Not started" in b"".join(exported.streaming_content).decode()


def test_the_owner_confirms_on_the_page(browse, run, cast):
    client = browse(cast["rita"])
    run_reviews.ask_due()
    assert "Confirm it, or report a problem" in text_of(client.get("/"))
    client.post(f"/windows/runs/{run.pk}/confirm/", {"reason": ""})
    assert "confirmed" in text_of(client.get(f"/windows/runs/{run.pk}/"))
    assert "Confirm it, or report a problem" not in text_of(client.get("/"))


def test_a_problem_on_the_page_opens_a_failure_that_a_lead_resolves(browse, run, cast):
    browse(cast["rita"]).post(f"/windows/runs/{run.pk}/problem/", {"reason": WHY})
    record = FailureRecord.objects.get()
    omar = browse(cast["omar"])
    page = text_of(omar.get(f"/failures/{record.pk}/"))
    assert WHY in page
    assert "payments-prod-a" in page
    omar.post(f"/failures/{record.pk}/resolve/", {"reason": "The driver was updated."})
    record.refresh_from_db()
    assert record.state == "resolved"
    assert not WindowHold.objects.filter(ended_at=None).exists()
    assert record.number in text_of(omar.get("/failures/?state=resolved"))


def test_a_hold_may_be_set_on_the_page_within_its_limit(browse, run, cast):
    browse(cast["rita"]).post(f"/windows/runs/{run.pk}/problem/", {"reason": WHY})
    record, omar = FailureRecord.objects.get(), browse(cast["omar"])
    until = (clock.now() + timedelta(days=10)).replace(second=0, microsecond=0)
    given = {"until": f"{until:%Y-%m-%dT%H:%M}+00:00", "reason": "Wait for the vendor."}
    omar.post(f"/failures/{record.pk}/hold/", given)
    record.refresh_from_db()
    assert record.holds_until == until
    refused = omar.post(f"/failures/{record.pk}/hold/", {"until": "", "reason": "Wait for the vendor."})
    assert refused.status_code == 400


def test_strangers_find_nothing(browse, run, cast):
    record = run_reviews.report_problem(run, by=cast["rita"], reason=WHY)
    noor = browse(cast["noor"])
    assert noor.get(f"/windows/runs/{run.pk}/").status_code == 404
    assert noor.get(f"/failures/{record.pk}/").status_code == 404
    assert record.number not in text_of(noor.get("/failures/"))
