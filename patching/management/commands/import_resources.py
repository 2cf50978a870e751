"""What a file of any known format describes, as a request: `manage.py import_resources FILE`."""

from django.core.management.base import CommandParser

from patching.exchange.formats import FORMATS
from patching.management.exchanging import ImportCommand


class Command(ImportCommand):
    help = (
        "Read baselines, patch groups and windows from CloudFormation, Terraform (its language, or the JSON of a plan "
        "or state), AWS's own JSON or Patchwarden's YAML. What cannot be taken ends with status 1 and its reason."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--format", choices=FORMATS, help="told from the content where it is left out")
