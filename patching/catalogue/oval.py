"""Red Hat's OVAL v2 patch definitions: an advisory each, its packages in the comments of its criteria.

"openssl is earlier than 1:3.0.7-27.el9" names a package without its architecture.
"""

import re
from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import Element

from patching.catalogue.fields import cves_of, read_moment
from patching.catalogue.packages import build_of
from patching.catalogue.records import BadFile, Document, PatchRecord
from patching.catalogue.xml import attribute, inside, local, root_of, text_in, within

KIND = "oval"
CLASSES = {"RHSA": "Security", "RHBA": "Bugfix", "RHEA": "Enhancement"}
DEEPEST = 50
_EARLIER = re.compile(r"(?P<name>\S+) is earlier than (?P<build>\S+)")
_INSTALLED = re.compile(r"Red Hat Enterprise Linux (?P<release>[0-9]+(\.[0-9]+)?) is installed")


def read(content: bytes) -> Document:
    """The packages of each definition of class patch."""
    root = root_of(content)
    if local(root) != "oval_definitions":
        raise BadFile("the file", local(root), "This is no OVAL: its root has to be oval_definitions.")
    patches: list[PatchRecord] = []
    others = 0
    for number, definition in enumerate(within(root, "definitions", "definition"), start=1):
        found = list(_patches(definition, definition.get("id") or f"definition {number}"))
        patches += found
        others += not found
    stamp = text_in(root, "generator", "timestamp", where="generator")
    return Document(
        kind=KIND,
        as_of=read_moment(stamp, "generator", "timestamp") if stamp else None,
        patches=patches,
        passed_over=[f"{others} definitions that bring no package"] if others else [],
    )


def _patches(definition: Element, where: str) -> Iterator[PatchRecord]:
    if definition.get("class") != "patch":
        return
    metadata = inside(definition, "metadata")
    advisory = inside(definition, "metadata", "advisory")
    if metadata is None or advisory is None:
        raise BadFile(where, "metadata/advisory", "It has to be given.")
    references = [
        one.get("ref_id", "") for one in within(metadata, "reference") if one.get("source") in CLASSES
    ]
    if not references:
        raise BadFile(where, "reference", "A reference to an RHSA, RHBA or RHEA is needed.")
    issued = inside(advisory, "issued")
    if issued is None:
        raise BadFile(where, "issued date", "It has to be given, such as 2026-06-09.")
    comments = list(_comments(definition, where, 0))
    releases = {found["release"] for one in comments if (found := _INSTALLED.fullmatch(one))}
    common: dict[str, Any] = {
        "system": "REDHAT_ENTERPRISE_LINUX",
        "products": tuple(f"RedhatEnterpriseLinux{release}" for release in sorted(releases)),
        "classification": CLASSES[references[0][:4].upper()],
        "severity": text_in(advisory, "severity", where=where),
        "released_at": read_moment(attribute(issued, "date", where, required=True), where, "issued date"),
        "advisories": (references[0],),
        "cves": cves_of([one.text or "" for one in within(advisory, "cve")]),
    }
    for name, build in sorted(
        {(e["name"], e["build"]) for one in comments if (e := _EARLIER.fullmatch(one))}
    ):
        full = build_of(build)
        yield PatchRecord(name=name, build=full, title=f"{name}:{full}", **common)


def _comments(element: Element, where: str, depth: int) -> Iterator[str]:
    if depth > DEEPEST:
        raise BadFile(where, "criteria", f"Nested deeper than {DEEPEST}.")
    for child in element:
        if local(child) == "criterion":
            yield child.get("comment", "")
        elif local(child) == "criteria":
            yield from _comments(child, where, depth + 1)
