"""Who may write in an account-region now: a lease that runs out by itself, and a fence that only rises.

Reckoned by the database's clock: no host's own clock, right or wrong, takes what another one holds.
"""

import os
import socket
import uuid
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from patching.models import AccountRegion
from portal.governance import audit


class LeaseLostError(Exception):
    """Somebody else took over; whatever is still in hand must be dropped."""


@dataclass(frozen=True)
class Lease:
    account_region_id: int
    owner: str
    fence: int


def lasts() -> timedelta:
    """How long somebody may stay silent; by default twice the longest single step: 3 attempts of 5 s + 30 s."""
    return timedelta(seconds=settings.PUSH_LEASE_SECONDS)


def take(account_region: AccountRegion) -> Lease | None:
    """The lease, or None while somebody else holds it."""
    owner = f"{socket.gethostname()[:30]}:{os.getpid()}:{uuid.uuid4().hex[:12]}"
    rows = AccountRegion.objects.filter(pk=account_region.pk, is_active=True)
    free = rows.filter(Q(lease_until=None) | Q(lease_until__lte=Now()))
    if free.update(lease_owner=owner, lease_until=Now() + lasts(), fence=F("fence") + 1) != 1:
        return None
    fence = rows.filter(lease_owner=owner).values_list("fence", flat=True).first()
    return None if fence is None else Lease(account_region.pk, owner, fence)


def hold(lease: Lease) -> None:
    """Prove that the fence is still ours, and renew: first in the transaction whose writes it guards."""
    audit.take_turn()  # before the row: an approval holds its turn when it comes for the same row
    rows = AccountRegion.objects.filter(pk=lease.account_region_id, fence=lease.fence)
    if rows.update(lease_until=Now() + lasts()) != 1:
        raise LeaseLostError


class Renewal:
    """Keeps a lease while AWS is read, however long that takes: to be called before each read."""

    def __init__(self, lease: Lease) -> None:
        self.lease, self._renewed = lease, monotonic()

    def __call__(self) -> None:
        """Ask the database when a third of its time is over; raises LeaseLostError where somebody else took over."""
        if monotonic() - self._renewed < lasts().total_seconds() / 3:
            return
        with transaction.atomic():
            hold(self.lease)
        self._renewed = monotonic()


def release(lease: Lease) -> None:
    """Give it back, unless it is somebody else's by now."""
    rows = AccountRegion.objects.filter(pk=lease.account_region_id, fence=lease.fence)
    rows.update(lease_until=None, lease_owner="")
