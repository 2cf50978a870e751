"""Owners prepare a run, confirm it or report a problem; a problem holds what is patched later, with four eyes."""

from datetime import timedelta

import pytest

from patching import failures, openings, run_reviews
from patching.models import FailureRecord, MaintenanceWindow, RunOutcome, RunReview, WindowHold, WindowRun
from portal.governance import audit, clock, outbox
from portal.governance.errors import InvalidInput, NotAllowed, WrongState
from portal.governance.models import AuditEntry, OutboxMessage
from tests import asks

WHY = "Checkout answers with 500 since 04:10."


@pytest.fixture
def windows(cast):
    """The HA application of payments: windows in dev, test and prod."""
    asks.in_effect(cast["rita"], asks.ha_items(asks.fleet()), cast["omar"], cast["ivan"], cast["clara"])
    return {one.name: one for one in MaintenanceWindow.objects.all()}


def ran(window, *, ago=timedelta(hours=1), status="SUCCESS", **more):
    at = clock.now()
    return WindowRun.objects.create(
        account_region=window.account_region,
        window=window,
        aws_window_id="mw-1",
        execution_id=f"{window.name}-{ago}",
        status=status,
        **{"started_at": at - ago - timedelta(hours=2), "ended_at": at - ago, "read_at": at, **more},
    )


@pytest.fixture
def run_in_test(windows):
    run = ran(windows["payments-test-a"], status="FAILED")
    (member,) = windows["payments-test-a"].spec["instances"]
    RunOutcome.objects.create(
        run=run, instance_id_text=member, task="Install", status="FAILED", status_details="Exit code 3010"
    )
    return run


def held():
    running = WindowHold.objects.filter(ended_at=None)
    return sorted(running.values_list("window__name", flat=True))


def told(person, event):
    return OutboxMessage.objects.filter(recipient=person, event=event).count()


def test_a_healthy_run_is_confirmed_once(windows, run_in_test, cast):
    run_reviews.confirm(run_in_test, by=cast["rita"], note="All green.")
    review = RunReview.objects.get()
    assert (review.verdict, review.verdict_by, review.note) == ("healthy", cast["rita"], "All green.")
    with pytest.raises(WrongState, match="judged already"):
        run_reviews.report_problem(run_in_test, by=cast["omar"], reason=WHY)
    assert not FailureRecord.objects.exists()
    assert AuditEntry.objects.latest("seq").action == "patching.runreview.healthy"


def test_a_run_that_goes_on_is_not_judged(windows, cast):
    run = ran(windows["payments-test-a"], ended_at=None)
    with pytest.raises(WrongState, match="still goes on"):
        run_reviews.confirm(run, by=cast["rita"])


@pytest.mark.parametrize("who", ["noor", "ivan", "adam"])
def test_only_the_owning_team_judges(run_in_test, cast, who):
    with pytest.raises(NotAllowed):
        run_reviews.confirm(run_in_test, by=cast[who])


@pytest.mark.parametrize("reason", ["", "bad", "x" * 5000])
def test_a_problem_needs_words(run_in_test, cast, reason):
    with pytest.raises(InvalidInput):
        run_reviews.report_problem(run_in_test, by=cast["rita"], reason=reason)
    assert not RunReview.objects.exists()


def test_a_problem_keeps_the_outcomes_and_holds_later_environments(run_in_test, cast):
    record = run_reviews.report_problem(run_in_test, by=cast["rita"], reason=WHY)
    run_in_test.outcomes.all().delete()
    record.refresh_from_db()
    assert [one["status"] for one in record.outcomes] == ["FAILED"]
    assert record.holds_until == record.reported_at + timedelta(days=7)
    assert held() == ["payments-prod-a", "payments-prod-b"]
    assert {one.source_digest for one in WindowHold.objects.all()} == {record.digest}
    assert told(cast["ivan"], "failure.opened") == 1
    assert audit.verify().holds


