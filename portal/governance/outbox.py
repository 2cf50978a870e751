"""Mail that cannot be lost: a row in the same transaction, sent later, each event once per person."""

from collections.abc import Iterable
from datetime import timedelta
from smtplib import SMTPRecipientsRefused, SMTPResponseException

from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models.functions import Now

from portal.governance import clock, nudge
from portal.governance.models import Heartbeat, OutboxMessage, User

GIVE_UP_AFTER = 20  # refusals; a server that does not answer has refused nothing
SILENT = "mail silent"  # when the mail server was last found not to answer
LEFT_ALONE = timedelta(minutes=1)


class MailSilentError(Exception):
    """The mail server does not answer; the next message would wait for it just as long."""


def tell(person: User, *, event: str, key: str, subject: str, body: str, url: str = "") -> None:
    """Promise one mail. The same event and key to the same person is promised once."""
    tell_all([person], event=event, key=key, subject=subject, body=body, url=url)


def tell_all(people: Iterable[User], *, event: str, key: str, subject: str, body: str, url: str = "") -> None:
    """Promise the same mail to each of them, as ``tell`` does."""
    at = clock.now()
    OutboxMessage.objects.bulk_create(
        [
            OutboxMessage(
                key=_key(person, event, key),
                recipient=person,
                event=event,
                subject=" ".join(subject.split())[:200],
                body=body,
                url=url,
                created_at=at,
                due_at=Now(),
            )
            for person in people
        ],
        ignore_conflicts=True,
    )
    nudge.wake("governance.deliver_outbox")


def told(letters: Iterable[tuple[User, str, str]]) -> set[tuple[int, str, str]]:
    """Which of these (person, event, key) were promised before, as (person's pk, event, key); one query for all."""
    asked = {_key(*letter): (letter[0].pk, *letter[1:]) for letter in letters}
    known = OutboxMessage.objects.filter(key__in=asked).values_list("key", flat=True)
    return {asked[key] for key in known}


def _key(person: User, event: str, key: str) -> str:
    return f"{event}:{key}:{person.pk}"


def deliver(limit: int = 100) -> int:
    """Send what is due; returns how many went out. A mail that fails is tried later, ever more rarely.

    A server that does not answer is left alone for a minute, so that no worker has to wait for it again and again.
    """
    sent = 0
    at = clock.real_now()
    if Heartbeat.objects.filter(name=SILENT, at__gt=at - LEFT_ALONE).exists():
        return 0
    due = OutboxMessage.objects.filter(sent_at=None, due_at__lte=at, attempts__lt=GIVE_UP_AFTER)
    for message in due.select_related("recipient").order_by("due_at", "pk")[:limit]:
        # whoever moves due_at forward sends it; a second worker finds the row gone from its list
        unclaimed = OutboxMessage.objects.filter(pk=message.pk, sent_at=None, attempts=message.attempts)
        claimed = unclaimed.update(
            attempts=message.attempts + 1, due_at=clock.real_now() + _pause(message.attempts)
        )
        if claimed != 1:
            continue
        try:
            sent += _send(message)
        except MailSilentError:
            Heartbeat.objects.update_or_create(name=SILENT, defaults={"at": clock.real_now()})
            break
    return sent


def _send(message: OutboxMessage) -> int:
    link = f"\n\n{settings.BASE_URL}{message.url}" if message.url else ""
    mail = EmailMessage(
        subject=message.subject,
        body=message.body + link,
        to=[message.recipient.email],
        headers={"X-Patchwarden-Event": f"{message.event}/{message.pk}"},
    )
    try:
        mail.send()
    except OSError as problem:  # SMTPException is one
        kept = OutboxMessage.objects.filter(pk=message.pk)
        if isinstance(problem, SMTPRecipientsRefused | SMTPResponseException):
            kept.update(error=str(problem)[:500])
            return 0
        kept.update(error=str(problem)[:500], attempts=message.attempts)
        raise MailSilentError from problem
    OutboxMessage.objects.filter(pk=message.pk).update(sent_at=clock.real_now(), error="")
    return 1


def _pause(attempts: int) -> timedelta:
    return timedelta(seconds=min(3600, 30 * 2**attempts))
