"""Mail that cannot be lost: a row in the same transaction, sent later, each event once per person."""

from datetime import timedelta
from smtplib import SMTPException

from django.conf import settings
from django.core.mail import EmailMessage

from portal.governance import clock, nudge
from portal.governance.models import OutboxMessage, User

GIVE_UP_AFTER = 20


def tell(person: User, *, event: str, key: str, subject: str, body: str, url: str = "") -> None:
    """Promise one mail. The same event and key to the same person is promised once."""
    at = clock.real_now()
    OutboxMessage.objects.bulk_create(
        [
            OutboxMessage(
                key=f"{event}:{key}:{person.pk}",
                recipient=person,
                event=event,
                subject=" ".join(subject.split())[:200],
                body=body,
                url=url,
                created_at=clock.now(),
                due_at=at,
            )
        ],
        ignore_conflicts=True,
    )
    nudge.wake("governance.deliver_outbox")


def deliver(limit: int = 100) -> int:
    """Send what is due; returns how many went out. A mail that fails is tried later, ever more rarely."""
    sent = 0
    at = clock.real_now()
    due = OutboxMessage.objects.filter(sent_at=None, due_at__lte=at, attempts__lt=GIVE_UP_AFTER)
    for message in due.select_related("recipient").order_by("due_at", "pk")[:limit]:
        # whoever moves due_at forward sends it; a second worker finds the row gone from its list
        claimed = OutboxMessage.objects.filter(pk=message.pk, sent_at=None, attempts=message.attempts).update(
            attempts=message.attempts + 1, due_at=at + _pause(message.attempts)
        )
        if claimed != 1:
            continue
        sent += _send(message)
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
    except (OSError, SMTPException) as problem:
        OutboxMessage.objects.filter(pk=message.pk).update(error=str(problem)[:500])
        return 0
    OutboxMessage.objects.filter(pk=message.pk).update(sent_at=clock.real_now(), error="")
    return 1


def _pause(attempts: int) -> timedelta:
    return timedelta(seconds=min(3600, 30 * 2**attempts))
