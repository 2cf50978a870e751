"""Who is reminded of an end, when and how often; and who hears that an end was not proved."""

from datetime import timedelta

import pytest

from exemptions import ending, reminding, workflow
from portal.governance import clock
from portal.governance.models import Membership, OutboxMessage
from tests import people
from tests.exemptions import asks


@pytest.fixture
def exemption(cast):
    """Two development servers for forty days, with omar as backup."""
    ends_at = clock.now() + timedelta(days=40)
    return asks.approved(cast["rita"], asks.servers(env="dev"), ends_at=ends_at, backup=cast["omar"])


def told(event="exemption.ends_soon"):
    """User name and threshold of each reminder, as often as it was promised."""
    rows = OutboxMessage.objects.filter(event=event).order_by("pk")
    return [(one.recipient.username, one.key.split(":")[1].partition("/")[2]) for one in rows]


def remind_at(monkeypatch, moment):
    asks.later(monkeypatch, moment)
    return reminding.remind()


def test_owner_and_backup_hear_of_it_30_14_7_and_1_days_before_and_once_each(exemption, monkeypatch):
    for hour in range(0, 40 * 24, 6):
        remind_at(monkeypatch, exemption.approved_at + timedelta(hours=hour))
    days = ("30", "14", "7", "1")
    assert told() == [(name, day) for day in days for name in ("rita", "omar")]


def test_a_short_one_is_not_reminded_of_thresholds_that_lie_before_its_approval(cast, monkeypatch):
    exemption = asks.approved(cast["rita"], ends_at=clock.now() + timedelta(days=10))
    for day in range(10):
        remind_at(monkeypatch, exemption.approved_at + timedelta(days=day, hours=1))
    assert told() == [("rita", "7"), ("rita", "1")]


def test_after_an_outage_only_the_latest_is_sent(exemption, monkeypatch):
    assert remind_at(monkeypatch, exemption.ends_at - timedelta(hours=5)) == 2
    assert told() == [("rita", "1"), ("omar", "1")]
    assert reminding.remind() == 0


@pytest.mark.parametrize("end", ["by date", "by hand"])
def test_what_has_ended_reminds_nobody(cast, exemption, monkeypatch, end):
    moment = exemption.ends_at
    if end == "by hand":
        workflow.revoke(exemption, by=cast["clara"], reason="The fix is out.")
        moment -= timedelta(hours=5)
    remind_at(monkeypatch, moment)
    assert told() == []


def left(person):
    Membership.objects.filter(user=person).delete()


def deactivated(person):
    type(person).objects.filter(pk=person.pk).update(is_active=False)


@pytest.mark.parametrize("gone", [left, deactivated])
def test_the_leads_are_reminded_once_who_asked_has_gone(cast, exemption, monkeypatch, gone):
    gone(cast["rita"])
    remind_at(monkeypatch, exemption.ends_at - timedelta(hours=5))
    assert told() == [("omar", "1")]


def test_the_mail_tells_what_happens_and_where_to_renew(exemption, monkeypatch, settings):
    settings.BASE_URL = "https://patchwarden.example"
    remind_at(monkeypatch, exemption.ends_at - timedelta(days=6))
    mail = OutboxMessage.objects.filter(event="exemption.ends_soon").first()
    assert mail.subject == f"{exemption.number} ends within 7 days: {exemption.title}"
    assert "AWS then puts patching of 2 instances of payments back by itself" in mail.body
    assert f"https://patchwarden.example/exemptions/{exemption.pk}/renew/" in mail.body
    assert mail.url == f"/exemptions/{exemption.pk}/"


def test_reminding_again_asks_no_query_for_what_was_told(cast, monkeypatch, django_assert_max_num_queries):
    exemption = asks.approved(cast["rita"])
    remind_at(monkeypatch, exemption.ends_at - timedelta(hours=5))
    with django_assert_max_num_queries(12):
        assert reminding.remind() == 0


# an end that nobody could prove


def not_restored():
    rows = OutboxMessage.objects.filter(event="exemption.not_restored")
    return {one.recipient.username for one in rows}


@pytest.fixture
def closed(exemption, monkeypatch):
    """Ended an hour ago; its waivers are closed, and no push has read anything back."""
    asks.later(monkeypatch, exemption.ends_at + timedelta(hours=1))
    ending.settle()
    people.person("opal")
    return exemption


def test_owner_and_operators_hear_once_of_an_end_that_is_not_proved_after_a_day(closed, monkeypatch):
    assert remind_at(monkeypatch, closed.ends_at + timedelta(hours=23)) == 0
    assert remind_at(monkeypatch, closed.ends_at + timedelta(hours=24)) == 3
    assert not_restored() == {"rita", "omar", "opal"}
    assert remind_at(monkeypatch, closed.ends_at + timedelta(days=3)) == 0


def test_nobody_is_alarmed_while_workers_that_were_away_have_just_closed_it(exemption, monkeypatch):
    late = exemption.ends_at + timedelta(days=2)
    assert remind_at(monkeypatch, late) == 0
    ending.settle()
    assert reminding.remind() == 0
    assert remind_at(monkeypatch, late + reminding.JUST_CLOSED) == 3


def test_a_proved_end_alarms_nobody(closed, monkeypatch):
    asks.pushed()
    assert ending.settle() == 1
    assert remind_at(monkeypatch, closed.ends_at + timedelta(days=3)) == 0
