import io
import json

import pytest
import time_machine
from django.core.management import call_command
from django.core.management.base import CommandError

PATCH_TUESDAY = "cron(0 2 ? * TUE#2 *)"


def ask(*arguments):
    """What the command prints as JSON, and its exit status."""
    out = io.StringIO()
    try:
        call_command("next_runs", *arguments, "--json", stdout=out)
    except SystemExit as stop:
        return json.loads(out.getvalue()), stop.code
    return json.loads(out.getvalue()), 0


def test_an_expression_is_answered_with_its_runs_in_utc():
    answer, status = ask(
        PATCH_TUESDAY,
        *("--timezone", "Europe/London", "--offset", "2", "--start", "2026-06-01T00:00:00Z", "--count", "2"),
    )
    assert status == 0
    assert answer == {
        "expression": PATCH_TUESDAY,
        "timezone": "Europe/London",
        "runs": ["2026-06-11T01:00:00Z", "2026-07-16T01:00:00Z"],
    }


def test_ten_runs_from_now_are_the_default():
    with time_machine.travel("2026-06-01T06:00:00Z", tick=False):
        answer, _ = ask("rate(1 day)")
    assert (len(answer["runs"]), answer["runs"][0]) == (10, "2026-06-01T06:00:00Z")
    assert answer["timezone"] == "UTC"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["cron(0 2 * * SUN)"], "Found 5 fields"),
        ([PATCH_TUESDAY, "--timezone", "IST"], "is not a time zone"),
        (["rate(1 day)", "--offset", "2"], "cron only"),
    ],
)
def test_a_mistake_is_a_finding(arguments, says):
    answer, status = ask(*arguments)
    assert status == 1
    assert set(answer) == {"expression", "error"}
    assert says in answer["error"]


def test_a_schedule_that_is_over_has_no_runs_and_no_error():
    assert ask("cron(15 10 ? * 6L 2002-2005)") == (
        {"expression": "cron(15 10 ? * 6L 2002-2005)", "timezone": "UTC", "runs": []},
        0,
    )


def test_a_single_run_is_told_even_where_it_is_past():
    answer, status = ask("at(2022-05-20T21:00:00)", "--start", "2026-01-01T00:00:00Z")
    assert (answer["runs"], status) == (["2022-05-20T21:00:00Z"], 0)


def test_offset_and_rate_count_from_when_the_window_was_made():
    day_after_patch_tuesday = ("--start", "2026-01-14T00:00:00Z", "--count", "1")
    offset = (PATCH_TUESDAY, "--offset", "2", *day_after_patch_tuesday)
    assert ask(*offset)[0]["runs"] == ["2026-02-12T02:00:00Z"]
    assert ask(*offset, "--created", "2026-01-01T00:00:00Z")[0]["runs"] == ["2026-01-15T02:00:00Z"]
    rate = ("rate(3 days)", *day_after_patch_tuesday, "--created", "2026-01-10T06:00:00Z")
    assert ask(*rate)[0]["runs"] == ["2026-01-16T06:00:00Z"]


def test_a_file_of_questions_is_answered_in_its_order(tmp_path):
    file = tmp_path / "questions.json"
    questions = [
        {
            "expression": "at(2026-06-20T02:00:00)",
            "timezone": "Europe/London",
            "start": "2026-06-01T00:00:00Z",
        },
        {"expression": "rate(5 hour)"},
        {"expression": PATCH_TUESDAY, "start": "2026-06-01", "count": 1, "offset": None},
        {"expresion": PATCH_TUESDAY},
        {"expression": PATCH_TUESDAY, "count": -1},
        {"expression": PATCH_TUESDAY, "start": "soon"},
        {"expression": ["rate(1 day)"]},
        {"expression": PATCH_TUESDAY, "timezone": {}},
        {"expression": PATCH_TUESDAY, "offset": "2"},
        {},
        "rate(1 day)",
    ]
    file.write_text(json.dumps(questions), encoding="utf-8")
    answers, status = ask("--file", str(file))
    assert status == 1
    assert answers[0]["runs"] == ["2026-06-20T01:00:00Z"]
    assert answers[1]["error"].startswith("Write rate(5 hours)")
    assert answers[2]["runs"] == ["2026-06-09T02:00:00Z"]
    assert [set(answer) for answer in answers[3:]] == [{"expression", "error"}] * 8


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        [PATCH_TUESDAY, "--file", "questions.json"],
        [PATCH_TUESDAY, "--count", "-1"],
        [PATCH_TUESDAY, "--start", "soon"],
        ["--file", "no-such-file.json"],
    ],
)
def test_a_question_that_cannot_be_asked_ends_with_status_2(arguments):
    with pytest.raises(CommandError) as refused:
        call_command("next_runs", *arguments)
    assert refused.value.returncode == 2


def test_a_file_must_hold_a_list(tmp_path):
    file = tmp_path / "questions.json"
    file.write_text('{"expression": "rate(1 day)"}', encoding="utf-8")
    with pytest.raises(CommandError, match="must hold a list"):
        call_command("next_runs", "--file", str(file))


def test_people_read_local_time_and_utc_side_by_side():
    out = io.StringIO()
    arguments = ("--timezone", "Europe/London", "--start", "2026-06-01", "--count", "1")
    call_command("next_runs", PATCH_TUESDAY, *arguments, stdout=out)
    assert out.getvalue().splitlines() == [
        f"{PATCH_TUESDAY} in Europe/London",
        "  Tue 2026-06-09 01:00:00 UTC   Tue 2026-06-09 02:00:00 Europe/London",
    ]


def test_people_are_told_when_nothing_is_ahead():
    out = io.StringIO()
    call_command("next_runs", "cron(15 10 ? * 6L 2002-2005)", stdout=out)
    assert "No run from that time on." in out.getvalue()
