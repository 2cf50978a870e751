"""What a document may hold, kind by kind: it is what its ending says, whole, and nothing in it acts by itself. Pure."""

import io
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from xml.parsers import expat

MOST_UNPACKED = 100 * 1024 * 1024
MOST_MEMBERS = 2000
MOST_RATIO = 150  # unpacked to packed, of a member that unpacks to more than a megabyte
MOST_PIXELS = 60_000_000
LONGEST_SIDE = 30_000
MOST_LINKS_BYTES = 4 * 1024 * 1024
MEGABYTE = 1024 * 1024
# how each entry of a zip file's directory begins: counting them needs no unpacking
DIRECTORY_ENTRY = b"PK\x01\x02"
ARCHIVE_END = b"PK\x05\x06"
ARCHIVE_END_SIZE = 22
ARCHIVE_TAIL = 65_535 + ARCHIVE_END_SIZE  # a reader looks for an archive's end in so many last bytes
OLE, PROGRAM = b"\xd0\xcf\x11\xe0", b"MZ"
MARKUP = re.compile(rb"<script|<html[\s>]|<svg[\s>]|<iframe|<\?php|javascript:", re.I)

# what reading an archive or its parts raises when it is damaged, encrypted or packed in a way that is not kept
UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    expat.ExpatError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    OSError,
    EOFError,
)

NOT_THAT = "“{name}” does not contain what its ending {suffix} says."
TOO_MUCH = "“{name}” unpacks to more than a document should."
CUT_SHORT = "“{name}” is cut short or damaged; save it anew."
MORE_AFTER_END = "“{name}” goes on after its end; save it anew."
SCRIPTS = "“{name}” contains a script or a web page; print it to PDF."
ACTIVE_PDF = "“{name}” contains {what}; print it to PDF anew, without it."


class Refused(Exception):
    """Why a content is not kept: a sentence with places for the file's name and ending."""


def check(content: bytes, suffix: str) -> None:
    """Raises Refused for content that is not wholesome for a file with this ending, such as ".pdf"."""
    CHECKS[suffix](content, suffix)


# Text


def _text(content: bytes, suffix: str) -> None:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Refused("“{name}” is not text in UTF-8; save it as such.") from None
    if any(one < " " and one not in "\t\n\r\f" for one in text) or "\x7f" in text:
        raise Refused(NOT_THAT)
    if re.match(r"\s*(<!doctype|<\?|<html|<svg|<script|#!|\{\\rtf|%PDF-)", text, re.I):
        raise Refused(NOT_THAT)


# PDF

PDF_NAMES = {
    b"JavaScript": "a script",
    b"Launch": "a command that starts programs",
    b"EmbeddedFile": "attached files",
    b"EmbeddedFiles": "attached files",
    b"RichMedia": "embedded media",
    b"XFA": "an active form",
    b"SubmitForm": "a form that sends data",
    b"ImportData": "a form that reads data",
    b"GoToE": "a jump into an attached file",
    b"GoToR": "a jump into another file",
    b"Encrypt": "encryption",
}
PDF_NAME = re.compile(rb"/(" + b"|".join(PDF_NAMES) + rb")(?=[\s/<>()\[\]%]|$)")
# showing a place when it opens is harmless, anything else is not
PDF_OPENS = re.compile(rb"/OpenAction(?!\s*\[)(?=[\s/<(\[]|$)")
PDF_ESCAPE = re.compile(rb"#([0-9A-Fa-f]{2})")
PDF_STREAM = re.compile(rb"stream\r?\n")
HEAD_OF_STREAM = 2000


def _pdf(content: bytes, suffix: str) -> None:
    if not re.match(rb"%PDF-\d\.\d", content):
        raise Refused(NOT_THAT)
    end = content.rfind(b"%%EOF")
    if end < 0:
        raise Refused(CUT_SHORT)
    if content[end + len(b"%%EOF") :].strip(b"\r\n\t \x00"):
        raise Refused(MORE_AFTER_END)
    _no_markup_or_archive(content)
    left = MOST_UNPACKED
    _no_active_pdf(content)
    for unpacked in _object_streams(content):
        left -= len(unpacked)
        if left < 0:
            raise Refused(TOO_MUCH)
        _no_active_pdf(unpacked)


def _no_active_pdf(content: bytes) -> None:
    """Names may be written with escapes, such as /J#61vaScript."""
    plain = PDF_ESCAPE.sub(lambda found: bytes([int(found[1], 16)]), content)
    if found := PDF_NAME.search(plain):
        raise Refused(ACTIVE_PDF.replace("{what}", PDF_NAMES[found[1]]))
    if PDF_OPENS.search(plain):
        raise Refused(ACTIVE_PDF.replace("{what}", "an action that runs when it opens"))


