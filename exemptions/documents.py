"""Evidence files: what may be stored, checked by content, hashed, and read only through the log."""

import hashlib
import re
import unicodedata
from collections.abc import Collection
from pathlib import PurePath

from django.conf import settings
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.db.models import Sum

from exemptions import contents
from exemptions.models import Document, Exemption, document_path
from portal.governance import audit, clock
from portal.governance.errors import DomainError, FieldProblem, InvalidInput, NotAllowed
from portal.governance.models import User

MOST_DOCUMENTS = 10
LONGEST_NAME = 200
# extension → the type it is called by; what it may contain is said by contents.py
KINDS = {
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".txt": "text/plain",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
# endings of programs and pages: inside a name they are there to deceive
DECEIVING = re.compile(
    r"\.(exe|com|bat|cmd|scr|pif|msi|dll|lnk|jar|js|jse|vbs|vbe|wsf|hta|ps1|sh|py|php|html?|xhtml|svg)\.",
    re.I,
)
# names that Windows keeps for its devices, whatever follows the dot
DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])\s*\.", re.I)
# they turn the order of the letters around, so that a name reads as another one
DIRECTIONS = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def store(exemption: Exemption, upload: UploadedFile, *, by: User) -> Document:
    """Check one upload and keep it under a name of our own. Raises InvalidInput that says what is allowed."""
    name = name_of(upload)
    raise_unless_allowed(upload)
    sha256 = _sha256(upload)
    if problem := _too_many(exemption) or _twice(exemption, name, sha256) or _no_room(exemption, upload):
        raise InvalidInput([FieldProblem("document", *problem)])
    upload.seek(0)
    return Document.objects.create(
        exemption=exemption,
        name=name,
        content_type=KINDS[_suffix(name)],
        size=upload.size or 0,
        sha256=sha256,
        file=_keep(upload),
        added_by=by,
        added_at=clock.now(),
    )


def carry_over(renewed: Exemption, renewal: Exemption, names: Collection[str]) -> None:
    """Let a renewal name the same stored files; who added them stays an author of it too."""
    for one in renewed.documents.filter(name__in=names):
        Document.objects.create(
            exemption=renewal,
            name=one.name,
            content_type=one.content_type,
            size=one.size,
            sha256=one.sha256,
            file=one.file.name,
            added_by=one.added_by,
            added_at=one.added_at,
        )


def _keep(upload: UploadedFile) -> str:
    """Where its bytes lie now. When there is no room for all of them, none stay; raises OSError."""
    path = document_path(Document(), name_of(upload))
    try:
        return default_storage.save(path, upload)
    except OSError:
        default_storage.delete(path)
        raise


def raise_unless_allowed(upload: UploadedFile) -> None:
    """Raises InvalidInput for a file whose kind, size or content is not kept. Stores nothing."""
    if problem := _problem(upload, name_of(upload)):
        raise InvalidInput([FieldProblem("document", *problem)])


def name_of(upload: UploadedFile) -> str:
    """What people call it: no folders, and nothing that is not seen."""
    name = "".join(one for one in (upload.name or "").replace("\\", "/") if one.isprintable())
    return PurePath(name).name


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
    if problem := _name_problem(upload.name or "", name):
        return "name", problem
    if suffix not in KINDS:
        return "type", f"“{name}” is not a kind of file that is kept; use {', '.join(KINDS)}."
    if not upload.size:
        return "empty", f"“{name}” is empty."
    if upload.size > limit:
        return "size", f"“{name}” has {upload.size:,} bytes; at most {limit:,} are kept."
    upload.seek(0)
    try:
        contents.check(upload.read(), suffix)
    except contents.Refused as refused:
        return "content", str(refused).replace("{suffix}", suffix).replace("{name}", name)
    return None


def _name_problem(sent: str, name: str) -> str | None:
    if any(one in DIRECTIONS or unicodedata.category(one) == "Cc" for one in sent):
        return f"The name “{name}” contains characters that cannot be seen; rename the file."
    if len(name) > LONGEST_NAME:
        return f"The name “{name[:40]}…” has {len(name)} characters; at most {LONGEST_NAME} are kept."
    if DEVICE.match(name):
        return f"“{name}” begins like a device of Windows, which cannot save it; rename it, such as a-{name}."
    if DECEIVING.search(name):
        return f"“{name}” has two endings; rename it to one, such as statement.pdf."
    return None


def _too_many(exemption: Exemption) -> tuple[str, str] | None:
    if exemption.documents.count() < MOST_DOCUMENTS:
        return None
    return "too_many", f"At most {MOST_DOCUMENTS} documents are kept with one exemption."


def _twice(exemption: Exemption, name: str, sha256: str) -> tuple[str, str] | None:
    known = exemption.documents.filter(sha256=sha256).first()
    return ("twice", f"“{name}” is attached already, as “{known.name}”.") if known else None


def _no_room(exemption: Exemption, upload: UploadedFile) -> tuple[str, str] | None:
    """A team's documents share a room; what a renewal carries over lies there once."""
    stored = Document.objects.filter(exemption__team=exemption.team_id).order_by().values("file", "size")
    used, limit = (
        stored.distinct().aggregate(used=Sum("size"))["used"] or 0,
        settings.DOCUMENTS_TEAM_MAX_BYTES,
    )
    if used + (upload.size or 0) <= limit:
        return None
    return "quota", (
        f"The documents of {exemption.team} have {used:,} of {limit:,} bytes already, so this one does not fit. "
        "Send a smaller file, such as the page that matters; an operator can raise DOCUMENTS_TEAM_MAX_BYTES."
    )


def _sha256(upload: UploadedFile) -> str:
    upload.seek(0)
    found = hashlib.sha256()
    for chunk in upload.chunks():
        found.update(chunk)
    return found.hexdigest()
