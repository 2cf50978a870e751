"""Figures for a monitoring system, asked of the database at each scrape, so that all processes agree."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from django.db.models import Count, Min

from portal.governance import clock
from portal.governance.models import Heartbeat, OutboxMessage
from portal.governance.outbox import GIVE_UP_AFTER

BEATING = ("beat", "tick")  # other rows of the table tell of something that is out of order


class Measure(NamedTuple):
    """One gauge with one set of labels: ``patchwarden_<name>``, its unit in the name."""

    name: str
    meaning: str
    value: float
    labels: Mapping[str, str] = {}


def seconds_since(moment: datetime | None, now: datetime) -> float:
    """NaN where it never happened, as Prometheus has it."""
    return float("nan") if moment is None else max(0.0, (now - moment).total_seconds())


def measured() -> Iterator[Measure]:
    """The heartbeat of the workers, and mail that waits."""
    now = clock.real_now()
    for beat in Heartbeat.objects.filter(name__in=BEATING):
        yield Measure(
            "heartbeat_age_seconds",
            "Since beat last sent a tick, and since a worker last did one",
            seconds_since(beat.at, now),
            {"name": beat.name},
        )
    waiting = OutboxMessage.objects.filter(sent_at=None, attempts__lt=GIVE_UP_AFTER)
    found = waiting.aggregate(number=Count("pk"), oldest=Min("created_at"))
    yield Measure("mail_waiting", "Mails that were promised and not sent yet", found["number"])
    given_up = OutboxMessage.objects.filter(sent_at=None, attempts__gte=GIVE_UP_AFTER).count()
    yield Measure(
        "mail_given_up", "Mails that the mail server has refused too often to be tried again", given_up
    )
    oldest = (clock.now() - found["oldest"]).total_seconds() if found["oldest"] else 0.0
    yield Measure("mail_oldest_seconds", "How long the oldest of them waits", max(0.0, oldest))
