"""Notices before openings and after runs: once each, late but not too late, with what is expected and what happened."""

from datetime import UTC, datetime, timedelta

import pytest

from patching import notices, run_reviews
from patching.models import PatchFinding, RunOutcome, Waiver, WindowRun
from portal.governance import clock
from portal.governance.models import OutboxMessage
from tests import factories, people
from tests.patching.calendar import nights

pytestmark = pytest.mark.django_db
OPENS = datetime(2027, 6, 6, 2, tzinfo=UTC)  # a Sunday
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)


@pytest.fixture
def window(cast):
    clock.set_to(OPENS - 6 * DAY)
    return weekly()


def weekly(env="dev", **given):
    members = [factories.instance(env=env, name=f"web-{number}") for number in (1, 2, 3)]
    return nights.window(f"payments-{env}", env, members=members, timezone="UTC", **given)


def mails(event="window.before"):
    return list(OutboxMessage.objects.filter(event=event).order_by("pk"))


def told_at(moment):
    """Who is told of what if the task runs at this moment."""
    clock.set_to(moment)
    before = OutboxMessage.objects.count()
    notices.send_due()
    new = OutboxMessage.objects.order_by("pk")[before:]
    return [(one.recipient.username, one.subject) for one in new]


FOUR_DAYS = "payments-dev opens in 4 days: Sun 6 Jun 02:00 UTC"
ONE_HOUR = "payments-dev opens in 1 hour: Sun 6 Jun 02:00 UTC"


def test_a_team_is_told_four_days_and_one_hour_before_and_each_once(window):
    assert told_at(OPENS - 4 * DAY - MINUTE) == []
    assert sorted(told_at(OPENS - 4 * DAY)) == [("omar", FOUR_DAYS), ("rita", FOUR_DAYS)]
    assert told_at(OPENS - 4 * DAY + MINUTE) == []
    assert told_at(OPENS - HOUR - MINUTE) == []
    assert sorted(told_at(OPENS - HOUR)) == [("omar", ONE_HOUR), ("rita", ONE_HOUR)]
    assert told_at(OPENS - MINUTE) == []
    assert told_at(OPENS) == []


def test_a_late_tick_still_tells_and_one_that_is_two_days_late_does_not(window):
    assert len(told_at(OPENS - 2 * DAY - MINUTE)) == 2


def test_what_is_two_days_late_is_no_news(window):
    assert told_at(OPENS - 2 * DAY) == []
    assert len(told_at(OPENS - MINUTE)) == 2


def test_an_opening_that_stays_shut_is_not_announced_and_a_moved_one_is_for_its_new_time(window):
    nights.occurrence(window, OPENS, OPENS + 20 * HOUR)
    assert told_at(OPENS - 4 * DAY) == []
    subjects = {subject for _, subject in told_at(OPENS - 3 * DAY)}
    assert subjects == {"payments-dev opens in 4 days: Sun 6 Jun 22:00 UTC"}
    assert "It was moved there from Sun 6 Jun 02:00 UTC." in mails()[0].body


def test_a_held_opening_is_not_announced(window):
    nights.held(window, OPENS - DAY, OPENS + DAY)
    assert told_at(OPENS - 4 * DAY) == told_at(OPENS - HOUR) == []


def test_who_opted_out_hears_nothing_and_who_follows_does(window, rita, ines):
    notices.choose(rita, [])
    notices.choose(ines, [window.application.pk])
    assert {who for who, _ in told_at(OPENS - 4 * DAY)} == {"omar", "ines"}


def lacks(instance_name, patch_id, state="missing", **more):
    instance = factories.ManagedInstance.objects.get(name=instance_name)
    at = clock.now()
    PatchFinding.objects.create(
        instance=instance, patch_id=patch_id, state=state, first_seen_at=at, last_seen_at=at, **more
    )


