from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patching.schedules import ScheduleError, clock_changes, next_runs, parse
from tests.patching.schedules.expressions import cron, crons, fields_of_cron

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
ZONES = st.sampled_from(
    ["UTC", "Europe/London", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia"]
)
CRONS = st.sampled_from(
    [
        "cron(0 2 ? * TUE#2 *)",
        "cron(30 1 * * ? *)",
        "cron(0/15 * * * ? *)",
        "cron(59 23 L * ? *)",
        "cron(0 0 LW * ? *)",
        "cron(0 12 29 FEB ? *)",
        "cron(0 3,15 ? * FRI-MON *)",
        "cron(10 30 2 1 JAN,JUL ? *)",
        "cron(0 2 15W * ? 2027-2031)",
    ]
)
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))
OFFSETS = st.integers(0, 6)


def runs(expression, count=3, start=NEW_YEAR, **settings):
    found = next_runs(expression, start=start, count=count, **settings)
    return [run.strftime("%Y-%m-%d %H:%M") for run in found]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("cron(0 2 ? * TUE#2 *)", ["2026-01-13 02:00", "2026-02-10 02:00", "2026-03-10 02:00"]),
        ("cron(0 0 ? * 3L *)", ["2026-01-27 00:00", "2026-02-24 00:00", "2026-03-31 00:00"]),
        ("cron(0 20 ? * 2#5 *)", ["2026-03-30 20:00", "2026-06-29 20:00", "2026-08-31 20:00"]),
        ("cron(0 0 L * ? *)", ["2026-01-31 00:00", "2026-02-28 00:00", "2026-03-31 00:00"]),
        ("cron(0 6 31 * ? *)", ["2026-01-31 06:00", "2026-03-31 06:00", "2026-05-31 06:00"]),
        ("cron(0 4 29 FEB ? *)", ["2028-02-29 04:00", "2032-02-29 04:00", "2036-02-29 04:00"]),
        ("cron(0 7/8 ? * * *)", ["2026-01-01 07:00", "2026-01-01 15:00", "2026-01-01 23:00"]),
        ("cron(0 1 ? * SAT-SUN *)", ["2026-01-03 01:00", "2026-01-04 01:00", "2026-01-10 01:00"]),
        ("cron(0 30 23 ? * TUE#3 *)", ["2026-01-20 23:30", "2026-02-17 23:30", "2026-03-17 23:30"]),
        ("at(2026-06-20T02:00:00)", ["2026-06-20 02:00"]),
        ("rate(14 days)", ["2026-01-01 00:00", "2026-01-15 00:00", "2026-01-29 00:00"]),
    ],
)
def test_runs_come_in_order(expression, expected):
    assert runs(expression) == expected


def test_the_start_counts_and_the_end_does_not():
    at_two = datetime(2026, 1, 4, 2, tzinfo=UTC)
    assert runs("cron(0 2 ? * SUN *)", start=at_two, count=1) == ["2026-01-04 02:00"]
    assert runs("cron(0 2 ? * SUN *)", start=at_two, end=at_two + timedelta(days=7)) == ["2026-01-04 02:00"]
    assert runs("cron(0 2 ? * SUN *)", start=at_two + timedelta(microseconds=1), count=1) == [
        "2026-01-11 02:00"
    ]


def test_cron_and_at_are_read_in_the_time_zone():
    assert runs("cron(0 2 1 JUL ? *)", count=1, timezone="Europe/London") == ["2026-07-01 01:00"]
    assert runs("at(2026-07-01T13:15:30)", timezone="America/Los_Angeles") == ["2026-07-01 20:15"]


def test_what_is_over_or_never_comes_ends_in_an_empty_list():
    assert runs("cron(15 10 ? * 6L 2002-2005)") == []
    assert runs("at(2025-12-31T23:59:59)") == []
    assert runs("cron(0 2 * * ? *)", count=0) == []
    assert runs("cron(0 2 * * ? *)", start=datetime.max.replace(tzinfo=UTC)) == []
    assert runs("cron(0 2 * * ? *)", start=datetime.min.replace(tzinfo=UTC), count=1) == ["1970-01-01 02:00"]


def test_a_start_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="must carry a zone"):
        next_runs("rate(1 day)", start=datetime(2026, 1, 1))


def test_a_local_time_that_the_clocks_skip_brings_no_run():
    before = datetime(2026, 3, 28, tzinfo=UTC)
    found = runs("cron(30 1 * * ? *)", timezone="Europe/London", start=before)
    assert found == ["2026-03-28 01:30", "2026-03-30 00:30", "2026-03-31 00:30"]


def test_a_local_time_that_comes_twice_runs_once():
    before = datetime(2026, 10, 24, 12, tzinfo=UTC)
    found = runs("cron(30 1 * * ? *)", timezone="Europe/London", start=before, count=2)
    assert found == ["2026-10-25 00:30", "2026-10-26 01:30"]
    between = datetime(2026, 10, 25, 0, 45, tzinfo=UTC)
    assert runs("cron(30 1 * * ? *)", timezone="Europe/London", start=between, count=1) == [
        "2026-10-26 01:30"
    ]


