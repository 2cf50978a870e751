from datetime import UTC, datetime

import pytest

from patching.schedules import window_problems

NOW = datetime(2026, 6, 1, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    "expression",
    [
        "cron(0 2 ? * TUE#2 *)",
        "cron(0/5 2 ? * SUN *)",
        "cron(58 23 ? * MON *)",
        "cron(2,58 0,23 1 * ? *)",
        "rate(5 minutes)",
        "rate(7 days)",
        "at(2026-06-20T02:00:00)",
    ],
)
def test_a_window_takes_an_ordinary_schedule(expression):
    assert window_problems(expression, timezone="Europe/London", now=NOW) == []


@pytest.mark.parametrize(
    "expression",
    [
        "cron(* 2 ? * SUN *)",
        "cron(0/4 2 ? * SUN *)",
        "cron(0,30 0 2 ? * SUN *)",
        "cron(* * * * * ? *)",
        "cron(2,58 0,23 * * ? *)",
        "rate(4 minutes)",
    ],
)
def test_a_window_opens_at_most_every_five_minutes(expression):
    assert [(problem.code, str(problem)[:31]) for problem in window_problems(expression)] == [
        ("too_often", "Shortest interval is 5 minutes.")
    ]


@pytest.mark.parametrize("expression", ["at(2020-01-01T00:00:00)", "cron(0 2 ? * SUN 2020-2025)"])
def test_a_window_must_have_a_run_ahead(expression):
    assert window_problems(expression) == []
    assert [problem.code for problem in window_problems(expression, now=NOW)] == ["never_runs"]


def test_a_window_that_only_falls_into_a_gap_of_the_clocks_never_runs():
    in_the_gap = "cron(30 1 29 3 ? 2027)"
    assert window_problems(in_the_gap, timezone="Europe/London", now=NOW) == []
    assert window_problems("cron(30 1 28 3 ? 2027)", timezone="Europe/London", now=NOW)[0].field == "year"


def test_forms_that_aws_does_not_document_are_refused_for_windows():
    assert window_problems("cron(0 2 L-3 * ? *)")[0].field == "day_of_month"
    for found in ("rate( 10 minutes )", "rate(010 minutes)"):
        assert str(window_problems(found)[0]) == "Write rate(10 minutes), without further spaces or zeros."


def test_every_mistake_in_expression_zone_and_offset_is_told_at_once():
    problems = window_problems("cron(61 24 ? * SUN *)", timezone="IST", offset=7, now=NOW)
    assert [problem.field for problem in problems] == ["minutes", "hours", "timezone", "offset"]
