"""`updateinfo.xml` of a dnf or yum repository: updates with issued and updated dates, references and packages.

A file names no operating system: the releases of its packages (`.amzn2023`, `.el9`) and the update's id do.
"""

import re
from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import Element

from patching.catalogue.fields import cves_of, read_moment
from patching.catalogue.packages import SOURCES, build_of, named
from patching.catalogue.records import BadFile, Document, PatchRecord
from patching.catalogue.xml import attribute, inside, local, root_of, text_in, within

KIND = "updateinfo"
CLASSES = {
    "security": "Security",
    "bugfix": "Bugfix",
    "enhancement": "Enhancement",
    "newpackage": "Newpackage",
    "recommended": "Recommended",
}
_AMAZON = re.compile(r"\.amzn(?P<release>1|2|2022|2023)(\.|$)")
_ENTERPRISE = re.compile(r"\.el(?P<release>[0-9]+)")
_VENDORS = {
    "ALSA": ("ALMA_LINUX", "AlmaLinux"),
    "ALBA": ("ALMA_LINUX", "AlmaLinux"),
    "ALEA": ("ALMA_LINUX", "AlmaLinux"),
    "RLSA": ("ROCKY_LINUX", "RockyLinux"),
    "RLBA": ("ROCKY_LINUX", "RockyLinux"),
    "ELSA": ("ORACLE_LINUX", "OracleLinux"),
    "ELBA": ("ORACLE_LINUX", "OracleLinux"),
    "RHSA": ("REDHAT_ENTERPRISE_LINUX", "RedhatEnterpriseLinux"),
    "RHBA": ("REDHAT_ENTERPRISE_LINUX", "RedhatEnterpriseLinux"),
    "RHEA": ("REDHAT_ENTERPRISE_LINUX", "RedhatEnterpriseLinux"),
}
_AMAZONS = {
    "1": ("AMAZON_LINUX", ()),
    "2": ("AMAZON_LINUX_2", ("AmazonLinux2", "AmazonLinux2.0")),
    "2022": ("AMAZON_LINUX_2022", ("AmazonLinux2022",)),
    "2023": ("AMAZON_LINUX_2023", ("AmazonLinux2023",)),
}


def read(content: bytes) -> Document:
    """A patch for each package of each update."""
    root = root_of(content)
    if local(root) != "updates":
        raise BadFile("the file", local(root), "This is no updateinfo: its root has to be updates.")
    patches: list[PatchRecord] = []
    passed_over = []
    for number, update in enumerate(within(root, "update"), start=1):
        where = text_in(update, "id", where=f"update {number}", required=True)
        found = list(_patches(update, where))
        patches += found
        if not found:
            passed_over.append(f"{where}: no packages of a system that SSM patches")
    as_of = max((one.released_at for one in patches if one.released_at), default=None)
    return Document(kind=KIND, as_of=as_of, patches=patches, passed_over=passed_over)


def _patches(update: Element, where: str) -> Iterator[PatchRecord]:
    dated = inside(update, "updated")
    dated = dated if dated is not None and dated.get("date") else inside(update, "issued")
    if dated is None:
        raise BadFile(where, "issued date", "It has to be given, such as 2026-06-09 17:00:00.")
    released_at = read_moment(attribute(dated, "date", where, required=True), where, "date")
    references = within(update, "references", "reference")
    kind = attribute(update, "type", where)
    common: dict[str, Any] = {
        "classification": CLASSES.get(kind.lower(), kind.capitalize()),
        "severity": text_in(update, "severity", where=where).capitalize(),
        "released_at": released_at,
        "advisories": (where,),
        "cves": cves_of([one.get("id", "") for one in references if one.get("type") == "cve"]),
    }
    for package in within(update, "pkglist", "collection", "package"):
        arch, release = attribute(package, "arch", where), attribute(package, "release", where)
        told = _system(where, release)
        if arch in SOURCES or told is None:
            continue
        name = named(attribute(package, "name", where, required=True), arch)
        version = attribute(package, "version", where, required=True)
        build = build_of(version, release, attribute(package, "epoch", where))
        yield PatchRecord(
            system=told[0], products=told[1], name=name, build=build, title=f"{name}:{build}", **common
        )


def _system(advisory: str, release: str) -> tuple[str, tuple[str, ...]] | None:
    if found := _AMAZON.search(release):
        return _AMAZONS[found["release"]]
    vendor, enterprise = _VENDORS.get(advisory[:4].upper()), _ENTERPRISE.search(release)
    return (vendor[0], (f"{vendor[1]}{enterprise['release']}",)) if vendor and enterprise else None
