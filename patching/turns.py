"""Whose turn it is: which account-regions want a push, who is sent for next, and that no account takes all workers.

A wish is a number that rises; it is open while ``push_wanted`` is ahead of ``push_done``. Nothing is lost with a
message: the tick asks here again.
"""

from collections.abc import Sequence
from datetime import timedelta

from django.db.models import F, Q, QuerySet, Window
from django.db.models.expressions import OrderBy
from django.db.models.functions import Coalesce, Now, RowNumber

from patching import breaker
from patching.models import AccountRegion
from portal.governance import clock

SENT_FOR_LASTS = timedelta(seconds=60)  # so long a message may lie in the queue before another is sent
AT_ONCE = 500  # messages of one tick
PER_ACCOUNT = 2  # Regions of one account that are pushed at the same time


def want(place: AccountRegion, *, by_hand: bool = False) -> None:
    """Have it pushed at once, whatever its backoff says. A person who asks also closes its circuit for one try."""
    AccountRegion.objects.filter(pk=place.pk).update(
        push_wanted=F("push_wanted") + 1,
        wanted_at=Coalesce(F("wanted_at"), clock.real_now()),
        backoff_until=None,
        nudged_at=None,
    )
    if by_hand:
        breaker.try_again(place)


def compare_all() -> None:
    """Have every active account-region compared with what is approved at the next tick."""
    AccountRegion.objects.filter(is_active=True).update(next_push_at=clock.now(), nudged_at=None)


def due() -> QuerySet[AccountRegion]:
    """Account-regions that have something to push or to compare, the longest waiting first."""
    real_now = clock.real_now()
    wanted = Q(push_wanted__gt=F("push_done")) | Q(next_push_at=None) | Q(next_push_at__lte=clock.now())
    rested = Q(backoff_until=None) | Q(backoff_until__lte=real_now)
    free = Q(lease_until=None) | Q(lease_until__lte=Now())
    found = AccountRegion.objects.filter(wanted, rested, free, breaker.is_closed(), is_active=True)
    return found.order_by(_first("next_push_at"), "pk")


def to_send_for() -> Sequence[AccountRegion]:
    """What a tick sends workers for: one Region of each account before the second of any, each once a minute."""
    now = clock.real_now()
    unsent = due().filter(Q(nudged_at=None) | Q(nudged_at__lte=now - SENT_FOR_LASTS))
    chosen = list(
        unsent.annotate(turn=_turn("next_push_at")).order_by("turn", _first("next_push_at"), "pk")[:AT_ONCE]
    )
    AccountRegion.objects.filter(pk__in=[one.pk for one in chosen]).update(nudged_at=now)
    return chosen


def to_read(wanted: QuerySet[AccountRegion]) -> Sequence[AccountRegion]:
    """Of those whose reading is due, whom a tick sends for: in the same turns, each once a minute."""
    now = clock.real_now()
    unsent = wanted.filter(Q(pull_nudged_at=None) | Q(pull_nudged_at__lte=now - SENT_FOR_LASTS))
    chosen = list(
        unsent.annotate(turn=_turn("next_pull_at")).order_by("turn", _first("next_pull_at"), "pk")[:AT_ONCE]
    )
    AccountRegion.objects.filter(pk__in=[one.pk for one in chosen]).update(pull_nudged_at=now)
    return chosen


def _turn(first: str) -> Window:
    """The how-manieth of its account this one is."""
    return Window(RowNumber(), partition_by="account", order_by=[_first(first), "pk"])


def _first(field: str) -> OrderBy:
    """Earliest first, and before them what was never done; databases disagree about nulls."""
    return F(field).asc(nulls_first=True)


def may_begin(place: AccountRegion) -> bool:
    """Whether its account leaves workers to others. If not, the next tick sends for it again."""
    busy = AccountRegion.objects.filter(account=place.account_id, lease_until__gt=Now())
    if busy.exclude(pk=place.pk).count() < PER_ACCOUNT:
        return True
    AccountRegion.objects.filter(pk=place.pk).update(nudged_at=None)
    return False
