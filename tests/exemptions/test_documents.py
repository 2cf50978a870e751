"""Evidence files: which are kept, how, and who reads them."""

import io
import os
import zipfile

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile, TemporaryUploadedFile
from hypothesis import given
from hypothesis import strategies as st

from exemptions import documents, workflow
from exemptions.models import Document
from portal.governance import audit
from portal.governance.errors import DomainError, InvalidInput, NotAllowed
from tests.exemptions import asks

WORD = asks.office("word/document.xml")
EXCEL = asks.office("xl/workbook.xml")


@pytest.fixture
def exemption(cast):
    return asks.drafted(cast["rita"])


def attach(exemption, cast, name, content):
    return workflow.attach(exemption, asks.document(name, content), by=cast["rita"])


@pytest.mark.parametrize(
    ("name", "content", "called"),
    [
        ("statement.pdf", b"%PDF-1.7 signed", "application/pdf"),
        ("screen.png", b"\x89PNG\r\n\x1a\n....", "image/png"),
        ("scan.JPEG", b"\xff\xd8\xff\xe0....", "image/jpeg"),
        ("note.txt", "Loses 3 of 10 messages – measured twice.".encode(), "text/plain"),
        ("letter.docx", WORD, documents.KINDS[".docx"][1]),
        ("hosts.xlsx", EXCEL, documents.KINDS[".xlsx"][1]),
    ],
)
def test_these_kinds_are_kept(exemption, cast, name, content, called):
    document = attach(exemption, cast, name, content)
    assert (document.name, document.content_type, document.size) == (name, called, len(content))
    assert documents.read(document, by=cast["rita"]) == content


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("run.exe", b"MZ\x90\x00", "type"),
        ("page.html", b"<script>alert(1)</script>", "type"),
        ("picture.svg", b"<svg onload='alert(1)'/>", "type"),
        ("no ending", b"%PDF-1.7", "type"),
        ("", b"%PDF-1.7", "type"),
        ("statement.pdf.exe", b"%PDF-1.7", "type"),
        ("empty.pdf", b"", "empty"),
        ("statement.pdf", b"MZ\x90\x00 a program", "content"),
        ("screen.png", b"%PDF-1.7", "content"),
        ("note.txt", b"text" * 1000 + b"\x00\x01", "content"),
        ("letter.docx", b"PK\x03\x04 cut short", "content"),
        ("letter.docx", EXCEL, "content"),
        ("hosts.xlsx", WORD, "content"),
        ("letter.docx", asks.office(**{"word/vbaProject.bin": b"macro"}), "content"),
    ],
)
def test_nothing_else_is_kept(exemption, cast, name, content, code):
    with pytest.raises(InvalidInput) as raised:
        attach(exemption, cast, name or "x", content)
    assert [(one.field, one.code) for one in raised.value.problems] == [("document", code)]
    assert not Document.objects.exists()


def test_a_document_over_the_limit_is_refused_with_both_figures(exemption, cast, settings):
    settings.DOCUMENT_MAX_BYTES = 2000
    assert attach(exemption, cast, "fits.pdf", b"%PDF-" + b"x" * 1995)
    with pytest.raises(InvalidInput, match="has 2,001 bytes; at most 2,000 are kept"):
        attach(exemption, cast, "big.pdf", b"%PDF-" + b"x" * 1996)


def test_a_bomb_is_refused_without_being_unpacked(exemption, cast, monkeypatch):
    monkeypatch.setattr(documents, "MOST_UNPACKED", 1_000_000)
    bomb = asks.office(**{"word/media/zeros.bin": b"\x00" * 1_000_001})
    assert len(bomb) < 5_000
    with pytest.raises(InvalidInput, match="unpacks to more"):
        attach(exemption, cast, "bomb.docx", bomb)


def test_too_many_members_are_counted_before_the_file_is_opened(exemption, cast, monkeypatch):
    monkeypatch.setattr(zipfile, "ZipFile", None)
    crowd = WORD + documents.DIRECTORY_ENTRY * (documents.MOST_MEMBERS + 1)
    with pytest.raises(InvalidInput, match="unpacks to more"):
        attach(exemption, cast, "crowd.docx", crowd)


