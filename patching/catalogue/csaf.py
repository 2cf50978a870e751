"""CSAF 2.0 advisories of Red Hat: which builds fix which CVEs, for which release.

`product_tree` names products and packages, each package by a purl; `product_status.fixed` of a vulnerability and the
relationships say "product:package". Containers and other products than RPM packages are passed over.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from patching.catalogue.fields import cves_of, from_json, mapping, moment, rows, text
from patching.catalogue.packages import from_nevra
from patching.catalogue.products import red_hat_product
from patching.catalogue.records import BadFile, Document, PatchRecord

KIND = "csaf"
DEEPEST = 20
CLASSES = {"RHSA": "Security", "RHBA": "Bugfix", "RHEA": "Enhancement"}


def read(content: bytes) -> Document:
    """The packages that an advisory brings."""
    found = mapping(from_json(content), "the file")
    document = mapping(found.get("document"), "document")
    if (said := text(document, "csaf_version", "document")) != "2.0":
        raise BadFile("document", "csaf_version", f"“{said}” is not the version read here, 2.0.")
    tracking = mapping(document.get("tracking"), "document.tracking")
    advisory = text(tracking, "id", "document.tracking", required=True)
    tree = mapping(found.get("product_tree") or {}, "product_tree")
    names = dict(_names(tree, "product_tree", 0))
    severity = mapping(document.get("aggregate_severity") or {}, "document.aggregate_severity")
    cves = cves_of(
        [
            text(mapping(one, f"vulnerabilities[{number}]"), "cve", f"vulnerabilities[{number}]")
            for number, one in enumerate(rows(found, "vulnerabilities", "the file", required=False))
        ]
    )
    products: dict[tuple[str, str], set[str]] = {}
    others = 0
    for number, one in enumerate(rows(tree, "relationships", "product_tree", required=False)):
        where = f"product_tree.relationships[{number}]"
        relation = mapping(one, where)
        package = from_nevra(_plain(text(relation, "product_reference", where, required=True)))
        # a package of a module belongs to "product:module"
        related = text(relation, "relates_to_product_reference", where).partition(":")[0]
        product = red_hat_product(names.get(related, ""))
        if package and product:
            products.setdefault(package, set()).add(product)
        else:
            others += 1
    patches = [
        PatchRecord(
            system="REDHAT_ENTERPRISE_LINUX",
            name=name,
            build=build,
            title=f"{name}:{build}",
            classification=CLASSES.get(advisory.partition("-")[0], "Security"),
            severity=text(severity, "text", "document.aggregate_severity"),
            released_at=moment(tracking, "initial_release_date", "document.tracking", required=True),
            products=tuple(sorted(for_products)),
            advisories=(advisory,),
            cves=cves,
        )
        for (name, build), for_products in sorted(products.items())
    ]
    passed_over = [f"{others} of its entries: sources, containers, or no part of Red Hat Enterprise Linux"]
    as_of = moment(tracking, "current_release_date", "document.tracking")
    return Document(kind=KIND, as_of=as_of, patches=patches, passed_over=passed_over if others else ())


def _names(branch: Mapping[str, Any], where: str, depth: int) -> Iterator[tuple[str, str]]:
    """Product ids and names, at any depth of the tree."""
    if depth > DEEPEST:
        raise BadFile(where, "branches", f"Nested deeper than {DEEPEST}.")
    for number, one in enumerate(rows(branch, "branches", where, required=False)):
        at = f"{where}.branches[{number}]"
        inner = mapping(one, at)
        if "product" in inner:
            product = mapping(inner["product"], at, "product")
            yield text(product, "product_id", at, required=True), text(product, "name", at, required=True)
        yield from _names(inner, at, depth + 1)


def _plain(reference: str) -> str:
    """The package alone: "ruby-0:3.1.4-142.el8.i686::ruby:3.1" and "….i686.rpm-ruby:2.7" name a module as well."""
    return reference.partition("::")[0].partition(".rpm-")[0]
