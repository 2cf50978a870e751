"""The circuit breaker of an account-region: when AWS lets nobody in there, it is left in peace, and the others go on.

All in real time. A reading or a push that gets through closes it again; so does an operator who wants a push now.
"""

import random
from datetime import timedelta

from django.db import transaction
from django.db.models import F, Q

from patching.aws import session
from patching.aws.errors import EXPIRED, AwsBusy, AwsDenied, AwsError, AwsSkewed
from patching.models import AccountRegion
from portal.governance import audit, clock, outbox, roles
from portal.governance.models import Role

DENIED_FIRST, DENIED_LONGEST = timedelta(minutes=30), timedelta(hours=6)
SILENT_LONGEST = timedelta(minutes=15)
SILENT_TIMES = 3  # so many unanswered passes in a row open it
Health = AccountRegion.Health


def is_closed() -> Q:
    """Account-regions that may be asked something now."""
    return Q(circuit_until=None) | Q(circuit_until__lte=clock.real_now())


def trip(place: AccountRegion, problem: AwsError) -> None:
    """Count one pass that AWS did not let through, and open the circuit where asking again would not help."""
    if problem.code in EXPIRED or isinstance(problem, AwsDenied):
        session.forget(place)
    if isinstance(problem, AwsDenied):
        _open(place, Health.CLOCK if isinstance(problem, AwsSkewed) else Health.DENIED, problem)
    elif isinstance(problem, AwsBusy):
        here = AccountRegion.objects.filter(pk=place.pk)
        if problem.is_throttling:
            here.update(health=Health.THROTTLED)
        else:
            here.filter(health=Health.UNREACHABLE).update(circuit_opens=F("circuit_opens") + 1)
            here.exclude(health=Health.UNREACHABLE).update(health=Health.UNREACHABLE, circuit_opens=1)
            place.refresh_from_db(fields=["circuit_opens"])
            over = place.circuit_opens - SILENT_TIMES
            if over >= 0:
                here.update(
                    circuit_until=clock.real_now() + _pause(timedelta(minutes=1), SILENT_LONGEST, over)
                )


def reset(place: AccountRegion) -> None:
    """AWS let a whole pass through: nothing is held back any more."""
    troubled = AccountRegion.objects.filter(pk=place.pk).exclude(health=Health.OK)
    with transaction.atomic():
        was = troubled.values_list("health", "circuit_until").first()
        if was and troubled.update(health=Health.OK, circuit_opens=0, circuit_until=None) and was[1]:
            audit.record("patching.accountregion.circuit_closed", place, by=None, detail={"was": was[0]})


def try_again(place: AccountRegion) -> None:
    """Let the next pass try at once, because a person asked. Should it fail, the pause goes on growing."""
    AccountRegion.objects.filter(pk=place.pk).update(circuit_until=None)


@transaction.atomic
def _open(place: AccountRegion, health: str, problem: AwsError) -> None:
    place.refresh_from_db(fields=["health", "circuit_opens"])
    opens = place.circuit_opens if place.health == health else 0
    until = clock.real_now() + _pause(DENIED_FIRST, DENIED_LONGEST, opens)
    AccountRegion.objects.filter(pk=place.pk).update(
        health=health, circuit_opens=opens + 1, circuit_until=until
    )
    if opens:
        return
    detail = {"code": problem.code}
    audit.record("patching.accountregion.circuit_opened", place, by=None, reason=str(problem), detail=detail)
    outbox.tell_all(
        roles.holders(Role.OPERATOR),
        event="account.denied",
        key=f"{place.pk}/{until:%Y%m%d%H%M}",
        subject=f"AWS does not let us into {place.account.name}, {place.region}",
        body=f"{problem} Nothing is read or pushed there meanwhile; other accounts go on. "
        f"It is tried again by itself, or at once with “Check the connection”.",
        url=f"/aws-accounts/{place.pk}/",
    )


def _pause(first: timedelta, longest: timedelta, times: int) -> timedelta:
    """Doubling, and spread a little, so that many that failed together do not come back together."""
    grown = min(longest, first * 2 ** min(times, 10))
    return grown * random.uniform(0.9, 1.1)  # noqa: S311 - spreads load, guards nothing
