"""The findings of Security Hub's controls SSM.1, SSM.2 and SSM.3, as they follow from a node. Pure.

SSM.1: the instance is managed at all. SSM.2: its patches are compliant. SSM.3: its associations are.
"""

from collections.abc import Callable
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from patching.simulator.state import Node, Region

Reply = dict[str, Any]

STANDARD = "aws-foundational-security-best-practices/v/1.0.0"
SEVERITIES = {"MEDIUM": 40, "HIGH": 70, "LOW": 1, "INFORMATIONAL": 0}
TITLES = {
    "SSM.1": "EC2 instances should be managed by AWS Systems Manager",
    "SSM.2": "EC2 instances managed by Systems Manager should have a patch compliance status of COMPLIANT "
    "after a patch installation",
    "SSM.3": "EC2 instances managed by Systems Manager should have an association compliance status of COMPLIANT",
}
LEVELS = {"SSM.1": "MEDIUM", "SSM.2": "HIGH", "SSM.3": "LOW"}


def findings_of(node: Node, region: Region) -> list[Reply]:
    """One finding for each control that has something to look at."""
    return [
        _finding(node, control, passed)
        for control, check in CHECKS.items()
        if (passed := check(node, region)) is not None
    ]


def product_arn(region: str) -> str:
    return f"arn:aws:securityhub:{region}::product/aws/securityhub"


def _is_managed(node: Node, region: Region) -> bool | None:
    return node.managed


def _is_patched(node: Node, region: Region) -> bool | None:
    if not node.managed or node.last_run is None:
        return None
    return not any(node.last_run[f"{kind}NonCompliantCount"] for kind in ("Critical", "Security", "Other"))


def _is_associated(node: Node, region: Region) -> bool | None:
    """Associations never run here, so there is nothing that could have failed."""
    return True if node.managed and region.associations else None


CHECKS: dict[str, Callable[[Node, Region], bool | None]] = {
    "SSM.1": _is_managed,
    "SSM.2": _is_patched,
    "SSM.3": _is_associated,
}


def _finding(node: Node, control: str, passed: bool) -> Reply:
    run = node.last_run or {}
    observed = run.get("OperationEndTime") or node.launched_at
    label = "INFORMATIONAL" if passed else LEVELS[control]
    place = f"arn:aws:securityhub:{node.region}:{node.account}"
    number = uuid5(NAMESPACE_URL, f"{control}/{node.instance_id}")
    instance = f"arn:aws:ec2:{node.region}:{node.account}:instance/{node.instance_id}"
    resource: Reply = {"Partition": "aws", "Region": node.region}
    if control == "SSM.2":
        resource |= {
            "Type": "AwsSsmPatchCompliance",
            "Id": f"arn:aws:ssm:{node.region}:{node.account}:patch-compliance/{node.instance_id}",
            "Details": {"AwsSsmPatchCompliance": {"Patch": {"ComplianceSummary": _summary(node, passed)}}},
        }
    else:
        resource |= {"Type": "AwsEc2Instance", "Id": instance, "Tags": dict(node.tags)}
    return {
        "SchemaVersion": "2018-10-08",
        "Id": f"{place}:subscription/{STANDARD}/{control}/finding/{number}",
        "ProductArn": product_arn(node.region),
        "ProductName": "Security Hub",
        "CompanyName": "AWS",
        "Region": node.region,
        "GeneratorId": f"{STANDARD}/{control}",
        "AwsAccountId": node.account,
        "Types": ["Software and Configuration Checks/Industry and Regulatory Standards"],
        "FirstObservedAt": node.launched_at,
        "LastObservedAt": observed,
        "CreatedAt": node.launched_at,
        "UpdatedAt": observed,
        "Severity": {"Label": label, "Normalized": SEVERITIES[label], "Original": label},
        "Title": f"{control} {TITLES[control]}",
        "Description": f"This control checks: {TITLES[control]}.",
        "ProductFields": {"ControlId": control, "Resources:0/Id": instance},
        "Resources": [resource],
        "Compliance": {"Status": "PASSED" if passed else "FAILED", "SecurityControlId": control},
        "WorkflowState": "NEW",
        "Workflow": {"Status": "RESOLVED" if passed else "NEW"},
        "RecordState": "ACTIVE",
    }


def _summary(node: Node, passed: bool) -> Reply:
    run = node.last_run or {}
    bad = run["MissingCount"] + run["FailedCount"] + run["InstalledRejectedCount"]
    return {
        "Status": "COMPLIANT" if passed else "NON_COMPLIANT",
        "ComplianceType": "Patch",
        "PatchBaselineId": run["BaselineId"].rsplit("/", 1)[-1],
        "PatchGroup": run["PatchGroup"],
        "ExecutionType": "Command",
        "CompliantUnspecifiedCount": run["InstalledCount"] + run["InstalledOtherCount"],
        "NonCompliantUnspecifiedCount": bad + run["InstalledPendingRebootCount"],
    }
