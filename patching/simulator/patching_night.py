"""What one run of AWS-RunPatchBaseline does to one node: scan, or install and then scan.

Every run writes its result over the last one, whatever baseline that was judged by, as SSM does.
"""

import json
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from patching.approval import Verdict, evaluate
from patching.simulator.catalogue import Catalogue, Release, package_of
from patching.simulator.state import Node, iso

NEVER = "1970-01-01T00:00:00Z"  # SSM's InstalledTime of what is not installed
NONCOMPLIANT = {"Missing", "Failed", "InstalledPendingReboot", "InstalledRejected"}
COUNTED = {
    "Installed": "InstalledCount",
    "InstalledOther": "InstalledOtherCount",
    "InstalledPendingReboot": "InstalledPendingRebootCount",
    "InstalledRejected": "InstalledRejectedCount",
    "Missing": "MissingCount",
    "Failed": "FailedCount",
    "NotApplicable": "NotApplicableCount",
    "AvailableSecurityUpdate": "AvailableSecurityUpdateCount",
}


class Judge:
    """One baseline, at one moment: what it says of each release. Nodes patched together share one."""

    def __init__(self, baseline: Mapping[str, Any], at: datetime) -> None:
        self.baseline = baseline
        self.at = at
        self.blocks = baseline.get("RejectedPatchesAction") == "BLOCK"
        self.security_updates_count = (
            baseline.get("AvailableSecurityUpdatesComplianceStatus") == "NON_COMPLIANT"
        )
        self._lenient = {
            "OperatingSystem": baseline.get("OperatingSystem"),
            "RejectedPatches": baseline.get("RejectedPatches"),
            "ApprovedPatches": ["*"],
            "ApprovedPatchesEnableNonSecurity": True,
        }
        self._verdicts: dict[tuple[str, str], Verdict] = {}

    def verdict(self, release: Release, product: str) -> Verdict:
        key = (release.id, product)
        if key not in self._verdicts:
            self._verdicts[key] = evaluate(self.baseline, release.as_patch(product), as_of=self.at)
        return self._verdicts[key]

    def approves(self, release: Release, product: str) -> bool:
        return self.verdict(release, product).approved

    def rejects(self, release: Release, product: str) -> bool:
        """Whether even a baseline that approves everything by name would keep it out."""
        if not self.baseline.get("RejectedPatches"):
            return False
        return not evaluate(self._lenient, release.as_patch(product), as_of=self.at).approved


def patch(
    node: Node,
    *,
    operation: str,
    baseline: Mapping[str, Any],
    baseline_id: str,
    catalogue: Catalogue,
    at: datetime,
    reboot: str = "RebootIfNeeded",
    snapshot_id: str = "",
    patch_group: str = "",
) -> dict[str, Any]:
    """Scan or Install, and return the node's new InstancePatchState (`node.last_run`)."""
    judge = _judge(json.dumps(baseline, sort_keys=True, default=str), at)
    if operation == "Install":
        _install(node, judge, catalogue, reboot)
    node.findings = list(_findings(node, judge, catalogue))
    node.last_run = {
        "InstanceId": node.instance_id,
        "PatchGroup": patch_group,
        "BaselineId": baseline_id,
        "SnapshotId": snapshot_id,
        "OwnerInformation": "",
        **_counts(node.findings, judge),
        "OperationStartTime": iso(at),
        "OperationEndTime": iso(at + duration(node, operation)),
        "Operation": operation,
        **_reboot_members(node, operation, reboot, at),
    }
    return node.last_run


@lru_cache(maxsize=64)
def _judge(baseline: str, at: datetime) -> Judge:
    return Judge(json.loads(baseline), at)


def _install(node: Node, judge: Judge, catalogue: Catalogue, reboot: str) -> None:
    for release in _wanted(node, judge, catalogue):
        if release.id in node.install_fails or release.kb in node.install_fails:
            node.failed[release.id] = iso(judge.at)
        else:
            _put_on(node, release, judge.at)
            node.pending_reboot.append(release.id)
    if reboot != "NoReboot":
        node.pending_reboot.clear()


def _put_on(node: Node, release: Release, at: datetime) -> None:
    if node.platform_type != "Windows":
        for patch_id in [known for known in node.installed if package_of(known) == release.kb]:
            del node.installed[patch_id]
    for patch_id in [known for known in node.failed if package_of(known) == release.kb]:
        del node.failed[patch_id]
    node.pending_reboot[:] = [known for known in node.pending_reboot if package_of(known) != release.kb]
    node.installed[release.id] = iso(at)


def _wanted(node: Node, judge: Judge, catalogue: Catalogue) -> list[Release]:
    """Approved, applicable and not there: on Windows what nothing supersedes, else the newest approved."""
    releases = catalogue.applicable(node, judge.at)
    there = set(node.installed) | catalogue.superseded(node.installed)
    if node.platform_type == "Windows":
        there |= catalogue.superseded(release.id for release in releases)
    newest = {
        release.kb: release
        for release in releases
        if release.id not in there and judge.approves(release, node.product)
    }
    return list(newest.values())


