"""When a window opens, from its spec."""

from datetime import UTC, datetime

from patching import openings

NOW = datetime(2026, 6, 10, 6, tzinfo=UTC)  # the day after a Patch Tuesday
SPEC = {
    "schedule": "cron(0 20 ? * TUE#2 *)",
    "timezone": "Europe/Berlin",
    "offset": 4,
    "start_date": "",
    "end_date": "",
}


def test_a_window_that_was_there_before_patch_tuesday_opens_days_after_it():
    long_ago = datetime(2026, 1, 1, tzinfo=UTC)
    starts = openings.next_starts(SPEC, start=NOW, count=2, since=long_ago)
    assert starts == [datetime(2026, 6, 13, 18, tzinfo=UTC), datetime(2026, 7, 18, 18, tzinfo=UTC)]


def test_a_window_made_after_patch_tuesday_waits_for_the_next():
    assert openings.next_starts(SPEC, start=NOW, count=1, since=NOW) == [
        datetime(2026, 7, 18, 18, tzinfo=UTC)
    ]


def test_a_window_keeps_to_its_dates():
    spec = {**SPEC, "offset": 0, "start_date": "2026-08-01", "end_date": "2026-10-01"}
    starts = openings.next_starts(spec, start=NOW, count=12)
    assert [start.month for start in starts] == [8, 9]


def test_what_cannot_be_read_never_opens():
    assert openings.next_starts({**SPEC, "schedule": "cron(x)"}, start=NOW, count=3) == []


def test_starts_are_said_in_the_zone_of_the_window_with_utc_beside_them():
    starts = [datetime(2026, 6, 13, 22, tzinfo=UTC), datetime(2026, 7, 18, 22, tzinfo=UTC)]
    assert openings.in_words(starts, "Europe/Berlin") == (
        "Sun 14 Jun 00:00, Sun 19 Jul 00:00 Europe/Berlin (the first Sat 22:00 UTC)"
    )
    assert openings.in_words(starts[:1], "UTC") == "Sat 13 Jun 22:00 UTC"
    assert openings.in_words([], "UTC") == "no run ahead"
