"""What is wrong with patch baselines: `manage.py check_baseline baselines.json`."""

from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandParser

from patching.baseline_rules import Problem, Report, check
from patching.management.answering import AnsweringCommand, read_json


class Command(AnsweringCommand):
    help = "Check CreatePatchBaseline requests against AWS's limits and vocabulary. Errors end with status 1."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("file", help="JSON of one request or a list of them; - is standard input")

    def handle(self, *args: Any, **options: Any) -> None:
        found = read_json(options["file"])
        requests = found if isinstance(found, list) else [found]
        reports = [(_name(request), check(request)) for request in requests]
        self.answer(
            [_document(name, report) for name, report in reports],
            [line for name, report in reports for line in _lines(name, report)],
            as_json=options["json"],
            findings=not all(report.valid for _, report in reports),
        )


def _name(request: Any) -> str | None:
    name = request.get("Name") if isinstance(request, Mapping) else None
    return name if isinstance(name, str) else None


def _document(name: str | None, report: Report) -> dict[str, Any]:
    return {
        "name": name,
        "valid": report.valid,
        "errors": [_problem(problem) for problem in report.errors],
        "warnings": [_problem(problem) for problem in report.warnings],
    }


def _problem(problem: Problem) -> dict[str, str]:
    return {"field": problem.field, "message": problem.message}


def _lines(name: str | None, report: Report) -> list[str]:
    problems = [("error", problem) for problem in report.errors]
    problems += [("warning", problem) for problem in report.warnings]
    told = [f"  {kind}: {problem.field or 'the whole'}: {problem.message}" for kind, problem in problems]
    return [f"{name or '(no name)'}: {'valid' if report.valid else 'not valid'}", *told]