def _findings(node: Node, judge: Judge, catalogue: Catalogue) -> Iterator[dict[str, Any]]:
    wanted = _wanted(node, judge, catalogue)
    for release in wanted:
        level = judge.verdict(release, node.product).compliance_level
        yield _finding(release, "Failed" if release.id in node.failed else "Missing", level=level)
    yield from _installed(node, judge, catalogue, outdated={release.kb for release in wanted})
    if node.platform_type == "Windows":
        yield from _unapproved_security_updates(node, judge, catalogue)


def _installed(
    node: Node, judge: Judge, catalogue: Catalogue, outdated: set[str]
) -> Iterator[dict[str, Any]]:
    """What is on the node, each name once: one with an update to come is reported as that update alone."""
    covered = catalogue.superseded(node.installed)
    reported = outdated | {package_of(patch_id) for patch_id in node.installed if patch_id not in covered}
    for patch_id, when in node.installed.items():
        release = catalogue.by_id.get(patch_id)
        if patch_id in covered:
            if release and release.kb not in reported:
                yield _bare(release.title, release.kb, "NotApplicable", NEVER)
        elif package_of(patch_id) in outdated:
            continue
        elif release is None:
            yield _bare(patch_id, package_of(patch_id), "InstalledOther", when)
        else:
            yield _installed_finding(node, release, judge, when)


def _installed_finding(node: Node, release: Release, judge: Judge, when: str) -> dict[str, Any]:
    verdict = judge.verdict(release, node.product)
    if judge.blocks and judge.rejects(release, node.product):
        return _finding(release, "InstalledRejected", when=when)
    if release.id in node.pending_reboot:
        return _finding(release, "InstalledPendingReboot", when=when, level=verdict.compliance_level)
    if verdict.approved:
        return _finding(release, "Installed", when=when, level=verdict.compliance_level)
    return _bare(release.title, release.kb, "InstalledOther", when)


def _unapproved_security_updates(node: Node, judge: Judge, catalogue: Catalogue) -> Iterator[dict[str, Any]]:
    releases = catalogue.applicable(node, judge.at)
    gone = set(node.installed) | catalogue.superseded([*node.installed, *(r.id for r in releases)])
    for release in releases:
        if (
            release.classification != "SecurityUpdates"
            or release.id in gone
            or judge.rejects(release, node.product)
        ):
            continue
        if not judge.approves(release, node.product):
            yield _finding(release, "AvailableSecurityUpdate")


def _finding(
    release: Release, state: str, *, when: str = NEVER, level: str = "UNSPECIFIED"
) -> dict[str, Any]:
    """A PatchComplianceData row, and the compliance level that SSM knows of it but does not tell there."""
    row = {
        "Title": release.title,
        "KBId": release.kb,
        "Classification": release.classification,
        "Severity": release.severity,
        "State": state,
        "InstalledTime": when,
        "ComplianceLevel": level,
    }
    if state in {"Missing", "Failed"} and release.cves:
        row["CVEIds"] = ",".join(release.cves)
    return row


def _bare(title: str, kb: str, state: str, when: str) -> dict[str, Any]:
    """SSM leaves out what kind of patch it is where the baseline has nothing to say of it."""
    return {
        "Title": title,
        "KBId": kb,
        "Classification": "",
        "Severity": "",
        "State": state,
        "InstalledTime": when,
        "ComplianceLevel": "UNSPECIFIED",
    }


def _counts(findings: list[dict[str, Any]], judge: Judge) -> dict[str, int]:
    """The summary. A security patch of level CRITICAL counts in both columns, as in AWS's own examples."""
    states = Counter(row["State"] for row in findings)
    open_rows = [row for row in findings if row["State"] in NONCOMPLIANT]
    security = [row for row in open_rows if row["Classification"] in {"Security", "SecurityUpdates"}]
    critical = [row for row in open_rows if row["ComplianceLevel"] == "CRITICAL"]
    available = states["AvailableSecurityUpdate"] if judge.security_updates_count else 0
    return {
        **{count: states[state] for state, count in COUNTED.items()},
        "UnreportedNotApplicableCount": 0,
        "CriticalNonCompliantCount": len(critical),
        "SecurityNonCompliantCount": len(security) + available,
        "OtherNonCompliantCount": sum(row not in security and row not in critical for row in open_rows),
    }


def _reboot_members(node: Node, operation: str, reboot: str, at: datetime) -> dict[str, str]:
    """The last install without a reboot is remembered over all later runs."""
    if operation == "Install" and reboot == "NoReboot":
        return {"RebootOption": reboot, "LastNoRebootInstallOperationTime": iso(at)}
    before = (node.last_run or {}).get("LastNoRebootInstallOperationTime")
    return {"RebootOption": reboot} | ({"LastNoRebootInstallOperationTime": before} if before else {})


def duration(node: Node, operation: str) -> timedelta:
    """Some minutes for an install, less for a scan; always the same for one node."""
    spread = zlib.crc32(node.instance_id.encode()) % 60
    return (
        timedelta(minutes=8, seconds=spread * 12)
        if operation == "Install"
        else timedelta(seconds=40 + spread)
    )
