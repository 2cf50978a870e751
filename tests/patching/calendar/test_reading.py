"""One person's calendar out of the database: what they may see, and how many queries that takes."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from patching import calendar
from patching.models import AccountRegion, MaintenanceWindow, WindowRun
from portal.governance import clock
from tests import factories, people
from tests.patching.calendar import nights

pytestmark = pytest.mark.django_db
MONTH = timedelta(days=36)  # a first Tuesday and the next lie 35 days apart
HOUR = timedelta(hours=1)


def see(username="rita", **given):
    now = clock.now()
    return calendar.between(people.person(username), now, now + MONTH, at=now, **given)


def first_of(window):
    return next(one for one in see().entries if one.window.pk == window.pk).start


def test_everybody_sees_the_windows_of_their_teams_and_some_all_of_them():
    nights.window("payments-prod-a")
    nights.window("search-prod-a", application="search", team="analytics")
    names = {who: {one.window.name for one in see(who).entries} for who in ("rita", "noor", "ines", "adam")}
    assert names == {
        "rita": {"payments-prod-a"},
        "noor": {"search-prod-a"},
        "ines": {"payments-prod-a", "search-prod-a"},
        "adam": set(),
    }


def test_a_crowd_counts_windows_that_the_reader_may_not_see_and_names_none_of_them():
    nights.window("payments-prod-a")
    for number in range(5):
        nights.window(f"search-{number}", application="search", team="analytics")
    found = see()
    assert {one.window.name for one in found.entries} == {"payments-prod-a"}
    claims = {conflict.claim for conflict in found.conflicts}
    assert claims == {"6 windows at once in 211125483017/eu-central-1"}
    AccountRegion.objects.update(quotas={"open_at_once": 6})
    assert see().conflicts == []


def test_narrowing_what_is_shown_takes_no_conflict_away():
    nights.window("payments-a", az="eu-central-1a")
    nights.window("payments-b", az="eu-central-1b")
    found = see(shown=MaintenanceWindow.objects.filter(name="payments-a"))
    assert {one.window.name for one in found.entries} == {"payments-a"}
    assert {conflict.kind for conflict in found.conflicts} == {"zones"}


def test_holds_words_and_runs_are_applied():
    weekly = nights.window("payments-weekly")
    daily = nights.window("payments-daily", schedule="cron(0 1 ? * * *)")
    moment = first_of(weekly)
    nights.occurrence(weekly, moment, reason="Launch")
    nights.held(weekly, moment + timedelta(days=6), moment + timedelta(days=8))
    WindowRun.objects.create(
        account_region=factories.account_region(),
        window=daily,
        aws_window_id="mw-1",
        execution_id="e-1",
        status="SUCCESS",
        started_at=clock.now() + HOUR,
        ended_at=clock.now() + 2 * HOUR,
        read_at=clock.now(),
    )
    states = {(one.window.name, one.state, one.note) for one in see().entries}
    assert ("payments-weekly", "skipped", "Launch") in states
    assert ("payments-weekly", "held", "Freeze Quarter end") in states
    assert ("payments-daily", "SUCCESS", "") in states


def test_a_freeze_is_a_band_for_whom_it_concerns():
    mine = nights.window("payments-weekly")
    nights.window("search-weekly", application="search", team="analytics")
    now = clock.now()
    nights.freeze(mine, now, now + MONTH)
    assert [band.name for band in see("rita").bands] == ["Quarter end"]
    assert see("noor").bands == []
    assert {one.window.name for one in see("ines").entries if one.conflicts} == {"payments-weekly"}


def test_a_window_that_was_retired_keeps_what_lies_before():
    gone = nights.window("payments-daily", schedule="cron(0 1 ? * * *)")
    retired_at = clock.now() + timedelta(days=2)
    MaintenanceWindow.objects.update(retired_at=retired_at)
    starts = [one.start for one in see().entries if one.window.pk == gone.pk]
    assert retired_at - timedelta(days=1) <= max(starts) < retired_at


def test_three_hundred_windows_take_as_many_queries_as_three():
    people.person("ines")
    nights.many(3)
    with CaptureQueriesContext(
        connection,
    ) as few:
        see("ines")
    nights.many(297, first=3)
    with CaptureQueriesContext(connection) as many:
        found = see("ines")
    assert len(many) == len(few) <= 16
    assert len({one.window.pk for one in found.entries}) == 300
