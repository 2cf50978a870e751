"""Documents leave as attachments: a name never becomes another header, and no browser opens one as a page."""

import pytest

from exemptions import serving
from exemptions.models import Document
from tests.exemptions import asks


@pytest.fixture
def document(cast):
    exemption = asks.submitted(cast["rita"])
    return exemption.documents.get()


@pytest.mark.parametrize(
    "name",
    ['a "quoted"; filename=run.exe.pdf', "back\\slash.pdf", "Erklärung.pdf", "a\r\nSet-Cookie: b=c.pdf"],
    ids=ascii,
)
def test_a_name_stays_one_value_of_one_header(document, cast, name):
    Document.objects.filter(pk=document.pk).update(name=name)
    document.refresh_from_db()
    answer = serving.attachment(document, by=cast["axel"])
    told = answer["Content-Disposition"]
    assert told.startswith("attachment; filename")
    assert "\r" not in told
    assert "\n" not in told
    assert told.count("filename") - name.count("filename") == 1
    assert not answer.has_header("Set-Cookie")


def test_it_is_bytes_to_every_browser_and_kept_by_none(document, cast):
    answer = serving.attachment(document, by=cast["axel"])
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Cache-Control"] == "private, no-store"
