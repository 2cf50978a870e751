"""Who hears of an application's windows."""

import pytest

from patching import notices
from patching.models import NoticeChoice
from portal.governance.models import Membership, RoleGrant
from tests import factories, people

pytestmark = pytest.mark.django_db


@pytest.fixture
def payments(cast):
    factories.application("search", "analytics")
    return factories.application()


def heard_by(application):
    return {person.username for person in notices.concerned(application)}


def test_a_team_hears_of_its_windows_without_having_said_anything(payments):
    assert heard_by(payments) == {"rita", "omar"}


def test_a_member_opts_out_and_in_again(payments, rita):
    notices.choose(rita, [])
    assert heard_by(payments) == {"omar"}
    notices.choose(rita, [payments.pk])
    assert heard_by(payments) == {"rita", "omar"}
    assert NoticeChoice.objects.count() == 1


def test_somebody_who_may_see_it_follows_it_as_long_as_they_may(payments, ines):
    notices.choose(ines, [payments.pk])
    assert heard_by(payments) == {"rita", "omar", "ines"}
    RoleGrant.objects.filter(user=ines).delete()
    assert heard_by(payments) == {"rita", "omar"}


def test_nobody_follows_what_they_may_not_see(payments, noor):
    notices.choose(noor, [payments.pk])
    assert "noor" not in heard_by(payments)
    assert [application.slug for application, _, _ in notices.choices_of(noor)] == ["search"]


def test_who_left_the_team_or_was_shut_out_hears_nothing(payments, rita, omar):
    notices.choose(rita, [])
    notices.choose(rita, [payments.pk])
    Membership.objects.filter(user=rita).delete()
    omar.is_active = False
    omar.save()
    assert heard_by(payments) == set()


def test_the_page_shows_and_keeps_the_choice(payments, rita, browse):
    browser = browse(rita)
    assert "checked" in browser.get("/calendar/mail/").content.decode()
    browser.post("/calendar/mail/", {"wanted": ["none", ""]})
    assert "checked" not in browser.get("/calendar/mail/").content.decode()
    assert heard_by(payments) == {people.person("omar").username}
