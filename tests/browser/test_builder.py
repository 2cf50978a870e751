"""A window built without knowing cron: choices, words and runs at once, tasks one by one; with a script and without."""

import re

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from patching.contents import items_of
from patching.models import ChangeRequest
from tests import asks, factories, people
from tests.browser.looks import LOOKS

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def rita(transactional_db):
    rita = people.person("rita")
    for decider in ("omar", "ines"):
        people.person(decider)
    asks.fleet(per_zone=12)
    return rita


def address():
    return reverse("patching:window-new") + f"?scope=payments:dev:{factories.account_region().pk}"


def test_rita_builds_a_window_by_choices(rita, visit, look):
    page = visit(address(), as_=rita)
    page.get_by_text("Second Tuesday of each month, 20:00").first.wait_for()
    expect(page.locator("#opening tbody tr")).to_have_count(12)
    expect(page.get_by_label("Expression of your own")).not_to_be_visible()
    page.get_by_label("Why it is needed").fill("Nobody should have to know cron.")
    page.get_by_label("Days after Patch Tuesday").fill("2")
    page.get_by_label("Title").fill("Payments in dev, by choices")
    page.get_by_text("Thursday after the second Tuesday of each month, 20:00").first.wait_for()
    page.get_by_label("Opens", exact=True).select_option(label="Every month, on a day of a week")
    page.get_by_label("On the", exact=True).select_option(label="last")
    page.get_by_label("Day", exact=True).select_option(label="Friday")
    page.get_by_text("Last Friday of each month, 20:00").first.wait_for()
    page.get_by_role("button", name="Task after").click()
    page.get_by_label("Document").last.fill("payments-check")
    page.get_by_label("Document").last.blur()
    page.locator("#task-times li").nth(2).wait_for()
    look(page, "builder-window")
    page.get_by_role("button", name="Submit request").click()
    page.wait_for_url(re.compile(r"/requests/\d+/"), timeout=60_000)
    (item,) = items_of(ChangeRequest.objects.get().current)
    assert item["spec"]["schedule"] == "cron(0 20 ? * FRIL *)"
    assert [task["name"] for task in item["spec"]["tasks"]] == ["Install", "Scan", "After"]


def test_the_builder_works_without_a_script(rita, visit):
    page = visit(address(), as_=rita, java_script_enabled=False)
    page.get_by_label("Why it is needed").fill("Nobody should have to know cron.")
    page.get_by_label("Opens", exact=True).select_option(label="Every so many days or hours")
    page.get_by_label("Every", exact=True).fill("14")
    page.get_by_role("button", name="Show what it makes").last.click()
    expect(page.get_by_text("Every 14 days, counted from the start date").first).to_be_visible()
    page.get_by_role("button", name="Remove task 2").click()
    expect(page.get_by_role("button", name="Remove task 2")).to_have_count(0)
    expect(page.get_by_label("Every", exact=True)).to_have_value("14")


@pytest.mark.slow
@pytest.mark.parametrize("name", LOOKS)
def test_nobody_is_kept_out_of_the_builder(rita, visit, look, name):
    page = visit(address(), as_=rita, **LOOKS[name])
    for summary in page.locator("fieldset.task summary").all():
        summary.click()
    look(page, f"builder-{name}")
