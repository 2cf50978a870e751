from datetime import date, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patching.schedules import parse
from patching.schedules.building import DAYS, Choices, chosen_for, same, written
from tests.patching.schedules.expressions import crons

DAY = st.sampled_from(DAYS)
TIMES = st.times().map(lambda one: one.replace(second=0, microsecond=0))
CHOICES = st.one_of(
    st.builds(Choices, way=st.just("patch_tuesday"), days_after=st.integers(0, 20), at=TIMES),
    st.builds(
        Choices,
        way=st.just("weekly"),
        weekdays=st.sets(DAY, min_size=1).map(tuple),
        at=TIMES,
        offset=st.integers(0, 6),
    ),
    st.builds(
        Choices,
        way=st.just("nth"),
        nth=st.sampled_from(["1", "2", "3", "4", "5", "L"]),
        weekday=DAY,
        at=TIMES,
        offset=st.integers(0, 6),
    ),
    st.builds(
        Choices,
        way=st.just("day"),
        day=st.sampled_from(["L", "LW", *map(str, range(1, 32))]),
        at=TIMES,
        offset=st.integers(0, 6),
    ),
    st.builds(
        Choices, way=st.just("every"), every=st.integers(1, 999), unit=st.sampled_from(["days", "hours"])
    ),
    st.builds(Choices, way=st.just("once"), on=st.dates(date(2026, 1, 1), date(2199, 12, 31)), at=TIMES),
)


@pytest.mark.parametrize(
    ("chosen", "expression", "offset"),
    [
        (Choices(), "cron(0 20 ? * TUE#2 *)", 0),
        (Choices(days_after=4), "cron(0 20 ? * TUE#2 *)", 4),
        (Choices(days_after=20, at=time(2, 30)), "cron(30 2 ? * TUE#4 *)", 6),
        (Choices(way="weekly", weekdays=("SUN", "MON", "SAT")), "cron(0 20 ? * MON,SAT,SUN *)", 0),
        (Choices(way="nth", nth="1", weekday="SAT", offset=1), "cron(0 20 ? * SAT#1 *)", 1),
        (Choices(way="nth", nth="L", weekday="FRI"), "cron(0 20 ? * FRIL *)", 0),
        (Choices(way="day", day="L"), "cron(0 20 L * ? *)", 0),
        (Choices(way="every", every=1, unit="hours"), "rate(1 hour)", 0),
        (Choices(way="every", every=14), "rate(14 days)", 0),
        (Choices(way="once", on=date(2026, 6, 20), at=time(2)), "at(2026-06-20T02:00:00)", 0),
        (Choices(way="own", expression="cron(0 2 15W * ? *)", offset=3), "cron(0 2 15W * ? *)", 3),
    ],
)
def test_choices_stand_for_an_expression(chosen, expression, offset):
    assert written(chosen) == (expression, offset)


@given(CHOICES)
def test_whatever_is_chosen_can_be_read_and_opens_again(chosen):
    expression, offset = written(chosen)
    assert parse(expression)
    again = chosen_for(expression, offset)
    assert again.way != "own"
    assert same(written(again), (expression, offset))


@given(crons, st.integers(0, 6))
def test_an_expression_means_the_same_after_it_was_opened(expression, offset):
    assert same(written(chosen_for(expression, offset)), (expression, offset))


@pytest.mark.parametrize(
    "expression",
    [
        "cron(0 2,14 ? * SUN *)",
        "cron(0 2 ? JAN SUN *)",
        "cron(0 2 1,15 * ? *)",
        "rate(30 minutes)",
        "nonsense",
    ],
)
def test_what_no_choice_can_say_stays_an_expression(expression):
    chosen = chosen_for(expression)
    assert (chosen.way, chosen.expression) == ("own", expression)
