"""Evidence files: what may be stored, checked by content, hashed, and read only through the log."""

import hashlib
import struct
import zipfile
from pathlib import PurePath

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction

from exemptions.models import Document, Exemption
from portal.governance import audit, clock
from portal.governance.errors import DomainError, FieldProblem, InvalidInput, NotAllowed
from portal.governance.models import User

MOST_DOCUMENTS = 10
MOST_UNPACKED = 100 * 1024 * 1024
MOST_MEMBERS = 2000
# extension → how its content begins, and the type it is called by
KINDS = {
    ".pdf": (b"%PDF-", "application/pdf"),
    ".png": (b"\x89PNG\r\n\x1a\n", "image/png"),
    ".jpg": (b"\xff\xd8\xff", "image/jpeg"),
    ".txt": (b"", "text/plain"),
    ".docx": (b"PK\x03\x04", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ".xlsx": (b"PK\x03\x04", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
}
MEMBER = {".docx": "word/document.xml", ".xlsx": "xl/workbook.xml"}
MACROS = "vbaproject.bin"
# how each entry of a zip file's directory begins: counting them needs no unpacking
DIRECTORY_ENTRY = b"PK\x01\x02"


def store(exemption: Exemption, upload: UploadedFile, *, by: User) -> Document:
    """Check one upload and keep it under a name of our own. Raises InvalidInput that says what is allowed."""
    name = name_of(upload)
    raise_unless_allowed(upload)
    sha256 = _sha256(upload)
    if problem := _too_many(exemption) or _twice(exemption, name, sha256):
        raise InvalidInput([FieldProblem("document", *problem)])
    upload.seek(0)
    return Document.objects.create(
        exemption=exemption,
        name=name,
        content_type=KINDS[_suffix(name)][1],
        size=upload.size or 0,
        sha256=sha256,
        file=upload,
        added_by=by,
        added_at=clock.now(),
    )


def raise_unless_allowed(upload: UploadedFile) -> None:
    """Raises InvalidInput for a file whose kind, size or content is not kept. Stores nothing."""
    if problem := _problem(upload, name_of(upload)):
        raise InvalidInput([FieldProblem("document", *problem)])


def name_of(upload: UploadedFile) -> str:
    """What people call it: no folders, nothing invisible, at most 200 characters and still with its ending."""
    name = "".join(one for one in (upload.name or "").replace("\\", "/") if one.isprintable())
    path = PurePath(PurePath(name).name)
    return f"{path.stem[: 200 - len(path.suffix)]}{path.suffix}" if len(path.suffix) < 20 else path.name[:200]


def read(document: Document, *, by: User) -> bytes:
    """Its bytes, after checking that they are still the ones that were hashed; the reading is audited.

    Raises NotAllowed for who may not see the exemption, DomainError when the file is gone or another one.
    """
    exemption = document.exemption
    if not Exemption.objects.visible_to(by).filter(pk=exemption.pk).exists():
        raise NotAllowed(f"You may not read the documents of {exemption.number}.")
    try:
        with document.file.open("rb") as stored:
            content = bytes(stored.read())
    except OSError:
        content = b""
    intact = hashlib.sha256(content).hexdigest() == document.sha256
    with transaction.atomic():
        audit.record(
            "exemptions.document.read" if intact else "exemptions.document.damaged",
            exemption,
            by=by,
            team=exemption.team,
            detail={"name": document.name, "sha256": document.sha256},
        )
    if not intact:
        raise DomainError(
            f"{document.name} is no longer what was uploaded; its digest differs. Tell an operator."
        )
    return content


def _suffix(name: str) -> str:
    return PurePath(name).suffix.lower().replace(".jpeg", ".jpg")


def _problem(upload: UploadedFile, name: str) -> tuple[str, str] | None:
    limit, suffix = settings.DOCUMENT_MAX_BYTES, _suffix(name)
    if suffix not in KINDS:
        return "type", f"“{name}” is not a kind of file that is kept; use {', '.join(KINDS)}."
    if not upload.size:
        return "empty", f"“{name}” is empty."
    if upload.size > limit:
        return "size", f"“{name}” has {upload.size:,} bytes; at most {limit:,} are kept."
    upload.seek(0)
    content = upload.read()
    if not content.startswith(KINDS[suffix][0]) or (suffix == ".txt" and b"\x00" in content):
        return "content", f"“{name}” does not contain what its ending {suffix} says."
    return _office_problem(upload, content, name, suffix) if suffix in MEMBER else None


def _office_problem(upload: UploadedFile, content: bytes, name: str, suffix: str) -> tuple[str, str] | None:
    too_much = "content", f"“{name}” unpacks to more than a document should."
    if content.count(DIRECTORY_ENTRY) > MOST_MEMBERS:
        return too_much
    upload.seek(0)
    try:
        with zipfile.ZipFile(upload) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError, struct.error):
        return "content", f"“{name}” cannot be opened as {suffix}."
    if MEMBER[suffix] not in {member.filename for member in members}:
        return "content", f"“{name}” does not contain what its ending {suffix} says."
    if any(member.filename.lower().endswith(MACROS) for member in members):
        return "content", f"“{name}” contains macros; save it without them."
    return too_much if sum(member.file_size for member in members) > MOST_UNPACKED else None


def _too_many(exemption: Exemption) -> tuple[str, str] | None:
    if exemption.documents.count() < MOST_DOCUMENTS:
        return None
    return "too_many", f"At most {MOST_DOCUMENTS} documents are kept with one exemption."


def _twice(exemption: Exemption, name: str, sha256: str) -> tuple[str, str] | None:
    known = exemption.documents.filter(sha256=sha256).first()
    return ("twice", f"“{name}” is attached already, as “{known.name}”.") if known else None


def _sha256(upload: UploadedFile) -> str:
    upload.seek(0)
    found = hashlib.sha256()
    for chunk in upload.chunks():
        found.update(chunk)
    return found.hexdigest()
