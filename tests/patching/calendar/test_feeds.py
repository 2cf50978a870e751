"""Calendar addresses: whose they are, what they show today, and how they end."""

from datetime import timedelta

import pytest
import vobject

from patching.calendar import feeds
from patching.models import CalendarFeed, MaintenanceWindow
from portal.governance import clock
from portal.governance.errors import InvalidInput, NotAllowed, WrongState
from portal.governance.models import AuditEntry, Membership
from tests import people
from tests.patching.calendar import nights

pytestmark = pytest.mark.django_db


@pytest.fixture
def windows(cast):
    nights.window("payments-prod-a")
    nights.window("search-prod-a", application="search", team="analytics")


def names_in(feed):
    calendar = vobject.readOne(feeds.text_of(feed, clock.now()).decode())
    return {event.summary.value.partition(": ")[2] for event in calendar.contents.get("vevent", [])}


def test_a_secret_opens_its_feed_and_only_its_hash_is_kept(windows, rita):
    feed, secret = feeds.make(label="Phone", by=rita)
    assert len(secret) >= 40
    assert feeds.by_secret(secret) == feed
    assert feeds.by_secret(secret[:-1]) is None
    assert secret not in str(CalendarFeed.objects.values())


def test_a_person_reads_what_they_may_see_and_a_team_only_its_own(windows, rita, ines):
    assert names_in(feeds.make(label="Phone", by=rita)[0]) == {"payments-prod-a"}
    assert names_in(feeds.make(label="Phone", by=ines)[0]) == {"payments-prod-a", "search-prod-a"}
    team_feed = feeds.make(label="Wall", by=rita, team=people.team("payments"))[0]
    assert names_in(team_feed) == {"payments-prod-a"}


def test_who_leaves_the_team_sees_nothing_more_and_who_is_shut_out_finds_no_feed(windows, rita):
    own, secret = feeds.make(label="Phone", by=rita)
    of_team, _ = feeds.make(label="Wall", by=rita, team=people.team("payments"))
    Membership.objects.filter(user=rita).delete()
    assert names_in(own) == names_in(CalendarFeed.objects.get(pk=of_team.pk)) == set()
    rita.is_active = False
    rita.save()
    assert feeds.by_secret(secret) is None


def test_a_revoked_address_opens_nothing_and_is_revoked_once(windows, rita, omar):
    feed, secret = feeds.make(label="Wall", by=rita, team=people.team("payments"))
    feeds.revoke(feed, by=omar)
    assert feeds.by_secret(secret) is None
    with pytest.raises(WrongState):
        feeds.revoke(feed, by=rita)


def test_others_neither_see_nor_revoke_an_address(windows, rita, omar, noor, ines):
    own, _ = feeds.make(label="Phone", by=rita)
    of_team, _ = feeds.make(label="Wall", by=rita, team=people.team("payments"))
    for person, feed in ((omar, own), (noor, own), (noor, of_team), (ines, of_team)):
        assert feed not in feeds.visible_to(person)
        with pytest.raises(NotAllowed):
            feeds.revoke(feed, by=person)


def test_a_team_s_address_is_made_by_its_members(cast, noor):
    with pytest.raises(NotAllowed):
        feeds.make(label="Wall", by=noor, team=people.team("payments"))


@pytest.mark.parametrize("label", ["", "  ", "x" * 81])
def test_an_address_has_a_label_of_some_length(rita, label):
    with pytest.raises(InvalidInput) as refused:
        feeds.make(label=label, by=rita)
    assert refused.value.problems[0].field == "label"


def test_nobody_keeps_more_than_twenty(rita):
    for number in range(feeds.MOST):
        feed, _ = feeds.make(label=f"Phone {number}", by=rita)
    with pytest.raises(InvalidInput):
        feeds.make(label="One more", by=rita)
    feeds.revoke(feed, by=rita)
    feeds.make(label="One more", by=rita)


def test_making_and_revoking_are_in_the_log_without_the_secret(rita):
    feed, secret = feeds.make(label="Phone", by=rita)
    feeds.revoke(feed, by=rita)
    entries = AuditEntry.objects.order_by("seq")
    assert [one.action for one in entries] == ["patching.calendarfeed.made", "patching.calendarfeed.revoked"]
    assert secret not in str(list(entries.values()))


def test_that_it_was_read_is_written_down_once_a_minute(rita):
    feed, _ = feeds.make(label="Phone", by=rita)
    at = clock.now()
    for seconds in (0, 30, 90):
        feeds.note_reading(feed, at + timedelta(seconds=seconds))
        if seconds == 30:
            assert CalendarFeed.objects.get().last_read_at == at
    assert CalendarFeed.objects.get().last_read_at == at + timedelta(seconds=90)


def test_a_feed_shows_the_last_month_and_the_next_half_year(windows, rita):
    MaintenanceWindow.objects.update(created_at=clock.now() - timedelta(days=90))
    MaintenanceWindow.objects.update(changed_at=clock.now() - timedelta(days=90))
    feed, _ = feeds.make(label="Phone", by=rita)
    calendar = vobject.readOne(feeds.text_of(feed, clock.now()).decode())
    starts = [event.dtstart.value for event in calendar.vevent_list]
    assert timedelta(days=22) < clock.now() - min(starts) < timedelta(days=32)
    assert timedelta(days=170) < max(starts) - clock.now() < timedelta(days=181)
