"""When a schedule runs: `manage.py next_runs "cron(0 2 ? * TUE#2 *)" --timezone Europe/London --offset 2`.

It evaluates the dialect: the one moment of an at( ) is told even where it lies before the start.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.core.management.base import CommandParser

from patching import schedules
from patching.management.answering import AnsweringCommand, cannot_run, read_json, read_moment
from patching.schedules.forms import At
from portal.governance import clock

MOST_RUNS = 10_000
BEFORE_ALL = datetime.min.replace(tzinfo=UTC)
_DEFAULTS: dict[str, Any] = {"timezone": "UTC", "offset": 0, "start": None, "count": 10, "created": None}


class Command(AnsweringCommand):
    help = (
        "Print the next runs of a schedule in the dialect of maintenance windows, or what is wrong with it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("expression", nargs="?", help="cron( ), rate( ) or at( )")
        parser.add_argument("--timezone", default=_DEFAULTS["timezone"], help="IANA name (default UTC)")
        parser.add_argument("--offset", type=int, default=_DEFAULTS["offset"], help="days, 1 to 6, cron only")
        parser.add_argument("--start", help="ISO 8601 time, itself included (default now)")
        parser.add_argument("--count", type=int, default=_DEFAULTS["count"], help="how many (default 10)")
        parser.add_argument(
            "--created",
            help="ISO 8601 time when the window was made (default: the start); rate( ) counts from it, and a cron "
            "day before it brings no run even where its offset lies ahead",
        )
        parser.add_argument(
            "--file", help="JSON list of such questions, answered as a list; - is standard input"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if (options["expression"] is None) == (options["file"] is None):
            raise cannot_run("Give one expression, or --file with a JSON list of them.")
        questions = _listed(options["file"]) if options["file"] else [_only(options)]
        now = clock.real_now().replace(microsecond=0)
        answers = [_answer(question, now) for question in questions]
        self.answer(
            answers if options["file"] else answers[0],
            [line for answer in answers for line in _lines(answer)],
            as_json=options["json"],
            findings=any("error" in answer for answer in answers),
        )


def _listed(file: str) -> list[Any]:
    questions = read_json(file)
    if not isinstance(questions, list):
        raise cannot_run('The file must hold a list, such as [{"expression": "rate(7 days)"}].')
    return questions


def _only(options: dict[str, Any]) -> dict[str, Any]:
    question = {name: options[name] for name in ("expression", *_DEFAULTS)}
    try:
        _read(question)
    except ValueError as problem:
        raise cannot_run(str(problem)) from None
    return question


def _answer(question: Any, now: datetime) -> dict[str, Any]:
    expression = question.get("expression") if isinstance(question, Mapping) else None
    try:
        asked = _read(question)
        start = asked["start"] or now
        created = asked["created"] or start
        if isinstance(schedules.parse(asked["expression"]), At):
            start = created = BEFORE_ALL
        runs = schedules.next_runs(
            asked["expression"],
            timezone=asked["timezone"],
            offset=asked["offset"],
            start=start,
            count=asked["count"],
            anchor=created,
        )
    except ValueError as problem:
        return {"expression": expression, "error": str(problem)}
    written = [run.isoformat().replace("+00:00", "Z") for run in runs]
    return {"expression": expression, "timezone": asked["timezone"], "runs": written}


def _read(question: Any) -> dict[str, Any]:
    if not isinstance(question, Mapping):
        raise ValueError('A question is an object such as {"expression": "rate(7 days)", "count": 3}.')
    known = {"expression", *_DEFAULTS}
    if unknown := sorted(set(question) - known):
        raise ValueError(f'Unknown field "{unknown[0]}". Use {", ".join(sorted(known))}.')
    # a field that is null counts as left out
    asked = (
        {"expression": None}
        | _DEFAULTS
        | {name: value for name, value in question.items() if value is not None}
    )
    if type(asked["count"]) is not int or not 0 <= asked["count"] <= MOST_RUNS:
        raise ValueError(f"The count is a whole number, 0 to {MOST_RUNS}.")
    return asked | {name: asked[name] and read_moment(asked[name]) for name in ("start", "created")}


def _lines(answer: Mapping[str, Any]) -> list[str]:
    if "error" in answer:
        return [f"{answer['expression']}", f"  {answer['error']}"]
    zone = answer["timezone"]
    lines = [f"{answer['expression']} in {zone}"]
    for written in answer["runs"]:
        run = datetime.fromisoformat(written)
        local = "" if zone == "UTC" else f"   {run.astimezone(ZoneInfo(zone)):%a %Y-%m-%d %H:%M:%S} {zone}"
        lines.append(f"  {run:%a %Y-%m-%d %H:%M:%S} UTC{local}")
    return lines if answer["runs"] else [*lines, "  No run from that time on."]
