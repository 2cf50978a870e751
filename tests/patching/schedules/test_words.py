from datetime import UTC, datetime

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from patching.schedules import ScheduleError, explain, next_runs
from tests.patching.schedules.expressions import FIELDS, can_be_read, cron, fields_of_cron


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("cron(0 2 ? * TUE#2 *)", "Second Tuesday of each month, 02:00 UTC"),
        ("cron(30 23 ? * 6L *)", "Last Friday of each month, 23:30 UTC"),
        (
            "cron(0 2 ? FEB,MAY,AUG,NOV TUE#1 *)",
            "First Tuesday of February, May, August and November, 02:00 UTC",
        ),
        ("cron(0 2 * * ? *)", "Every day, 02:00 UTC"),
        ("cron(0 2 ? * * *)", "Every day, 02:00 UTC"),
        ("cron(0 2 ? * MON-FRI *)", "Monday to Friday, 02:00 UTC"),
        ("cron(0 2 ? * SUN,TUE *)", "Every Tuesday and Sunday, 02:00 UTC"),
        ("cron(0 2 ? JUN-AUG SAT *)", "Every Saturday from June to August, 02:00 UTC"),
        ("cron(0 2 ? JAN,JUL SAT *)", "Every Saturday in January and July, 02:00 UTC"),
        ("cron(0 2 ? JUN-AUG SAT#1 *)", "First Saturday of each month from June to August, 02:00 UTC"),
        ("cron(0 2 1 * ? *)", "Day 1 of each month, 02:00 UTC"),
        ("cron(0 2 1,15 1,7 ? *)", "Days 1 and 15 of January and July, 02:00 UTC"),
        ("cron(0 2 L * ? *)", "Last day of each month, 02:00 UTC"),
        ("cron(0 2 LW * ? *)", "Last weekday of each month, 02:00 UTC"),
        ("cron(0 2 15W * ? *)", "Weekday nearest to day 15 of each month, 02:00 UTC"),
        ("cron(0 2 L-3 * ? *)", "3 days before the last day of each month, 02:00 UTC"),
        ("cron(0 6,18 * * ? *)", "Every day, 06:00 and 18:00 UTC"),
        ("cron(0 2 8-14 * ? *)", "Days 8 to 14 of each month, 02:00 UTC"),
        ("cron(0 2 1/5 * ? *)", "Days 1 to 31 in steps of 5 of each month, 02:00 UTC"),
        ("cron(0 2 ? * SUN 2026/2)", "Every Sunday, 02:00 UTC, every 2 years from 2026 to 2198"),
        ("cron(1/2 2 * * ? *)", "Every day, minutes 1 to 59 in steps of 2 in the hour of 02:00 UTC"),
        ("cron(5-9 * * * ? *)", "Every day, minutes 5 to 9 of every hour UTC"),
        ("cron(30 0/5 * * * ? *)", "Every day, every 5 minutes, at second 30 UTC"),
        ("cron(0 1,5,6,7,9 * * ? *)", "Every day, 01:00, 05:00, 06:00, 07:00 and 09:00 UTC"),
        ("cron(0 * * * ? *)", "Every day, every hour UTC"),
        ("cron(0 0/2 * * ? *)", "Every day, every 2 hours UTC"),
        ("cron(30 7/2 * * ? *)", "Every day, every 2 hours from 07:30 to 23:30 UTC"),
        ("cron(0/15 * * * ? *)", "Every day, every 15 minutes UTC"),
        ("cron(0/10 8-17 ? * MON-FRI *)", "Monday to Friday, every 10 minutes from 08:00 to 17:59 UTC"),
        ("cron(0/15 8,20 * * ? *)", "Every day, every 15 minutes in the hours of 08:00 and 20:00 UTC"),
        ("cron(0 /59 * ? * THU *)", "Every Thursday, minutes 0 and 59 of every hour UTC"),
        ("cron(15 30 2 ? * SUN *)", "Every Sunday, 02:30:15 UTC"),
        ("cron(*/20 * * ? * * *)", "Every day, every minute, every 20 seconds UTC"),
        ("cron(0 2 ? * SUN 2027)", "Every Sunday, 02:00 UTC, only in 2027"),
        ("cron(0 2 ? * SUN 2026-2028)", "Every Sunday, 02:00 UTC, from 2026 to 2028"),
        ("rate(1 hour)", "Every hour, counted from the start date"),
        ("rate(14 days)", "Every 14 days, counted from the start date"),
        ("at(2026-06-20T02:00:00)", "Once, 20 June 2026, 02:00 UTC"),
    ],
)
def test_a_schedule_reads_as_a_sentence(expression, words):
    assert explain(expression) == words


