"""Openings between two moments: as scheduled, skipped, moved, held, open, run."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from patching.calendar import Past, Word, entries
from tests.patching.calendar.timed import HOURS, JULY, JUNE, SUNDAY, hold, june, window

WEEK = timedelta(days=7)


def states(found):
    return [(f"{one.start:%d %H:%M}", one.state) for one in found]


def test_a_weekly_window_opens_on_each_sunday_of_june():
    assert states(june(window())) == [(f"{day:02} 02:00", "planned") for day in (7, 14, 21, 28)]


def test_an_opening_that_began_before_is_shown_until_it_ends():
    late = window(schedule="cron(0 22 ? * SUN *)")  # 31 May, 22:00 to 02:00
    found = entries([late], JUNE, JULY, at=JUNE - WEEK)
    assert found[0].start == datetime(2026, 5, 31, 22, tzinfo=UTC)
    assert entries([late], JUNE + 2 * HOURS, JULY, at=JUNE - WEEK)[0].start.day == 7


def test_openings_of_many_windows_stand_in_order_of_time():
    found = june(window("b"), window("a"), window("early", schedule="cron(0 1 ? * SUN *)"))
    assert [one.window.name for one in found[:3]] == ["early", "a", "b"]


def test_a_skipped_opening_stays_shut_and_says_why():
    one = window()
    first, *others = june(one, words=[Word(5, one.pk, SUNDAY, None, "Year-end closing")])
    assert (first.state, first.note, first.opens) == ("skipped", "Year-end closing", False)
    assert {other.state for other in others} == {"planned"}


def test_an_opening_that_never_came_stays_so_beside_the_extra_one():
    one = window()
    word = Word(5, one.pk, SUNDAY, SUNDAY + 3 * 24 * HOURS, is_extra=True)
    found = june(one, words=[word], at=SUNDAY + 24 * HOURS)
    assert states(found)[:2] == [("07 02:00", "not_seen"), ("10 02:00", "moved")]


def test_a_moved_opening_is_shown_where_it_was_and_where_it_went():
    one = window()
    word = Word(5, one.pk, SUNDAY, SUNDAY + 3 * 24 * HOURS)
    found = june(one, words=[word])
    assert states(found)[:2] == [("07 02:00", "moved_away"), ("10 02:00", "moved")]
    assert found[1].planned_at == SUNDAY
    assert found[1].end - found[1].start == 4 * HOURS


def test_what_holds_the_earlier_opening_shut_does_not_hold_the_moved_one():
    one = window()
    word = Word(5, one.pk, SUNDAY, SUNDAY + 2 * HOURS)
    night = hold(one, SUNDAY - HOURS, SUNDAY + 4 * HOURS, source="occurrence:5")
    assert states(june(one, words=[word], holds=[night]))[1] == ("07 04:00", "moved")
    freeze = hold(one, SUNDAY - HOURS, SUNDAY + 4 * HOURS)
    assert states(june(one, words=[word], holds=[freeze]))[1] == ("07 04:00", "held")


def test_a_word_that_may_break_freezes_opens_in_one():
    one = window()
    moved_to = SUNDAY + 2 * HOURS
    word = Word(5, one.pk, SUNDAY, moved_to, overrides=True)
    freeze = hold(one, SUNDAY - HOURS, SUNDAY + 4 * HOURS)
    assert states(june(one, words=[word], holds=[freeze]))[1] == ("07 04:00", "moved")
    failure = hold(one, SUNDAY - HOURS, SUNDAY + 4 * HOURS, source="failure:1")
    assert states(june(one, words=[word], holds=[failure]))[1] == ("07 04:00", "held")


def test_an_opening_moved_into_the_range_from_outside_is_there():
    one = window()
    word = Word(5, one.pk, datetime(2026, 7, 5, 2, tzinfo=UTC), datetime(2026, 6, 30, 2, tzinfo=UTC))
    assert ("30 02:00", "moved") in states(june(one, words=[word]))


def test_a_hold_keeps_only_its_own_window_shut_and_only_while_it_lasts():
    one, other = window("a"), window("b")
    found = june(one, other, holds=[hold(one, SUNDAY - HOURS, SUNDAY + WEEK)])
    held = [(entry.window.name, entry.start) for entry in found if entry.state == "held"]
    assert held == [("a", SUNDAY)]


def test_a_run_takes_the_place_of_the_opening_that_it_became():
    one = window()
    run = Past(9, one.pk, SUNDAY + timedelta(seconds=40), SUNDAY + HOURS, "SUCCESS", "healthy")
    first, second, *_ = june(one, runs=[run], at=SUNDAY + 5 * HOURS)
    assert (first.state, first.run, first.planned_at) == ("SUCCESS", run, SUNDAY)
    assert (first.end, second.state) == (SUNDAY + HOURS, "planned")


def test_a_run_that_no_schedule_names_is_shown_too():
    one = window()
    run = Past(9, one.pk, SUNDAY + 20 * HOURS, SUNDAY + 21 * HOURS, "FAILED")
    assert ("07 22:00", "FAILED") in states(june(one, runs=[run]))


def test_an_opening_that_is_over_without_a_run_says_so_unless_the_schedule_is_younger():
    at = SUNDAY + 5 * HOURS
    assert states(june(window(), at=at))[0] == ("07 02:00", "not_seen")
    younger = window(changed=SUNDAY + HOURS)
    assert states(june(younger, at=at))[0] == ("14 02:00", "planned")
    assert states(june(window(), at=SUNDAY + HOURS))[0] == ("07 02:00", "open")


def test_nothing_opens_before_a_window_was_made_or_after_it_was_retired():
    found = june(window(since=SUNDAY + HOURS, until=SUNDAY + 2 * WEEK))
    assert states(found) == [("14 02:00", "planned")]


def test_each_window_keeps_its_own_clock():
    berlin = window(timezone="Europe/Berlin")
    assert june(berlin)[0].start == datetime(2026, 6, 7, 0, tzinfo=UTC)


@given(days=st.integers(1, 29), hours=st.integers(0, 23))
def test_two_neighbouring_ranges_show_what_one_shows(days, hours):
    one = window(schedule="cron(0 0/6 ? * * *)", duration=3)
    middle = JUNE + timedelta(days=days, hours=hours)
    both = {entry.start for entry in june(one)}
    halves = [entries([one], a, b, at=JUNE - WEEK) for a, b in ((JUNE, middle), (middle, JULY))]
    assert {entry.start for half in halves for entry in half} == both
