"""Mail about an end: reminders to those who answer for an exemption, and a word when its end is not proved in time."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from exemptions import permissions
from exemptions.models import Exemption
from exemptions.waiving import waivers_of
from patching.words import counted
from portal.governance import clock, outbox, roles
from portal.governance.models import Role, User

DAYS_BEFORE = (30, 14, 7, 1)
PROOF_WITHIN = timedelta(hours=24)
# closed only just now, because no worker was there to do it: the proof is on its way
JUST_CLOSED = timedelta(minutes=15)


class Letter(NamedTuple):
    """One mail to one person."""

    to: User
    event: str
    key: str
    subject: str
    body: str
    url: str


@transaction.atomic
def remind() -> int:
    """Promise what is due now and was not promised before; returns how many mails. Safe to repeat."""
    now = clock.now()
    letters = [*_reminders(now), *_overdue_proofs(now)]
    told = outbox.told((one.to, one.event, one.key) for one in letters)
    new = [one for one in letters if (one.to.pk, one.event, one.key) not in told]
    for one in new:
        outbox.tell(one.to, event=one.event, key=one.key, subject=one.subject, body=one.body, url=one.url)
    return len(new)


def threshold(exemption: Exemption, now: datetime) -> int | None:
    """The nearest of ``DAYS_BEFORE`` that has been passed while it was in force; None before the first."""
    passed = [days for days in DAYS_BEFORE if exemption.ends_at - timedelta(days=days) <= now]
    if not passed or exemption.approved_at is None:
        return None
    nearest = min(passed)
    return nearest if exemption.ends_at - timedelta(days=nearest) > exemption.approved_at else None


def _reminders(now: datetime) -> Iterator[Letter]:
    soon = Exemption.objects.holding(now).filter(ends_at__lte=now + timedelta(days=max(DAYS_BEFORE)))
    for exemption in soon.select_related("team", "application", "requested_by", "backup").order_by("pk"):
        days = threshold(exemption, now)
        if days is None:
            continue
        body = _what_happens(exemption)
        for person in permissions.who_answers(exemption):
            yield Letter(
                person,
                "exemption.ends_soon",
                f"{exemption.pk}/{days}",
                f"{exemption.number} ends within {counted(days, 'day')}: {exemption.title}",
                body,
                exemption.address,
            )


def _what_happens(exemption: Exemption) -> str:
    instances = counted(exemption.instances.count(), "instance")
    sentence = (
        f"It ends on {exemption.ends_at:%d %b %Y %H:%M} UTC. AWS then puts patching of {instances} of "
        f"{exemption.application} back by itself, and the next run patches them. "
    )
    renewal = permissions.renewal_of(exemption)
    if renewal is not None and renewal.state == Exemption.State.APPROVED:
        return f"{sentence}{renewal.number} goes on after it, until {renewal.ends_at:%d %b %Y %H:%M} UTC."
    if renewal is not None:
        return f"{sentence}Its renewal {renewal.number} is not approved yet."
    link = f"{settings.BASE_URL}/exemptions/{exemption.pk}/renew/"
    return f"{sentence}If that is too early, ask for a renewal in time; it is decided anew: {link}"


def _overdue_proofs(now: datetime) -> Iterator[Letter]:
    """Ended a day ago and still not read back as restored: its owner and the operators have to know."""
    due = now - PROOF_WITHIN
    by_date = Q(state=Exemption.State.APPROVED, ends_at__lte=due)
    by_hand = Q(state=Exemption.State.REVOKED, closed_at__lte=due)
    for exemption in Exemption.objects.filter(by_date | by_hand).select_related("team", "requested_by"):
        waivers = waivers_of(exemption)
        if waivers.filter(Q(ended_at=None) | Q(ended_at__gt=now - JUST_CLOSED)).exists():
            continue
        ended = min(exemption.ends_at, exemption.closed_at or exemption.ends_at)
        people = {one.pk: one for one in permissions.who_answers(exemption)}
        people |= {one.pk: one for one in roles.holders(Role.OPERATOR)}
        for person in people.values():
            yield Letter(
                person,
                "exemption.not_restored",
                str(exemption.pk),
                f"{exemption.number} has ended and patching is not proved to be restored: {exemption.title}",
                f"It ended on {ended:%d %b %Y %H:%M} UTC, and no push has read all of its instances back as "
                "restored since. Its page names each instance and what keeps it.",
                exemption.address,
            )
