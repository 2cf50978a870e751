"""Openings that must not be together."""

from datetime import timedelta
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from patching.findings.conflicts import ITSELF, TOO_MANY, ZONES, conflicts, open_together
from patching.findings.planned import Run
from tests.planned import NOW, window

YEAR = timedelta(days=365)


def kinds(*windows, **more):
    runs = [run for one in windows for run in one.runs_between(NOW, NOW + YEAR)]
    return [conflict.kind for conflict in conflicts(runs, **more)]


def test_zones_of_one_application_conflict_in_every_month():
    later = window("payments-prod-b", schedule="cron(0 23 ? * TUE#2 *)")
    assert kinds(window(), later) == [ZONES] * 12


def test_zones_that_follow_each_other_do_not_conflict():
    assert kinds(window(), window("payments-prod-b", schedule="cron(0 0 ? * WED#2 *)")) == []


def test_windows_of_one_zone_or_of_another_application_do_not_conflict():
    assert kinds(window(), window("payments-more-a"), window("claims-prod-b", application="claims")) == []


def test_a_window_that_opens_before_it_has_closed_conflicts_with_itself():
    often = window(schedule="rate(3 hours)", offset=0, duration=4)
    assert set(kinds(often)) == {ITSELF}
    assert kinds(window(schedule="rate(4 hours)", offset=0, duration=4)) == []


def test_a_sixth_window_at_once_is_too_many():
    six = [window(f"app{number}-prod-a", application=f"app{number}") for number in range(6)]
    assert kinds(*six) == [TOO_MANY] * 12
    assert kinds(*six[:5]) == []
    assert kinds(*six, limit=lambda place: 6) == []


def test_each_account_and_region_is_counted_by_itself():
    six = [window(f"app{number}-prod-a", application=f"app{number}") for number in range(6)]
    elsewhere = window("app5-prod-a", application="app5", region="eu-west-1")
    assert kinds(*six[:5], elsewhere) == []


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 12)), max_size=25))
def test_the_sweep_finds_the_pairs_that_comparing_all_of_them_finds(spans):
    one = window()
    runs = [Run(one, NOW + timedelta(hours=at), NOW + timedelta(hours=at + length)) for at, length in spans]
    swept = {frozenset(map(id, pair)) for pair in open_together(runs)}
    assert swept == {frozenset(map(id, pair)) for pair in combinations(runs, 2) if pair[0].overlap(pair[1])}
