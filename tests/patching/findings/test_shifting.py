"""Schedules moved by some hours, or made weekly."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patching import openings
from patching.findings.shifting import again, later, weekly
from tests.planned import NOW, window


@pytest.mark.parametrize(
    ("schedule", "offset", "hours", "then"),
    [
        ("cron(0 20 ? * TUE#2 *)", 1, 3, ("cron(0 23 ? * TUE#2 *)", 1)),
        ("cron(0 20 ? * TUE#2 *)", 6, 4, ("cron(0 0 ? * TUE#3 *)", 0)),
        ("cron(30 2 ? * SAT *)", 0, 24, ("cron(30 2 ? * SUN *)", 0)),
        ("cron(0 20 ? * TUE#2 *)", 0, -24, ("cron(0 20 ? * TUE#1 *)", 6)),
        ("at(2026-06-30T23:00:00)", 0, 2, ("at(2026-07-01T01:00:00)", 0)),
    ],
)
def test_a_schedule_moves_with_its_offset(schedule, offset, hours, then):
    found = later({"schedule": schedule, "offset": offset}, timedelta(hours=hours))
    assert (found["schedule"], found["offset"]) == then


@pytest.mark.parametrize(
    "schedule", ["rate(7 days)", "cron(0 2,14 ? * TUE#2 *)", "cron(0 2 15 * ? *)", "cron(0 20 ? * TUE#4 *)"]
)
def test_what_the_dialect_cannot_say_is_not_guessed(schedule):
    assert later({"schedule": schedule, "offset": 0}, timedelta(days=7)) is None


@given(st.integers(0, 23), st.integers(0, 6), st.integers(1, 100))
def test_a_moved_monthly_window_opens_so_much_later(hour, offset, hours):
    before = window(schedule=f"cron(0 {hour} ? * TUE#2 *)", offset=offset, timezone="UTC").spec
    moved = later(before, timedelta(hours=hours))
    if moved is None:
        return
    starts = [openings.next_starts({**before, **spec}, start=NOW, count=6) for spec in ({}, moved)]
    apart = {late - early for early, late in zip(*starts, strict=True)}
    assert apart <= {timedelta(hours=hours)}


def test_a_day_of_the_month_becomes_that_day_of_every_week():
    assert weekly("cron(0 20 ? * TUE#2 *)") == "cron(0 20 ? * TUE *)"
    assert weekly("cron(0 20 ? * TUE *)") is None
    assert weekly("rate(7 days)") is None


@pytest.mark.parametrize(
    ("schedule", "end_date", "changed"),
    [
        ("cron(0 2 ? * SUN *)", "2026-01-01T00:00:00", {"end_date": ""}),
        ("cron(0 2 ? * SUN 2020)", "", {"schedule": "cron(0 2 ? * SUN *)"}),
        ("cron(0 2 30 2 ? *)", "", {}),  # no month has that day
        ("not a schedule", "", {}),
    ],
)
def test_a_window_whose_runs_are_over_opens_again(schedule, end_date, changed):
    spec = {**window().spec, "schedule": schedule, "end_date": end_date, "offset": 0}
    assert again(spec, NOW) == changed


def test_what_ran_once_is_proposed_once_more_on_that_weekday_and_a_week_ahead_at_least():
    before = NOW.replace(tzinfo=None) - timedelta(days=10)
    spec = {**window().spec, "schedule": f"at({before:%Y-%m-%dT%H:%M:%S})", "offset": 0}
    found = openings.next_starts({**spec, **again(spec, NOW)}, start=NOW, count=1)[0]
    assert timedelta(days=6) < found - NOW <= timedelta(days=14)
    local = found.astimezone(ZoneInfo(spec["timezone"]))
    assert (local.weekday(), local.time()) == (before.weekday(), before.time())
