"""The formats by name, and the one door to them, which holds files to a size."""

from collections.abc import Callable
from dataclasses import dataclass

from patching.catalogue import alas, almalinux, csaf, epss, kev, msrc_cvrf, oval, updateinfo, windows_kbs
from patching.catalogue.records import BadFile, Document

MOST_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class Format:
    """One kind of file: what people call it, and how it is read."""

    label: str
    read: Callable[[bytes], Document]


FORMATS = {
    "msrc-cvrf": Format("MSRC monthly document (CVRF, JSON)", msrc_cvrf.read),
    "windows-kbs": Format("Windows KB rows (JSON lines)", windows_kbs.read),
    "alas": Format("Amazon Linux advisories (JSON)", alas.read),
    "updateinfo": Format("updateinfo.xml of a dnf or yum repository", updateinfo.read),
    "csaf": Format("Red Hat advisory (CSAF 2.0, JSON)", csaf.read),
    "oval": Format("Red Hat OVAL v2 (XML)", oval.read),
    "almalinux": Format("AlmaLinux errata (JSON lines)", almalinux.read),
    "kev": Format("CISA known exploited vulnerabilities (JSON)", kev.read),
    "epss": Format("FIRST EPSS scores (CSV)", epss.read),
}


def read(content: bytes, format_name: str) -> Document:
    """What a file says. Raises BadFile, which names the place in it."""
    if format_name not in FORMATS:
        raise BadFile("", "format", f"“{format_name}” is not one of {', '.join(FORMATS)}.")
    if not content.strip():
        raise BadFile("the file", "", "It is empty.")
    if len(content) > MOST_BYTES:
        raise BadFile(
            "the file", "", f"At most {MOST_BYTES // 2**20} MiB; it has {len(content) // 2**20} MiB."
        )
    return FORMATS[format_name].read(content)
