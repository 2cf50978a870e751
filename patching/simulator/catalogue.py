"""The patches that vendors release: read from `data/`, asked what applies to a node and when. Judges nothing.

Each file in `data/` names its source and how it was derived in `_source`. A patch has an id of its own
("KB5094128", "openssl.x86_64:1:3.5.5-3.el9_8") and the name SSM reports it by: `kb`, the KB number, or on
Linux the package with its architecture, which stays the same from version to version.
"""

import json
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache, cached_property
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from patching.approval import Patch
from patching.simulator.state import Node, moment

DATA = Path(__file__).parent / "data"
OPERATING_SYSTEMS = {
    "windows.json": "WINDOWS",
    "redhat.json": "REDHAT_ENTERPRISE_LINUX",
    "amazon_linux_2023.json": "AMAZON_LINUX_2023",
    "ubuntu.json": "UBUNTU",
}


@dataclass(frozen=True, eq=False)
class Release:
    """One patch, as its vendor released it."""

    id: str
    kb: str
    title: str
    os: str
    products: frozenset[str]
    classification: str
    severity: str
    released: datetime
    cves: tuple[str, ...] = ()
    supersedes: tuple[str, ...] = ()
    kev: bool = False
    advisory: str = ""
    priority: str = ""
    section: str = ""

    def as_patch(self, product: str) -> Patch:
        """What the approval rules are shown."""
        if self.os == "WINDOWS":
            return Patch(
                id=self.kb,
                name=self.title,
                released=self.released,
                severity=self.severity,
                classification=self.classification,
                product=product,
                cves=frozenset(self.cves),
                product_family="Windows",
            )
        package, _, arch = self.kb.rpartition(".")
        epoch, version, release = _version_of(self.id)
        return Patch(
            id=self.kb,
            name=package,
            arch=arch,
            epoch=epoch,
            version=version,
            release=release,
            released=self.released,
            severity=self.severity,
            classification=self.classification,
            product=product,
            cves=frozenset(self.cves),
            advisories=frozenset({self.advisory}),
            priority=self.priority,
            section=self.section,
        )


class Catalogue:
    """All releases, oldest first."""

    def __init__(self, releases: Iterable[Release]) -> None:
        self.releases = sorted(releases, key=lambda release: release.released)
        self.by_id = {release.id: release for release in self.releases}
        self._of_product: dict[str, list[Release]] = {}
        self._larger: tuple[list[str], Catalogue] | None = None

    @cached_property
    def covers(self) -> dict[str, frozenset[str]]:
        """For each patch the ids it makes unnecessary, at any remove: superseded, or older of its name."""
        covered: dict[str, frozenset[str]] = {}
        latest: dict[tuple[str, str], str] = {}
        for release in self.releases:
            older = set(release.supersedes)
            older.add(latest.get((release.os, release.kb), release.id))
            covered[release.id] = frozenset().union(
                older, *(covered.get(patch_id, frozenset()) for patch_id in older)
            ) - {release.id}
            latest[release.os, release.kb] = release.id
        return covered

    def with_more(self, rows: list[dict[str, Any]]) -> "Catalogue":
        """This catalogue and patches that a door released, rows as in the files; made once for the same rows."""
        if not rows:
            return self
        ids = [row["id"] for row in rows]
        if self._larger is None or self._larger[0] != ids:
            self._larger = (ids, Catalogue([*self.releases, *(release_of(row) for row in rows)]))
        return self._larger[1]

    def of_product(self, product: str, at: datetime) -> list[Release]:
        """Everything released for a product until then."""
        if product not in self._of_product:
            self._of_product[product] = [r for r in self.releases if product in r.products]
        released = self._of_product[product]
        return released[: bisect_right(released, at, key=lambda release: release.released)]

    def applicable(self, node: Node, at: datetime) -> list[Release]:
        """What concerns this node. On Linux only packages that it has can be updated."""
        releases = self.of_product(node.product, at)
        if node.platform_type == "Windows":
            return releases
        packages = {package_of(patch_id) for patch_id in node.installed}
        return [release for release in releases if release.kb in packages]

    def superseded(self, patch_ids: Iterable[str]) -> set[str]:
        """The ids that these patches together make unnecessary."""
        return set().union(*(self.covers.get(patch_id, frozenset()) for patch_id in patch_ids))

    def for_node(self, node: Node, at: datetime) -> list[Patch]:
        """What an update agent on this node offers.

        Windows drops a superseded update from its offer, whether its successor is approved or not. A Linux
        repository keeps every version, so an older approved one can still be installed.
        """
        releases = self.applicable(node, at)
        if node.platform_type == "Windows":
            gone = self.superseded(release.id for release in releases)
            releases = [release for release in releases if release.id not in gone]
        return [release.as_patch(node.product) for release in releases]


def package_of(patch_id: str) -> str:
    """The name without the version: "openssl.x86_64" of "openssl.x86_64:1:3.5.5-3.el9_8"."""
    return patch_id.partition(":")[0]


def update_id(release: Release) -> str:
    """The UUID that Windows Update would know it by; made up, but always the same."""
    return str(uuid5(NAMESPACE_URL, f"patchwarden:{release.id}"))


def _version_of(patch_id: str) -> tuple[str, str, str]:
    """Epoch, version and release: ("1", "3.5.5", "3.el9_8") of "openssl.x86_64:1:3.5.5-3.el9_8"."""
    rest = patch_id.partition(":")[2]
    epoch, _, build = rest.rpartition(":")
    version, _, release = build.rpartition("-")
    return epoch, version or release, release if version else ""


@cache
def load() -> Catalogue:
    """The catalogue in `data/`, read once."""
    return Catalogue(release for name, os in OPERATING_SYSTEMS.items() for release in _read(DATA / name, os))


def release_of(row: dict[str, Any]) -> Release:
    """A release from a row as in the files, with its operating system."""
    return Release(
        **{
            **row,
            "released": moment(row["released"]),
            "products": frozenset(row["products"]),
            "cves": tuple(row.get("cves", ())),
            "supersedes": tuple(row.get("supersedes", ())),
        }
    )


def _read(path: Path, os: str) -> Iterable[Release]:
    for row in json.loads(path.read_text(encoding="utf-8"))["patches"]:
        yield release_of({"os": os, **row})