def _object_streams(content: bytes) -> Iterator[bytes]:
    """The objects that a PDF keeps packed, unpacked."""
    view = memoryview(content)
    for found in PDF_STREAM.finditer(content):
        head = content[max(0, found.start() - HEAD_OF_STREAM) : found.start()]
        head = PDF_ESCAPE.sub(lambda one: bytes([int(one[1], 16)]), head[head.rfind(b"obj") + 1 :])
        if b"/ObjStm" not in head or b"Decode" not in head:
            continue
        if set(re.findall(rb"/(\w+Decode)\b", head)) != {b"FlateDecode"}:
            raise Refused(CUT_SHORT)
        try:
            unpacked = zlib.decompressobj().decompress(view[found.end() :], MOST_UNPACKED + 1)
        except zlib.error:
            raise Refused(CUT_SHORT) from None
        yield unpacked


# Pictures

PNG_START = b"\x89PNG\r\n\x1a\n"
PNG_HEADER = 13
JPEG_ALONE = {0x01, *range(0xD0, 0xD8)}  # markers without a length
JPEG_FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
JPEG_SCAN, JPEG_END = 0xDA, 0xD9


def _png(content: bytes, suffix: str) -> None:
    if not content.startswith(PNG_START):
        raise Refused(NOT_THAT)
    at, seen = len(PNG_START), list[bytes]()
    while b"IEND" not in seen:
        if at + 12 > len(content):
            raise Refused(CUT_SHORT)
        length, kind = struct.unpack_from(">I4s", content, at)
        body = content[at + 4 : at + 8 + length]
        if len(body) < 4 + length or content[at + 8 + length : at + 12 + length] != struct.pack(
            ">I", zlib.crc32(body)
        ):
            raise Refused(CUT_SHORT)
        if not seen:
            if kind != b"IHDR" or length != PNG_HEADER:
                raise Refused(NOT_THAT)
            _raise_if_huge(*struct.unpack_from(">II", body, 4))
        seen.append(kind)
        at += 12 + length
    if b"IDAT" not in seen:
        raise Refused(CUT_SHORT)
    if at != len(content):
        raise Refused(MORE_AFTER_END)
    _no_markup_or_archive(content)


def _jpeg(content: bytes, suffix: str) -> None:
    if not content.startswith(b"\xff\xd8\xff"):
        raise Refused(NOT_THAT)
    at, framed, scanned = 2, False, False
    while True:
        marker, at = _next_marker(content, at)
        if marker == JPEG_END:
            break
        if marker in JPEG_ALONE:
            continue
        if at + 2 > len(content):
            raise Refused(CUT_SHORT)
        (length,) = struct.unpack_from(">H", content, at)
        if length < 2 or at + length > len(content):
            raise Refused(CUT_SHORT)
        if marker in JPEG_FRAMES and length >= 8:
            height, width = struct.unpack_from(">HH", content, at + 3)
            _raise_if_huge(width, height)
            framed = True
        scanned = scanned or marker == JPEG_SCAN
        at += length
    if not (framed and scanned):
        raise Refused(CUT_SHORT)
    if content[at:].strip(b"\x00"):
        raise Refused(MORE_AFTER_END)
    _no_markup_or_archive(content)


def _next_marker(content: bytes, at: int) -> tuple[int, int]:
    """The next marker at or after a place, past the pixels of a scan, and the place behind it."""
    while True:
        at = content.find(b"\xff", at)
        if at < 0 or at + 2 > len(content):
            raise Refused(CUT_SHORT)
        marker = content[at + 1]
        if marker == 0xFF:
            at += 1
        elif marker == 0x00:
            at += 2
        else:
            return marker, at + 2


def _raise_if_huge(width: int, height: int) -> None:
    if not 0 < width * height <= MOST_PIXELS or max(width, height) > LONGEST_SIDE:
        raise Refused(
            f"“{{name}}” is {width:,} by {height:,} pixels; at most {MOST_PIXELS:,} are kept, "
            f"and {LONGEST_SIDE:,} on a side."
        )


def _no_markup_or_archive(content: bytes) -> None:
    """A file that is two kinds at once shows another face to another program."""
    if MARKUP.search(content):
        raise Refused(SCRIPTS)
    if ARCHIVE_END in content[-ARCHIVE_TAIL:]:
        raise Refused("“{name}” contains an archive; attach its files one by one.")


# Word and Excel

