"""What a visitor of the demo does first, in a real browser."""

import re

import pytest

from portal.governance import clock, outbox

pytestmark = pytest.mark.browser


def test_a_visitor_becomes_rita_lets_a_day_pass_and_becomes_clara(visit, cast, simulated_aws, barriers):
    clock.set_to(simulated_aws.now)
    outbox.tell(cast["clara"], event="test", key="1", subject="For Clara", body="Hello")
    page = visit("/accounts/login/?next=/demo/mail/")
    assert barriers(page) == []

    page.get_by_role("button", name=re.compile("Rita Braun")).click()
    page.wait_for_url("**/demo/mail/")
    assert page.get_by_role("heading", level=1).inner_text() == "Mail"
    assert barriers(page) == []

    before = simulated_aws.now
    page.get_by_role("button", name="1 day").click()
    page.get_by_role("heading", level=1).wait_for()
    assert (simulated_aws.now - before).days == 1
    assert abs((clock.now() - simulated_aws.now).total_seconds()) < 60

    assert page.get_by_text("For Clara").count() == 0
    page.get_by_text("Be someone else").click()
    page.get_by_role("button", name=re.compile("Clara Weiss")).click()
    page.get_by_text("For Clara").click()
    assert page.get_by_text("Hello").is_visible()
