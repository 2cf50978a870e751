"""Read Systems Manager's quotas as they apply to an account and Region, from Service Quotas. Writes nothing.

AWS publishes no list of their codes, so they are known by name; one that is named otherwise stays at AWS's default.
"""

import re
from typing import Any

from patching.aws.errors import translated

SERVICE = "ssm"
PAGE = 100
# our name → what its name says there
NAMES = {
    "windows": r"^maintenance windows( per account)?$",
    "tasks": r"^tasks per maintenance window$",
    "targets": r"^targets per maintenance window$",
    "open_at_once": r"^concurrent (executions of )?maintenance windows?( executions)?$",
    "baselines": r"^patch baselines( per account)?$",
    "groups": r"^patch groups per (patch )?baseline$",
}


class Quotas:
    """The quotas that windows and baselines come up against."""

    kind = "quotas"
    permissions = ("servicequotas:ListServiceQuotas",)

    def __init__(self, clients: Any) -> None:
        self.clients = clients

    def read(self) -> dict[str, int]:
        """Limits by our names, of those that AWS tells. Raises AwsDenied where the role may not ask."""
        found: dict[str, int] = {}
        with translated("list_service_quotas"):
            paginator = self.clients.make("service-quotas").get_paginator("list_service_quotas")
            for page in paginator.paginate(ServiceCode=SERVICE, PaginationConfig={"PageSize": PAGE}):
                for row in page["Quotas"]:
                    name = _ours(row["QuotaName"])
                    if name:
                        found[name] = int(row["Value"])
        return found


def _ours(name: str) -> str:
    return next((ours for ours, said in NAMES.items() if re.search(said, name, re.IGNORECASE)), "")
