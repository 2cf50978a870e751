"""Write the signed register of exemptions: `manage.py export_register --out register.json`."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from exemptions import register_export
from exemptions.register_key import KeyProblem
from patching.management.answering import cannot_run
from portal.governance import clock


class Command(BaseCommand):
    help = "Print the register of exemptions as JSON, signed with REGISTER_SIGNING_KEY."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--out", metavar="FILE", help="write it there")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            text = register_export.signed(register_export.register_at(clock.now()))
        except KeyProblem as problem:
            raise cannot_run(str(problem)) from None
        if not options["out"]:
            self.stdout.write(text, ending="")
            return
        try:
            Path(options["out"]).write_text(text, encoding="utf-8")
        except OSError as problem:
            raise cannot_run(f"Cannot write {options['out']}: {problem.strerror}.") from None
        self.stdout.write(f"Written to {options['out']}.")
