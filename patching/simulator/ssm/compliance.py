"""What SSM says of patches: each node's last run, row by row and added up, and the offer of the catalogue.

Everything on nodes is read from what their last run left behind; asking never computes anything anew.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

from patching.approval import LEVELS, Verdict
from patching.simulator import catalogue
from patching.simulator.catalogue import Release
from patching.simulator.errors import Fault
from patching.simulator.node_inventory import custom_items
from patching.simulator.patching_night import NONCOMPLIANT, Judge
from patching.simulator.ssm.available import linux_patch, products_of
from patching.simulator.ssm.custom_compliance import INSTANCE_TYPE, CustomCompliance
from patching.simulator.ssm.filtering import COMPARE
from patching.simulator.ssm.patch_groups import PatchGroups
from patching.simulator.ssm.properties import PROPERTIES
from patching.simulator.state import Node, Region, iso

Reply = dict[str, Any]

STATES_PER_GROUP_PAGE = 5
GROUP_STATE = {
    "InstancesWithInstalledPatches": "InstalledCount",
    "InstancesWithInstalledOtherPatches": "InstalledOtherCount",
    "InstancesWithInstalledPendingRebootPatches": "InstalledPendingRebootCount",
    "InstancesWithInstalledRejectedPatches": "InstalledRejectedCount",
    "InstancesWithMissingPatches": "MissingCount",
    "InstancesWithFailedPatches": "FailedCount",
    "InstancesWithNotApplicablePatches": "NotApplicableCount",
    "InstancesWithUnreportedNotApplicablePatches": "UnreportedNotApplicableCount",
    "InstancesWithCriticalNonCompliantPatches": "CriticalNonCompliantCount",
    "InstancesWithSecurityNonCompliantPatches": "SecurityNonCompliantCount",
    "InstancesWithOtherNonCompliantPatches": "OtherNonCompliantCount",
    "InstancesWithAvailableSecurityUpdates": "AvailableSecurityUpdateCount",
}
FINDING_FILTERS = {
    "State": "State",
    "Severity": "Severity",
    "Classification": "Classification",
    "KBId": "KBId",
}
PATCH_FILTERS = {
    "PRODUCT": "Product",
    "PRODUCT_FAMILY": "ProductFamily",
    "CLASSIFICATION": "Classification",
    "MSRC_SEVERITY": "MsrcSeverity",
    "PATCH_ID": "KbNumber",
}
LINUX_FILTERS = {
    "PRODUCT": "Product",
    "NAME": "Name",
    "ARCH": "Arch",
    "EPOCH": "Epoch",
    "VERSION": "Version",
    "RELEASE": "Release",
    "REPOSITORY": "Repository",
    "CLASSIFICATION": "Classification",
    "SEVERITY": "Severity",
    "ADVISORY_ID": "AdvisoryIds",
    "CVE_ID": "CVEIds",
}
ITEM_FILTERS = {"ComplianceType": "ComplianceType", "Status": "Status", "Severity": "Severity", "Id": "Id"}
ITEM_FILTERS |= {"Title": "Title", "ResourceId": "ResourceId"}
SUMMARY_FILTERS = {"ComplianceType": "ComplianceType", "Status": "Status", "ResourceId": "ResourceId"}
SUMMARY_FILTERS |= {"OverallSeverity": "OverallSeverity"}
COUNT_COMPARE: dict[str, Callable[[int, int], bool]] = {
    "Equal": lambda has, wants: has == wants,
    "NotEqual": lambda has, wants: has != wants,
    "LessThan": lambda has, wants: has < wants,
    "GreaterThan": lambda has, wants: has > wants,
}


class Compliance(CustomCompliance, PatchGroups):
    # What the last runs found

    def describe_instance_patch_states(self, request: Reply) -> Reply:
        """Nodes that were never scanned, or that SSM does not know, are simply not in the answer."""
        known = [self.managed_node(instance_id) for instance_id in request["InstanceIds"]]
        states = [node.last_run for node in known if node and node.last_run]
        page, token = self.paged(states, request.get("MaxResults"), request.get("NextToken"))
        return {"InstancePatchStates": page, "NextToken": token}

    def describe_instance_patch_states_for_patch_group(self, request: Reply) -> Reply:
        filters = request.get("Filters") or []
        states = [
            state
            for state in self._states_of(request["PatchGroup"])
            if all(_count_passes(state, one) for one in filters)
        ]
        size = min(request.get("MaxResults") or STATES_PER_GROUP_PAGE, STATES_PER_GROUP_PAGE)
        page, token = self.paged(states, size, request.get("NextToken"))
        return {"InstancePatchStates": page, "NextToken": token}

    def describe_patch_group_state(self, request: Reply) -> Reply:
        states = self._states_of(request["PatchGroup"])
        counts = {name: sum(state[count] > 0 for state in states) for name, count in GROUP_STATE.items()}
        return {"Instances": len(states), **counts}

    def describe_instance_patches(self, request: Reply) -> Reply:
        node = self.managed_node(request["InstanceId"])
        if node is None:
            raise Fault("InvalidInstanceId", f"Instance {request['InstanceId']} is not a managed instance.")
        filters = request.get("Filters") or []
        _refuse_unknown_keys(filters, FINDING_FILTERS)
        rows = [
            {name: value for name, value in row.items() if name != "ComplianceLevel"}
            for row in node.findings
            if all(_plain(row[one["Key"]]) in map(_plain, one.get("Values") or []) for one in filters)
        ]
        page, token = self.paged(rows, request.get("MaxResults"), request.get("NextToken"))
        return {"Patches": page, "NextToken": token}

    def _states_of(self, group: str) -> list[Reply]:
        runs = [node.last_run for node in self.managed_nodes() if node.last_run]
        return [run for run in runs if run["PatchGroup"] == group]

    # The same as compliance items

    def list_compliance_items(self, request: Reply) -> Reply:
        if any(kind != INSTANCE_TYPE for kind in request.get("ResourceTypes") or []):
            raise Fault("InvalidResourceType", f"The resource type is not valid. Use {INSTANCE_TYPE}.")
        filters = request.get("Filters") or []
        _refuse_unknown_keys(filters, ITEM_FILTERS)
        items = [
            item
            for node in self._asked_for(request.get("ResourceIds"))
            for item in (*_items(node), *_custom_items(node, self.state))
            if _passes_all(item, filters, ITEM_FILTERS)
        ]
        page, token = self.paged(items, request.get("MaxResults"), request.get("NextToken"))
        return {"ComplianceItems": page, "NextToken": token}

    def list_resource_compliance_summaries(self, request: Reply) -> Reply:
        rows = self._summaries(request.get("Filters") or [])
        page, token = self.paged(rows, request.get("MaxResults"), request.get("NextToken"))
        return {"ResourceComplianceSummaryItems": page, "NextToken": token}

    def list_compliance_summaries(self, request: Reply) -> Reply:
        by_type: dict[str, dict[str, list[str]]] = {}
        for row in self._summaries(request.get("Filters") or []):
            severities = by_type.setdefault(row["ComplianceType"], {"COMPLIANT": [], "NON_COMPLIANT": []})
            severities[row["Status"]].append(row["OverallSeverity"])
        rows = [
            {
                "ComplianceType": kind,
                "CompliantSummary": _counted("CompliantCount", severities["COMPLIANT"]),
                "NonCompliantSummary": _counted("NonCompliantCount", severities["NON_COMPLIANT"]),
            }
            for kind, severities in by_type.items()
        ]
        page, token = self.paged(rows, request.get("MaxResults"), request.get("NextToken"))
        return {"ComplianceSummaryItems": page, "NextToken": token}

    def _summaries(self, filters: list[Reply]) -> list[Reply]:
        _refuse_unknown_keys(filters, SUMMARY_FILTERS)
        rows = [_summary(node) for node in self.managed_nodes() if node.last_run]
        rows += [
            _custom_summary(node, put)
            for node in self.managed_nodes()
            for put in custom_items(node, self.state)
        ]
        return [row for row in rows if _passes_all(row, filters, SUMMARY_FILTERS)]

    def _asked_for(self, instance_ids: list[str] | None) -> list[Node]:
        if not instance_ids:
            return self.managed_nodes()
        nodes = [self.managed_node(instance_id) for instance_id in instance_ids]
        if not all(nodes):
            raise Fault(
                "InvalidResourceId", "The resource ID is not valid. Verify that you entered the correct ID."
            )
        return [node for node in nodes if node]

    # What the catalogue offers

    def describe_available_patches(self, request: Reply) -> Reply:
        """Windows unless another product is asked for. AWS answers older Linuxes only; here all there are."""
        filters = {one["Key"]: one.get("Values") or [] for one in request.get("Filters") or []}
        _refuse_unknown_keys(
            [{"Key": key} for key in filters], {**PATCH_FILTERS, **LINUX_FILTERS, "PATCH_SET": ""}
        )
        if "OS" not in filters.pop("PATCH_SET", ["OS"]):
            rows = []
        elif linux := products_of(filters.get("PRODUCT", ())):
            rows = [
                linux_patch(release, product)
                for product in linux
                for release in self._offer.of_product(product, self.now)
            ]
            rows = [row for row in rows if _offered(row, filters, LINUX_FILTERS)]
        else:
            rows = [_windows_patch(release, product) for release, product in self._windows_offer()]
            rows = [row for row in rows if _offered(row, filters, PATCH_FILTERS)]
        page, token = self.paged(rows, request.get("MaxResults"), request.get("NextToken"))
        return {"Patches": page, "NextToken": token}

    def get_deployable_patch_snapshot_for_instance(self, request: Reply) -> Reply:
        """The address leads to AWS's own bucket: what the agent would load from there is not simulated."""
        node = self.managed_node(request["InstanceId"])
        if node is None:
            raise Fault("InvalidInstanceId", f"Instance {request['InstanceId']} is not a managed instance.")
        host = f"patch-baseline-snapshot-{self.region_name}.s3.{self.region_name}.amazonaws.com"
        baseline = self.judge_of(node)["BaselineId"].rsplit("/", 1)[-1]
        return {
            "InstanceId": node.instance_id,
            "SnapshotId": request["SnapshotId"],
            "SnapshotDownloadUrl": f"https://{host}/{baseline}/{request['SnapshotId']}",
            "Product": node.product,
        }

    def describe_effective_patches_for_patch_baseline(self, request: Reply) -> Reply:
        baseline = self.baseline(request["BaselineId"])
        if baseline["OperatingSystem"] != "WINDOWS":
            raise Fault(
                "UnsupportedOperatingSystem", "Effective patches can be listed for Windows baselines only."
            )
        judge = Judge(baseline, self.now)
        rows = [
            {"Patch": _windows_patch(release, product), "PatchStatus": status}
            for release, product in self._windows_offer()
            if (status := _deployment(judge, release, product))
        ]
        page, token = self.paged(rows, request.get("MaxResults"), request.get("NextToken"))
        return {"EffectivePatches": page, "NextToken": token}

    def describe_patch_properties(self, request: Reply) -> Reply:
        of_system = PROPERTIES.get(request["OperatingSystem"], {})
        values = [] if request.get("PatchSet") == "APPLICATION" else of_system.get(request["Property"], [])
        page, token = self.paged(
            [{"Name": value} for value in values], request.get("MaxResults"), request.get("NextToken")
        )
        return {"Properties": page, "NextToken": token}

    @property
    def _offer(self) -> catalogue.Catalogue:
        """The catalogue and what a door released since."""
        return catalogue.load().with_more(self.world.controls.releases)

    def _windows_offer(self) -> Iterable[tuple[Release, str]]:
        for product in ("WindowsServer2019", "WindowsServer2022"):
            releases = self._offer.of_product(product, self.now)
            gone = self._offer.superseded(release.id for release in releases)
            yield from ((release, product) for release in releases if release.id not in gone)


