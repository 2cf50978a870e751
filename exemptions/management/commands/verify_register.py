"""Check a signed register: `manage.py verify_register register.json`. Needs no database and no AWS."""

import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from exemptions import register_export, register_key
from patching.management.answering import FINDINGS, cannot_run
from patching.words import counted


class Command(BaseCommand):
    help = "Say whether a register is what was signed. Status 1 when it is not, 2 when it cannot be read."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE")
        parser.add_argument(
            "--key-id", default="", help="16 hex digits of the key that must have signed; ours if one is set"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        text, key_id = _text_of(options["file"]), options["key_id"] or _our_key_id()
        try:
            found = register_export.verify(text, key_id=key_id)
        except register_export.NotGenuine as problem:
            self.stderr.write(f"Not genuine. {problem}")
            sys.exit(FINDINGS)
        against = "as expected" if key_id else "compare that with what you know from elsewhere"
        self.stdout.write(
            f"Genuine: {counted(found.exemptions, 'exemption')} of {found.installation}, as of {found.made_at}, "
            f"signed by the key {found.key_id}; {against}."
        )


def _text_of(name: str) -> str:
    try:
        return Path(name).read_bytes().decode()
    except OSError as problem:
        raise cannot_run(f"Cannot read {name}: {problem.strerror}.") from None
    except UnicodeDecodeError:
        raise cannot_run(f"Cannot read {name}: it is not UTF-8 text.") from None


def _our_key_id() -> str:
    if not settings.REGISTER_SIGNING_KEY:
        return ""
    try:
        return register_key.key_id(register_key.public_text(register_key.signing_key()))
    except register_key.KeyProblem as problem:
        raise cannot_run(str(problem)) from None
