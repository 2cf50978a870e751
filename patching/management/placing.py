"""Commands about one account-region, named as ACCOUNT/REGION."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.base import CommandParser

from patching.aws.errors import AwsError
from patching.management.answering import AnsweringCommand, cannot_run
from patching.models import AccountRegion
from portal.governance.host_clock import HostClockOff


class PlaceCommand(AnsweringCommand):
    """A command that answers for one account-region."""

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("place", metavar="ACCOUNT/REGION", help="such as 211125483017/eu-central-1")


def named_place(text: str) -> AccountRegion:
    """The active account-region of that name."""
    account, _, region = text.partition("/")
    found = AccountRegion.objects.filter(account__account_id=account, region=region, is_active=True)
    place = found.select_related("account").first()
    if place is None:
        known = ", ".join(str(one) for one in AccountRegion.objects.filter(is_active=True)) or "none"
        raise cannot_run(f"There is no active account-region {text}. Known are: {known}.")
    return place


@contextmanager
def reaching_aws() -> Iterator[None]:
    """Inside, AWS's refusals and silences end the command with status 2, and so does a wrong clock of this host."""
    try:
        yield
    except (AwsError, HostClockOff) as problem:
        raise cannot_run(str(problem)) from problem
