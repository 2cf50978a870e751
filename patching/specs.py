"""The words that the portal and AWS agree on: frozen, plain, and equal when AWS would behave the same. Pure."""

import json
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any, ClassVar, NamedTuple

# Parents before children; a window is created disabled and enabled only after everything else stands.
# The way back (schedule) is laid down before the tag that needs it.
ORDER = ("baseline", "registration", "window", "target", "task", "schedule", "tag")

DEFERRED = "pw-deferred"  # the window tag of an instance that an exemption keeps out of its window
DAILY_SCAN = "patchwarden-daily-scan"


class Key(NamedTuple):
    """Where a resource belongs in the desired world of one account-region."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"


class Source(NamedTuple):
    """What a desired resource was made from, and the digest that was decided upon."""

    kind: str  # revision, waiver, hold, policy
    id: str
    digest: str


@dataclass(frozen=True)
class BaselineSpec:
    """A patch baseline. ``definition`` is the canonical JSON of a CreatePatchBaseline request without its Name."""

    kind: ClassVar[str] = "baseline"
    name: str
    definition: str

    @property
    def request(self) -> dict[str, Any]:
        """The definition as a fresh dict in CreatePatchBaseline's shape, Name included."""
        return {"Name": self.name, **json.loads(self.definition)}

    @property
    def operating_system(self) -> str:
        return str(json.loads(self.definition)["OperatingSystem"])


@dataclass(frozen=True)
class RegistrationSpec:
    """A patch group uses this baseline for this operating system."""

    kind: ClassVar[str] = "registration"
    patch_group: str
    operating_system: str
    baseline: str  # name of the baseline's Key


@dataclass(frozen=True)
class WindowSpec:
    """A maintenance window without its targets and tasks. Times in hours; dates ISO 8601 or ""."""

    kind: ClassVar[str] = "window"
    name: str
    description: str
    schedule: str
    timezone: str
    offset: int  # days after the cron day, 0 for none
    duration: int
    cutoff: int
    start_date: str
    end_date: str
    enabled: bool


@dataclass(frozen=True)
class TargetSpec:
    """Instances of a window by tag; several values of one key are alternatives."""

    kind: ClassVar[str] = "target"
    window: str  # name of the window's Key
    key: str  # "tag:MaintenanceWindow" or "tag-key"
    values: frozenset[str]


@dataclass(frozen=True)
class TaskSpec:
    """One task of a window, run against all of the window's targets."""

    kind: ClassVar[str] = "task"
    window: str
    targets: frozenset[str]  # names of target Keys
    label: str
    task_type: str  # RUN_COMMAND or AUTOMATION
    document: str
    priority: int
    max_concurrency: str
    max_errors: str
    cutoff_behavior: str  # CONTINUE_TASK or CANCEL_TASK
    parameters: tuple[tuple[str, tuple[str, ...]], ...]  # sorted by name


@dataclass(frozen=True)
class ScheduleSpec:
    """A way back that AWS itself takes: at one moment, write a tag on one instance, or enable one window."""

    kind: ClassVar[str] = "schedule"
    at: str  # "2026-07-01T00:00:00", UTC
    instance_id: str = ""
    tag_key: str = ""
    tag_value: str = ""
    window: str = ""  # name of the window's Key, where it enables one


@dataclass(frozen=True)
class TagSpec:
    """One of the two configured tags on one instance."""

    kind: ClassVar[str] = "tag"
    instance_id: str
    tag_key: str
    value: str


Spec = BaselineSpec | RegistrationSpec | WindowSpec | TargetSpec | TaskSpec | ScheduleSpec | TagSpec
SPECS: dict[str, type[Spec]] = {
    spec.kind: spec
    for spec in (BaselineSpec, RegistrationSpec, WindowSpec, TargetSpec, TaskSpec, ScheduleSpec, TagSpec)
}


