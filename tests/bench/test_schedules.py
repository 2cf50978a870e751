"""How long it takes to reckon the next runs of every window that an account may have."""

import pytest

from patching.schedules import next_runs
from portal.governance import clock

pytestmark = pytest.mark.slow
WINDOWS = 50  # SSM's limit for one account and region


def test_the_next_twelve_runs_of_fifty_windows(measure):
    expressions = [f"cron({n % 60} {n % 24} ? * TUE#{n % 4 + 1} *)" for n in range(WINDOWS)]
    start = clock.real_now()

    def next_twelve_of_all():
        for expression in expressions:
            next_runs(expression, timezone="Europe/London", offset=2, start=start, count=12)

    measure(next_twelve_of_all, at_most=1.0)
