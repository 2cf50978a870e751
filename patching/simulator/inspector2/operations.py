"""Package vulnerabilities: each CVE that a missing or failed patch of a node would close, and who is looked at."""

from collections.abc import Callable, Iterator
from hashlib import md5
from typing import Any

from patching.simulator import catalogue
from patching.simulator.catalogue import Release
from patching.simulator.corner import Corner
from patching.simulator.errors import Fault
from patching.simulator.state import Node, iso

Reply = dict[str, Any]

OPEN = ("Missing", "Failed")
KIND = "AWS_EC2_INSTANCE"
# The words of the vendors, and a score in the middle of what each of them means.
SEVERITIES = {
    "Critical": "CRITICAL",
    "Important": "HIGH",
    "Moderate": "MEDIUM",
    "Medium": "MEDIUM",
    "Low": "LOW",
}
SCORES = {"CRITICAL": 9.5, "HIGH": 7.8, "MEDIUM": 5.5, "LOW": 2.5, "UNTRIAGED": 0.0}
PLATFORMS = {"WINDOWS": "WINDOWS", "UBUNTU": "LINUX"}
TEXTS: dict[str, Callable[[Reply], list[str]]] = {
    "findingArn": lambda row: [row["findingArn"]],
    "awsAccountId": lambda row: [row["awsAccountId"]],
    "findingType": lambda row: [row["type"]],
    "findingStatus": lambda row: [row["status"]],
    "severity": lambda row: [row["severity"]],
    "title": lambda row: [row["title"]],
    "resourceType": lambda row: [one["type"] for one in row["resources"]],
    "resourceId": lambda row: [one["id"] for one in row["resources"]],
    "vulnerabilityId": lambda row: [row["packageVulnerabilityDetails"]["vulnerabilityId"]],
    "vendorSeverity": lambda row: [row["packageVulnerabilityDetails"].get("vendorSeverity", "")],
    "fixAvailable": lambda row: [row["fixAvailable"]],
    "exploitAvailable": lambda row: [row["exploitAvailable"]],
}
COVERED: dict[str, Callable[[Reply], list[str]]] = {
    "accountId": lambda row: [row["accountId"]],
    "resourceId": lambda row: [row["resourceId"]],
    "resourceType": lambda row: [row["resourceType"]],
    "scanType": lambda row: [row["scanType"]],
    "scanStatusCode": lambda row: [row["scanStatus"]["statusCode"]],
    "scanStatusReason": lambda row: [row["scanStatus"]["reason"]],
}
MAPS: dict[str, Callable[[Reply], dict[str, str]]] = {
    "resourceTags": lambda row: dict(row["resources"][0].get("tags", {})),
    "ec2InstanceTags": lambda row: dict(row["resourceMetadata"]["ec2"].get("tags", {})),
}
COMPARE: dict[str, Callable[[str, str], bool]] = {
    "EQUALS": lambda has, wants: has == wants,
    "NOT_EQUALS": lambda has, wants: has != wants,
    "PREFIX": lambda has, wants: has.startswith(wants),
}


class Inspector(Corner):
    def list_findings(self, request: Reply) -> Reply:
        """25 a page at most, whatever is asked, as AWS's model has it."""
        rows = _filtered(self._findings(), request.get("filterCriteria"), TEXTS)
        if by := (request.get("sortCriteria") or {}).get("field"):
            if by != "SEVERITY":
                raise Fault("ValidationException", f"Sorting by {by} is not simulated.")
            down = request["sortCriteria"].get("sortOrder") == "DESC"
            rows.sort(key=lambda row: SCORES[row["severity"]], reverse=down)
        size = min(request.get("maxResults") or 25, 25)
        page, token = self.paged(rows, size, request.get("nextToken"))
        return {"findings": page, "nextToken": token}

    def list_coverage(self, request: Reply) -> Reply:
        nodes = self.world.nodes_in(self.account_id, self.region_name)
        rows = _filtered(map(_coverage, nodes), request.get("filterCriteria"), COVERED)
        page, token = self.paged(rows, request.get("maxResults"), request.get("nextToken"), default=200)
        return {"coveredResources": page, "nextToken": token}

    def bad_page_token(self) -> Fault:
        return Fault("ValidationException", "The token is not valid.")

    def _findings(self) -> Iterator[Reply]:
        for node in self.world.nodes_in(self.account_id, self.region_name):
            if not node.managed:
                continue
            seen: set[str] = set()
            for release in self._open(node):
                for cve in release.cves:
                    if cve not in seen:
                        seen.add(cve)
                        yield _finding(node, release, cve)

    def _open(self, node: Node) -> Iterator[Release]:
        """What the last run found missing or failed."""
        waiting = {row["KBId"] for row in node.findings if row["State"] in OPEN}
        offered = catalogue.load().of_product(node.product, self.now)
        newest = {release.kb: release for release in offered if release.kb in waiting}
        yield from newest.values()


