"""What the simulated AWS remembers: plain dataclasses that become JSON and back. No behaviour, no wire.

They notice what may have changed since the last save, so that a call costs what it touched and not what there is.
"""

import hashlib
import secrets
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from typing import Any, TypeVar

from patching.simulator.controls import Controls

T = TypeVar("T")
START = datetime(2026, 6, 1, 6, 0, tzinfo=UTC)


class Reporting:
    """A thing that reports its name when one of its members is set, in order of time: {name: None}."""

    __slots__ = ("_name", "_reports_to")
    _name: str

    def report_to(self, changed: dict[str, None], name: str) -> None:
        object.__setattr__(self, "_name", name)
        object.__setattr__(self, "_reports_to", changed)
        changed[name] = None

    def __setattr__(self, member: str, value: Any) -> None:
        object.__setattr__(self, member, value)
        changed = getattr(self, "_reports_to", None)
        if changed is not None:
            changed[self._name] = None


@dataclass
class Node(Reporting):
    """One EC2 instance, and what its SSM agent knows of its patches.

    `tags` are the EC2 tags: there is no second copy anywhere.
    Times in `installed` and `failed` are ISO 8601 strings in UTC.
    A change goes on disk when a member is set: `node.tags = {…}`, not `node.tags.pop(…)` alone.
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


class Nodes(dict[str, Node]):
    """All nodes by InstanceId; `changed` are the ids of those set, changed or deleted since the last save."""

    def __init__(self, nodes: Mapping[str, Node] | Iterable[tuple[str, Node]] = ()) -> None:
        super().__init__()
        self.changed: dict[str, None] = {}
        self._places: dict[tuple[str, str], list[Node]] | None = None
        for instance_id, node in dict(nodes).items():
            self[instance_id] = node

    def __setitem__(self, instance_id: str, node: Node) -> None:
        super().__setitem__(instance_id, node)
        self._places = None
        if isinstance(node, Node):  # asdict puts dictionaries here
            node.report_to(self.changed, instance_id)

    def __delitem__(self, instance_id: str) -> None:
        super().__delitem__(instance_id)
        self.changed[instance_id] = None
        self._places = None

    def pop(self, instance_id: str, *default: Any) -> Any:
        node = super().pop(instance_id, *default)
        self.changed[instance_id] = None
        self._places = None
        return node

    def in_place(self, account: str, region: str) -> list[Node]:
        """Those of one account and region, looked up once and again only when a node came or went."""
        if self._places is None:
            self._places = {}
            for node in self.values():
                self._places.setdefault((node.account, node.region), []).append(node)
        return self._places.get((account, region), [])


@dataclass
class Account:
    """One AWS account, and the role that may be assumed in it."""

    account: str
    name: str
    role: str = "PatchwardenRole"
    external_id: str = ""
    regions: list[str] = field(default_factory=lambda: ["eu-central-1"])
    scheduler_role: str = "PatchwardenRestore"


class Noticing:
    """Notices which of its members were looked at or set: what nobody looked at cannot have changed."""

    __slots__ = ("_noticed",)

    def noticed(self) -> set[str]:
        """The members looked at since they were last forgotten."""
        try:
            return object.__getattribute__(self, "_noticed")
        except AttributeError:
            object.__setattr__(self, "_noticed", set())
            return object.__getattribute__(self, "_noticed")

    def __getattribute__(self, member: str) -> Any:
        value = object.__getattribute__(self, member)
        if isinstance(value, dict | list) and not member.startswith("_"):
            object.__getattribute__(self, "noticed")().add(member)
        return value

    def __setattr__(self, member: str, value: Any) -> None:
        object.__setattr__(self, member, value)
        object.__getattribute__(self, "noticed")().add(member)


@dataclass
class Region(Noticing):
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
    automations: dict[str, dict[str, Any]] = field(default_factory=dict)  # AutomationExecutionId → its steps
    associations: dict[str, dict[str, Any]] = field(default_factory=dict)  # AssociationId → description
    compliance_items: dict[str, dict[str, Any]] = field(default_factory=dict)  # InstanceId → type → as put
    inventory: dict[str, dict[str, Any]] = field(default_factory=dict)  # InstanceId → type → as put
    data_syncs: dict[str, dict[str, Any]] = field(default_factory=dict)  # SyncName → ResourceDataSyncItem
    snapshots: dict[str, dict[str, Any]] = field(default_factory=dict)  # SnapshotId → EC2 snapshot
    imported_findings: dict[str, dict[str, Any]] = field(default_factory=dict)  # Security Hub's, by Id
    finding_updates: dict[str, dict[str, Any]] = field(default_factory=dict)  # Id → what people said of it
    tags: dict[str, dict[str, str]] = field(default_factory=dict)  # "MaintenanceWindow/mw-…" → tags
    schedule_groups: dict[str, dict[str, Any]] = field(default_factory=dict)
    schedules: dict[str, dict[str, Any]] = field(default_factory=dict)  # "group/name" → GetSchedule
    # "operation/ClientToken" → digest of the request, the reply, and when in real time
    tokens: dict[str, dict[str, Any]] = field(default_factory=dict)
    born: dict[str, float] = field(default_factory=dict)  # WindowId → when it was made, in real time
    resource_groups: dict[str, dict[str, Any]] = field(default_factory=dict)  # name → its query


@dataclass
class World:
    """Every account, node and clock of the simulated AWS."""

    now: datetime = START
    seed: str = field(default_factory=lambda: secrets.token_hex(8))
    issued: int = 0  # how many ids were given out
    accounts: dict[str, Account] = field(default_factory=dict)
    nodes: Nodes = field(default_factory=Nodes)  # InstanceId → Node, all accounts
    regions: dict[str, Region] = field(default_factory=dict)  # "account/region" → Region
    sessions: dict[str, dict[str, Any]] = field(default_factory=dict)  # AccessKeyId → assumed role
    log: list[dict[str, Any]] = field(default_factory=list)  # mutating calls, in order
    problems: list[str] = field(default_factory=list)  # replies that broke AWS's own model
    faults: list[dict[str, Any]] = field(default_factory=list)  # injected, not yet used up
    controls: Controls = field(default_factory=Controls)  # set by the doors

    def region(self, account: str, region: str) -> Region:
        key = f"{account}/{region}"
        if key not in self.regions:
            self.regions[key] = Region(account=account, region=region)
        return self.regions[key]

    def nodes_in(self, account: str, region: str) -> list[Node]:
        return list(self.nodes.in_place(account, region))

    def real_time(self) -> float:
        """Seconds of the real clock, which tokens, lags and rates go by; a door may let it run ahead."""
        return time.time() + self.controls.seconds_ahead

    def mark_all_changed(self) -> None:
        """For a save to another place than the last one."""
        self.nodes.changed |= dict.fromkeys(self.nodes)
        for corner in self.regions.values():
            corner.noticed().update(vars(corner))

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
