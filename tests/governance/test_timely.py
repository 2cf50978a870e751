"""A worker whose clock is wrong leaves every task to others and ends; operators hear of it once a day."""

from datetime import timedelta
from unittest import mock

import pytest
from celery.exceptions import Reject
from django.db import OperationalError

from patching.tasks import tick
from portal.celery import app
from portal.governance import host_clock
from portal.governance.host_clock import HostClockOff
from portal.governance.models import Heartbeat, OutboxMessage
from portal.governance.timely import TimelyTask, refuse_to_start
from tests import people

pytestmark = pytest.mark.django_db


@pytest.fixture
def wrong(monkeypatch):
    monkeypatch.setattr(host_clock, "off_by", lambda: timedelta(seconds=90))


def test_it_hands_its_message_back_and_ends(wrong, monkeypatch):
    ended = mock.Mock()
    monkeypatch.setattr(app.control, "shutdown", ended)
    tick.push_request(called_directly=False, hostname="worker@here")
    try:
        with pytest.raises(Reject) as handed_back:
            tick()
    finally:
        tick.pop_request()
    assert handed_back.value.requeue
    ended.assert_called_once_with(destination=["worker@here"])
    assert not Heartbeat.objects.filter(name="tick").exists()


def test_it_does_not_start_and_operators_are_told_once(wrong):
    opal = people.person("opal")
    for _ in range(2):
        with pytest.raises(SystemExit, match="90 s ahead of the database's"):
            refuse_to_start()
    (mail,) = OutboxMessage.objects.filter(event="host.clock")
    assert mail.recipient == opal
    assert "Set it by NTP. Until then its workers end" in mail.body


def test_it_starts_where_the_clock_is_right_or_the_database_not_there_yet(monkeypatch):
    refuse_to_start()
    monkeypatch.setattr(host_clock, "off_by", mock.Mock(side_effect=OperationalError))
    refuse_to_start()


def test_what_is_called_directly_says_why(wrong):
    with pytest.raises(HostClockOff, match="90 s ahead"):
        tick()


def test_every_task_looks_at_the_clock():
    ours = [task for name, task in app.tasks.items() if not name.startswith("celery.")]
    assert ours
    assert all(isinstance(task, TimelyTask) for task in ours)
