"""How fast we may ask AWS: so many reads and writes a second in each account-region, all workers together.

AWS publishes no rates for Systems Manager's window and compliance operations, so the pace is a setting. What one
worker takes is taken from all: the next free moment stands in the database (the generic cell rate algorithm).
"""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from django.conf import settings

from patching.models import AccountRegion, Pace
from portal.governance import clock

READ_BURST, WRITE_BURST = 40, 20  # calls that may leave at once after a rest
LONGEST_WAIT = 30.0  # seconds; whoever would wait longer goes on, and AWS itself decides

Kind = Pace.Kind


def pace_of(account_region: AccountRegion) -> Callable[[bool], None]:
    """What to call before each request to this account-region: returns when it may leave. True means a write."""
    pk = account_region.pk

    def wait(writes: bool) -> None:
        seconds = reserve(pk, Kind.WRITE if writes else Kind.READ)
        if seconds:
            time.sleep(min(seconds, LONGEST_WAIT))

    return wait


def reserve(account_region_id: int, kind: str) -> float:
    """Take the next place in the line; returns how many seconds to wait for it. 0 per second means no limit."""
    rate, burst = _limits(kind)
    if rate <= 0:
        return 0.0
    apart = timedelta(seconds=1 / rate)
    row, _ = Pace.objects.get_or_create(
        account_region_id=account_region_id, kind=kind, defaults={"free_at": clock.real_now()}
    )
    while True:
        now = clock.real_now()
        begin: datetime = max(row.free_at, now)
        mine = Pace.objects.filter(pk=row.pk, free_at=row.free_at)
        if mine.update(free_at=begin + apart) == 1:
            return max(0.0, (begin - now - apart * (burst - 1)).total_seconds())
        row.refresh_from_db()


def _limits(kind: str) -> tuple[float, int]:
    if kind == Kind.WRITE:
        return settings.AWS_WRITES_PER_SECOND, WRITE_BURST
    return settings.AWS_READS_PER_SECOND, READ_BURST
