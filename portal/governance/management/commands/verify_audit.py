"""Walk the audit chain and say whether it holds."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from portal.governance import audit


class Command(BaseCommand):
    help = "Verify the audit chain; exit status 0 when it holds, 1 with the first bad entry."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="answer in JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        proof = audit.verify()
        if options["json"]:
            answer = {
                "holds": proof.holds,
                "entries": proof.entries,
                "first_bad": proof.bad_seq,
                "problem": proof.problem,
            }
            self.stdout.write(json.dumps(answer))
        elif proof.holds:
            self.stdout.write(f"The chain of {proof.entries} entries holds.")
        else:
            self.stdout.write(f"First bad entry: {proof.bad_seq}. {proof.problem}")
        if not proof.holds:
            raise SystemExit(1)
