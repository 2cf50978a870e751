"""From Terraform's resources to parts. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from patching.exchange import belongings, shapes
from patching.exchange.parts import (
    BaselinePart,
    Belonging,
    Setup,
    TargetPart,
    TaskPart,
    WindowPart,
)
from patching.exchange.taking import Taking
from patching.exchange.terraform import language, shown
from patching.exchange.terraform.resources import (
    BASELINE,
    DEFAULT,
    GROUP,
    TAG,
    TARGET,
    TASK,
    WINDOW,
    Found,
    Resource,
)
from patching.exchange.unresolved import Reference, Unresolved

# Terraform's name of an attribute → AWS's. Source: terraform-provider-aws, documentation of each resource
PLAIN = {
    "allow_unassociated_targets": "AllowUnassociatedTargets",
    "approved_patches": "ApprovedPatches",
    "approved_patches_compliance_level": "ApprovedPatchesComplianceLevel",
    "approved_patches_enable_non_security": "ApprovedPatchesEnableNonSecurity",
    "available_security_updates_compliance_status": "AvailableSecurityUpdatesComplianceStatus",
    "cutoff": "Cutoff",
    "cutoff_behavior": "CutoffBehavior",
    "description": "Description",
    "duration": "Duration",
    "end_date": "EndDate",
    "max_concurrency": "MaxConcurrency",
    "max_errors": "MaxErrors",
    "name": "Name",
    "operating_system": "OperatingSystem",
    "priority": "Priority",
    "rejected_patches": "RejectedPatches",
    "rejected_patches_action": "RejectedPatchesAction",
    "schedule": "Schedule",
    "schedule_offset": "ScheduleOffset",
    "schedule_timezone": "ScheduleTimezone",
    "start_date": "StartDate",
    "task_arn": "TaskArn",
    "task_type": "TaskType",
}
RULE = {
    "approve_after_days": "ApproveAfterDays",
    "approve_until_date": "ApproveUntilDate",
    "compliance_level": "ComplianceLevel",
    "enable_non_security": "EnableNonSecurity",
}
SOURCE = {"name": "Name", "configuration": "Configuration", "products": "Products"}
INVOCATIONS = {"run_command_parameters": "RunCommand", "automation_parameters": "Automation"}
LEFT = ("service_role_arn",)
# what every resource may have, and the blocks that are read apart
BESIDE = (
    *("arn", "connection", "count", "depends_on", "for_each", "id", "json", "lifecycle", "provider"),
    *("provisioner", "region", "tags", "tags_all", "timeouts"),
    *("approval_rule", "global_filter", "source"),
    *("allow_unassociated_targets", "enabled"),
    *("service_role_arn", "targets", "task_invocation_parameters", "window_id", "window_task_id"),
)


def read(text: str, *, given: Mapping[str, str], account: str = "", region: str = "") -> Setup:
    """Every ``aws_ssm_*`` resource that Patchwarden manages; ``given``: variable → value. Raises CannotReadError."""
    found = shown.load(text) if text.lstrip().startswith("{") else language.load(text, given)
    reader = _Reader(found)
    reader.read_all()
    belongings.read(found.belongings, reader.setup)
    return reader.setup


class _Reader(Taking):
    def __init__(self, found: Found) -> None:
        super().__init__(Setup(refused=found.refused, notes=found.notes, parameters=found.parameters))
        self.found = found
        self.baselines: dict[str, BaselinePart] = {}  # by address

    def _of(self, kind: str) -> Iterable[Resource]:
        return [one for one in self.found.resources if one.kind == kind]

    def read_all(self) -> None:
        counted = Counter(one.address for one in self.found.resources)
        for address in [address for address, number in counted.items() if number > 1]:
            self.refuse(address, "The file has two resources of this type and name; give each its own name.")
        self.found.resources = [one for one in self.found.resources if counted[one.address] == 1]
        for one in self._of(BASELINE):
            self._baseline(one)
        self._groups()
        for one in self._of(WINDOW):
            self._window(one)
        for one in self._of(DEFAULT):
            self.note(one.address, "The account's default baseline is not changed here.")
        self._tags()

    def _baseline(self, one: Resource) -> None:
        values = _plain(one.values)
        blocks = [("approval_rule", (*RULE, "patch_filter")), ("source", tuple(SOURCE))]
        for kind, known in blocks:
            for number, block in enumerate(_blocks(one.values.get(kind))):
                if not self.knows(f"{one.address}.{kind}[{number}]", block, known, ()):
                    return
        rules = [
            {**_renamed(rule, RULE), "PatchFilterGroup": {"PatchFilters": _filters(rule.get("patch_filter"))}}
            for rule in _blocks(one.values.get("approval_rule"))
        ]
        if rules:
            values["ApprovalRules"] = {"PatchRules": rules}
        if filters := _filters(one.values.get("global_filter")):
            values["GlobalFilters"] = {"PatchFilters": filters}
        if sources := [_renamed(source, SOURCE) for source in _blocks(one.values.get("source"))]:
            values["Sources"] = sources
        request = self.content(
            one.address, values, fields=shapes.BASELINE_FIELDS, needs=shapes.BASELINE_NEEDS
        )
        if request is not None and self.knows(one.address, one.values, PLAIN, BESIDE):
            request.setdefault("OperatingSystem", "WINDOWS")
            self.baselines[one.address] = BaselinePart(one.address, request)
            self.setup.baselines.append(self.baselines[one.address])

    def _groups(self) -> None:
        for one in self._of(GROUP):
            baseline, name = one.values.get("baseline_id"), one.values.get("patch_group")
            part = self.baselines.get(baseline.name) if isinstance(baseline, Reference) else None
            if isinstance(name, Unresolved):
                self.refuse(one.address, f"patch_group: {name.why}")
            elif part is None:
                self.refuse(one.address, "Its baseline_id names no baseline that is taken from this file.")
            else:
                self.judge(one.address, str(name), str(part.request["OperatingSystem"]), part.name)
        self.setup.groups = self.groups(GROUP)

    def _window(self, one: Resource) -> None:
        request = self.content(
            one.address, _plain(one.values), fields=shapes.WINDOW_FIELDS, needs=shapes.WINDOW_NEEDS
        )
        if request is None or not self.knows(one.address, one.values, PLAIN, BESIDE):
            return
        if one.values.get("allow_unassociated_targets") is True:
            self.note(
                one.address,
                "allow_unassociated_targets becomes false: only registered instances are patched.",
            )
        if one.values.get("enabled") is False:
            self.note(
                one.address, "It is disabled there; here it opens once its request is approved and pushed."
            )
        targets = [part for part in map(self._target, self._parts(TARGET, one)) if part]
        tasks = [part for part in map(self._task, self._parts(TASK, one)) if part]
        self.setup.windows.append(WindowPart(one.address, request, tuple(targets), tuple(tasks)))

    def _parts(self, kind: str, window: Resource) -> list[Resource]:
        return [part for part in self._of(kind) if part.values.get("window_id") == Reference(window.address)]

    def _target(self, one: Resource) -> TargetPart | None:
        if one.values.get("resource_type", "INSTANCE") != "INSTANCE":
            self.refuse_resource_group(one.address)
            return None
        return self.target(one.address, _filters(one.values.get("targets")), "targets")

    def _task(self, one: Resource) -> TaskPart | None:
        request = self.content(
            one.address, _plain(one.values), fields=shapes.TASK_FIELDS, needs=shapes.TASK_NEEDS
        )
        if request is None or not self.knows(one.address, one.values, PLAIN, BESIDE):
            return None
        left = [name for name in LEFT if one.values.get(name)]
        for block in _blocks(one.values.get("task_invocation_parameters")):
            for theirs, ours in INVOCATIONS.items():
                for content in _blocks(block.get(theirs)):
                    named = _blocks(content.get("parameter"))
                    given = {str(entry.get("name")): entry.get("values") for entry in named}
                    parameters = self.parameters(one.address, given, theirs)
                    if parameters is None:
                        return None
                    request["TaskInvocationParameters"] = {ours: {"Parameters": parameters}}
                    left += [name for name, value in content.items() if name != "parameter" and value]
        self.left(one.address, left)
        targets = [entry.get("values") for entry in _blocks(one.values.get("targets"))]
        return TaskPart(one.address, request, self.targets_named(one.address, targets))

    def _tags(self) -> None:
        """Instances that get the tag of a group or of a window, where the file does not say it otherwise."""
        members: dict[tuple[str, str], list[str]] = {}
        for one in self._of(TAG):
            instance, key, value = (one.values.get(name) for name in ("resource_id", "key", "value"))
            if not (isinstance(instance, str) and instance.startswith("i-") and isinstance(value, str)):
                continue
            kind = "patch-group" if key in shapes.PATCH_GROUP_TAGS else "window"
            members.setdefault((kind, value), []).append(instance)
        for named, instances in members.items():
            self.setup.belongings[named] = Belonging(instances=tuple(sorted(instances)))


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes under AWS's names; empty lists and zero offsets are how Terraform says nothing."""
    renamed = {PLAIN[name]: value for name, value in values.items() if name in PLAIN}
    return {name: value for name, value in renamed.items() if value not in (None, "", [])}


def _renamed(block: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    kept = {names[name]: value for name, value in block.items() if name in names}
    return shapes.typed({name: value for name, value in kept.items() if value not in (None, "", [])})


def _filters(blocks: Any) -> list[dict[str, Any]]:
    found = [{"Key": one.get("key"), "Values": one.get("values")} for one in _blocks(blocks)]
    return [shapes.typed(one) for one in found]


def _blocks(value: Any) -> list[Mapping[str, Any]]:
    rows = value if isinstance(value, list) else [value]
    return [one for one in rows if isinstance(one, Mapping)]
