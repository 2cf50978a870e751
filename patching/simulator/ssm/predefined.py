"""The patch baselines that AWS itself brings along, one for each operating system.

Rules from the Systems Manager user guide, "predefined and custom patch baselines"; ids from moto, which has
AWS's own ARNs for every region.
"""

from functools import lru_cache
from typing import Any

from moto.utilities.utils import load_resource

from patching.simulator.state import START, iso

Reply = dict[str, Any]

NAMES = {
    "WINDOWS": "AWS-DefaultPatchBaseline",
    "ALMA_LINUX": "AWS-AlmaLinuxDefaultPatchBaseline",
    "AMAZON_LINUX": "AWS-AmazonLinuxDefaultPatchBaseline",
    "AMAZON_LINUX_2": "AWS-AmazonLinux2DefaultPatchBaseline",
    "AMAZON_LINUX_2022": "AWS-AmazonLinux2022DefaultPatchBaseline",
    "AMAZON_LINUX_2023": "AWS-AmazonLinux2023DefaultPatchBaseline",
    "CENTOS": "AWS-CentOSDefaultPatchBaseline",
    "DEBIAN": "AWS-DebianDefaultPatchBaseline",
    "MACOS": "AWS-macOSDefaultPatchBaseline",
    "ORACLE_LINUX": "AWS-OracleLinuxDefaultPatchBaseline",
    "RASPBIAN": "AWS-RaspbianDefaultPatchBaseline",
    "REDHAT_ENTERPRISE_LINUX": "AWS-RedHatDefaultPatchBaseline",
    "ROCKY_LINUX": "AWS-RockyLinuxDefaultPatchBaseline",
    "SUSE": "AWS-SuseDefaultPatchBaseline",
    "UBUNTU": "AWS-UbuntuDefaultPatchBaseline",
}


def _rule(days: int | None = 7, **filters: list[str]) -> Reply:
    rule: Reply = {
        "PatchFilterGroup": {
            "PatchFilters": [{"Key": key, "Values": values} for key, values in filters.items()]
        },
        "ComplianceLevel": "UNSPECIFIED",
        "EnableNonSecurity": False,
    }
    return rule if days is None else rule | {"ApproveAfterDays": days}


SECURITY_AND_BUGFIX = [
    _rule(PRODUCT=["*"], CLASSIFICATION=["Security"], SEVERITY=["Critical", "Important"]),
    _rule(PRODUCT=["*"], CLASSIFICATION=["Bugfix"]),
]
# Debian and Ubuntu have no release dates, hence no delay.
BY_PRIORITY = [
    _rule(None, PRODUCT=["*"], PRIORITY=["Required", "Important", "Standard", "Optional", "Extra"])
]
RULES = {
    "WINDOWS": [
        _rule(
            PRODUCT=["*"],
            CLASSIFICATION=["CriticalUpdates", "SecurityUpdates"],
            MSRC_SEVERITY=["Critical", "Important"],
        )
    ],
    "CENTOS": [_rule(PRODUCT=["*"]) | {"EnableNonSecurity": True}],
    "DEBIAN": BY_PRIORITY,
    "UBUNTU": BY_PRIORITY,
    "RASPBIAN": BY_PRIORITY,
    "MACOS": [_rule(PRODUCT=["*"], CLASSIFICATION=["Security"])],
    "SUSE": [_rule(PRODUCT=["*"], CLASSIFICATION=["Security"], SEVERITY=["Critical", "Important"])],
    "ORACLE_LINUX": [
        _rule(PRODUCT=["*"], CLASSIFICATION=["Security"], SEVERITY=["Important", "Moderate"]),
        _rule(PRODUCT=["*"], CLASSIFICATION=["Bugfix"]),
    ],
}


@lru_cache
def baselines(region: str) -> dict[str, Reply]:
    """AWS's baselines in a region, by their id, which is an ARN. To be read, never written to."""
    return {arn: _baseline(arn, os) for os, arn in _arns().get(region, {}).items()}


def default_for(region: str, operating_system: str) -> str:
    """The id of the baseline that judges when nobody chose one."""
    return _arns()[region][operating_system]


@lru_cache
def _arns() -> dict[str, dict[str, str]]:
    arns: dict[str, dict[str, str]] = load_resource("ssm/resources/default_baselines.json")
    return arns


def _baseline(arn: str, operating_system: str) -> Reply:
    return {
        "BaselineId": arn,
        "Name": NAMES[operating_system],
        "OperatingSystem": operating_system,
        "Description": f"Default Patch Baseline for {operating_system} Provided by AWS.",
        "GlobalFilters": {"PatchFilters": [{"Key": "PRODUCT", "Values": ["*"]}]},
        "ApprovalRules": {"PatchRules": RULES.get(operating_system, SECURITY_AND_BUGFIX)},
        "ApprovedPatches": [],
        "ApprovedPatchesComplianceLevel": "UNSPECIFIED",
        "ApprovedPatchesEnableNonSecurity": False,
        "RejectedPatches": [],
        "RejectedPatchesAction": "ALLOW_AS_DEPENDENCY",
        "Sources": [],
        "CreatedDate": iso(START),
        "ModifiedDate": iso(START),
    }
