"""How long it takes to find every conflict among the windows of an organisation over a year."""

import time
from datetime import timedelta
from itertools import combinations

import pytest

from patching.findings.conflicts import conflicts
from tests.planned import NOW, window

pytestmark = pytest.mark.slow
WINDOWS, SAMPLE = 1000, 60
YEAR = timedelta(days=365)
DAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")


def windows(number):
    """A third weekly, the rest monthly; ten to an application, in twenty account-regions."""
    return [
        window(
            f"app{one // 10}-prod-{'abc'[one % 3]}",
            application=f"app{one // 10}",
            account=f"{one % 20:012}",
            schedule=f"cron({one % 60} {one % 24} ? * {DAYS[one % 7]}{'' if one % 3 == 0 else f'#{one % 4 + 1}'} *)",
            offset=one % 3,
        )
        for one in range(number)
    ]


def runs_of(some):
    return [run for one in some for run in one.runs_between(NOW, NOW + YEAR)]


def all_pairs(runs):
    """What comparing each opening with each other one would cost, the rule for zones alone."""
    return [
        pair
        for pair in combinations(runs, 2)
        if pair[0].window.whose == pair[1].window.whose
        and pair[0].window.spec["az"] != pair[1].window.spec["az"]
        and pair[0].overlap(pair[1])
    ]


def test_the_conflicts_of_a_thousand_windows_over_a_year(measure):
    some = windows(WINDOWS)
    found = conflicts(runs_of(some))
    assert len(found) > 100
    measure(lambda: conflicts(runs_of(some)), at_most=5.0, times=3)


def test_the_sweep_beside_comparing_all_pairs(capsys):
    runs = runs_of(windows(SAMPLE))
    begun = time.perf_counter()
    conflicts(runs)
    swept = time.perf_counter() - begun
    begun = time.perf_counter()
    all_pairs(runs)
    compared = time.perf_counter() - begun
    with capsys.disabled():
        print(f"\n{len(runs):,} openings: the sweep takes 1/{compared / swept:.0f} of comparing all pairs")  # noqa: T201
    assert compared > 2 * swept
