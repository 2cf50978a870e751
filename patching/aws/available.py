"""Read which patches AWS offers for a product. Writes nothing.

AWS answers for Windows and for the older Linuxes; for the others the vendors' files and instances speak.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from patching.aws.errors import translated
from patching.catalogue import PatchRecord
from patching.catalogue.packages import build_of, named

PAGE = 100


class AvailablePatches:
    """DescribeAvailablePatches of one account-region."""

    kind = "available"
    permissions = ("ssm:DescribeAvailablePatches",)

    def __init__(self, clients: Any) -> None:
        self.clients = clients

    def read(self, products: Mapping[str, str]) -> list[PatchRecord]:
        """The operating system's patches for these products: {"WindowsServer2022": "WINDOWS"}."""
        paginator = self.clients.ssm.get_paginator("describe_available_patches")
        found: list[PatchRecord] = []
        for product, system in sorted(products.items()):
            filters = [{"Key": "PATCH_SET", "Values": ["OS"]}, {"Key": "PRODUCT", "Values": [product]}]
            with translated(f"Reading the patches for {product}"):
                for page in paginator.paginate(Filters=filters, PaginationConfig={"PageSize": PAGE}):
                    found += _records(page.get("Patches", []), product, system)
        return found


def _records(replies: Iterable[Mapping[str, Any]], product: str, system: str) -> list[PatchRecord]:
    return [
        patch_from_aws(reply, product, system)
        for reply in replies
        if reply.get("KbNumber") or reply.get("Name")
    ]


def patch_from_aws(reply: Mapping[str, Any], product: str, system: str) -> PatchRecord:
    """One Patch: on Windows by its KB number, on Linux by package, build and architecture."""
    kb = str(reply.get("KbNumber") or "")
    name = kb or named(reply["Name"], reply.get("Arch", ""))
    build = "" if kb else build_of(reply["Version"], reply.get("Release", ""), str(reply.get("Epoch", 0)))
    return PatchRecord(
        system=system,
        name=name,
        build=build,
        title=str(reply.get("Title", ""))[:300],
        classification=str(reply.get("Classification", "")),
        severity=str(reply.get("Severity") or reply.get("MsrcSeverity") or ""),
        released_at=reply.get("ReleaseDate"),
        products=(product,),
        advisories=() if kb else tuple(reply.get("AdvisoryIds", ())),
        cves=tuple(reply.get("CVEIds", ())),
        product_family=str(reply.get("ProductFamily", "")),
        repository=str(reply.get("Repository", "")),
    )
