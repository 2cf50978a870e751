"""One timeline of all holds of a window: when it is shut, and when AWS opens it again."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from patching import shutting

START = datetime(2026, 6, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
WEEK = timedelta(days=7)


@dataclass(frozen=True)
class Hold:
    pk: int
    starts_at: datetime
    ends_at: datetime


def hold(pk, start, end):
    return Hold(pk, START + start * HOUR, START + end * HOUR)


def never(start, end):
    return []


def weekly(start, end):
    """Opens at START and every week from then."""
    moments = [START + number * WEEK for number in range(-4, 12)]
    return [one for one in moments if start <= one < end]


def test_nothing_holds_an_open_window():
    assert shutting.at_moment([], never, START) is None


def test_it_is_shut_ahead_of_the_start_when_it_does_not_open_before():
    one = hold(1, 24, 48)
    assert shutting.at_moment([one], never, START) == shutting.Shut(one.ends_at, (1,))
    assert shutting.at_moment([one], never, START - HOUR) is None


def test_an_opening_before_the_start_comes_first():
    one = hold(1, 2, 48)
    assert shutting.begins(one, weekly) == START + shutting.BEGUN
    assert shutting.at_moment([one], weekly, START) is None
    assert shutting.at_moment([one], weekly, START + HOUR) is not None


def test_holds_that_overlap_end_with_the_last_of_them():
    both = [hold(1, 0, 10), hold(2, 5, 20)]
    assert shutting.at_moment(both, never, START + HOUR) == shutting.Shut(START + 20 * HOUR, (1, 2))
    assert shutting.at_moment(both[:1], never, START + HOUR) == shutting.Shut(START + 10 * HOUR, (1,))


def test_holds_apart_end_each_by_itself():
    apart = [hold(1, 0, 10), hold(2, 100, 120)]
    assert shutting.at_moment(apart, never, START + HOUR) == shutting.Shut(START + 10 * HOUR, (1,))
    assert shutting.at_moment(apart, never, START + 20 * HOUR) is None


def test_a_window_that_opens_right_at_the_end_is_enabled_a_little_before():
    one = Hold(1, START + HOUR, START + WEEK)
    assert shutting.back_at(one.ends_at, weekly) == one.ends_at - shutting.BACK_BEFORE
    assert shutting.at_moment([one], weekly, one.ends_at - timedelta(minutes=2)) is None


@given(st.lists(st.tuples(st.integers(-100, 400), st.integers(1, 300)), max_size=6), st.integers(-150, 600))
def test_inside_a_hold_it_is_shut_and_no_way_back_outlasts_the_last_end(spans, at):
    holds = [hold(pk, start, start + length) for pk, (start, length) in enumerate(spans)]
    moment = START + at * HOUR
    shut = shutting.at_moment(holds, never, moment)
    inside = [one for one in holds if one.starts_at <= moment < one.ends_at]
    if inside:
        assert shut is not None
        assert {one.pk for one in inside} <= set(shut.holds)
        assert shut.until >= max(one.ends_at for one in inside)
    if shut is not None:
        assert moment < shut.until <= max(one.ends_at for one in holds)
        changes = shutting.changes(holds, never)
        assert shut.until in changes


@given(st.lists(st.tuples(st.integers(-100, 400), st.integers(1, 300)), max_size=4), st.integers(-150, 600))
def test_nothing_changes_between_two_named_changes(spans, at):
    holds = [hold(pk, start, start + length) for pk, (start, length) in enumerate(spans)]
    moment = START + at * HOUR
    ahead = [one for one in shutting.changes(holds, weekly) if one > moment]
    just_before = min(ahead, default=moment + HOUR) - timedelta(seconds=1)
    now, then = (shutting.at_moment(holds, weekly, each) for each in (moment, just_before))
    assert (now is None) == (then is None)
    assert now is None or now.until == then.until
