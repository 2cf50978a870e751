"""The calls that show exemptions to others: Security Hub's findings, compliance items, and the register in S3.

Nothing here decides what is patched, and nothing is read but the findings on patches and who suppressed them.
"""

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any

from patching.aws import session
from patching.aws.errors import AwsError, translated

Row = dict[str, Any]
# findings on a node's patches: the control of Security Hub's standards, and Patch Manager's own
CONTROL = "SSM.2"
PATCH_MANAGER = "Software and Configuration Checks/Patch Management"
OPEN = ("NEW", "NOTIFIED")
SUPPRESSED = "SUPPRESSED"
AT_ONCE = 100  # findings in one page, and in one update
LONGEST_NOTE = 512
BY = "patchwarden"
# the fields by which we know again what we suppressed; a finding that we gave back keeps them, held by nobody
EXEMPTION, HOLDER, NOBODY = "patchwarden:exemption", "patchwarden:suppressed-by", "nobody"
NODE = re.compile(r"\bm?i-[0-9a-f]{8,17}\b")

ITEM_TYPE = "Custom:PatchExemption"
LONGEST_TITLE, LONGEST_DETAIL = 500, 4096


@dataclass(frozen=True)
class Finding:
    """One finding of Security Hub: the nodes it is about, and what users wrote on it."""

    finding_id: str
    product_arn: str
    nodes: frozenset[str]
    fields: Mapping[str, str] = field(default_factory=dict)

    @property
    def exemptions(self) -> str:
        """For which exemptions we suppressed it, such as ``EX-12, EX-14``."""
        return self.fields.get(EXEMPTION, "")


class SecurityHub:
    """Findings on patches of one account-region, suppressed and given back by their workflow status."""

    kind = "security_hub"
    permissions = ("securityhub:BatchUpdateFindings", "securityhub:GetFindings")

    def __init__(self, clients: Any, installation: str) -> None:
        self.clients = clients
        self.installation = installation

    def open(self) -> list[Finding]:
        """Findings on patches that somebody is still to look at. A call for each hundred, of two kinds."""
        about = {"WorkflowStatus": [_is(one) for one in OPEN], "RecordState": [_is("ACTIVE")]}
        found: dict[str, Finding] = {}
        for kind in (
            {"ComplianceSecurityControlId": [_is(CONTROL)]},
            {"Type": [_is(PATCH_MANAGER)]},
        ):
            found |= {one.finding_id: one for one in self._found(**about, **kind)}
        return list(found.values())

    def suppressed(self) -> list[Finding]:
        """What is suppressed here and carries our fields; what somebody else suppressed is not among it."""
        ours = {"Key": HOLDER, "Value": self.installation, "Comparison": "EQUALS"}
        return list(self._found(WorkflowStatus=[_is(SUPPRESSED)], UserDefinedFields=[ours]))

    def suppress(self, findings: Iterable[Finding], exemptions: str, note: str) -> None:
        """Suppress these for the named exemptions. Raises AwsError where Security Hub refused one of them."""
        self._update(findings, SUPPRESSED, note, {EXEMPTION: exemptions, HOLDER: self.installation})

    def give_back(self, findings: Iterable[Finding], note: str) -> None:
        """Let these count again, as new ones. Raises AwsError where Security Hub refused one of them."""
        self._update(findings, "NEW", note, {HOLDER: NOBODY})

    def _found(self, **filters: Any) -> Iterator[Finding]:
        here = {"AwsAccountId": [_is(self.clients.account_id)], "Region": [_is(self.clients.region)]}
        with translated("GetFindings"):
            pages = self.clients.securityhub.get_paginator("get_findings").paginate(
                Filters={**here, **filters}, PaginationConfig={"PageSize": AT_ONCE}
            )
            for page in pages:
                yield from (_finding(row) for row in page["Findings"])

    def _update(self, findings: Iterable[Finding], status: str, note: str, ours: Mapping[str, str]) -> None:
        """What others wrote into a finding's fields stays, so findings with equal fields go together."""
        alike: dict[tuple[tuple[str, str], ...], list[Finding]] = {}
        for one in findings:
            alike.setdefault(tuple(sorted({**one.fields, **ours}.items())), []).append(one)
        for fields, group in alike.items():
            for batch in _batches(group):
                self._send(batch, status, note, dict(fields))

    def _send(self, batch: Sequence[Finding], status: str, note: str, fields: dict[str, str]) -> None:
        with translated("BatchUpdateFindings"):
            reply = self.clients.securityhub.batch_update_findings(
                FindingIdentifiers=[{"Id": one.finding_id, "ProductArn": one.product_arn} for one in batch],
                Workflow={"Status": status},
                Note={"Text": note[:LONGEST_NOTE], "UpdatedBy": BY},
                UserDefinedFields=fields,
            )
        # one that is gone meanwhile needs nothing any more
        refused = [one for one in reply["UnprocessedFindings"] if one["ErrorCode"] != "FindingNotFound"]
        if refused:
            first = refused[0]
            raise AwsError(
                first["ErrorCode"],
                f"BatchUpdateFindings: Security Hub refused {len(refused)} of {len(batch)} findings. "
                f"{first['ErrorMessage']} ({first['ErrorCode']})",
            )


