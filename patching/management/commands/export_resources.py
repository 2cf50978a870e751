"""What is in effect in a format of choice: `manage.py export_resources ACCOUNT/REGION --format terraform`."""

from django.core.management.base import CommandParser

from patching.exchange.formats import WRITTEN
from patching.management.exchanging import ExportCommand


class Command(ExportCommand):
    help = "Write the baselines, patch groups and windows of an account-region in a format of choice."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--format", choices=WRITTEN, default="yaml")
