"""What Systems Manager's inventory knows of a node: types that follow from the node, and those that were put.

Attribute names are those of AWS's own tables: AWS:InstanceInformation, AWS:PatchSummary, AWS:ComplianceItem and
AWS:ComplianceSummary.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

from patching.simulator.patching_night import NONCOMPLIANT
from patching.simulator.state import Node, Region

Reply = dict[str, Any]
Entries = list[dict[str, str]]

SCHEMA_VERSION = "1.0"
INFORMATION, PATCHES = "AWS:InstanceInformation", "AWS:PatchSummary"
ITEMS, SUMMARY = "AWS:ComplianceItem", "AWS:ComplianceSummary"
COUNTS = (
    "InstalledCount",
    "InstalledOtherCount",
    "InstalledPendingRebootCount",
    "InstalledRejectedCount",
    "MissingCount",
    "FailedCount",
    "NotApplicableCount",
    "CriticalNonCompliantCount",
    "SecurityNonCompliantCount",
    "OtherNonCompliantCount",
)
ATTRIBUTES = {
    INFORMATION: (
        "AgentType",
        "AgentVersion",
        "ComputerName",
        "InstanceId",
        "InstanceStatus",
        "IpAddress",
        "PlatformName",
        "PlatformType",
        "PlatformVersion",
        "ResourceType",
    ),
    PATCHES: (
        "PatchGroup",
        "BaselineId",
        "SnapshotId",
        "Operation",
        "OperationStartTime",
        "OperationEndTime",
        "RebootOption",
        *COUNTS,
    ),
    ITEMS: (
        "ComplianceType",
        "Id",
        "Title",
        "Status",
        "Severity",
        "Classification",
        "PatchState",
        "PatchSeverity",
        "PatchBaselineId",
        "PatchGroup",
        "InstalledTime",
        "DocumentName",
        "ExecutionTime",
    ),
    SUMMARY: ("ComplianceType", "Status", "CompliantCount", "NonCompliantCount", "ExecutionTime"),
}
NUMBERS = {*COUNTS, "CompliantCount", "NonCompliantCount"}


def captured_at(node: Node) -> str:
    """When the agent last told anything of itself."""
    return str(node.last_run["OperationEndTime"]) if node.last_run else node.launched_at


def entries(node: Node, kind: str, region: Region) -> Entries:
    """The rows of one type for one node, every value a string; none where the type knows nothing of it."""
    if kind in OF_NODE:
        return OF_NODE[kind](node, region)
    put = region.inventory.get(node.instance_id, {}).get(kind)
    return list(put["Content"]) if put else []


def custom_items(node: Node, region: Region) -> list[Reply]:
    """What PutComplianceItems left for this node, type by type."""
    return list(region.compliance_items.get(node.instance_id, {}).values())


def _information(node: Node, region: Region) -> Entries:
    row = {
        "AgentType": "amazon-ssm-agent",
        "AgentVersion": node.agent_version,
        "ComputerName": f"{node.name}.internal.example",
        "InstanceId": node.instance_id,
        "InstanceStatus": "Active" if node.ping_status == "Online" else node.ping_status,
        "IpAddress": "",
        "PlatformName": node.platform_name,
        "PlatformType": node.platform_type,
        "PlatformVersion": node.platform_version,
        "ResourceType": "EC2Instance",
    }
    return [row]


def _patches(node: Node, region: Region) -> Entries:
    run = node.last_run
    return [{name: str(run.get(name, "")) for name in ATTRIBUTES[PATCHES]}] if run else []


def _items(node: Node, region: Region) -> Entries:
    run = node.last_run or {}
    rows = [
        {
            "ComplianceType": "Patch",
            "Id": row["KBId"],
            "Title": row["Title"],
            "Status": _status(row),
            "Severity": row["ComplianceLevel"],
            "Classification": row["Classification"],
            "PatchState": row["State"],
            "PatchSeverity": row["Severity"],
            "PatchBaselineId": run["BaselineId"],
            "PatchGroup": run["PatchGroup"],
            "InstalledTime": row["InstalledTime"],
            "DocumentName": "AWS-RunPatchBaseline",
            "ExecutionTime": run["OperationEndTime"],
        }
        for row in node.findings
    ]
    for put in custom_items(node, region):
        rows += [
            {
                "ComplianceType": put["ComplianceType"],
                "Id": item.get("Id", ""),
                "Title": item.get("Title", ""),
                "Status": item["Status"],
                "Severity": item["Severity"],
                "ExecutionTime": put["ExecutionSummary"]["ExecutionTime"],
            }
            for item in put["Items"]
        ]
    return rows


def _summary(node: Node, region: Region) -> Entries:
    by_type: dict[str, Counter[str]] = {}
    times: dict[str, str] = {}
    for row in _items(node, region):
        by_type.setdefault(row["ComplianceType"], Counter())[row["Status"]] += 1
        times[row["ComplianceType"]] = row["ExecutionTime"]
    return [
        {
            "ComplianceType": kind,
            "Status": "NON_COMPLIANT" if counts["NON_COMPLIANT"] else "COMPLIANT",
            "CompliantCount": str(counts["COMPLIANT"]),
            "NonCompliantCount": str(counts["NON_COMPLIANT"]),
            "ExecutionTime": times[kind],
        }
        for kind, counts in by_type.items()
    ]


def _status(row: Reply) -> str:
    if row["State"] == "NotApplicable":
        return ""
    return "NON_COMPLIANT" if row["State"] in NONCOMPLIANT else "COMPLIANT"


OF_NODE: dict[str, Callable[[Node, Region], Entries]] = {
    INFORMATION: _information,
    PATCHES: _patches,
    ITEMS: _items,
    SUMMARY: _summary,
}
