"""How we get into an account-region: its role, at its pace, and who we turned out to be there."""

from datetime import timedelta

from patching import pacing
from patching.aws import session
from patching.aws.session import Clients
from patching.models import AccountRegion
from portal.governance import clock

PROVED_AGAIN_AFTER = timedelta(hours=1)


def reach(place: AccountRegion) -> Clients:
    """Clients for an account-region, its calls paced for all workers. Raises AwsDenied or AwsBusy."""
    clients = session.clients(place, pacing.pace_of(place))
    now = clock.now()
    if place.identity_arn != clients.caller_arn or not _is_fresh(place):
        AccountRegion.objects.filter(pk=place.pk).update(identity_arn=clients.caller_arn, identity_at=now)
        place.identity_arn, place.identity_at = clients.caller_arn, now
    return clients


def _is_fresh(place: AccountRegion) -> bool:
    return place.identity_at is not None and clock.now() - place.identity_at < PROVED_AGAIN_AFTER
