"""A discussion in a real browser: a blocking comment, its resolving, and what changed since somebody looked."""

import pytest
from playwright.sync_api import expect

from exemptions import workflow
from portal.governance import conversation
from tests.browser.looks import PHONE
from tests.exemptions import asks

pytestmark = pytest.mark.browser
FITS = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"


def test_ivan_blocks_clara_reads_what_changed_and_resolves(visit, cast, barriers):
    exemption = asks.submitted(cast["rita"])
    address = f"/exemptions/{exemption.pk}/"
    visit(address, as_=cast["clara"], viewport=PHONE, color_scheme="dark")
    page = visit(address, as_=cast["ivan"])
    page.get_by_label("Comment").fill("Show the vendor's word, @rita.")
    page.get_by_label("Blocks approval until it is resolved").check()
    page.get_by_role("button", name="Send comment").click()
    page.get_by_text("Blocks approval", exact=True).wait_for()
    page.get_by_label("Comment").fill("Their last word was wrong.")
    page.get_by_label("Private note").check()
    page.get_by_role("button", name="Send comment").click()
    page.get_by_text("Private note", exact=True).first.wait_for()
    assert barriers(page) == []
    wish = asks.wish(list(exemption.instances.all()), title="Keep the switch out until its update")
    workflow.revise(exemption, by=cast["rita"], note="The vendor's word is attached.", **wish)

    page = visit(address, as_=cast["clara"], viewport=PHONE, color_scheme="dark")
    page.get_by_role("heading", name="Since you last looked").wait_for()
    expect(page.get_by_text("Approval is blocked.")).to_be_visible()
    assert barriers(page) == []
    assert page.evaluate(FITS)
    page.get_by_role("button", name="Resolve comment by Ivan Petrov").click()
    page.get_by_text("Clara Weiss resolved it").wait_for()
    assert not conversation.open_blocking(exemption).exists()