def test_the_mail_says_what_is_expected_and_who_may_restart(window):
    lacks("web-1", "KB5001")
    lacks("web-2", "KB5001")
    lacks("web-2", "KB5002", "failed")
    lacks("web-3", "KB5003", hidden=True)
    told_at(OPENS - 4 * DAY)
    body = mails()[0].body
    assert "opens on Sun 6 Jun 02:00 UTC, for 4 h. Nothing new starts after Sun 6 Jun 05:00 UTC." in body
    assert "2 patches on 2 of 3 instances: KB5001 (2 instances) and KB5002 (1 instance)." in body
    assert "May restart: 2 instances: web-1 and web-2." in body
    assert "It is not prepared yet: 0 of 4 on its checklist done." in body
    assert mails()[0].url == f"/windows/{window.pk}/"


def test_a_window_that_restarts_nothing_or_only_scans_says_so(window):
    lacks("web-1", "KB5001")
    window.spec["tasks"][0]["reboot"] = "NoReboot"
    window.save()
    told_at(OPENS - 4 * DAY)
    assert "No instance restarts: it installs without restarting." in mails()[0].body
    window.spec["tasks"][0]["kind"] = "scan"
    window.save()
    told_at(OPENS - HOUR)
    assert "It only scans: nothing is installed, and nothing restarts." in mails()[-1].body


def test_who_is_left_out_or_offline_is_not_counted_in(window):
    one, two, _ = factories.ManagedInstance.objects.order_by("name")
    lacks("web-1", "KB5001")
    Waiver.objects.create(
        instance=one,
        source="exemption:1",
        source_digest="0",
        starts_at=clock.now(),
        ends_at=OPENS + 30 * DAY,
    )
    two.ping_status = "ConnectionLost"
    two.save()
    told_at(OPENS - 4 * DAY)
    body = mails()[0].body
    assert "Nothing is missing on its 2 instances" in body
    assert "1 instance left out by an exemption." in body
    assert "Cannot be reached now, so a run passes them by: web-2." in body


def a_run(window, **statuses):
    run = WindowRun.objects.create(
        account_region=window.account_region,
        window=window,
        aws_window_id="mw-1",
        execution_id=f"e-{window.pk}",
        status="TIMED_OUT",
        started_at=OPENS,
        ended_at=OPENS + 4 * HOUR,
        read_at=OPENS + 5 * HOUR,
    )
    for name, status in statuses.items():
        RunOutcome.objects.create(
            run=run,
            instance=factories.ManagedInstance.objects.get(name=name.replace("_", "-")),
            instance_id_text=name,
            task="Install",
            status=status,
            status_details="The cutoff came before its turn." if status == "NOT_STARTED" else "",
        )
    return run


def test_after_a_run_the_team_reads_what_became_of_each_instance(window):
    run = a_run(window, web_1="SUCCESS", web_2="SUCCESS", web_3="NOT_STARTED")
    assert len(told_at(OPENS + 5 * HOUR + MINUTE)) == 2
    assert told_at(OPENS + 6 * HOUR) == []
    mail = mails("window.after")[0]
    assert "2 instances: done" in mail.body
    assert "1 instance: not started: web-3 (The cutoff came before its turn)" in mail.body
    assert mail.url == f"/windows/runs/{run.pk}/"


def test_a_run_that_ended_two_days_ago_is_no_news(window):
    a_run(window, web_1="SUCCESS")
    assert [subject for _, subject in told_at(OPENS + 2 * DAY + 5 * HOUR) if "has run" in subject] == []


def test_owners_who_are_asked_to_confirm_get_one_mail_with_the_outcome_and_followers_the_other(cast, ines):
    clock.set_to(OPENS - 6 * DAY)
    factories.environment("dev")  # where nobody is asked
    window = weekly("prod")
    notices.choose(ines, [window.application.pk])
    a_run(window, web_1="SUCCESS", web_2="FAILED")
    clock.set_to(OPENS + 6 * HOUR)
    run_reviews.ask_due()
    notices.send_due()
    assert {one.recipient for one in mails("window.after")} == {people.person("ines")}
    asked = mails("run.confirm")
    assert {one.recipient.username for one in asked} == {"rita", "omar"}
    assert "1 instance: failed: web-2" in asked[0].body
