"""The quotas of Systems Manager, as this world has them. Their codes are made up; AWS's are not published in a list."""

import hashlib
from typing import Any

from patching.simulator.controls import QUOTAS
from patching.simulator.corner import Corner
from patching.simulator.errors import Fault

Reply = dict[str, Any]

SSM = "ssm"
SERVICE_NAME = "AWS Systems Manager"
NAMES = {
    "windows": "Maintenance windows per account",
    "tasks-per-window": "Tasks per maintenance window",
    "targets-per-window": "Targets per maintenance window",
    "concurrent-windows": "Concurrent executions of maintenance windows",
    "baselines": "Patch baselines per account",
    "groups-per-baseline": "Patch groups per patch baseline",
    "automations": "Concurrently executing automations",
    "queued-automations": "Automation execution queue",
    "data-syncs": "Resource data syncs per account",
    "compliance-types": "Custom compliance types per managed node",
}


class ServiceQuotas(Corner):
    def list_service_quotas(self, request: Reply) -> Reply:
        rows = [row for row in self._quotas(request["ServiceCode"]) if _fits(row, request.get("QuotaCode"))]
        page, token = self.paged(rows, request.get("MaxResults"), request.get("NextToken"), default=100)
        return {"Quotas": page, "NextToken": token}

    def get_service_quota(self, request: Reply) -> Reply:
        return {"Quota": self._one(request, applied=True)}

    def list_aws_default_service_quotas(self, request: Reply) -> Reply:
        rows = self._quotas(request["ServiceCode"], applied=False)
        page, token = self.paged(rows, request.get("MaxResults"), request.get("NextToken"), default=100)
        return {"Quotas": page, "NextToken": token}

    def get_aws_default_service_quota(self, request: Reply) -> Reply:
        return {"Quota": self._one(request, applied=False)}

    def bad_page_token(self) -> Fault:
        return Fault("InvalidPaginationTokenException", "Invalid input was provided.")

    def _one(self, request: Reply, *, applied: bool) -> Reply:
        for row in self._quotas(request["ServiceCode"], applied=applied):
            if row["QuotaCode"] == request["QuotaCode"]:
                return row
        raise Fault("NoSuchResourceException", "The specified resource does not exist.")

    def _quotas(self, service: str, *, applied: bool = True) -> list[Reply]:
        if service != SSM:
            raise Fault("NoSuchResourceException", f"The service {service} is not simulated.")
        return [self._row(name, self.quota(name) if applied else QUOTAS[name]) for name in NAMES]

    def _row(self, name: str, value: int) -> Reply:
        code = code_of(name)
        return {
            "ServiceCode": SSM,
            "ServiceName": SERVICE_NAME,
            "QuotaArn": f"arn:aws:servicequotas:{self.region_name}:{self.account_id}:{SSM}/{code}",
            "QuotaCode": code,
            "QuotaName": NAMES[name],
            "Value": float(value),
            "Unit": "None",
            "Adjustable": name != "groups-per-baseline",
            "GlobalQuota": False,
            "QuotaAppliedAtLevel": "ACCOUNT",
        }


def code_of(name: str) -> str:
    """The QuotaCode of one of `NAMES`: made up, and always the same."""
    return f"L-{hashlib.sha256(f'ssm {name}'.encode()).hexdigest()[:8].upper()}"


def _fits(row: Reply, code: str | None) -> bool:
    return code in (None, row["QuotaCode"])