MAIN = {".docx": "word/document.xml", ".xlsx": "xl/workbook.xml"}
TYPES = "[Content_Types].xml"
MEMBER_ENDINGS = {
    *("", ".xml", ".rels", ".vml", ".odttf", ".fntdata"),
    *(".png", ".jpg", ".jpeg", ".jpe", ".gif", ".bmp", ".tif", ".tiff", ".emf", ".wmf", ".wdp", ".svg"),
}
EMBEDDED = ("/embeddings/", "/activex/", "/macrosheets/", "/dialogsheets/")
LINK_SCHEMES = ("http://", "https://", "mailto:")
FIELDS = re.compile(rb"DDEAUTO|instrText[^>]*>\s*(DDE|INCLUDE)|<ddeLink|macroEnabled", re.I)
DEFINES = re.compile(rb"<!(DOCTYPE|ENTITY)", re.I)
CANNOT_OPEN = "“{name}” cannot be opened as {suffix}."


def _office(content: bytes, suffix: str) -> None:
    if not content.startswith(b"PK\x03\x04"):
        raise Refused(NOT_THAT)
    if content.count(DIRECTORY_ENTRY) > MOST_MEMBERS:
        raise Refused(TOO_MUCH)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            _check_directory(archive.infolist(), suffix)
            if content[-ARCHIVE_END_SIZE:][:4] != ARCHIVE_END:
                raise Refused(MORE_AFTER_END)
            for member in archive.infolist():
                _check_member(member.filename, archive.read(member))
    except UNREADABLE:
        raise Refused(CANNOT_OPEN) from None


def _check_directory(members: list[zipfile.ZipInfo], suffix: str) -> None:
    """What can be said without unpacking anything."""
    names = [member.orig_filename for member in members]
    if not {MAIN[suffix], TYPES} <= set(names):
        raise Refused(NOT_THAT)
    if len({name.lower() for name in names}) < len(names):
        raise Refused("“{name}” contains two parts of one name; save it anew.")
    if sum(member.file_size for member in members) > MOST_UNPACKED:
        raise Refused(TOO_MUCH)
    if min(member.header_offset for member in members):
        raise Refused(NOT_THAT)
    for member in members:
        _check_entry(member)


def _check_entry(member: zipfile.ZipInfo) -> None:
    name = member.orig_filename
    path = PurePosixPath(name)
    if not name.isprintable() or "\\" in name or ":" in name or path.is_absolute() or ".." in path.parts:
        raise Refused("“{name}” contains a part whose name leads out of it.")
    if member.flag_bits & 0x1:
        raise Refused("“{name}” is encrypted; save it without a password.")
    if stat.S_ISLNK(member.external_attr >> 16):
        raise Refused("“{name}” contains a link to another file.")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise Refused(CANNOT_OPEN)
    if member.file_size > max(MEGABYTE, MOST_RATIO * member.compress_size):
        raise Refused(TOO_MUCH)
    low = f"/{name.lower()}"
    if low.endswith(("vbaproject.bin", "vbadata.xml")):
        raise Refused("“{name}” contains macros; save it without them.")
    settings = path.suffix.lower() == ".bin" and "/printersettings/" in low
    if any(one in low for one in EMBEDDED) or (path.suffix.lower() not in MEMBER_ENDINGS and not settings):
        raise Refused("“{name}” contains embedded objects; paste them as pictures.")


def _check_member(name: str, content: bytes) -> None:
    if content.startswith((OLE, PROGRAM)):
        raise Refused("“{name}” contains embedded objects; paste them as pictures.")
    ending = PurePosixPath(name).suffix.lower()
    if ending not in (".xml", ".rels", ".vml"):
        return
    if content.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\x00" in content or DEFINES.search(content):
        raise Refused(CANNOT_OPEN)
    if FIELDS.search(content):
        raise Refused("“{name}” contains macros or fields that fetch or run something; save it without them.")
    if ending == ".rels":
        _check_links(content)


def _check_links(content: bytes) -> None:
    """What a document points at outside itself is for people to click on, never for a program to load."""
    if len(content) > MOST_LINKS_BYTES:
        raise Refused(TOO_MUCH)

    def element(tag: str, attributes: dict[str, str]) -> None:
        if attributes.get("TargetMode", "").lower() != "external":
            return
        is_link = attributes.get("Type", "").endswith("/hyperlink")
        if not is_link or not attributes.get("Target", "").lower().startswith(LINK_SCHEMES):
            raise Refused("“{name}” loads something from outside; save it without external links.")

    parser = expat.ParserCreate()
    parser.StartElementHandler = element
    parser.Parse(content, True)


CHECKS: dict[str, Callable[[bytes, str], None]] = {
    ".pdf": _pdf,
    ".png": _png,
    ".jpg": _jpeg,
    ".txt": _text,
    ".docx": _office,
    ".xlsx": _office,
}
