"""What the simulated AWS remembers: plain dataclasses that become JSON and back. No behaviour, no wire."""

import hashlib
import secrets
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from typing import Any, TypeVar

T = TypeVar("T")
START = datetime(2026, 6, 1, 6, 0, tzinfo=UTC)


@dataclass
class Node:
    """One EC2 instance, and what its SSM agent knows of its patches.

    `tags` are the EC2 tags: there is no second copy anywhere.
    Times in `installed` and `failed` are ISO 8601 strings in UTC.
    """

    instance_id: str
    account: str
    region: str
    name: str
    os: str  # SSM's OPERATING_SYSTEM, "WINDOWS"
    product: str  # the PRODUCT of baseline filters, "WindowsServer2022"
    platform_name: str  # "Microsoft Windows Server 2022 Datacenter"
    platform_version: str
    platform_type: str  # "Windows" or "Linux"
    az: str
    instance_type: str = "m6i.large"
    asg: str | None = None
    managed: bool = True
    ping_status: str = "Online"  # or "ConnectionLost", "Inactive"
    agent_version: str = "3.3.1957.0"
    launched_at: str = "2025-11-03T09:00:00Z"
    tags: dict[str, str] = field(default_factory=dict)
    installed: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    pending_reboot: list[str] = field(default_factory=list)
    install_fails: list[str] = field(default_factory=list)  # patches that will not install here
    last_run: dict[str, Any] | None = None  # InstancePatchState as last reported
    findings: list[dict[str, Any]] = field(default_factory=list)  # its PatchComplianceData rows


@dataclass
class Account:
    """One AWS account, and the role that may be assumed in it."""

    account: str
    name: str
    role: str = "PatchwardenRole"
    external_id: str = ""
    regions: list[str] = field(default_factory=lambda: ["eu-central-1"])
    scheduler_role: str = "PatchwardenRestore"


@dataclass
class Region:
    """What SSM and the Scheduler hold in one account and region, as they hold it: AWS's own field names."""

    account: str
    region: str
    baselines: dict[str, dict[str, Any]] = field(default_factory=dict)  # BaselineId → GetPatchBaseline
    groups: dict[str, dict[str, str]] = field(default_factory=dict)  # group → operating system → BaselineId
    default_baselines: dict[str, str] = field(default_factory=dict)  # operating system → BaselineId
    windows: dict[str, dict[str, Any]] = field(default_factory=dict)  # WindowId → GetMaintenanceWindow
    targets: dict[str, dict[str, Any]] = field(default_factory=dict)  # WindowTargetId → target
    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)  # WindowTaskId → GetMaintenanceWindowTask
    commands: list[dict[str, Any]] = field(default_factory=list)  # sent by SendCommand, oldest first
    # oldest first, each with its tasks, their invocations and their commands inside
    executions: list[dict[str, Any]] = field(default_factory=list)
    tags: dict[str, dict[str, str]] = field(default_factory=dict)  # "MaintenanceWindow/mw-…" → tags
    schedule_groups: dict[str, dict[str, Any]] = field(default_factory=dict)
    schedules: dict[str, dict[str, Any]] = field(default_factory=dict)  # "group/name" → GetSchedule
    # "operation/ClientToken" → digest of the request, and the reply
    tokens: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass
class World:
    """Every account, node and clock of the simulated AWS."""

    now: datetime = START
    seed: str = field(default_factory=lambda: secrets.token_hex(8))
    issued: int = 0  # how many ids were given out
    accounts: dict[str, Account] = field(default_factory=dict)
    nodes: dict[str, Node] = field(default_factory=dict)  # InstanceId → Node, all accounts
    regions: dict[str, Region] = field(default_factory=dict)  # "account/region" → Region
    sessions: dict[str, dict[str, Any]] = field(default_factory=dict)  # AccessKeyId → assumed role
    log: list[dict[str, Any]] = field(default_factory=list)  # mutating calls, in order
    problems: list[str] = field(default_factory=list)  # replies that broke AWS's own model
    faults: list[dict[str, Any]] = field(default_factory=list)  # injected, not yet used up

    def region(self, account: str, region: str) -> Region:
        key = f"{account}/{region}"
        if key not in self.regions:
            self.regions[key] = Region(account=account, region=region)
        return self.regions[key]

    def nodes_in(self, account: str, region: str) -> list[Node]:
        return [node for node in self.nodes.values() if (node.account, node.region) == (account, region)]

    def new_hex(self, length: int) -> str:
        """An id's hexadecimal part: never twice in one world, and not guessable from another's."""
        self.issued += 1
        return hashlib.sha256(f"{self.seed}:{self.issued}".encode()).hexdigest()[:length]

    def new_uuid(self) -> str:
        digits = self.new_hex(32)
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def to_json(thing: Any) -> dict[str, Any]:
    """A state dataclass as a dictionary that json.dumps takes."""
    return {key: iso(value) if isinstance(value, datetime) else value for key, value in asdict(thing).items()}


def from_json(cls: type[T], data: dict[str, Any]) -> T:
    """The way back. A field that this version does not know is left out, so that older states still load."""
    known = {f.name for f in fields(cls)}  # type: ignore[arg-type]
    return cls(**{key: value for key, value in data.items() if key in known})


def iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def moment(text: str) -> datetime:
    """An aware datetime from ISO 8601; without a zone it is UTC."""
    parsed = datetime.fromisoformat(text)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
