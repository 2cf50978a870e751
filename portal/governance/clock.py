"""What time it is for the portal: real time, plus the one offset that a demo may shift."""

import time
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.utils import timezone

from portal.governance.errors import DomainError
from portal.governance.models import ClockShift

_CACHE_SECONDS = 0.5
_cached: tuple[float, timedelta] | None = None


def now() -> datetime:
    """Aware UTC time by which expiry, windows and scans are judged."""
    return timezone.now().astimezone(UTC) + offset()


def real_now() -> datetime:
    """Aware UTC wall-clock time, for leases, sessions and tokens."""
    return timezone.now().astimezone(UTC)


def offset() -> timedelta:
    """How far the demo's clock stands from real time; zero in production."""
    global _cached
    if settings.DEPLOYMENT == "production":
        return timedelta()
    if _cached is None or time.monotonic() - _cached[0] > _CACHE_SECONDS:
        seconds = ClockShift.objects.filter(pk=1).values_list("seconds", flat=True).first() or 0
        _cached = (time.monotonic(), timedelta(seconds=seconds))
    return _cached[1]


def set_to(moment: datetime) -> datetime:
    """Move the portal's clock to a moment; only forward, and never in production."""
    if settings.DEPLOYMENT == "production":
        raise DomainError("The clock of a production installation cannot be moved.")
    ClockShift.objects.update_or_create(pk=1, defaults={"seconds": (moment - real_now()).total_seconds()})
    forget()
    return now()


def forget() -> None:
    """Drop the cached offset, so that the next question asks the database."""
    global _cached
    _cached = None
