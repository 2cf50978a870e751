"""Read what AWS says of an operating system: values that filters may have, the baseline that applies unasked."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from patching.aws.baselines import from_aws
from patching.aws.errors import translated

PAGE = 50
# DescribePatchProperties is asked for these; what it does not know for a system is left out there
PROPERTIES = ("PRODUCT", "PRODUCT_FAMILY", "CLASSIFICATION", "MSRC_SEVERITY", "PRIORITY", "SEVERITY")


class SystemFacts:
    """Patch properties and default baselines of one account-region."""

    kind = "system-facts"
    permissions = (
        "ssm:DescribePatchProperties",
        "ssm:GetDefaultPatchBaseline",
        "ssm:GetPatchBaseline",
    )

    def __init__(self, clients: Any) -> None:
        self.clients = clients

    def values(self, system: str, keys: Iterable[str]) -> dict[str, list[str]]:
        """Each filter key of a system with the values that AWS lists; a call for each page of a key."""
        wanted = [key for key in keys if key in PROPERTIES]
        return {key: found for key in wanted if (found := list(self._listed(system, key)))}

    def default_id(self, system: str) -> str:
        """The id of the baseline that judges instances for which nobody registered one."""
        return str(self._ask("get_default_patch_baseline", OperatingSystem=system)["BaselineId"])

    def baseline(self, baseline_id: str) -> tuple[str, str]:
        """Name and canonical definition of a baseline, also of AWS's own."""
        spec = from_aws(self._ask("get_patch_baseline", BaselineId=baseline_id))
        return spec.name, spec.definition

    def _listed(self, system: str, key: str) -> Iterator[str]:
        with translated("describe_patch_properties"):
            pages = self.clients.ssm.get_paginator("describe_patch_properties").paginate(
                OperatingSystem=system, Property=key, PaginationConfig={"PageSize": PAGE}
            )
            for page in pages:
                yield from (row["Name"] for row in page["Properties"] if row.get("Name"))

    def _ask(self, operation: str, **request: Any) -> Mapping[str, Any]:
        with translated(operation):
            reply: Mapping[str, Any] = getattr(self.clients.ssm, operation)(**request)
            return reply
