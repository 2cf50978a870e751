"""Schedules as people really write them, and what an independent implementation and AWS itself made of them."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from patching.schedules import ScheduleError, explain, parse, window_problems
from tests.patching.management.commands.test_next_runs import ask

FACTS = json.loads((Path(__file__).parents[2] / "data" / "schedule_facts.json").read_text(encoding="utf-8"))
ORIGIN = "2026-01-01T00:00:00Z"
# what implementations disagree about and AWS does not say: a step from a named day or from nothing, two # in a list
UNSETTLED = ("SUN/2", " /59 ", "2999", "SAT#1,SAT#3")


def asked_of_the_command(rows, tmp_path):
    """The runs of all rows, by the command's file."""
    questions = [
        {"expression": row["expression"], "timezone": row["timezone"], "start": ORIGIN, "count": 10}
        for row in rows
    ]
    file = tmp_path / "questions.json"
    file.write_text(json.dumps(questions), encoding="utf-8")
    answers, _ = ask("--file", str(file))
    return answers


def test_every_real_schedule_has_the_runs_that_were_reckoned_elsewhere(tmp_path):
    rows = FACTS["runs"]
    answers = asked_of_the_command(rows, tmp_path)
    wrong = [
        (row["expression"], row["timezone"], answer.get("runs") or answer.get("error"))
        for row, answer in zip(rows, answers, strict=True)
        if answer.get("runs") != row["runs"]
    ]
    assert len(rows) > 200
    assert wrong == []


def test_every_real_schedule_has_words():
    for row in FACTS["runs"]:
        words = explain(row["expression"], timezone=row["timezone"])
        assert row["expression"].startswith("rate") or row["timezone"] in words


@pytest.mark.parametrize("expression", FACTS["accepted"])
def test_what_aws_accepts_can_be_read(expression):
    assert parse(expression)


@pytest.mark.parametrize("expression", FACTS["rejected"])
def test_what_aws_rejects_no_window_may_have(expression):
    assert all(len(str(problem)) <= 200 for problem in window_problems(expression))
    assert window_problems(expression)


def test_only_spaces_inside_a_rate_are_read_though_aws_rejects_them():
    read = [expression for expression in FACTS["rejected"] if _can_be_read(expression)]
    assert read == ["rate( 10 minutes )"]


def _can_be_read(expression):
    try:
        return bool(parse(expression))
    except ScheduleError:
        return False


@pytest.mark.parametrize("row", FACTS["refused"], ids=lambda row: row["expression"])
def test_mistakes_seen_in_real_code_are_told(row):
    (first, *_) = window_problems(row["expression"])
    assert first.field in ("expression", "minutes", "hours", "day_of_month", "day_of_week")
    assert "(" in str(first), "a right example"


@pytest.mark.corpus
def test_the_whole_corpus_of_runs(corpus, tmp_path):
    found = json.loads((corpus / "schedule_runs.json").read_text(encoding="utf-8"))["runs"].values()
    rows = [
        {
            "expression": one["expression"],
            # a rate counts from its start date, which is the origin
            "timezone": "UTC" if zone.startswith("StartDate=") else zone,
            "runs": runs,
        }
        for one in found
        for zone, runs in one["runs"].items()
        if zone != "_agree" and not any(unsettled in one["expression"] for unsettled in UNSETTLED)
    ]
    answers = asked_of_the_command(rows, tmp_path)
    assert len(rows) > 200
    assert [answer.get("runs") for answer in answers] == [row["runs"] for row in rows]


@pytest.mark.corpus
def test_the_whole_corpus_of_what_aws_accepts_and_rejects(corpus):
    found = json.loads((corpus / "aws_validated_schedules.json").read_text(encoding="utf-8"))
    for expression in found["accepted"]:
        assert parse(expression)
    for expression in (*found["rejected_cron"], *found["rejected_rate"]):
        assert window_problems(expression)


@pytest.mark.corpus
def test_the_facts_are_those_of_the_corpus(corpus):
    found = json.loads((corpus / "schedule_runs.json").read_text(encoding="utf-8"))["runs"].values()
    theirs = {one["expression"] for one in found}
    assert {row["expression"] for row in FACTS["runs"]} == theirs


@pytest.fixture
def corpus():
    return Path(os.environ["PW_CORPUS"]) / "open"


def test_facts_begin_at_the_origin():
    cron_runs = [
        row["runs"][0] for row in FACTS["runs"] if row["expression"].startswith("cron") and row["runs"]
    ]
    assert min(map(datetime.fromisoformat, cron_runs)) == datetime(2026, 1, 1, tzinfo=UTC)
