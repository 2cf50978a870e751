"""Evidence files: what may be stored, checked by content, hashed, and read only through the log."""

import hashlib
import zipfile
from pathlib import PurePath

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction

from exemptions.models import Document, Exemption
from portal.governance import audit, clock
from portal.governance.errors import DomainError, FieldProblem, InvalidInput
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


def store(exemption: Exemption, upload: UploadedFile, *, by: User) -> Document:
    """Check one upload and keep it under a name of our own. Raises InvalidInput that says what is allowed."""
    name = PurePath((upload.name or "").replace("\\", "/")).name[:200]
    suffix = PurePath(name).suffix.lower().replace(".jpeg", ".jpg")
    problem = _problem(upload, name, suffix) or _too_many(exemption)
    if problem:
        raise InvalidInput([FieldProblem("document", *problem)])
    upload.seek(0)
    return Document.objects.create(
        exemption=exemption,
        name=name,
        content_type=KINDS[suffix][1],
        size=upload.size or 0,
        sha256=_sha256(upload),
        file=upload,
        added_by=by,
        added_at=clock.now(),
    )


@transaction.atomic
def read(document: Document, *, by: User) -> bytes:
    """Its bytes, after checking that they are still the ones that were hashed; the reading is audited."""
    with document.file.open("rb") as stored:
        content = stored.read()
    if hashlib.sha256(content).hexdigest() != document.sha256:
        raise DomainError(
            f"{document.name} is no longer what was uploaded; its digest differs. Tell an operator."
        )
    audit.record(
        "exemptions.document.read",
        document.exemption,
        by=by,
        team=document.exemption.team,
        detail={"name": document.name, "sha256": document.sha256},
    )
    return bytes(content)


def _problem(upload: UploadedFile, name: str, suffix: str) -> tuple[str, str] | None:
    limit = settings.DOCUMENT_MAX_BYTES
    if suffix not in KINDS:
        return "type", f"“{name}” is not a kind of file that is kept; use {', '.join(KINDS)}."
    if not upload.size:
        return "empty", f"“{name}” is empty."
    if upload.size > limit:
        return "size", f"“{name}” has {upload.size:,} bytes; at most {limit:,} are kept."
    upload.seek(0)
    start = upload.read(2048)
    if not start.startswith(KINDS[suffix][0]) or (suffix == ".txt" and b"\x00" in start):
        return "content", f"“{name}” does not contain what its ending {suffix} says."
    return _office_problem(upload, name, suffix) if suffix in MEMBER else None


def _office_problem(upload: UploadedFile, name: str, suffix: str) -> tuple[str, str] | None:
    upload.seek(0)
    try:
        with zipfile.ZipFile(upload) as archive:  # type: ignore[arg-type]
            members = archive.infolist()
    except zipfile.BadZipFile:
        return "content", f"“{name}” cannot be opened as {suffix}."
    if MEMBER[suffix] not in {member.filename for member in members}:
        return "content", f"“{name}” does not contain what its ending {suffix} says."
    if len(members) > MOST_MEMBERS or sum(member.file_size for member in members) > MOST_UNPACKED:
        return "content", f"“{name}” unpacks to more than a document should."
    return None


def _too_many(exemption: Exemption) -> tuple[str, str] | None:
    if exemption.documents.count() < MOST_DOCUMENTS:
        return None
    return "too_many", f"At most {MOST_DOCUMENTS} documents are kept with one exemption."


def _sha256(upload: UploadedFile) -> str:
    upload.seek(0)
    found = hashlib.sha256()
    for chunk in upload.chunks():
        found.update(chunk)
    return found.hexdigest()
