"""Run the simulated AWS: `manage.py simulate_aws --port 8001 --state var/aws`. For demo and tests, never production."""

import argparse
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from patching.simulator import command_line


class Command(BaseCommand):
    """The same as `python -m patching.simulator`, which does it without Django."""

    help = command_line.DESCRIPTION
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        command_line.add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.DEPLOYMENT == "production":
            raise CommandError("The simulated AWS does not start with DEPLOYMENT=production.", returncode=2)
        try:
            command_line.run(argparse.Namespace(**options), say=self._say)
        except command_line.CannotRunError as problem:
            raise CommandError(str(problem), returncode=2) from None

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
