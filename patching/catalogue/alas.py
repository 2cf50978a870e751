"""Amazon Linux advisories as JSON: one whole advisory, or the short list that its RSS feed comes to.

An approval delay counts from the *updated* date on Amazon Linux (`aws-facts`: patch-manager-release-dates).
"""

from collections.abc import Mapping
from typing import Any

from patching.catalogue.fields import cves_of, from_json, mapping, moment, rows, text, texts
from patching.catalogue.packages import build_of, named
from patching.catalogue.records import BadFile, Document, PatchRecord

KIND = "alas"
SYSTEMS = {
    "amazon-linux-ami": ("AMAZON_LINUX", ()),
    "amazon-linux-2": ("AMAZON_LINUX_2", ("AmazonLinux2", "AmazonLinux2.0")),
    "amazon-linux-2022": ("AMAZON_LINUX_2022", ("AmazonLinux2022",)),
    "amazon-linux-2023": ("AMAZON_LINUX_2023", ("AmazonLinux2023",)),
}
OF_THE_FEED = {"AL2": "amazon-linux-2", "AL2022": "amazon-linux-2022", "AL2023": "amazon-linux-2023"}


def read(content: bytes) -> Document:
    """One advisory, a list of them, or a list of the feed's entries."""
    found = from_json(content)
    advisories = found if isinstance(found, list) else [found]
    patches: list[PatchRecord] = []
    as_of = None
    for number, one in enumerate(advisories):
        where = f"advisory {number + 1}"
        advisory = mapping(one, where)
        if "Pkglist" in advisory:
            patches += _whole(advisory, text(advisory, "ID", where) or where)
        else:
            patches.append(_of_the_feed(advisory, text(advisory, "id", where) or where))
    as_of = max((one.released_at for one in patches if one.released_at), default=None)
    return Document(kind=KIND, as_of=as_of, patches=patches)


def _whole(advisory: Mapping[str, Any], where: str) -> list[PatchRecord]:
    issued = mapping(advisory.get("Issued"), where, "Issued")
    updated = mapping(advisory.get("Updated") or issued, where, "Updated")
    listed = mapping(mapping(advisory["Pkglist"], where, "Pkglist").get("Collection"), where, "Collection")
    system, products = _system(text(listed, "Short", where, required=True), where, "Pkglist.Collection.Short")
    references = mapping(advisory.get("References") or {"Reference": []}, where, "References")
    cves = [
        text(mapping(one, where, "Reference"), "ID", where)
        for one in rows(references, "Reference", where, required=False)
        if mapping(one, where, "Reference").get("Type") == "cve"
    ]
    common: dict[str, Any] = {
        "system": system,
        "classification": text(advisory, "Type", where).capitalize(),
        "severity": text(advisory, "Severity", where).capitalize(),
        "released_at": moment(updated, "Date", where, required=True),
        "products": products,
        "advisories": (text(advisory, "ID", where, required=True),),
        "cves": cves_of(cves),
    }
    patches = []
    for number, one in enumerate(rows(listed, "Package", where)):
        at = f"{where}, package {number + 1}"
        package = mapping(one, at)
        name = named(text(package, "Name", at, required=True), text(package, "Arch", at))
        build = build_of(
            text(package, "Version", at, required=True),
            text(package, "Release", at),
            text(package, "Epoch", at),
        )
        patches.append(PatchRecord(name=name, build=build, title=f"{name}:{build}", **common))
    return patches


def _of_the_feed(entry: Mapping[str, Any], where: str) -> PatchRecord:
    link = text(entry, "link", where)
    repository = next((name for name in OF_THE_FEED if f"/{name}/" in link), "")
    system, products = _system(OF_THE_FEED.get(repository, "amazon-linux-ami"), where, "link")
    name = text(entry, "package", where, required=True)
    return PatchRecord(
        system=system,
        name=name,
        title=f"{text(entry, 'id', where, required=True)}: {name}",
        classification="Security",
        severity=text(entry, "severity", where).capitalize(),
        released_at=moment(entry, "published", where, required=True),
        products=products,
        advisories=(text(entry, "id", where, required=True),),
        cves=cves_of(texts(entry, "cves", where)),
    )


def _system(collection: str, where: str, field: str) -> tuple[str, tuple[str, ...]]:
    base = collection.partition("---")[0]  # amazon-linux-2---kernel-5.15 is a repository of amazon-linux-2
    if base not in SYSTEMS:
        raise BadFile(
            where, field, f"“{collection}” is no Amazon Linux; one of {', '.join(SYSTEMS)} begins it."
        )
    return SYSTEMS[base]