def _plain(state: str) -> str:
    """SSM takes "Missing" as well as "MISSING"."""
    return re.sub("_", "", state).lower()


def _refuse_unknown_keys(filters: list[Reply], known: Iterable[str]) -> None:
    for one in filters:
        if str(one.get("Key")) not in known:
            raise Fault("InvalidFilter", f"The filter name {one.get('Key')} is not valid.")


def _passes_all(row: Reply, filters: list[Reply], members: dict[str, str]) -> bool:
    return all(
        any(
            COMPARE[one.get("Type", "EQUAL")](row.get(members[one["Key"]]) or "", value)
            for value in one.get("Values") or []
        )
        for one in filters
    )


def _count_passes(state: Reply, one: Reply) -> bool:
    if not one["Key"].endswith("Count") or one["Key"] not in state:
        raise Fault("InvalidFilter", f"The filter name {one['Key']} is not valid.")
    wanted = one["Values"][0]
    if not wanted.isdigit():
        raise Fault("InvalidFilter", f"The filter value {wanted} is not a number.")
    return COUNT_COMPARE[one["Type"]](state[one["Key"]], int(wanted))


def _items(node: Node) -> Iterable[Reply]:
    run = node.last_run or {}
    for row in node.findings:
        yield {
            "ComplianceType": "Patch",
            "ResourceType": INSTANCE_TYPE,
            "ResourceId": node.instance_id,
            "Id": row["KBId"],
            "Title": row["Title"],
            "Status": _status(row),
            "Severity": row["ComplianceLevel"],
            "ExecutionSummary": _execution(run),
            "Details": {
                "DocumentName": "AWS-RunPatchBaseline",
                "Classification": row["Classification"],
                "InstalledTime": row["InstalledTime"],
                "PatchBaselineId": run["BaselineId"],
                "PatchGroup": run["PatchGroup"],
                "PatchSeverity": row["Severity"],
                "PatchState": row["State"],
                **({"CVEIds": row["CVEIds"]} if "CVEIds" in row else {}),
            },
        }


