"""After a patch night over hundreds of servers: what its owner, security and an operator look at and press."""

from datetime import timedelta

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from patching import openings
from patching.models import AccountRegion, MaintenanceWindow
from portal.governance import clock
from portal.governance.models import Heartbeat
from tests import asks, factories, patch_nights, people
from tests.browser.looks import LOOKS

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def windows(transactional_db):
    Heartbeat.objects.create(name="tick", at=clock.real_now())
    return patch_nights.build()


def last_opening(window: MaintenanceWindow):
    start = patch_nights.NOW - timedelta(days=30)
    return openings.between(window.spec, start, patch_nights.NOW, since=window.created_at)[-1]


@pytest.fixture
def pages(windows):
    """The pages of runs by name, each with who looks at it."""
    test_a, prod_a, prod_b = (
        windows[name] for name in ("payments-test-a", "payments-prod-a", "payments-prod-b")
    )
    bad = patch_nights.ran(test_a, last_opening(test_a))
    for number in range(1, 12):
        patch_nights.ran(test_a, last_opening(test_a) - timedelta(days=28 * number), well=True)
    began = last_opening(windows["payments-dev-a"])
    record = patch_nights.problem(patch_nights.ran(windows["payments-dev-a"], began))
    patch_nights.disabled(prod_b)
    judged = record.review.run
    return {
        "run": (reverse("patching:run-detail", args=[bad.pk]), "rita"),
        "run-reported": (reverse("patching:run-detail", args=[judged.pk]), "rita"),
        "failure": (reverse("patching:failure-detail", args=[record.pk]), "omar"),
        "failures": (reverse("patching:failure-list"), "ines"),
        "prepare": (reverse("patching:window-prepare", args=[test_a.pk]), "rita"),
        "window-partial": (reverse("patching:window-detail", args=[test_a.pk]), "rita"),
        "window-missed": (reverse("patching:window-detail", args=[prod_a.pk]), "rita"),
        "window-disabled": (reverse("patching:window-detail", args=[prod_b.pk]), "opal"),
        "window-disabled-owner": (reverse("patching:window-detail", args=[prod_b.pk]), "rita"),
        "extra-opening": (
            reverse("patching:window-occurrence", args=[prod_a.pk]) + "?alert=missed",
            "rita",
        ),
    }


@pytest.mark.parametrize("how", LOOKS)
def test_nobody_is_kept_out_of_what_becomes_of_a_night(pages, visit, look, subtests, how):
    for name, (address, who) in pages.items():
        with subtests.test(page=name):
            page = visit(address, as_=people.person(who), **LOOKS[how])
            look(page, f"runs-{name}-{how}")


def test_rita_reports_a_problem_and_omar_lets_the_windows_go(windows, visit, look):
    run = patch_nights.ran(windows["payments-test-a"], last_opening(windows["payments-test-a"]))
    page = visit(reverse("patching:run-detail", args=[run.pk]), as_=people.person("rita"))
    page.get_by_text("Report a problem").click()
    expect(page.get_by_text("payments-prod-a and payments-prod-b of later environments")).to_be_visible()
    look(page, "runs-run-reporting")
    page.get_by_label("What is wrong").fill(patch_nights.WHY)
    page.get_by_role("button", name="Report the problem").click()
    page.get_by_role("link", name="FR-").click()
    expect(page.get_by_text("The lead of Payments Platform or security operations decide.")).to_be_visible()
    page = visit(reverse("patching:failure-list"), as_=people.person("omar"))
    page.get_by_role("link", name="FR-").click()
    page.get_by_text("Let the windows go").first.click()
    page.get_by_label("Why it is safe").fill("The runtime is on every server now.")
    page.get_by_role("button", name="Let the windows go").last.click()
    expect(page.get_by_text("It holds nothing")).to_be_visible()
    look(page, "runs-failure-let-go")


