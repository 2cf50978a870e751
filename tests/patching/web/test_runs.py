"""Pages of runs and failures show outcomes in words, take the owner's word, and are closed to strangers."""

from datetime import timedelta

import pytest

from patching import failures, run_reviews
from patching.models import (
    FailureRecord,
    MaintenanceWindow,
    ManagedInstance,
    RunOutcome,
    WindowHold,
    WindowRun,
)
from patching.run_outcomes import outcome_in_words
from portal.governance import clock
from tests import asks
from tests.patching.web.conftest import words_of

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


def test_instances_are_counted_once_however_many_tasks_they_had(browse, run, cast):
    member = run.outcomes.get().instance_id_text
    for task in ("Snapshot", "Reboot"):
        outcome(run, member, "NOT_STARTED", task)
    for task, status in [("Snapshot", "FAILED"), ("Install", "TIMED_OUT"), ("Reboot", "NOT_STARTED")]:
        outcome(run, "i-2", status, task)
    page = words_of(browse(cast["rita"]).get(f"/windows/runs/{run.pk}/"))
    assert "2 of 2 instances did not get through. 1 failed, 1 timed out, 2 not started" in page
    assert "2 instances of payments-test-a not started on" in page


def test_a_task_that_failed_as_a_whole_is_no_instance(browse, run, cast):
    run.outcomes.all().delete()
    outcome(run, "", "FAILED")
    client, address = browse(cast["rita"]), f"/windows/runs/{run.pk}/"
    page = words_of(client.get(address))
    assert "did not get through. Install: failed" in page
    assert "1 whole task did not get through" in page
    assert "of 1 instance" not in page
    outcome(run, "i-1", "SUCCESS", "Snapshot")
    page = words_of(client.get(address))
    assert "Its one instance got through. 1 whole task did not get through" in page


def test_a_mail_about_a_run_counts_no_whole_task_as_an_instance(run):
    outcome(run, "", "FAILED", "Notify")
    told = outcome_in_words(run).splitlines()
    assert [line.partition(":")[0] for line in told[1:]] == ["1 instance", "Notify as a whole"]
    assert told[-1] == "Notify as a whole: failed"


def test_what_a_problem_would_do_is_said_before_it_is_reported(browse, run, cast, settings):
    told = "payments-prod-a and payments-prod-b of later environments stay shut for 7 days"
    assert told in text_of(browse(cast["rita"]).get(f"/windows/runs/{run.pk}/"))
    settings.FAILURE_HOLDS = "report"
    page = text_of(browse(cast["rita"]).get(f"/windows/runs/{run.pk}/"))
    assert told not in page
    assert "No other window is kept shut by it." in page


@pytest.mark.parametrize(("rule", "tells"), [("hold", True), ("report", True), ("off", False)])
def test_who_is_told_of_a_problem_is_said_where_somebody_is(browse, run, cast, settings, rule, tells):
    settings.FAILURE_HOLDS = rule
    page = text_of(browse(cast["rita"]).get(f"/windows/runs/{run.pk}/"))
    assert "A failure record keeps what became of each instance" in page
    assert ("those who decide about it are told" in page) is tells


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


def test_a_failure_keeps_what_became_of_a_whole_task(browse, run, cast):
    outcome(run, "", "FAILED", "Notify")
    record = run_reviews.report_problem(run, by=cast["rita"], reason=WHY)
    assert "The whole windowNotify" in words_of(browse(cast["omar"]).get(f"/failures/{record.pk}/"))


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


def test_a_hold_that_ran_out_by_itself_is_told_as_over(browse, run, cast):
    record = run_reviews.report_problem(run, by=cast["rita"], reason=WHY)
    client, address = browse(cast["omar"]), f"/failures/{record.pk}/"
    page = words_of(client.get(address))
    assert "payments-prod-a and payments-prod-b stay shut until" in page
    assert page.count("Held shut") == 2
    assert "Let the windows go" in page
    clock.set_to(record.holds_until + timedelta(hours=1))
    page = words_of(client.get(address))
    assert "payments-prod-a and payments-prod-b were held until" in page
    assert "That time is over: this failure holds nothing any more." in page
    assert page.count("Over") == 2
    for untrue in (
        "prod-b stay shut",
        "Held shut",
        "Disabled in AWS",
        "falls into",
        "Holds later",
        "Let the",
    ):
        assert untrue not in page
    assert "AWS had them open" not in page


def test_after_a_hold_ran_out_it_is_told_once_aws_was_read_to_be_open(browse, run, cast):
    record = run_reviews.report_problem(run, by=cast["rita"], reason=WHY)
    client, address = browse(cast["omar"]), f"/failures/{record.pk}/"
    clock.set_to(record.holds_until + timedelta(hours=1))
    first, second = WindowHold.objects.order_by("pk")
    for hold, told in [(first, False), (second, True)]:
        hold.restored_at, hold.restored_proof = clock.now(), {"window": "mw-1"}
        hold.save()
        assert ("AWS had them open again when it was read" in words_of(client.get(address))) is told


def test_a_hold_let_go_early_is_told_apart_from_one_that_ran_out(browse, run, cast):
    record = run_reviews.report_problem(run, by=cast["rita"], reason=WHY)
    failures.release(record, reason="The vendor says it is safe.", by=cast["omar"])
    page = words_of(browse(cast["omar"]).get(f"/failures/{record.pk}/"))
    assert page.count("Let go") == 2
    assert "It holds nothing" in page


def test_who_reported_reads_why_they_cannot_resolve_after_the_hold(browse, run, cast):
    record = run_reviews.report_problem(run, by=cast["omar"], reason=WHY)
    client, address = browse(cast["omar"]), f"/failures/{record.pk}/"
    assert "Production is held because of what you reported" in words_of(client.get(address))
    clock.set_to(record.holds_until + timedelta(hours=1))
    assert "Production was held because of what you reported" in words_of(client.get(address))


def test_strangers_find_nothing(browse, run, cast):
    record = run_reviews.report_problem(run, by=cast["rita"], reason=WHY)
    noor = browse(cast["noor"])
    assert noor.get(f"/windows/runs/{run.pk}/").status_code == 404
    assert noor.get(f"/failures/{record.pk}/").status_code == 404
    assert record.number not in text_of(noor.get("/failures/"))