def test_the_words_tell_offset_and_time_zone():
    words = explain("cron(0 2 ? * TUE#2 *)", timezone="Europe/London", offset=2)
    assert words == "Thursday after the second Tuesday of each month, 02:00 Europe/London"


@pytest.mark.parametrize(
    ("expression", "offset", "words"),
    [
        ("cron(0 2 ? * TUE#2 *)", 5, "Sunday after the second Tuesday of each month, 02:00 UTC"),
        ("cron(0 2 ? * 6L *)", 1, "Saturday after the last Friday of each month, 02:00 UTC"),
        ("cron(0 2 ? * SAT#1 *)", 6, "Friday after the first Saturday of each month, 02:00 UTC"),
        ("cron(0 2 ? 1 TUE#2 *)", 1, "Wednesday after the second Tuesday of January, 02:00 UTC"),
        ("cron(0 2 L * ? *)", 3, "3 days after the last day of each month, 02:00 UTC"),
        ("cron(0 2 15W * ? *)", 1, "1 day after the weekday nearest to day 15 of each month, 02:00 UTC"),
        ("cron(0 2 1 * ? *)", 2, "2 days after day 1 of each month, 02:00 UTC"),
        ("cron(0 2 ? * MON-FRI *)", 2, "2 days after Monday to Friday, 02:00 UTC"),
        ("cron(0 2 ? JAN SAT *)", 2, "2 days after every Saturday in January, 02:00 UTC"),
    ],
)
def test_the_words_name_the_day_that_an_offset_ends_on(expression, offset, words):
    assert explain(expression, offset=offset) == words


@pytest.mark.parametrize(
    ("settings", "field"), [({"timezone": "IST"}, "timezone"), ({"offset": 9}, "offset"), ({}, "minutes")]
)
def test_what_cannot_run_is_not_put_in_words(settings, field):
    with pytest.raises(ScheduleError) as refused:
        explain("cron(0 2 ? * SUN *)" if settings else "cron(61 2 ? * SUN *)", **settings)
    assert refused.value.field == field


NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


@given(fields_of_cron, st.integers(0, 6))
def test_every_schedule_that_can_be_read_has_words(fields, offset):
    words = explain(cron(fields), timezone="Europe/London", offset=offset)
    assert words[:1].isupper() or words[:1].isdigit()
    assert "Europe/London" in words
    assert len(words) <= 500


@given(fields_of_cron, st.integers(0, 6), st.data())
def test_schedules_that_read_the_same_run_the_same(fields, offset, data):
    """Change one field at a time: words that stay must not hide another run."""
    place = data.draw(st.sampled_from(sorted(FIELDS)))
    other = {**fields, place: data.draw(FIELDS[place])}
    assume(can_be_read(other))
    other_offset = data.draw(st.sampled_from([offset, offset, data.draw(st.integers(0, 6))]))
    if explain(cron(fields), offset=offset) == explain(cron(other), offset=other_offset):
        one, two = (
            next_runs(
                cron(said), offset=days, start=NEW_YEAR, anchor=datetime(2025, 1, 1, tzinfo=UTC), count=60
            )
            for said, days in ((fields, offset), (other, other_offset))
        )
        assert one == two
