"""AWS's quotas of one account-region: what applies there, and how much of it is used. Reads only."""

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from patching.aws.errors import AwsError
from patching.aws.quotas import Quotas
from patching.aws.session import Clients
from patching.models import AccountRegion, ResourceState, Unmanaged
from portal.governance import clock

logger = logging.getLogger(__name__)
READ_EVERY = timedelta(days=1)
# Source: "AWS Systems Manager endpoints and quotas" in the AWS General Reference, as of 2026-06
DEFAULTS = {
    "windows": 50,
    "tasks": 20,
    "targets": 100,
    "open_at_once": 5,
    "baselines": 50,
    "groups": 25,
}
DEFAULTS_AS_OF = "June 2026"
WORDS = {"window": ("windows", "maintenance windows"), "baseline": ("baselines", "patch baselines")}


@dataclass(frozen=True)
class Room:
    """How many windows or baselines there are in an account-region, and how many there may be."""

    what: str
    ours: int
    others: int
    limit: int

    @property
    def used(self) -> int:
        return self.ours + self.others

    @property
    def left(self) -> int:
        return self.limit - self.used

    @property
    def told(self) -> str:
        """50 of 50 maintenance windows, 12 of them not ours."""
        others = f", {self.others} of them not ours" if self.others else ""
        return f"{self.used} of {self.limit} {self.what}{others}"


def limit(place: AccountRegion, name: str) -> int:
    """What applies there, as Service Quotas told; AWS's default where it did not."""
    return int(place.quotas.get(name, DEFAULTS[name]))


def room(place: AccountRegion, kind: str) -> Room:
    """What stands in AWS now: ours as last written or read, and everybody else's; AWS counts them all."""
    name, what = WORDS[kind]
    states = ResourceState.objects.filter(account_region=place, kind=kind).exclude(aws_id="")
    ours = states.exclude(condition=ResourceState.Condition.REMOVED)
    return Room(what, ours.count(), len(others(place, kind)), limit(place, name))


def others(place: AccountRegion, kind: str) -> set[str]:
    """AWS ids of those that are not ours."""
    rows = Unmanaged.objects.filter(account_region=place, kind=kind, gone_at=None)
    ours = ResourceState.objects.filter(account_region=place, kind=kind).exclude(aws_id="")
    return set(rows.exclude(aws_id__in=ours.values("aws_id")).values_list("aws_id", flat=True))


def keep(place: AccountRegion, clients: Clients) -> None:
    """Ask once a day what applies there. Where nobody may ask, what was known before goes on."""
    now = clock.now()
    if place.quotas_read_at is not None and now - place.quotas_read_at < READ_EVERY:
        return
    told: dict[str, Any] = {"quotas_read_at": now}
    try:
        told["quotas"] = Quotas(clients).read()
    except AwsError as problem:
        if problem.is_passing:
            raise
        logger.info("Quotas of %s cannot be read: %s", place, problem)
    AccountRegion.objects.filter(pk=place.pk).update(**told)
