"""The Linux side of DescribeAvailablePatches: packages as their advisories name them."""

from collections.abc import Iterable
from typing import Any

from patching.simulator import catalogue
from patching.simulator.catalogue import Release
from patching.simulator.state import iso

Reply = dict[str, Any]

VENDORS = {
    "AMAZON_LINUX_2023": ("Amazon.com", "AmazonLinux"),
    "REDHAT_ENTERPRISE_LINUX": ("Red Hat", "RedhatEnterpriseLinux"),
    "UBUNTU": ("Ubuntu", "Ubuntu"),
}


def products_of(asked: Iterable[str]) -> list[str]:
    """The Linux products of the catalogue among those asked for."""
    linux = {product for one in catalogue.load().releases if one.os != "WINDOWS" for product in one.products}
    return [product for product in asked if product in linux]


def linux_patch(release: Release, product: str) -> Reply:
    patch = release.as_patch(product)
    vendor, family = VENDORS[release.os]
    return {
        "Id": catalogue.update_id(release),
        "ReleaseDate": iso(release.released),
        "Title": release.title,
        "Vendor": vendor,
        "ProductFamily": family,
        "Product": product,
        "Classification": release.classification,
        "Severity": release.severity,
        "Name": patch.name,
        "Epoch": int(patch.epoch or 0),
        "Version": patch.version,
        "Release": patch.release,
        "Arch": patch.arch,
        "AdvisoryIds": [release.advisory],
        "CVEIds": list(release.cves),
    }