def _custom_items(node: Node, region: Region) -> Iterable[Reply]:
    for put in custom_items(node, region):
        for item in put["Items"]:
            yield {
                "ComplianceType": put["ComplianceType"],
                "ResourceType": INSTANCE_TYPE,
                "ResourceId": node.instance_id,
                "ExecutionSummary": put["ExecutionSummary"],
                **item,
            }


def _status(row: Reply) -> str:
    """What does not apply is neither: AWS answers an empty word."""
    if row["State"] == "NotApplicable":
        return ""
    return "NON_COMPLIANT" if row["State"] in NONCOMPLIANT else "COMPLIANT"


def _execution(run: Reply) -> Reply:
    return {
        "ExecutionTime": run["OperationEndTime"],
        "ExecutionId": run["SnapshotId"],
        "ExecutionType": "Command",
    }


def _summary(node: Node) -> Reply:
    bad = [row["ComplianceLevel"] for row in node.findings if _status(row) == "NON_COMPLIANT"]
    good = [row["ComplianceLevel"] for row in node.findings if _status(row) == "COMPLIANT"]
    return {
        "ComplianceType": "Patch",
        "ResourceType": INSTANCE_TYPE,
        "ResourceId": node.instance_id,
        "Status": "NON_COMPLIANT" if bad or _open_security_updates(node) else "COMPLIANT",
        "OverallSeverity": max(bad or good, key=LEVELS.index, default="UNSPECIFIED"),
        "ExecutionSummary": _execution(node.last_run or {}),
        "CompliantSummary": _counted("CompliantCount", good),
        "NonCompliantSummary": _counted("NonCompliantCount", bad),
    }