@dataclass(frozen=True)
class Item:
    """One exemption in force on a node, as Systems Manager's compliance shows it."""

    exemption: str
    title: str
    kind: str
    until: str  # ISO 8601, in UTC
    patches: Sequence[str] = ()

    def as_plain(self) -> Row:
        """Compliant and informational: the exemption is in order. The type Patch goes on saying what is missing."""
        details = {"exemption": self.exemption, "kind": self.kind, "until": self.until}
        if self.patches:
            details["patches"] = ", ".join(self.patches)[:LONGEST_DETAIL]
        return {
            "Id": self.exemption,
            "Title": self.title[:LONGEST_TITLE],
            "Severity": "INFORMATIONAL",
            "Status": "COMPLIANT",
            "Details": details,
        }


class ComplianceItems:
    """Items of a type of our own on managed nodes, beside what Patch Manager says of the type Patch."""

    kind = "compliance_items"
    permissions = ("ssm:PutComplianceItems",)

    def __init__(self, clients: Any) -> None:
        self.clients = clients

    def put(self, instance_id: str, items: Sequence[Row], at: datetime) -> None:
        """Replace all items of our type on one node; none takes them away."""
        with translated("PutComplianceItems"):
            self.clients.ssm.put_compliance_items(
                ResourceId=instance_id,
                ResourceType="ManagedInstance",
                ComplianceType=ITEM_TYPE,
                ExecutionSummary={"ExecutionTime": at},
                Items=list(items),
            )


CLASSES: tuple[type[SecurityHub] | type[ComplianceItems], ...] = (SecurityHub, ComplianceItems)


def put_register(bucket: str, key: str, text: str) -> None:
    """Write the signed register, as the role that we run as ourselves; S3 refuses it when a byte got lost."""
    body = text.encode()
    with translated(f"PutObject of {key} into the bucket {bucket}"):
        session.own("s3").put_object(
            Bucket=bucket,
            Key=key,
            Body=body,
            ContentType="application/json",
            ChecksumSHA256=base64.b64encode(hashlib.sha256(body).digest()).decode(),
        )


def _is(value: str) -> Row:
    return {"Value": value, "Comparison": "EQUALS"}


def _finding(row: Row) -> Finding:
    """Nodes by their id anywhere in the resource's: the two kinds of finding name it in different ARNs."""
    nodes = {node for one in row["Resources"] for node in NODE.findall(one["Id"])}
    return Finding(row["Id"], row["ProductArn"], frozenset(nodes), row.get("UserDefinedFields") or {})


def _batches(findings: Sequence[Finding]) -> Iterator[list[Finding]]:
    left = iter(findings)
    while batch := list(islice(left, AT_ONCE)):
        yield batch
