"""Register an AWS account from the command line and say what has to be set up on its side."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from patching import onboarding
from portal.governance.errors import DomainError


class Command(BaseCommand):
    help = "Connect an AWS account; prints the external id that its role's trust policy must ask for."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("account", help="12 digits")
        parser.add_argument("name")
        parser.add_argument("regions", nargs="+", help="such as eu-central-1")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            account = onboarding.connect(options["account"], options["name"], options["regions"], by=None)
        except DomainError as problem:
            raise CommandError(str(problem), returncode=2) from problem
        self.stdout.write(f"Connected {account}. Make the role {account.role_name} there (docs/iam.md).")
        self.stdout.write(f"External id: {account.external_id}")
