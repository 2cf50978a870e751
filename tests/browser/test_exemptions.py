"""Exemptions in a real browser: asked for with a file, bargained over, decided, enforced and over again."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from exemptions import ending
from exemptions.models import Exemption
from patching import clones
from patching.models import PushRun
from portal.governance import clock
from portal.governance.templatetags.governance import display_zone
from tests.browser.looks import PHONE
from tests.exemptions import asks
from tests.stories.test_patch_exclusion import UPDATE, group_of, tag_of, two_nodes_of_one_group

pytestmark = pytest.mark.browser
# the story of tests/stories/test_exemption_rest.py: prod is patched on the 20th of June
ASKED_AT = datetime(2026, 6, 11, 6, tzinfo=UTC)
AFTER_PROD = datetime(2026, 6, 21, 6, tzinfo=UTC)
END = datetime(2026, 6, 25, 12, tzinfo=UTC)
EVIDENCE = {"name": "vendor.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7 signed\n%%EOF"}
CONDITION = "the print spooler stays disabled on it."


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_clara_offers_less_and_rita_accepts_what_is_then_enforced_and_ends(visit, look, at_work):
    company, people = at_work, at_work.people
    company.go_to(ASKED_AT)
    node, other = two_nodes_of_one_group()
    address = rita_asks_for_both(visit, look, people["rita"], node, other)
    clara_offers_one(visit, look, people["clara"], address, other)
    rita_accepts(visit, look, people["rita"], address, node, other)
    ivan_agrees(visit, look, people["ivan"], address)

    assert company.push().state == PushRun.State.SUCCEEDED
    side = clones.side_group(group_of(node).name, [UPDATE])
    assert (tag_of(company, node), tag_of(company, other)) == (side, group_of(node).name)
    page = visit(address, as_=people["rita"])
    expect(page.get_by_text("1 of 1 enforced, as read back from AWS")).to_be_visible()
    look(page, "25-enforced")

    company.go_to(AFTER_PROD)
    the_pages_show_all_three_words(visit, look, people["axel"], node)
    it_ends_without_the_portal_which_then_agrees(visit, look, company, address, node)


def rita_asks_for_both(visit, look, rita, *nodes):
    page = visit("/exemptions/ask/?application=payments", as_=rita)
    page.get_by_label("Leave named patches off instances").check()
    page.get_by_label("Title").fill("Leave June's update off the switch")
    for node in nodes:
        page.get_by_label(str(node), exact=True).check()
    page.get_by_label("Other patches").fill(UPDATE)
    page.get_by_label("Ends").fill(
        f"{(ASKED_AT + timedelta(days=20)).astimezone(display_zone()):%Y-%m-%dT%H:%M}"
    )
    page.get_by_label("What breaks when they are patched").fill(asks.REASON)
    page.get_by_label("What was tried").fill("The vendor's hotfix, on a clone.")
    page.get_by_label("How it will be fixed").fill("Version 5 of the switch, in two weeks.")
    page.get_by_label("Who can reach them").select_option("internal")
    page.get_by_label("What data they hold").select_option("confidential")
    page.get_by_label("Control 1: what it does").fill(asks.CONTROLS)
    page.get_by_label("Documents").set_input_files(EVIDENCE)
    look(page, "20-rita-asks")
    page.get_by_role("button", name="Submit exemption").click()
    page.get_by_text("It waits for CISO and Security operations").wait_for()
    look(page, "21-submitted")
    return f"/exemptions/{Exemption.objects.get().pk}/"


def clara_offers_one(visit, look, clara, address, given_up):
    page = visit("/exemptions/inbox/", as_=clara)
    page.get_by_role("link", name=re.compile("Leave June's update off")).first.click()
    page.wait_for_url(f"**{address}")
    page.get_by_text("Offer less: shorter, narrower or on a condition").click()
    page.get_by_label("Earlier end").fill(f"{END.astimezone(display_zone()):%Y-%m-%dT%H:%M}")
    page.get_by_label(str(given_up), exact=True).uncheck()
    page.get_by_label("Only on the condition that").fill(CONDITION)
    page.get_by_label("Why less").fill("One node is enough to see the vendor's fix.")
    look(page, "22-clara-offers")
    page.get_by_role("button", name="Send counter-offer").click()
    page.get_by_text("has your offer").wait_for()


def rita_accepts(visit, look, rita, address, node, other):
    page = visit(address, as_=rita)
    offer = page.get_by_role("region", name="Clara Weiss offers less")
    difference = offer.get_by_role("table", name="What was asked and what is offered")
    told = difference.inner_text()
    assert other.instance_id in told
    assert CONDITION in told
    assert "25 Jun 2026" in told
    look(page, "23-the-offer")
    offer.get_by_role("button", name="Accept offer").click()
    page.get_by_text("You accepted the offer").wait_for()
    assert [one.pk for one in Exemption.objects.get().instances.all()] == [node.pk]


def ivan_agrees(visit, look, ivan, address):
    page = visit(address, as_=ivan)
    page.get_by_role("button", name=re.compile("Approve revision")).click()
    page.get_by_text("You approved revision").wait_for()
    expect(page.get_by_text("Active", exact=True).first).to_be_visible()
    look(page, "24-active")


def the_pages_show_all_three_words(visit, look, axel, node):
    page = visit("/compliance/", as_=axel)
    look(page, "26-compliance")
    for status in ("hidden", "excused", "ssm_compliant", "net_compliant", "non_compliant"):
        page = visit(f"/compliance/instances/?application=payments&status={status}&q=", as_=axel)
        expect(page.get_by_role("link", name=str(node), exact=True).first).to_be_visible()
    look(page, "27-still-not-compliant")


def it_ends_without_the_portal_which_then_agrees(visit, look, company, address, node):
    later = END + timedelta(minutes=5)
    company.aws.advance(to=later)
    clock.set_to(later)
    assert tag_of(company, node) == group_of(node).name
    page = visit(address, as_=company.people["rita"])
    expect(page.get_by_text("Its time is over.")).to_be_visible()
    look(page, "28-its-time-is-over")
    ending.settle()
    company.push()
    ending.settle()
    page = visit(address, as_=company.people["rita"])
    expect(page.get_by_text("1 of 1 restored, as read back from AWS")).to_be_visible()
    look(page, "29-restored")


def test_rita_asks_with_a_document_and_clara_decides(visit, cast, barriers):
    server, _ = asks.servers()
    page = visit("/exemptions/ask/", as_=cast["rita"])
    assert barriers(page) == []
    page.get_by_label("Title").fill(asks.TITLE)
    page.get_by_label(str(server), exact=True).check()
    page.get_by_label("What breaks when they are patched").fill(asks.REASON)
    page.get_by_label("What was tried").fill("The vendor's hotfix, on a clone.")
    page.get_by_label("How it will be fixed").fill("Version 5 of the switch, in two weeks.")
    page.get_by_label("Who can reach them").select_option("internal")
    page.get_by_label("What data they hold").select_option("confidential")
    page.get_by_label("Control 1: what it does").fill(asks.CONTROLS)
    page.get_by_label("Documents").set_input_files(EVIDENCE)
    page.get_by_role("button", name="Submit exemption").click()
    page.get_by_text("It waits for CISO").wait_for()
    exemption = Exemption.objects.get()

    page = visit(f"/exemptions/{exemption.pk}/", as_=cast["clara"], viewport=PHONE, color_scheme="dark")
    assert barriers(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    with page.expect_download() as download:
        page.get_by_role("link", name="vendor.pdf").click()
    assert download.value.suggested_filename == "vendor.pdf"
    page.get_by_role("button", name=re.compile("Approve revision")).click()
    page.get_by_text("You approved revision 2").wait_for()
    exemption.refresh_from_db()
    assert exemption.state == Exemption.State.APPROVED


def test_the_register_filters_without_reloading(visit, cast, barriers):
    asks.drafted(cast["rita"])
    page = visit("/exemptions/", as_=cast["rita"])
    assert barriers(page) == []
    page.get_by_label("State").select_option("active")
    page.get_by_text("No exemption matches").wait_for()
    assert "state=active" in page.url