def test_an_offset_postpones_across_the_end_of_a_month_and_keeps_local_time():
    assert runs("cron(30 23 ? * TUE#3 *)", offset=2) == [
        "2026-01-22 23:30",
        "2026-02-19 23:30",
        "2026-03-19 23:30",
    ]
    assert runs("cron(0 2 L * ? *)", offset=6, count=1) == ["2026-02-06 02:00"]
    march = datetime(2026, 3, 28, tzinfo=UTC)
    found = runs("cron(0 12 ? * SAT *)", offset=1, timezone="Europe/London", start=march, count=1)
    assert found == ["2026-03-29 11:00"]


def test_an_offset_does_not_save_a_day_that_was_past_when_counting_began():
    day_after_patch_tuesday = datetime(2026, 1, 14, tzinfo=UTC)
    assert runs("cron(0 2 ? * TUE#2 *)", offset=2, start=day_after_patch_tuesday, count=1) == [
        "2026-02-12 02:00"
    ]


def test_a_window_that_stands_already_keeps_the_run_its_offset_postponed():
    day_after_patch_tuesday = datetime(2026, 1, 14, tzinfo=UTC)
    found = runs("cron(0 2 ? * TUE#2 *)", offset=2, start=day_after_patch_tuesday, anchor=NEW_YEAR, count=1)
    assert found == ["2026-01-15 02:00"]


def test_a_rate_counts_from_its_anchor():
    later = NEW_YEAR + timedelta(hours=26)
    assert runs("rate(5 hours)", start=later, anchor=NEW_YEAR, count=1) == ["2026-01-02 06:00"]
    assert runs("rate(5 hours)", start=NEW_YEAR, anchor=later, count=1) == ["2026-01-02 02:00"]
    assert runs(f"rate({10**40} days)") == ["2026-01-01 00:00"]


@pytest.mark.parametrize("offset", [7, -1, True, 1.5, "2"])
def test_an_offset_is_one_to_six_days(offset):
    with pytest.raises(ScheduleError, match="1 to 6 days, cron only") as refused:
        next_runs("cron(0 2 ? * TUE#2 *)", offset=offset, start=NEW_YEAR)
    assert refused.value.field == "offset"


def test_an_offset_goes_with_cron_only():
    with pytest.raises(ScheduleError, match="leave it out with rate"):
        next_runs("rate(1 day)", offset=1, start=NEW_YEAR)


def test_clock_changes_name_the_runs_that_they_touch():
    found = clock_changes("cron(30 1 * * ? *)", timezone="Europe/London", start=NEW_YEAR)
    assert [str(change) for change in found] == [
        "29 March 2026, 01:30 does not exist in Europe/London (clocks go forward): that run is skipped.",
        "25 October 2026, 01:30 comes twice in Europe/London (clocks go back): it runs once.",
    ]
    assert clock_changes("cron(30 3 * * ? *)", timezone="Europe/London", start=NEW_YEAR) == []
    assert clock_changes("cron(30 1 ? * FRI *)", timezone="Europe/London", offset=2, start=NEW_YEAR) == found
    assert clock_changes("rate(1 day)", timezone="Europe/London", start=NEW_YEAR) == []


@given(CRONS, ZONES, OFFSETS, MOMENTS)
def test_runs_rise_from_the_start_and_show_the_local_time_asked_for(expression, zone, offset, start):
    found = next_runs(expression, timezone=zone, offset=offset, start=start, count=20)
    assert all(run >= start for run in found)
    assert found == sorted(set(found))
    read = parse(expression)
    for run in found:
        base = run.astimezone(ZoneInfo(zone)).replace(tzinfo=None) - timedelta(days=offset)
        assert base.day in read.days.in_month(base.year, base.month)
        assert (base.hour, base.minute, base.second) in {
            (hour, minute, second)
            for hour in read.hours
            for minute in read.minutes
            for second in read.seconds
        }


@given(CRONS, ZONES, OFFSETS, MOMENTS, st.integers(0, 800), st.integers(0, 800))
def test_a_range_split_anywhere_holds_the_same_runs(expression, zone, offset, start, first, second):
    middle, end = start + timedelta(days=first / 10), start + timedelta(days=(first + second) / 10)

    def between(since, until):
        return next_runs(
            expression, timezone=zone, offset=offset, start=since, end=until, anchor=start, count=20_000
        )

    assert between(start, end) == between(start, middle) + between(middle, end)


@given(crons, ZONES, OFFSETS, MOMENTS)
def test_any_schedule_rises_from_its_start_within_the_calendar(expression, zone, offset, start):
    found = next_runs(expression, timezone=zone, offset=offset, start=start, count=20)
    assert found == sorted(set(found))
    assert all(start <= run < datetime(2200, 1, 8, tzinfo=UTC) for run in found)
    if found:
        again = next_runs(expression, timezone=zone, offset=offset, start=found[0], anchor=start, count=20)
        assert again == found


@given(fields_of_cron.map(lambda fields: cron({**fields, "second": "0"})), ZONES, OFFSETS, MOMENTS, st.data())
def test_any_schedule_split_anywhere_holds_the_same_runs(expression, zone, offset, start, data):
    first = next_runs(expression, timezone=zone, offset=offset, start=start, count=1)
    begin = first[0] - timedelta(hours=1) if first else start
    hours = st.integers(0, 30 * 60).map(lambda minutes: timedelta(minutes=minutes))
    middle = begin + data.draw(hours)
    end = middle + data.draw(hours)

    def between(since, until):
        return next_runs(
            expression, timezone=zone, offset=offset, start=since, end=until, anchor=start, count=10_000
        )

    assert between(begin, end) == between(begin, middle) + between(middle, end)
