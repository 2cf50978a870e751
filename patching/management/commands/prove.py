"""Check the way into one account-region: `manage.py prove 211125483017/eu-central-1`."""

from typing import Any

from patching import onboarding
from patching.management.answering import cannot_run
from patching.management.placing import PlaceCommand, named_place
from portal.governance.errors import DomainError


class Command(PlaceCommand):
    help = "Assume the role of an account-region and say who we are there. Status 2 when there is no way in."

    def handle(self, *args: Any, **options: Any) -> None:
        place = named_place(options["place"])
        try:
            place = onboarding.prove(place, by=None)
        except DomainError as problem:
            raise cannot_run(str(problem)) from problem
        document = {"account_region": str(place), "identity_arn": place.identity_arn}
        lines = [f"{place} lets us in as {place.identity_arn}."]
        self.answer(document, lines, as_json=options["json"], findings=False)