@dataclass(frozen=True)
class Desired:
    """One resource that should be in AWS, why, and what it is called for people."""

    key: Key
    uid: str
    spec: Spec
    sources: tuple[Source, ...]
    label: str
    # an instance tag may be written only over this value (seen at approval); None: whatever is there
    expects: str | None = None


@dataclass(frozen=True)
class FieldChange:
    """One field that differs, as text for people."""

    field: str
    live: str
    desired: str


def to_plain(spec: Spec) -> dict[str, Any]:
    """JSON-able values with stable order; ``from_plain(kind, to_plain(spec)) == spec``."""
    return {name: _plain(value) for name, value in asdict(spec).items()}


def from_plain(kind: str, data: Mapping[str, Any]) -> Spec:
    """The spec that ``to_plain`` wrote down."""
    spec = SPECS[kind]
    values: dict[str, Any] = {}
    for field in fields(spec):
        if field.name not in data and field.default is not MISSING:
            continue  # written down before there was such a field
        value = data[field.name]
        if field.type in (frozenset[str], "frozenset[str]"):
            value = frozenset(value)
        elif isinstance(value, list):
            value = tuple((name, tuple(entries)) for name, entries in value)
        values[field.name] = value
    return spec(**values)


def differences(live: Spec, desired: Spec) -> list[FieldChange]:
    """Fields in which two specs of one kind differ, in the order in which the spec names them."""
    return [
        FieldChange(field.name, shown(getattr(live, field.name)), shown(getattr(desired, field.name)))
        for field in fields(desired)
        if getattr(live, field.name) != getattr(desired, field.name)
    ]


def shown(value: Any) -> str:
    """A field's value as one line of text."""
    if isinstance(value, frozenset):
        return ", ".join(sorted(value))
    if isinstance(value, tuple):
        return "; ".join(f"{name}={','.join(entries)}" for name, entries in value)
    return str(value)


def canonical_definition(request: Mapping[str, Any]) -> str:
    """A CreatePatchBaseline request as canonical JSON: no name, defaults left out, unordered lists sorted.

    Rules keep their order of writing; within a rule filters and values are sorted, as AWS ignores their order.
    """
    kept = {
        field: _definition_field(field, value)
        for field, value in request.items()
        if field not in {"Name", "ClientToken", "Tags"} and value not in (None, "", [], {}, False)
    }
    kept.setdefault("OperatingSystem", "WINDOWS")
    for field, default in _AWS_DEFAULTS.items():
        if kept.get(field) == default:
            del kept[field]
    return json.dumps(kept, sort_keys=True, separators=(",", ":"))


_AWS_DEFAULTS = {
    "ApprovedPatchesComplianceLevel": "UNSPECIFIED",
    "RejectedPatchesAction": "ALLOW_AS_DEPENDENCY",
    "GlobalFilters": {"PatchFilters": []},
    "ApprovalRules": {"PatchRules": []},
}


def _definition_field(field: str, value: Any) -> Any:
    if field in {"ApprovedPatches", "RejectedPatches"}:
        return sorted(value)
    if field == "GlobalFilters":
        return _filter_group(value)
    if field == "ApprovalRules":
        return {"PatchRules": [_rule(rule) for rule in value.get("PatchRules", [])]}
    return value


def _rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in rule.items() if value is not None and value is not False}
    if kept.get("ComplianceLevel") == "UNSPECIFIED":
        del kept["ComplianceLevel"]
    kept["PatchFilterGroup"] = _filter_group(rule.get("PatchFilterGroup", {}))
    return kept


def _filter_group(group: Mapping[str, Any]) -> dict[str, Any]:
    filters = [{"Key": one["Key"], "Values": sorted(one["Values"])} for one in group.get("PatchFilters", [])]
    return {"PatchFilters": sorted(filters, key=lambda one: (one["Key"], one["Values"]))}


def _plain(value: Any) -> Any:
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, tuple):
        return [_plain(entry) for entry in value]
    return value
