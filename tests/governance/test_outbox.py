"""Mail is promised once, sent later, and tried again when it fails."""

from datetime import timedelta
from smtplib import SMTPException

import pytest
from django.core import mail
from django.db.models import F

from portal.governance import outbox
from portal.governance.models import OutboxMessage


def tell(person, key="1"):
    outbox.tell(
        person,
        event="request.approved",
        key=key,
        subject="CR-1 was\napproved",
        body="Good.",
        url="/requests/1/",
    )


def test_a_promise_is_sent_once_with_its_link(rita, settings):
    tell(rita)
    tell(rita)
    assert (outbox.deliver(), outbox.deliver()) == (1, 0)
    sent = mail.outbox[0]
    assert (sent.to, sent.subject) == (["rita@example.com"], "CR-1 was approved")
    assert f"{settings.BASE_URL}/requests/1/" in sent.body


def test_a_mail_that_fails_is_kept_and_tried_later(rita, monkeypatch):
    tell(rita)
    monkeypatch.setattr("django.core.mail.EmailMessage.send", refuse)
    assert outbox.deliver() == 0
    kept = OutboxMessage.objects.get()
    assert (kept.sent_at, kept.attempts, kept.error) == (None, 1, "the post office is closed")
    assert kept.due_at > kept.created_at

    monkeypatch.undo()
    assert outbox.deliver() == 0
    OutboxMessage.objects.update(due_at=F("due_at") - timedelta(hours=1))
    assert outbox.deliver() == 1


def test_somebody_elses_claim_is_respected(rita):
    tell(rita)
    OutboxMessage.objects.update(attempts=F("attempts") + 1, due_at=F("due_at") + timedelta(hours=1))
    assert outbox.deliver() == 0


def refuse(self):
    raise SMTPException("the post office is closed")


@pytest.fixture(autouse=True)
def _empty_outbox(mailoutbox):
    mailoutbox.clear()
