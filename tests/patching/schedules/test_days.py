from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patching.schedules.days import (
    DaysOfMonth,
    DaysOfWeek,
    LastDay,
    LastOfMonth,
    NearestWeekday,
    NthOfMonth,
)

YEARS, MONTHS = st.integers(1970, 2199), st.integers(1, 12)


def test_a_day_that_a_month_lacks_is_left_out_and_not_moved():
    assert DaysOfMonth(frozenset({30, 31})).in_month(2026, 4) == [30]
    assert DaysOfMonth(frozenset({30, 31})).in_month(2026, 2) == []


def test_the_last_day_follows_leap_years():
    assert LastDay().in_month(2027, 2) == [28]
    assert LastDay().in_month(2028, 2) == [29]
    assert LastDay(before=3).in_month(2026, 4) == [27]
    assert LastDay(before=30).in_month(2026, 2) == []


@pytest.mark.parametrize(
    ("day", "year", "month", "nearest"),
    [
        (15, 2026, 6, 15),  # a Monday
        (13, 2026, 6, 12),  # Saturday to the Friday before
        (14, 2026, 6, 15),  # Sunday to the Monday after
        (1, 2026, 8, 3),  # Saturday the 1st may not leave the month
        (31, 2026, 5, 29),  # nor Sunday the 31st
    ],
)
def test_the_nearest_weekday_stays_in_its_month(day, year, month, nearest):
    assert NearestWeekday(day).in_month(year, month) == [nearest]


def test_the_last_weekday_is_the_friday_before_a_last_sunday():
    assert LastDay(on_weekday=True).in_month(2026, 5) == [29]


def test_a_month_without_a_31st_has_no_weekday_nearest_to_it():
    assert NearestWeekday(31).in_month(2026, 6) == []


def test_patch_tuesday_is_the_second_tuesday():
    assert NthOfMonth(day_of_week=3, nth=2).in_month(2026, 6) == [9]
    assert NthOfMonth(day_of_week=3, nth=2).in_month(2026, 9) == [8]


def test_a_fifth_day_comes_only_in_the_months_that_have_one():
    assert NthOfMonth(day_of_week=2, nth=5).in_month(2026, 3) == [30]
    assert NthOfMonth(day_of_week=2, nth=5).in_month(2026, 4) == []


@given(YEARS, MONTHS, st.integers(1, 7))
def test_the_last_of_a_weekday_is_the_last_of_all_of_them(year, month, day_of_week):
    every = DaysOfWeek(frozenset({day_of_week})).in_month(year, month)
    assert LastOfMonth(day_of_week).in_month(year, month) == every[-1:]
    assert [day for nth in range(1, 6) for day in NthOfMonth(day_of_week, nth).in_month(year, month)] == every


@given(YEARS, MONTHS, st.integers(1, 31))
def test_the_nearest_weekday_is_a_weekday_at_most_two_days_away(year, month, day):
    for found in NearestWeekday(day).in_month(year, month):
        assert date(year, month, found).weekday() < 5
        assert abs(found - day) <= 2