def test_a_place_with_new_holds_wants_a_push(run_in_test, cast):
    place = run_in_test.account_region
    before = place.push_wanted
    run_reviews.report_problem(run_in_test, by=cast["rita"], reason=WHY)
    place.refresh_from_db()
    assert place.push_wanted > before


def test_a_problem_in_production_holds_nothing(windows, cast):
    record = run_reviews.report_problem(ran(windows["payments-prod-a"]), by=cast["rita"], reason=WHY)
    assert (record.holds_until, held()) == (None, [])


@pytest.mark.parametrize(("rule", "letters"), [("off", 0), ("report", 1)])
def test_by_setting_nothing_is_held_until_somebody_decides(run_in_test, cast, settings, rule, letters):
    settings.FAILURE_HOLDS = rule
    record = run_reviews.report_problem(run_in_test, by=cast["rita"], reason=WHY)
    assert (held(), told(cast["ivan"], "failure.opened")) == ([], letters)
    until = clock.now() + timedelta(days=3)
    failures.hold(record, until=until, reason="Wait for the vendor.", by=cast["omar"])
    assert held() == ["payments-prod-a", "payments-prod-b"]


def test_resolving_lets_go(run_in_test, cast):
    record = run_reviews.report_problem(run_in_test, by=cast["rita"], reason=WHY)
    record = failures.resolve(record, resolution="The driver was updated.", by=cast["ivan"])
    assert (record.state, record.resolved_by, held()) == ("resolved", cast["ivan"], [])
    with pytest.raises(WrongState, match="resolved already"):
        failures.hold(
            record, until=clock.now() + timedelta(days=1), reason="Too late for this.", by=cast["omar"]
        )


def test_who_reported_does_not_let_production_go_alone(run_in_test, cast):
    record = run_reviews.report_problem(run_in_test, by=cast["omar"], reason=WHY)
    shorter = clock.now() + timedelta(days=1)
    with pytest.raises(NotAllowed, match="you reported"):
        failures.resolve(record, resolution="It is fine after all.", by=cast["omar"])
    with pytest.raises(NotAllowed, match="you reported"):
        failures.release(record, reason="It is fine after all.", by=cast["omar"])
    with pytest.raises(NotAllowed, match="you reported"):
        failures.hold(record, until=shorter, reason="A day is enough.", by=cast["omar"])
    assert len(held()) == 2
    failures.release(record, reason="It is fine after all.", by=cast["ivan"])
    assert held() == []


def test_members_who_lead_nothing_do_not_decide(run_in_test, cast):
    record = run_reviews.report_problem(run_in_test, by=cast["omar"], reason=WHY)
    with pytest.raises(NotAllowed):
        failures.resolve(record, resolution="It is fine after all.", by=cast["rita"])


@pytest.mark.parametrize("days", [-1, 15])
def test_a_hold_ends_within_two_weeks_of_the_report(run_in_test, cast, days):
    record = run_reviews.report_problem(run_in_test, by=cast["rita"], reason=WHY)
    with pytest.raises(InvalidInput) as refused:
        failures.hold(
            record, until=clock.now() + timedelta(days=days), reason="Wait for the vendor.", by=cast["omar"]
        )
    assert [one.field for one in refused.value.problems] == ["until"]


def test_a_longer_hold_replaces_the_shorter_one(run_in_test, cast):
    record = run_reviews.report_problem(run_in_test, by=cast["rita"], reason=WHY)
    until = failures.last_day(record)
    failures.hold(record, until=until, reason="Wait for the vendor.", by=cast["omar"])
    assert {one.ends_at for one in failures.holds_of(record)} == {until}
    assert len(failures.holds_of(record)) == 2


def test_of_two_who_decide_at_once_the_second_finds_it_done(run_in_test, cast):
    record = run_reviews.report_problem(run_in_test, by=cast["rita"], reason=WHY)
    seen_by_omar = FailureRecord.objects.get(pk=record.pk)
    failures.resolve(record, resolution="The driver was updated.", by=cast["ivan"])
    with pytest.raises(WrongState):
        failures.resolve(seen_by_omar, resolution="We rolled it back.", by=cast["omar"])


