"""The calendar with windows of eight applications: by month, week and list, for eyes, keyboards and phones alike."""

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from patching.models import MaintenanceWindow
from portal.governance import clock
from portal.governance.models import Heartbeat
from tests import people
from tests.browser.looks import LOOKS
from tests.patching.calendar import nights

pytestmark = [pytest.mark.browser, pytest.mark.slow]
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def sunday(transactional_db):
    """Sixty-four windows, and a weekly one that a freeze holds next Sunday and that is skipped a week later."""
    Heartbeat.objects.create(name="tick", at=clock.real_now())
    nights.many(64)
    weekly = nights.window("payments-weekly", az="eu-central-1a")
    nights.window("payments-other", az="eu-central-1b", schedule="cron(0 4 ? * SUN *)")
    now = clock.now().astimezone(BERLIN)
    sunday = now.replace(hour=2, minute=0, second=0, microsecond=0) + timedelta(days=6 - now.weekday() or 7)
    nights.freeze(weekly, sunday - timedelta(days=2), sunday + timedelta(days=2))
    nights.held(weekly, sunday - timedelta(days=2), sunday + timedelta(days=2))
    nights.occurrence(weekly, sunday + timedelta(days=7))
    return sunday


@pytest.mark.parametrize("how", LOOKS)
@pytest.mark.parametrize("view", ["month", "week", "list"])
def test_nobody_is_kept_out_of_the_calendar(sunday: datetime, visit, look, view, how):
    address = f"{reverse('patching:calendar')}?view={view}&day={sunday:%Y-%m-%d}"
    page = visit(address, as_=people.person("ines"), **LOOKS[how])
    assert page.get_by_role("link", name="payments-weekly").count() >= 1
    look(page, f"calendar-{view}-{how}")


def test_rita_finds_what_keeps_her_window_shut(sunday: datetime, visit):
    page = visit(reverse("patching:calendar"), as_=people.person("rita"))
    page.get_by_role("link", name="Week", exact=True).click()
    page.wait_for_url("**view=week**")
    page.goto(f"{page.url}&day={sunday:%Y-%m-%d}")
    held = page.locator("a.ev.shut", has_text="payments-weekly")
    assert "Freeze Quarter end" in held.inner_text()
    held.click()
    page.wait_for_url(f"**/windows/{MaintenanceWindow.objects.get(name='payments-weekly').pk}/")


def test_a_filter_stays_in_the_address_and_the_zone_is_remembered(sunday: datetime, visit):
    page = visit(f"{reverse('patching:calendar')}?view=list&day={sunday:%Y-%m-%d}", as_=people.person("ines"))
    page.get_by_label("Application").select_option("ledger")
    page.wait_for_url("**application=ledger**")
    page.get_by_text("ledger-").first.wait_for()
    expect(page.get_by_text("identity-")).to_have_count(0)
    assert "view=list" in page.url
    page.get_by_label("Times in").select_option("Asia/Tokyo")
    page.wait_for_url("**tz=Asia**")
    page.goto(page.url.partition("?")[0])
    page.get_by_text("Times in Asia/Tokyo").wait_for()


@pytest.mark.parametrize("how", LOOKS)
def test_addresses_and_mail_are_clean(sunday: datetime, visit, look, how):
    rita = people.person("rita")
    page = visit(reverse("patching:feed-list"), as_=rita, **LOOKS[how])
    page.get_by_label("Who reads it").fill("Phone")
    page.get_by_role("button", name="Make address").click()
    expect(page.get_by_label("Address", exact=True)).to_have_value(re.compile(r"\.ics$"))
    look(page, f"calendar-feeds-{how}")
    page = visit(reverse("patching:notice-choices"), as_=rita, **LOOKS[how])
    look(page, f"calendar-mail-{how}")
