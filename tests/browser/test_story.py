"""The story of the HA Windows application again, told by clicks: each step is looked at and photographed."""

import re
from datetime import UTC, datetime

import pytest
from playwright.sync_api import expect

from patching.models import ChangeRequest, PushRun
from tests import asks

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

AFTER_DEV = datetime(2026, 6, 11, 6, tzinfo=UTC)
AFTER_TEST = datetime(2026, 6, 14, 6, tzinfo=UTC)
AFTER_PROD = datetime(2026, 6, 21, 6, tzinfo=UTC)


def test_the_ha_application_by_clicks(visit, look, company_at_work):
    company, people = company_at_work, company_at_work.people

    address = rita_asks(visit, look, people["rita"])
    ines_asks_for_changes(visit, look, people["ines"], address)
    rita_answers(visit, look, people["rita"], address)
    for name in ("omar", "ivan", "clara"):
        approves(visit, look, people[name], address)
    assert ChangeRequest.objects.get().state == ChangeRequest.State.APPROVED

    assert company.push().state == PushRun.State.SUCCEEDED
    page = visit(address, as_=people["rita"])
    expect(page.get_by_text("Applied", exact=True).first).to_be_visible()
    look(page, "06-applied")
    opal_sees_the_push(visit, look, people["opal"])

    compliance = [net_compliance(visit, people["axel"])]
    for moment in (AFTER_DEV, AFTER_TEST, AFTER_PROD):
        company.go_to(moment)
        compliance.append(net_compliance(visit, people["axel"]))
    assert compliance == sorted(compliance)
    assert compliance[-1] > compliance[0]
    axel_opens_every_number(visit, look, people["axel"])
    clara_sees_it_all(visit, look, people["clara"])
    noor_sees_nothing(visit, people["noor"])


def rita_asks(visit, look, rita):
    page = visit("/requests/new/ha-windows/", as_=rita)
    page.get_by_label("Application").select_option(label="payments")
    page.get_by_label("Account and Region").select_option(label="211125483017/eu-central-1")
    page.get_by_label("Title").fill(asks.TITLE)
    page.get_by_label("Why it is needed").fill(asks.REASON)
    page.get_by_role("button", name="Show what it makes").click()
    page.get_by_text("6 windows, 3 baselines and 3 patch groups").wait_for()
    look(page, "01-wizard")
    page.get_by_role("button", name="Submit request").click()
    page.wait_for_url(re.compile(r"/requests/\d+/$"))
    return "/" + page.url.split("/", 3)[3]


def ines_asks_for_changes(visit, look, ines, address):
    page = visit(address, as_=ines)
    look(page, "02-ines-decides")
    page.get_by_label("Reason").fill("Start an hour later, the shops close at nine.")
    page.get_by_role("button", name="Ask for changes").click()
    page.get_by_text("Changes asked for").first.wait_for()


def rita_answers(visit, look, rita, address):
    page = visit(address, as_=rita)
    look(page, "03-sent-back")
    page.get_by_role("link", name="Edit request").click()
    page.get_by_label("First zone starts at").select_option(label="21:00")
    look(page, "04-edit")
    page.get_by_role("button", name="Save and submit revision 2").click()
    page.wait_for_url(re.compile(r"/requests/\d+/$"))
    request = ChangeRequest.objects.get()
    assert (request.state, request.current.number) == (ChangeRequest.State.SUBMITTED, 2)


def approves(visit, look, person, address):
    page = visit("/requests/inbox/", as_=person)
    page.get_by_role("link", name=re.compile(re.escape(asks.TITLE))).first.click()
    page.wait_for_url(f"**{address}")
    look(page, f"05-{person.username}-decides")
    page.get_by_role("button", name="Approve revision 2").click()
    page.get_by_text("Approve revision 2").wait_for(state="detached")


def opal_sees_the_push(visit, look, opal):
    page = visit("/pushes/", as_=opal)
    look(page, "07-pushes")
    page.goto(page.url + f"{PushRun.objects.get().pk}/")
    expect(page.get_by_text("CreateMaintenanceWindow").first).to_be_visible()
    look(page, "08-push")


def net_compliance(visit, axel):
    """Compliant instances of payments as the compliance page shows them."""
    page = visit("/compliance/instances/?application=payments&status=compliant", as_=axel)
    return page.locator("#list tbody tr").count()


def axel_opens_every_number(visit, look, axel):
    page = visit("/compliance/", as_=axel)
    look(page, "09-compliance")
    numbers = [
        (link.inner_text(), link.get_attribute("href"))
        for link in page.locator("main a").all()
        if re.fullmatch(r"[\d,]+", link.inner_text().strip())
    ]
    assert len(numbers) > 20
    for text, href in dict.fromkeys(numbers):
        page.goto(page.url.split("/compliance/")[0] + href)
        shown = page.locator("[data-total]").first.get_attribute("data-total")
        assert int(shown) == int(text.replace(",", "")), href
    look(visit("/audit/", as_=axel), "10-audit")


def clara_sees_it_all(visit, look, clara):
    look(visit("/", as_=clara), "home")
    for path in (
        "/windows/",
        "/patch-groups/",
        "/baselines/",
        "/instances/",
        "/exemptions/",
        "/aws-accounts/",
    ):
        look(visit(path, as_=clara), f"11-{path.strip('/')}")


def noor_sees_nothing(visit, noor):
    for path in ("/requests/", "/windows/", "/patch-groups/", "/baselines/"):
        page = visit(path, as_=noor)
        expect(page.locator("main").get_by_text(re.compile("payments", re.I))).to_have_count(0)
