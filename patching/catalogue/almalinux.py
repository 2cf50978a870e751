"""AlmaLinux errata, one JSON object a line: id, type, severity, published, release, cves, packages."""

from collections.abc import Iterator, Mapping
from typing import Any

from patching.catalogue.fields import cves_of, lines_of, mapping, moment, rows, text, texts
from patching.catalogue.packages import build_of
from patching.catalogue.records import Document, PatchRecord

KIND = "almalinux"


def read(content: bytes) -> Document:
    """A patch for each build."""
    patches = [patch for where, row in lines_of(content) for patch in _patches(row, where)]
    as_of = max((one.released_at for one in patches if one.released_at), default=None)
    return Document(kind=KIND, as_of=as_of, patches=patches)


def _patches(row: Mapping[str, Any], where: str) -> Iterator[PatchRecord]:
    advisory = text(row, "id", where, required=True)
    common: dict[str, Any] = {
        "system": "ALMA_LINUX",
        "classification": text(row, "type", where, required=True).capitalize(),
        "severity": text(row, "severity", where),
        "released_at": moment(row, "published", where, required=True),
        "products": (f"AlmaLinux{text(row, 'release', where, required=True)}",),
        "advisories": (advisory, *texts(row, "upstream", where)),
        "cves": cves_of(texts(row, "cves", where)),
    }
    for number, one in enumerate(rows(row, "packages", where)):
        at = f"{where}, package {number + 1}"
        package = mapping(one, at)
        name = text(package, "name", at, required=True)
        for fixed in texts(package, "fixed", at):
            build = build_of(fixed)
            yield PatchRecord(name=name, build=build, title=f"{name}:{build}", **common)
