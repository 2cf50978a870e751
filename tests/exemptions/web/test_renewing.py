"""Asking for a renewal on its page, and what the pages of both say of each other."""

from datetime import timedelta

import pytest
from django.urls import reverse

from exemptions import renewing
from exemptions.models import Exemption
from tests.exemptions import asks

REASON = "The vendor's fix slipped by two days; it is announced for Friday."


@pytest.fixture
def exemption(cast):
    """Two production servers for ten days, approved."""
    return asks.approved(cast["rita"])


def url(name, exemption):
    return reverse(f"exemptions:exemption-{name}", args=[exemption.pk])


def filled(exemption, days=3, **changes):
    ends_at = exemption.ends_at + timedelta(days=days)
    given = {"ends_at": f"{ends_at:%Y-%m-%dT%H:%M}", "reason": REASON}
    return {**given, "instances": [one.pk for one in exemption.instances.all()], **changes}


def test_the_team_finds_the_form_and_saves_a_draft(cast, exemption, browse):
    rita = browse(cast["rita"])
    assert url("renew", exemption) in rita.get(url("detail", exemption)).content.decode()
    one = exemption.instances.first()
    reply = rita.post(url("renew", exemption), filled(exemption, instances=[one.pk]))
    renewal = Exemption.objects.get(renews=exemption)
    assert reply.url == url("detail", renewal)
    assert (renewal.state, list(renewal.instances.all())) == ("draft", [one])
    assert f'Renews <a href="{url("detail", exemption)}">' in rita.get(reply.url).content.decode()
    shown = rita.get(url("detail", exemption)).content.decode()
    assert f'Renewed by <a href="{url("detail", renewal)}">' in shown
    assert url("renew", exemption) not in shown


def test_what_is_no_renewal_is_said_under_its_field(cast, exemption, browse):
    reply = browse(cast["rita"]).post(url("renew", exemption), filled(exemption, days=20))
    assert reply.status_code == 400
    [message] = reply.context["form"].errors["ends_at"]
    assert "at most half as long" in message
    assert not Exemption.objects.filter(renews=exemption).exists()


def test_there_is_no_second_form_while_one_renewal_is_asked_for(cast, exemption, browse):
    ends_at = exemption.ends_at + timedelta(days=3)
    renewing.renew(exemption, by=cast["omar"], ends_at=ends_at, reason=REASON)
    reply = browse(cast["rita"]).get(url("renew", exemption))
    assert reply.status_code == 409
    assert "one renewal at a time" in reply.content.decode()
