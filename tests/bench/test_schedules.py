"""How long it takes to reckon the next runs of many windows, beside croniter on what croniter can do."""

import time
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from croniter import croniter

from patching.schedules import next_runs

pytestmark = pytest.mark.slow

WINDOWS, RUNS = 1_000, 12
START = datetime(2026, 6, 1, 6, tzinfo=UTC)
ZONES = ("UTC", "Europe/London", "America/New_York", "Asia/Kolkata")
# as windows have them: weekly, Patch Tuesday plus days, last day, nearest weekday, rate
FORMS = (
    "cron({m} {h} ? * SUN *)",
    "cron({m} {h} ? * TUE#2 *)",
    "cron({m} {h} L * ? *)",
    "cron({m} {h} 15W * ? *)",
    "cron({m} {h} ? * FRIL *)",
    "rate(7 days)",
)
# the same in both dialects: croniter numbers days from Sunday as 0 and knows neither ? nor years, W nor rate
BOTH = (
    ("cron({m} {h} ? * SUN *)", "{m} {h} * * 0"),
    ("cron({m} {h} ? * TUE#2 *)", "{m} {h} * * 2#2"),
    ("cron({m} {h} L * ? *)", "{m} {h} l * *"),
    ("cron({m} {h} ? * FRIL *)", "{m} {h} * * L5"),
    ("cron({m} {h} 1,15 * ? *)", "{m} {h} 1,15 * *"),
    ("cron({m} {h} ? * MON-FRI *)", "{m} {h} * * 1-5"),
)


def written(form, number):
    return form.format(m=number % 60, h=number % 24)


def test_the_next_twelve_runs_of_a_thousand_windows(measure):
    windows = [
        (
            written(FORMS[n % len(FORMS)], n),
            ZONES[n % len(ZONES)],
            n % 7 if "rate" not in FORMS[n % len(FORMS)] else 0,
        )
        for n in range(WINDOWS)
    ]

    def next_twelve_of_all():
        for expression, zone, offset in windows:
            next_runs(expression, timezone=zone, offset=offset, start=START, count=RUNS)

    measure(next_twelve_of_all, at_most=1.0)


def test_beside_croniter_on_what_it_can_do(capsys):
    """Both answer the same in one run; here the answers are compared, and the ratio of the times is told."""
    windows = [
        (*(written(form, n) for form in BOTH[n % len(BOTH)]), ZONES[n % len(ZONES)]) for n in range(WINDOWS)
    ]

    def ours():
        return [next_runs(aws, timezone=zone, start=START, count=RUNS) for aws, _, zone in windows]

    def theirs():
        return [_by_croniter(plain, zone) for _, plain, zone in windows]

    taken = {}
    answers = {}
    for name, call in (("ours", ours), ("croniter", theirs)) * 3:
        begun = time.perf_counter()
        answers[name] = call()
        taken[name] = min(taken.get(name, float("inf")), time.perf_counter() - begun)
    ratio = taken["croniter"] / taken["ours"]
    with capsys.disabled():
        print(  # noqa: T201
            f"\n12 runs of {WINDOWS} windows: ours {taken['ours'] * 1000:.0f} ms, "
            f"croniter {taken['croniter'] * 1000:.0f} ms, {ratio:.1f} times as long"
        )
    assert answers["ours"] == answers["croniter"]
    assert ratio > 1


def _by_croniter(expression, zone):
    found = croniter(expression, START.astimezone(ZoneInfo(zone)))
    return [found.get_next(datetime).astimezone(UTC) for _ in range(RUNS)]
