"""What a visitor of the demo does first, in a real browser."""

import re

import pytest
from playwright.sync_api import expect

from portal.governance import clock, outbox

pytestmark = pytest.mark.browser


def test_a_visitor_becomes_rita_lets_a_day_pass_and_becomes_clara(visit, cast, simulated_aws, barriers):
    clock.set_to(simulated_aws.now)
    outbox.tell(cast["clara"], event="test", key="1", subject="For Clara", body="Hello")
    page = visit("/accounts/login/?next=/demo/mail/")
    assert barriers(page) == []

    page.get_by_role("button", name=re.compile("Rita Braun")).click()
    page.wait_for_url("**/demo/mail/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Mail")
    assert barriers(page) == []

    before = simulated_aws.now
    with page.expect_navigation():
        page.get_by_role("button", name="1 day").click()
    assert (simulated_aws.now - before).days == 1
    assert abs((clock.now() - simulated_aws.now).total_seconds()) < 60

    expect(page.get_by_text("For Clara")).to_have_count(0)
    page.get_by_text("Be someone else").click()
    page.get_by_role("button", name=re.compile("Clara Weiss")).click()
    page.get_by_text("For Clara").click()
    expect(page.get_by_text("Hello")).to_be_visible()