def test_rita_asks_for_an_extra_opening_and_opal_restores_what_was_disabled(windows, visit):
    prod_a, prod_b = windows["payments-prod-a"], windows["payments-prod-b"]
    patch_nights.disabled(prod_b)
    page = visit(reverse("patching:window-detail", args=[prod_a.pk]), as_=people.person("rita"))
    page.get_by_role("link", name="Ask for an extra opening").click()
    expect(page.get_by_text("It opens once Tue 23 Jun 20:00 Europe/Berlin")).to_be_visible()
    page.get_by_role("button", name="Submit request").click()
    expect(page.get_by_text("payments-prod-a did not open Sat 20 Jun 20:00").first).to_be_visible()
    page.goto(page.url.partition("/requests")[0] + reverse("patching:window-detail", args=[prod_b.pk]))
    page.get_by_text("Ask to restore it").first.click()
    page.get_by_label("Why it should open").fill("Production has to be patched this month.")
    page.get_by_role("button", name="Ask to restore it").last.click()
    page = visit(reverse("patching:window-detail", args=[prod_b.pk]), as_=people.person("opal"))
    expect(page.get_by_text("Rita Braun asks to restore it")).to_be_visible()
    page.get_by_text("Restore what was approved").first.click()
    page.get_by_label("Why", exact=True).fill("Its owners want it open.")
    page.get_by_role("button", name="Restore what was approved").last.click()
    expect(page.get_by_text("The next push restores it.")).to_be_visible()


@pytest.fixture
def asked(transactional_db):
    """Rita's requests as Clara finds them: one for the whole application, one that reaches forty account-regions."""
    Heartbeat.objects.create(name="tick", at=clock.real_now())
    cast = {name: people.person(name) for name in people.CAST}
    clock.set_to(patch_nights.NOW)
    whole = asks.submitted(cast["rita"], asks.ha_items(asks.fleet(per_zone=20)))
    asks.approve(whole, cast["omar"], cast["ines"])
    wide = asks.submitted(cast["rita"], [wide_item(number) for number in range(40)])
    asks.approve(wide, cast["omar"])
    for number, most in ((3, 1), (7, 2), (11, 2)):
        AccountRegion.objects.filter(account__account_id=f"3000000000{number:02}").update(
            quotas={"windows": most}
        )
    return {"request": (whole.address, "clara"), "request-wide": (wide.address, "ines")}


def wide_item(number):
    place = factories.account_region(factories.account(f"3000000000{number:02}", f"Shop {number}"))
    member = factories.instance(factories.payments(), "prod", place)
    return asks.window_item([member], "prod", name=f"payments-{number:02}", account=place.account.account_id)


@pytest.mark.parametrize("how", LOOKS)
def test_nobody_is_kept_out_of_what_clara_decides(asked, visit, look, subtests, how):
    for name, (address, who) in asked.items():
        with subtests.test(page=name):
            page = visit(address, as_=people.person(who), **LOOKS[how])
            look(page, f"runs-{name}-{how}")


@pytest.mark.parametrize("how", LOOKS)
def test_rita_sees_what_weekly_rounds_would_make(visit, look, how, transactional_db):
    Heartbeat.objects.create(name="tick", at=clock.real_now())
    for name in people.CAST:
        people.person(name)
    asks.fleet(per_zone=4)
    page = visit("/requests/new/ha-windows/", as_=people.person("rita"), **LOOKS[how])
    page.get_by_label("Application").select_option("payments")
    page.get_by_label("Account and Region").select_option(label="211125483017/eu-central-1")
    page.get_by_label("Title").fill(asks.TITLE)
    page.get_by_label("Why it is needed").fill(asks.REASON)
    look(page, f"runs-wizard-monthly-{how}")
    page.get_by_label("Opens", exact=True).select_option("weekly")
    expect(page.get_by_label("Prod: days after that day")).to_have_value("6")
    expect(page.get_by_text("Every Tuesday, 20:00").first).to_be_visible()
    look(page, f"runs-wizard-weekly-{how}")
    page.get_by_role("button", name="Show what it makes").click()
    page.get_by_text("6 windows, 3 baselines and 3 patch groups").wait_for()
    look(page, f"runs-wizard-weekly-made-{how}")
