"""Mail is promised once, sent later, and tried again when it fails."""

from datetime import timedelta
from smtplib import SMTPException, SMTPRecipientsRefused

import pytest
from django.core import mail
from django.db.models import F

from portal.governance import measures, outbox
from portal.governance.models import Heartbeat, OutboxMessage


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
    assert (kept.sent_at, kept.attempts, kept.error) == (None, 0, "the post office is closed")
    assert kept.due_at > kept.created_at

    monkeypatch.undo()
    assert outbox.deliver() == 0
    OutboxMessage.objects.update(due_at=F("due_at") - timedelta(hours=1))
    Heartbeat.objects.all().delete()
    assert outbox.deliver() == 1


def test_a_weekend_without_a_mail_server_loses_no_mail(rita, monkeypatch):
    tell(rita)
    monkeypatch.setattr("django.core.mail.EmailMessage.send", refuse)
    for _ in range(outbox.GIVE_UP_AFTER + 5):
        a_while_passes()
        outbox.deliver()
    monkeypatch.undo()
    a_while_passes()
    assert outbox.deliver() == 1


def test_what_the_server_refuses_again_and_again_is_given_up_and_counted(rita, monkeypatch):
    tell(rita)
    monkeypatch.setattr("django.core.mail.EmailMessage.send", refuse_recipient)
    for _ in range(outbox.GIVE_UP_AFTER + 5):
        a_while_passes()
        outbox.deliver()
    assert OutboxMessage.objects.get().attempts == outbox.GIVE_UP_AFTER
    told = {one.name: one.value for one in measures.measured()}
    assert (told["mail_waiting"], told["mail_given_up"]) == (0, 1)


def a_while_passes():
    OutboxMessage.objects.update(due_at=F("due_at") - timedelta(days=1))
    Heartbeat.objects.all().delete()


def test_a_server_that_does_not_answer_is_asked_once(rita, monkeypatch):
    for key in "123":
        tell(rita, key)
    monkeypatch.setattr("django.core.mail.EmailMessage.send", swallow)
    assert outbox.deliver() == 0
    assert [bool(error) for error in OutboxMessage.objects.values_list("error", flat=True)].count(True) == 1

    monkeypatch.undo()
    assert outbox.deliver() == 0  # left alone for a minute
    Heartbeat.objects.update(at=F("at") - timedelta(minutes=1))
    assert outbox.deliver() == 2


def test_a_recipient_whom_the_server_refuses_holds_nobody_up(rita, monkeypatch):
    for key in "123":
        tell(rita, key)
    monkeypatch.setattr("django.core.mail.EmailMessage.send", refuse_recipient)
    assert outbox.deliver() == 0
    assert set(OutboxMessage.objects.values_list("attempts", flat=True)) == {1}


def test_somebody_elses_claim_is_respected(rita):
    tell(rita)
    OutboxMessage.objects.update(attempts=F("attempts") + 1, due_at=F("due_at") + timedelta(hours=1))
    assert outbox.deliver() == 0


def test_what_was_told_is_known_for_many_at_once(rita, omar, django_assert_num_queries):
    tell(rita, "1")
    event = OutboxMessage.objects.get().event
    with django_assert_num_queries(1):
        told = outbox.told([(rita, event, "1"), (rita, event, "2"), (omar, event, "1")])
    assert told == {(rita.pk, event, "1")}


def swallow(self):
    raise TimeoutError("timed out")


def refuse_recipient(self):
    raise SMTPRecipientsRefused({"rita@example.com": (550, b"unknown")})


def refuse(self):
    raise SMTPException("the post office is closed")


@pytest.fixture(autouse=True)
def _empty_outbox(mailoutbox):
    mailoutbox.clear()
