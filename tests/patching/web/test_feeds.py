"""The page of calendar addresses, and the address itself as a calendar program asks for it."""

import re

import pytest
import vobject
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from patching.calendar import feeds
from patching.models import CalendarFeed
from patching.web.feeds import Readings
from portal.governance.redacting import without_secrets
from tests.patching.calendar import nights
from tests.patching.web.conftest import text_of

PAGE = reverse("patching:feed-list")


@pytest.fixture(autouse=True)
def _nobody_has_asked_yet():
    cache.clear()


@pytest.fixture
def address(rita):
    nights.window("payments-prod-a")
    return reverse("patching:feed", args=[feeds.make(label="Phone", by=rita)[1]])


def test_an_address_is_shown_once_and_can_be_read_by_anybody_who_has_it(rita, browse):
    nights.window("payments-prod-a")
    browser = browse(rita)
    text = text_of(browser.post(PAGE, {"label": "Phone", "team": ""}))
    path = re.search(r"/calendar/feeds/[\w-]+\.ics", text)[0]
    assert ".ics" not in text_of(browser.get(PAGE))
    answer = Client().get(path)
    assert answer.headers["Content-Type"] == "text/calendar; charset=utf-8"
    events = vobject.readOne(answer.content.decode()).vevent_list
    assert {event.summary.value for event in events} == {"Patching: payments-prod-a"}
    assert CalendarFeed.objects.get().last_read_at is not None


def test_a_program_that_has_it_already_gets_nothing_new(address):
    first = Client().get(address)
    again = Client().get(address, HTTP_IF_NONE_MATCH=first.headers["ETag"])
    assert (again.status_code, again.content) == (304, b"")
    nights.window("payments-prod-b")
    assert Client().get(address, HTTP_IF_NONE_MATCH=first.headers["ETag"]).status_code == 200


def test_revoked_and_unknown_addresses_are_not_found_alike(address, rita, browse):
    browse(rita).post(reverse("patching:feed-revoke", args=[CalendarFeed.objects.get().pk]))
    revoked, unknown = Client().get(address), Client().get(reverse("patching:feed", args=["x" * 43]))
    assert revoked.status_code == unknown.status_code == 404
    assert "revoked" not in text_of(revoked).lower()


def test_who_asks_too_often_is_told_when_to_come_back(address, monkeypatch):
    monkeypatch.setattr(Readings, "rate", "2/min")
    answers = [Client().get(address).status_code for _ in range(3)]
    assert answers == [200, 200, 429]
    assert [Client().get(reverse("patching:feed", args=["guess"])).status_code for _ in range(3)] == [
        404,
        404,
        429,
    ]
    assert int(Client().get(address).headers["Retry-After"]) <= 61


def test_the_address_stays_out_of_the_log(address):
    secret = address.rpartition("/")[2].removesuffix(".ics")
    assert secret not in without_secrets(f"GET {address} 200")


@pytest.mark.parametrize("given", [{"label": ""}, {"label": "Wall", "team": "analytics"}])
def test_what_cannot_be_made_says_why_and_keeps_what_was_typed(rita, noor, browse, given):
    answer = browse(rita).post(PAGE, given)
    assert answer.status_code == 400
    assert CalendarFeed.objects.count() == 0


def test_a_stranger_does_not_revoke(rita, noor, browse):
    feed, _ = feeds.make(label="Phone", by=rita)
    assert browse(noor).post(reverse("patching:feed-revoke", args=[feed.pk])).status_code == 404
    assert CalendarFeed.objects.get().revoked_at is None
