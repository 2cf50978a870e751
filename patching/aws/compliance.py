"""Read what Patch Manager says: one state per instance, and the patches that keep it from being compliant.

Only the latest operation of an instance can be read; every scan writes over the one before it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from patching.aws.errors import AwsError, translated

STATES_AT_ONCE = 50  # DescribeInstancePatchStates takes at most 50 ids
PATCHES_PAGE = 50  # the model says 100; AWS has refused more than 50

# The model spells INSTALLED_PENDING_REBOOT, the wire InstalledPendingReboot; worst first
NONCOMPLIANT_STATES = {
    "failed": "failed",
    "missing": "missing",
    "installedrejected": "installed_rejected",
    "installedpendingreboot": "installed_pending_reboot",
}


@dataclass(frozen=True)
class PatchState:
    """The latest operation of one instance: when, by which baseline, and how many patches stand how."""

    instance_id: str
    operation: str
    started_at: datetime
    ended_at: datetime
    baseline_id: str
    snapshot_id: str = ""
    patch_group: str = ""
    reboot_option: str = ""
    installed: int = 0
    installed_other: int = 0
    installed_pending_reboot: int = 0
    installed_rejected: int = 0
    missing: int = 0
    failed: int = 0
    not_applicable: int = 0
    critical_noncompliant: int = 0
    security_noncompliant: int = 0
    other_noncompliant: int = 0

    @property
    def is_compliant(self) -> bool:
        """SSM's rule; the counts by state stand in where a reply leaves those by level out."""
        by_level = self.critical_noncompliant + self.security_noncompliant + self.other_noncompliant
        by_state = self.missing + self.failed + self.installed_rejected + self.installed_pending_reboot
        return by_level + by_state == 0


@dataclass(frozen=True)
class NoncompliantPatch:
    """One patch that is missing, failed, rejected or waits for a reboot."""

    patch_id: str  # a KB number, or on Linux a package with its architecture
    state: str
    title: str = ""
    classification: str = ""
    severity: str = ""
    cves: tuple[str, ...] = ()


@dataclass(frozen=True)
class PatchList:
    """What SSM lists of one instance: what keeps it from being compliant, and the ids of what does not.

    ``installed_other`` is there, but not by the baseline; on Linux that may be an older version of a package.
    """

    noncompliant: Sequence[NoncompliantPatch] = ()
    installed: frozenset[str] = frozenset()
    installed_other: frozenset[str] = frozenset()


class Compliance:
    """Patch states and patches of the instances of one account-region."""

    kind = "compliance"
    permissions = ("ssm:DescribeInstancePatchStates", "ssm:DescribeInstancePatches")

    def __init__(self, clients: Any) -> None:
        self.clients = clients

    def read_states(self, instance_ids: Sequence[str]) -> dict[str, PatchState]:
        """By instance id. An instance that was never scanned has no entry."""
        paginator = self.clients.ssm.get_paginator("describe_instance_patch_states")
        states = {}
        with translated("Reading patch states"):
            for batch in in_batches(instance_ids):
                for page in paginator.paginate(InstanceIds=batch):
                    for reply in page.get("InstancePatchStates", []):
                        states[reply["InstanceId"]] = state_from_aws(reply)
        return states

    def read_patches(self, instance_id: str) -> PatchList:
        """What keeps one instance from being compliant, each patch once, in its worst state; and what is done."""
        pages = self.clients.ssm.get_paginator("describe_instance_patches").paginate(
            InstanceId=instance_id, PaginationConfig={"PageSize": PATCHES_PAGE}
        )
        try:
            with translated(f"Reading the patches of {instance_id}"):
                replies = [reply for page in pages for reply in page.get("Patches", [])]
        except AwsError as problem:
            if problem.code == "InvalidInstanceId":  # it left between the list and this call
                return PatchList()
            raise
        return listed_from_aws(replies)


def in_batches(instance_ids: Sequence[str]) -> Iterator[list[str]]:
    """As many ids at a time as one call takes."""
    for start in range(0, len(instance_ids), STATES_AT_ONCE):
        yield list(instance_ids[start : start + STATES_AT_ONCE])


def state_from_aws(reply: Mapping[str, Any]) -> PatchState:
    """One InstancePatchState; counts that AWS leaves out are zero."""
    return PatchState(
        instance_id=reply["InstanceId"],
        operation=reply["Operation"],
        started_at=reply["OperationStartTime"],
        ended_at=reply["OperationEndTime"],
        baseline_id=reply["BaselineId"],
        snapshot_id=reply.get("SnapshotId", ""),
        patch_group=reply.get("PatchGroup", ""),
        reboot_option=reply.get("RebootOption", ""),
        installed=reply.get("InstalledCount", 0),
        installed_other=reply.get("InstalledOtherCount", 0),
        installed_pending_reboot=reply.get("InstalledPendingRebootCount", 0),
        installed_rejected=reply.get("InstalledRejectedCount", 0),
        missing=reply.get("MissingCount", 0),
        failed=reply.get("FailedCount", 0),
        not_applicable=reply.get("NotApplicableCount", 0),
        critical_noncompliant=reply.get("CriticalNonCompliantCount", 0),
        security_noncompliant=reply.get("SecurityNonCompliantCount", 0),
        other_noncompliant=reply.get("OtherNonCompliantCount", 0),
    )


def patch_from_aws(reply: Mapping[str, Any]) -> NoncompliantPatch | None:
    """One PatchComplianceData, or None where the patch is as it should be or does not apply."""
    state = NONCOMPLIANT_STATES.get(_state_of(reply))
    if state is None:
        return None
    return NoncompliantPatch(
        patch_id=reply["KBId"],
        state=state,
        title=reply.get("Title", ""),
        classification=reply.get("Classification", ""),
        severity=reply.get("Severity", "").capitalize(),
        cves=tuple(sorted({cve.strip() for cve in reply.get("CVEIds", "").split(",") if cve.strip()})),
    )


def listed_from_aws(replies: Iterable[Mapping[str, Any]]) -> PatchList:
    """The PatchComplianceData of one instance; what is open in one row is not done by another."""
    replies = list(replies)
    noncompliant = worst_of(patch_from_aws(reply) for reply in replies)
    done: dict[str, set[str]] = {"installed": set(), "notapplicable": set(), "installedother": set()}
    for reply in replies:
        done.get(_state_of(reply), set()).add(reply["KBId"])
    named = {patch.patch_id for patch in noncompliant}
    installed = frozenset((done["installed"] | done["notapplicable"]) - named)
    return PatchList(noncompliant, installed, frozenset(done["installedother"] - named))


def _state_of(reply: Mapping[str, Any]) -> str:
    """The state in one spelling: "installedpendingreboot" of both that AWS uses."""
    return str(reply.get("State", "")).replace("_", "").lower()


def worst_of(patches: Iterable[NoncompliantPatch | None]) -> list[NoncompliantPatch]:
    """Each patch once: Linux lists a package once for every version of it that is installed."""
    rank = {state: place for place, state in enumerate(NONCOMPLIANT_STATES.values())}
    found: dict[str, NoncompliantPatch] = {}
    for patch in patches:
        if patch is None:
            continue
        known = found.get(patch.patch_id)
        if known is None or rank[patch.state] < rank[known.state]:
            found[patch.patch_id] = patch
    return list(found.values())
