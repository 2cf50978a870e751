"""Give somebody a role from the command line: how the first administrator of an installation comes to be."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.governance import granting
from portal.governance.errors import DomainError
from portal.governance.models import Role, User


class Command(BaseCommand):
    help = "Grant a role; the audit log says that the command line did it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("role", choices=Role.values)

    def handle(self, *args: Any, **options: Any) -> None:
        person = User.objects.filter(username=options["username"]).first()
        if person is None:
            raise CommandError(
                f"There is nobody called {options['username']}; `manage.py createsuperuser` makes one.",
                returncode=2,
            )
        try:
            granting.grant(person, options["role"], by=None)
        except DomainError as problem:
            raise CommandError(str(problem), returncode=2) from problem
        self.stdout.write(f"{person} is {Role(options['role']).label} now.")