def _custom_summary(node: Node, put: Reply) -> Reply:
    bad = [item["Severity"] for item in put["Items"] if item["Status"] == "NON_COMPLIANT"]
    good = [item["Severity"] for item in put["Items"] if item["Status"] == "COMPLIANT"]
    return {
        "ComplianceType": put["ComplianceType"],
        "ResourceType": INSTANCE_TYPE,
        "ResourceId": node.instance_id,
        "Status": "NON_COMPLIANT" if bad else "COMPLIANT",
        "OverallSeverity": max(bad or good, key=LEVELS.index, default="UNSPECIFIED"),
        "ExecutionSummary": put["ExecutionSummary"],
        "CompliantSummary": _counted("CompliantCount", good),
        "NonCompliantSummary": _counted("NonCompliantCount", bad),
    }


def _open_security_updates(node: Node) -> bool:
    """Whether updates that are not approved count against the node, as its baseline may ask."""
    run = node.last_run or {}
    return any(run[f"{kind}NonCompliantCount"] for kind in ("Critical", "Security", "Other"))


def _counted(name: str, levels: list[str]) -> Reply:
    by_level = Counter(levels)
    return {
        name: len(levels),
        "SeveritySummary": {f"{level.title()}Count": by_level[level] for level in LEVELS},
    }


def _windows_patch(release: Release, product: str) -> Reply:
    return {
        "Id": catalogue.update_id(release),
        "ReleaseDate": iso(release.released),
        "Title": release.title,
        "ContentUrl": f"https://support.microsoft.com/en-us/kb/{release.kb.removeprefix('KB')}",
        "Vendor": "Microsoft",
        "ProductFamily": "Windows",
        "Product": product,
        "Classification": release.classification,
        "MsrcSeverity": release.severity,
        "KbNumber": release.kb,
        "MsrcNumber": "",
        "Language": "All",
        "CVEIds": list(release.cves),
    }


def _offered(row: Reply, filters: dict[str, list[str]], members: dict[str, str]) -> bool:
    """Whether any value of every filter fits; AWS's lists match any of theirs, and * everything."""
    return all(
        "*" in values or bool(set(values) & _all_of(row.get(members.get(key, ""), "")))
        for key, values in filters.items()
    )


def _all_of(value: Any) -> set[str]:
    return set(value) if isinstance(value, list) else {str(value)}


def _deployment(judge: Judge, release: Release, product: str) -> Reply | None:
    """The status of one update under a baseline; None where the baseline has nothing to say of it."""
    verdict = judge.verdict(release, product)
    if judge.rejects(release, product):
        return {"DeploymentStatus": "EXPLICIT_REJECTED", "ComplianceLevel": "UNSPECIFIED"}
    if verdict.approved:
        word = "EXPLICIT_APPROVED" if verdict.rule is None else "APPROVED"
        return {
            "DeploymentStatus": word,
            "ComplianceLevel": verdict.compliance_level,
            "ApprovalDate": _approved_at(judge, release, verdict),
        }
    if verdict.approves_at:
        approves_at = iso(verdict.approves_at)
        return {
            "DeploymentStatus": "PENDING_APPROVAL",
            "ComplianceLevel": "UNSPECIFIED",
            "ApprovalDate": approves_at,
        }
    return None


def _approved_at(judge: Judge, release: Release, verdict: Verdict) -> str:
    rules = (judge.baseline.get("ApprovalRules") or {}).get("PatchRules") or []
    days = 0 if verdict.rule is None else rules[verdict.rule].get("ApproveAfterDays") or 0
    return iso(release.released + timedelta(days=days))