@given(cut=st.integers(0, len(WORD) - 1), byte=st.integers(0, 255))
def test_a_damaged_office_file_is_refused_or_kept_and_never_an_error(cut, byte):
    damaged = WORD[:cut] + bytes([byte]) + WORD[cut + 1 :]
    refused = False
    try:
        documents.raise_unless_allowed(SimpleUploadedFile("letter.docx", damaged))
    except InvalidInput:
        refused = True
    assert not refused or damaged != WORD


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("../../etc/passwd.pdf", "passwd.pdf"),
        ("C:\\Users\\rita\\statement.pdf", "statement.pdf"),
        ("invoice\u202efdp.pdf", "invoicefdp.pdf"),
        ("line\r\nbreak\x00.pdf", "linebreak.pdf"),
        ("a" * 300 + ".pdf", "a" * 196 + ".pdf"),
        ("Erklärung des Herstellers.pdf", "Erklärung des Herstellers.pdf"),
    ],
)
def test_a_name_is_kept_for_people_and_never_becomes_a_path(exemption, cast, sent, kept):
    upload = asks.document()
    upload._name = sent  # past Django's own cleaning, as another door might
    document = workflow.attach(exemption, upload, by=cast["rita"])
    assert document.name == kept
    assert document.file.name.startswith("exemptions/")
    assert "pdf" not in document.file.name


@pytest.mark.parametrize("spooled", [False, True])
def test_files_lie_private(exemption, cast, spooled):
    upload = asks.document()
    if spooled:  # what a large upload arrives as
        upload = TemporaryUploadedFile("large.pdf", "application/pdf", 15, None)
        upload.write(b"%PDF-1.7 signed")
        upload.flush()
        os.chmod(upload.temporary_file_path(), 0o644)
    path = workflow.attach(exemption, upload, by=cast["rita"]).file.path
    upload.close()

    assert path.startswith(str(settings.MEDIA_ROOT))
    assert os.stat(path).st_mode & 0o777 == 0o600
    assert os.stat(os.path.dirname(path)).st_mode & 0o777 == 0o700


def test_the_same_content_is_not_attached_twice(exemption, cast):
    attach(exemption, cast, "first.pdf", b"%PDF-same")
    with pytest.raises(InvalidInput, match="attached already, as “first.pdf”"):
        attach(exemption, cast, "second.pdf", b"%PDF-same")


def test_at_most_ten_documents_are_kept(exemption, cast):
    for number in range(documents.MOST_DOCUMENTS):
        attach(exemption, cast, f"{number}.pdf", b"%%PDF-%d" % number)
    with pytest.raises(InvalidInput, match="At most 10 documents"):
        attach(exemption, cast, "eleventh.pdf", b"%PDF-eleventh")


def test_every_reading_is_on_record(exemption, cast):
    document = attach(exemption, cast, "statement.pdf", b"%PDF-1.7")
    for name in ("omar", "axel"):
        documents.read(document, by=cast[name])
    readings = audit.timeline(exemption).filter(action="exemptions.document.read")
    assert [(entry.actor.username, entry.detail["name"]) for entry in readings] == [
        ("omar", "statement.pdf"),
        ("axel", "statement.pdf"),
    ]


@pytest.mark.parametrize("name", ["noor", "adam"])
def test_who_may_not_see_the_exemption_reads_nothing(exemption, cast, name):
    document = attach(exemption, cast, "statement.pdf", b"%PDF-1.7")
    with pytest.raises(NotAllowed):
        documents.read(document, by=cast[name])


@pytest.mark.parametrize("damage", ["changed", "gone"])
def test_a_file_that_is_no_longer_the_one_uploaded_is_not_handed_out(exemption, cast, damage):
    document = attach(exemption, cast, "statement.pdf", b"%PDF-1.7")
    if damage == "gone":
        os.unlink(document.file.path)
    else:
        with open(document.file.path, "wb") as stored:
            stored.write(b"%PDF-1.7 and more")
    with pytest.raises(DomainError, match="its digest differs"):
        documents.read(document, by=cast["axel"])
    assert audit.timeline(exemption).filter(action="exemptions.document.damaged").count() == 1


def test_a_zip_with_a_broken_name_is_refused(exemption, cast):
    broken = io.BytesIO(WORD.replace(b"word/document.xml", b"word/docum\xff\xfet.xml"))
    with pytest.raises(InvalidInput):
        attach(exemption, cast, "letter.docx", broken.getvalue())