def test_the_team_is_asked_once_and_reminded_a_day_later(windows, cast):
    run = ran(windows["payments-prod-a"])
    run_reviews.ask_due()
    run_reviews.ask_due()
    assert (told(cast["rita"], "run.confirm"), told(cast["noor"], "run.confirm")) == (1, 0)
    assert list(run_reviews.to_confirm(cast["rita"])) == [run]
    assert not run_reviews.to_confirm(cast["noor"])
    assert told(cast["rita"], "run.confirm_reminder") == 0
    clock.set_to(clock.now() + timedelta(hours=24))
    run_reviews.ask_due()
    run_reviews.ask_due()
    assert told(cast["rita"], "run.confirm_reminder") == 1


def test_nobody_is_reminded_of_what_was_confirmed(windows, cast):
    run = ran(windows["payments-prod-a"])
    run_reviews.ask_due()
    run_reviews.confirm(run, by=cast["rita"])
    clock.set_to(clock.now() + timedelta(hours=30))
    run_reviews.ask_due()
    assert told(cast["rita"], "run.confirm_reminder") == 0
    assert not run_reviews.to_confirm(cast["rita"])


def test_nobody_is_asked_about_development_or_what_was_skipped(windows, cast):
    ran(windows["payments-dev-a"])
    ran(windows["payments-prod-a"], status="SKIPPED_OVERLAPPING")
    ran(windows["payments-prod-b"], ended_at=None)
    run_reviews.ask_due()
    assert not OutboxMessage.objects.filter(event="run.confirm").exists()


def next_start(window):
    return openings.next_starts(window.spec, start=clock.now(), count=1, since=window.created_at)[0]


def test_a_run_is_prepared_line_by_line_and_the_run_takes_it_up(windows, cast):
    window = windows["payments-prod-a"]
    at = next_start(window)
    lines = ["Users know", "Backups are fresh"]
    run_reviews.prepare(window, planned_at=at, lines=lines, done=lines[:1], by=cast["rita"])
    review = run_reviews.prepare(window, planned_at=at, lines=lines, done=lines, by=cast["omar"])
    assert [line["done_by"] for line in review.checklist] == ["rita", "omar"]
    assert review.prepared_by == cast["omar"]
    clock.set_to(at + timedelta(hours=5))
    run = ran(window, started_at=at + timedelta(seconds=30))
    run_reviews.confirm(run, by=cast["rita"])
    review.refresh_from_db()
    assert (review.run, review.verdict) == (run, "healthy")


def test_only_an_opening_ahead_is_prepared(windows, cast):
    window = windows["payments-prod-a"]
    with pytest.raises(InvalidInput, match="for example"):
        run_reviews.prepare(window, planned_at=clock.now(), lines=["Users know"], done=[], by=cast["rita"])


@pytest.mark.parametrize(
    ("lines", "done"), [(["a"] + [f"b{n}" for n in range(20)], []), (["x" * 201], []), (["a"], ["b"])]
)
def test_a_checklist_has_limits(windows, cast, lines, done):
    window = windows["payments-prod-a"]
    with pytest.raises(InvalidInput):
        run_reviews.prepare(window, planned_at=next_start(window), lines=lines, done=done, by=cast["rita"])


def test_without_a_word_the_installations_lines_stand(windows, settings):
    window = windows["payments-prod-a"]
    found = run_reviews.preparations(window)[0]
    assert (found.pk, found.planned_at, found.ticked) == (None, next_start(window), "0 of 4")
    assert [line["text"] for line in found.checklist] == settings.RUN_CHECKLIST


def test_mail_leads_to_the_run(windows, cast):
    run = ran(windows["payments-prod-a"])
    run_reviews.ask_due()
    outbox.deliver()
    assert (
        OutboxMessage.objects.get(recipient=cast["rita"], event="run.confirm").url
        == f"/windows/runs/{run.pk}/"
    )
