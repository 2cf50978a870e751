"""MSRC's monthly document in CVRF as JSON (`api.msrc.microsoft.com/cvrf/v3.0/cvrf/2026-Jun`).

Per vulnerability: Threats of type 3 are severities, Remediations of type 2 are vendor fixes with the KB number as
their description and what it supersedes; both name product ids.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from patching.catalogue.fields import cves_of, from_json, mapping, moment, rows, text
from patching.catalogue.products import windows_product
from patching.catalogue.records import BadFile, Document, PatchRecord

KIND = "msrc"
SEVERITY, VENDOR_FIX = 3, 2
WORST_FIRST = ("Critical", "Important", "Moderate", "Low")


@dataclass
class _Fix:
    products: set[str] = field(default_factory=set)
    cves: set[str] = field(default_factory=set)
    severities: set[str] = field(default_factory=set)
    supersedes: set[str] = field(default_factory=set)


def read(content: bytes) -> Document:
    """The fixes for Windows in a document; those for other products are counted as passed over."""
    found = mapping(from_json(content), "the file")
    tracking = mapping(found.get("DocumentTracking"), "DocumentTracking")
    released = moment(tracking, "InitialReleaseDate", "DocumentTracking", required=True)
    tree = mapping(found.get("ProductTree"), "ProductTree")
    names = {
        text(one, "ProductID", "ProductTree", required=True): text(one, "Value", "ProductTree", required=True)
        for one in _each(tree, "FullProductName", "ProductTree")
    }
    fixes: dict[str, _Fix] = {}
    others = 0
    for number, vulnerability in enumerate(_each(found, "Vulnerability", "the file")):
        where = f"Vulnerability[{number}]"
        others += _add(fixes, vulnerability, names, where)
    patches = [
        PatchRecord(
            system="WINDOWS",
            name=name,
            title=f"Security update {name}",
            classification="SecurityUpdates",
            severity=next((one for one in WORST_FIRST if one in fix.severities), ""),
            released_at=released,
            products=tuple(sorted(fix.products)),
            cves=cves_of(list(fix.cves)),
            supersedes=tuple(sorted(fix.supersedes)),
            product_family="Windows",
        )
        for name, fix in sorted(fixes.items())
    ]
    passed_over = [f"{others} fixes for products other than Windows"] if others else []
    as_of = moment(tracking, "CurrentReleaseDate", "DocumentTracking")
    return Document(kind=KIND, as_of=as_of, patches=patches, passed_over=passed_over)


def _add(
    fixes: dict[str, _Fix], vulnerability: Mapping[str, Any], names: Mapping[str, str], where: str
) -> int:
    cve = text(vulnerability, "CVE", where, required=True)
    severity_of = {
        product: _value(threat, where)
        for threat in _each(vulnerability, "Threats", where, required=False)
        if threat.get("Type") == SEVERITY
        for product in threat.get("ProductID") or []
    }
    others = 0
    for remedy in _each(vulnerability, "Remediations", where, required=False):
        if remedy.get("Type") != VENDOR_FIX or not (kb := _value(remedy, where)).isdecimal():
            continue
        ids = remedy.get("ProductID") or []
        if not isinstance(ids, list):
            raise BadFile(where, "Remediations.ProductID", "A list of product ids is needed here.")
        windows = {one: windows_product(names.get(one, "")) for one in ids}
        ours = {one: product for one, product in windows.items() if product}
        others += not ours
        if ours:
            fix = fixes.setdefault(f"KB{kb}", _Fix())
            fix.products |= set(ours.values())
            fix.cves.add(cve)
            fix.severities |= {severity_of[one] for one in ours if one in severity_of}
            superseded = text(remedy, "Supercedence", where).replace(";", ",").split(",")
            fix.supersedes |= {f"KB{one.strip()}" for one in superseded if one.strip().isdecimal()}
    return others


def _value(found: Mapping[str, Any], where: str) -> str:
    return text(mapping(found.get("Description") or {}, where, "Description"), "Value", where)


def _each(
    found: Mapping[str, Any], field_: str, where: str, *, required: bool = True
) -> Iterator[Mapping[str, Any]]:
    for number, one in enumerate(rows(found, field_, where, required=required)):
        yield mapping(one, f"{where}.{field_}[{number}]")