def _finding(node: Node, release: Release, cve: str) -> Reply:
    severity = SEVERITIES.get(release.severity, "UNTRIAGED")
    run = node.last_run or {}
    seen = run.get("OperationEndTime", node.launched_at)
    digits = md5(f"{node.instance_id}/{cve}".encode(), usedforsecurity=False).hexdigest()
    patch = release.as_patch(node.product)
    package = {"name": patch.name or release.kb, "version": "0", "packageManager": "OS"}
    fixed = {"fixedInVersion": patch.version} if patch.version else {}
    details: Reply = {
        "vulnerabilityId": cve,
        "source": "NVD",
        "sourceUrl": f"https://nvd.nist.gov/vuln/detail/{cve}",
        "vulnerablePackages": [package | fixed | {"remediation": f"Install {release.kb}."}],
        "relatedVulnerabilities": [],
        "referenceUrls": [],
        "cvss": [],
        "vendorCreatedAt": iso(release.released),
    }
    if release.severity:
        details["vendorSeverity"] = release.severity
    return {
        "findingArn": f"arn:aws:inspector2:{node.region}:{node.account}:finding/{digits}",
        "awsAccountId": node.account,
        "type": "PACKAGE_VULNERABILITY",
        "title": f"{cve} - {release.kb}",
        "description": f"{cve} is closed by {release.title}."[:1024],
        "remediation": {"recommendation": {"text": f"Install {release.kb}."}},
        "severity": severity,
        "inspectorScore": SCORES[severity],
        "firstObservedAt": iso(release.released),
        "lastObservedAt": seen,
        "updatedAt": seen,
        "status": "ACTIVE",
        "fixAvailable": "YES",
        "exploitAvailable": "YES" if release.kev else "NO",
        "resources": [
            {
                "type": KIND,
                "id": node.instance_id,
                "partition": "aws",
                "region": node.region,
                "tags": dict(node.tags),
                "details": {"awsEc2Instance": {"type": node.instance_type, "launchedAt": node.launched_at}},
            }
        ],
        "packageVulnerabilityDetails": details,
    }


def _coverage(node: Node) -> Reply:
    """Inspector looks at a node through its SSM agent, so only while that answers."""
    if not node.managed:
        status = {"statusCode": "INACTIVE", "reason": "UNMANAGED_EC2_INSTANCE"}
    elif node.ping_status != "Online":
        status = {
            "statusCode": "INACTIVE",
            "reason": "NO_INVENTORY" if node.last_run is None else "STALE_INVENTORY",
        }
    else:
        status = {"statusCode": "ACTIVE", "reason": "SUCCESSFUL"}
    row = {
        "resourceType": KIND,
        "resourceId": node.instance_id,
        "accountId": node.account,
        "scanType": "PACKAGE",
        "scanStatus": status,
        "scanMode": "EC2_SSM_AGENT_BASED",
        "resourceMetadata": {
            "ec2": {
                "platform": PLATFORMS.get(node.os, "LINUX"),
                "tags": dict(node.tags),
                "amiId": f"ami-{node.instance_id[2:]}",
            }
        },
    }
    return row | ({"lastScannedAt": node.last_run["OperationEndTime"]} if node.last_run else {})


def _filtered(
    rows: Any, criteria: Reply | None, readers: dict[str, Callable[[Reply], list[str]]]
) -> list[Reply]:
    found = list(rows)
    for name, filters in (criteria or {}).items():
        if name in MAPS:
            found = [row for row in found if any(_has(MAPS[name](row), one) for one in filters)]
        elif name in readers:
            found = [row for row in found if _passes(readers[name](row), filters)]
        else:
            raise Fault("ValidationException", f"The filter {name} is not simulated.")
    return found


def _has(tags: dict[str, str], one: Reply) -> bool:
    return one["key"] in tags and one.get("value") in (None, tags[one["key"]])


def _passes(values: list[str], filters: list[Reply]) -> bool:
    """Any of the wanted values, none of the unwanted ones."""
    unwanted = [one for one in filters if one["comparison"] == "NOT_EQUALS"]
    wanted = [one for one in filters if one["comparison"] != "NOT_EQUALS"]
    fits = any(COMPARE[one["comparison"]](value, one["value"]) for one in wanted for value in values)
    return (fits or not wanted) and all(value != one["value"] for one in unwanted for value in values)
