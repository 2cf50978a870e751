"""How commands that judge something answer: for people or as JSON, with 0 good, 1 findings, 2 cannot run."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.governance import strict_json

FINDINGS, CANNOT_RUN = 1, 2


class AnsweringCommand(BaseCommand):
    """A command that needs neither database nor AWS, only what it is given."""

    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="answer as JSON")

    def answer(self, document: Any, lines: list[str], *, as_json: bool, findings: bool) -> None:
        """Print the answer; findings end the command with status 1."""
        self.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) if as_json else "\n".join(lines))
        if findings:
            self.stdout.flush()
            sys.exit(FINDINGS)


def cannot_run(why: str) -> CommandError:
    return CommandError(why, returncode=CANNOT_RUN)


def read_json(name: str) -> Any:
    """What a file holds; - is standard input."""
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8-sig")
    except OSError as problem:
        raise cannot_run(f"Cannot read {name}: {problem.strerror}.") from None
    except UnicodeDecodeError:
        raise cannot_run(f"Cannot read {name}: it is not UTF-8 text.") from None
    try:
        return strict_json.loads(text)
    except (ValueError, RecursionError) as problem:
        raise cannot_run(f"{name} is not JSON: {problem}.") from None


def read_moment(text: Any) -> datetime:
    """A time in ISO 8601; one without a zone is UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise ValueError(f'"{text}" is not a time. Use ISO 8601, such as 2026-06-01T06:00:00Z.') from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
