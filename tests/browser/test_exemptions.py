"""An exemption in a real browser: asked for with a file, decided, and free of barriers on the way."""

import re

import pytest

from exemptions.models import Exemption
from tests.exemptions import asks

pytestmark = pytest.mark.browser
PHONE = {"width": 390, "height": 844}


def test_rita_asks_with_a_document_and_clara_decides(visit, cast, barriers):
    server, _ = asks.servers()
    page = visit("/exemptions/ask/", as_=cast["rita"])
    assert barriers(page) == []
    page.get_by_label("Title").fill(asks.TITLE)
    page.get_by_label(str(server), exact=True).check()
    page.get_by_label("Why they cannot be patched").fill(asks.REASON)
    page.get_by_label("What protects them meanwhile").fill(asks.CONTROLS)
    evidence = {"name": "vendor.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7 signed"}
    page.get_by_label("Documents").set_input_files(evidence)
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
