"""Give a team an application and say which instances are its own, from the command line."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from patching import onboarding
from patching.models import AccountRegion, Application, Environment
from portal.governance.errors import DomainError
from portal.governance.models import Team


class Command(BaseCommand):
    help = "Add an application with one selector, or one more selector to an application."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug")
        parser.add_argument("team", help="slug of the team; made when it is new")
        parser.add_argument("environment", help="slug of the environment; made when it is new")
        parser.add_argument("place", help="ACCOUNT/REGION")
        parser.add_argument("tags", nargs="+", help="KEY=VALUE that all must match")
        parser.add_argument("--production", action="store_true", help="a new environment is production")

    def handle(self, *args: Any, **options: Any) -> None:
        account, _, region = options["place"].partition("/")
        place = AccountRegion.objects.filter(account__account_id=account, region=region).first()
        if place is None:
            raise CommandError(f"{options['place']} is not connected; see connect_account.", returncode=2)
        tags = dict(pair.partition("=")[::2] for pair in options["tags"])
        try:
            with transaction.atomic():
                selector = onboarding.add_selector(
                    self._application(options), self._environment(options), place, tags, by=None
                )
        except DomainError as problem:
            raise CommandError(str(problem), returncode=2) from problem
        self.stdout.write(f"{selector} is {', '.join(options['tags'])}.")

    def _application(self, options: dict[str, Any]) -> Application:
        known = Application.objects.filter(slug=options["slug"]).first()
        if known is not None:
            return known
        team, _ = Team.objects.get_or_create(slug=options["team"], defaults={"name": options["team"].title()})
        return onboarding.add_application(options["slug"], options["slug"], team, by=None)

    def _environment(self, options: dict[str, Any]) -> Environment:
        slug = options["environment"]
        defaults = {
            "name": slug.title(),
            "rank": Environment.objects.count() + 1,
            "is_production": options["production"],
        }
        return Environment.objects.get_or_create(slug=slug, defaults=defaults)[0]
