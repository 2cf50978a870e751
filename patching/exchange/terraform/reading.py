"""From Terraform's resources to parts. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from patching.exchange import belongings, shapes
from patching.exchange.parts import (
    BaselinePart,
    Belonging,
    GroupPart,
    Note,
    Refusal,
    Setup,
    TargetPart,
    TaskPart,
    WindowPart,
)
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
from patching.exchange.unresolved import Reference, Unresolved, first_unresolved

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


def read(text: str, *, given: Mapping[str, str], account: str = "", region: str = "") -> Setup:
    """Every ``aws_ssm_*`` resource that Patchwarden manages; ``given``: variable → value. Raises CannotReadError."""
    found = shown.load(text) if text.lstrip().startswith("{") else language.load(text, given)
    reader = _Reader(found)
    reader.read_all()
    belongings.read(found.belongings, reader.setup)
    return reader.setup


class _Reader:
    def __init__(self, found: Found) -> None:
        self.found = found
        self.setup = Setup(refused=found.refused, notes=found.notes, parameters=found.parameters)
        self.baselines: dict[str, BaselinePart] = {}  # by address

    def _of(self, kind: str) -> Iterable[Resource]:
        return [one for one in self.found.resources if one.kind == kind]

    def read_all(self) -> None:
        for one in self._of(BASELINE):
            self._baseline(one)
        self._groups()
        for one in self._of(WINDOW):
            self._window(one)
        for one in self._of(DEFAULT):
            self._note(one.address, "The account's default baseline is not changed here.")
        self._tags()

    def _baseline(self, one: Resource) -> None:
        values = _plain(one.values)
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
        request = self._content(one, shapes.BASELINE_FIELDS, values, needs=("Name",))
        if request is not None:
            request.setdefault("OperatingSystem", "WINDOWS")
            self.baselines[one.address] = BaselinePart(one.address, request)
            self.setup.baselines.append(self.baselines[one.address])

    def _groups(self) -> None:
        groups: dict[str, dict[str, str]] = {}
        for one in self._of(GROUP):
            baseline, name = one.values.get("baseline_id"), one.values.get("patch_group")
            part = self.baselines.get(baseline.name) if isinstance(baseline, Reference) else None
            if isinstance(name, Unresolved):
                self._refuse(one.address, f"patch_group: {name.why}")
            elif part is None:
                self._refuse(one.address, "Its baseline_id names no baseline that is taken from this file.")
            else:
                groups.setdefault(str(name), {})[str(part.request["OperatingSystem"])] = part.name
        self.setup.groups = [GroupPart(GROUP, name, systems) for name, systems in sorted(groups.items())]

    def _window(self, one: Resource) -> None:
        needs = ("Name", "Schedule", "Duration", "Cutoff")
        request = self._content(one, shapes.WINDOW_FIELDS, _plain(one.values), needs=needs)
        if request is None:
            return
        if one.values.get("allow_unassociated_targets") is True:
            self._note(
                one.address,
                "allow_unassociated_targets becomes false: only registered instances are patched.",
            )
        if one.values.get("enabled") is False:
            self._note(
                one.address, "It is disabled there; here it opens once its request is approved and pushed."
            )
        targets = [part for part in map(self._target, self._parts(TARGET, one)) if part]
        tasks = [part for part in map(self._task, self._parts(TASK, one)) if part]
        self.setup.windows.append(WindowPart(one.address, request, tuple(targets), tuple(tasks)))

    def _parts(self, kind: str, window: Resource) -> list[Resource]:
        return [part for part in self._of(kind) if part.values.get("window_id") == Reference(window.address)]

    def _target(self, one: Resource) -> TargetPart | None:
        if one.values.get("resource_type", "INSTANCE") != "INSTANCE":
            self._refuse(
                one.address, "It names a resource group; windows here act on instances by their tags."
            )
            return None
        entries = _filters(one.values.get("targets"))
        if missing := first_unresolved(entries, "targets"):
            self._refuse(one.address, f"{missing[0]}: {missing[1].why}")
            return None
        return TargetPart(one.address, tuple(entries))

    def _task(self, one: Resource) -> TaskPart | None:
        request = self._content(one, shapes.TASK_FIELDS, _plain(one.values), needs=("TaskArn", "TaskType"))
        if request is None:
            return None
        left = [name for name in LEFT if one.values.get(name)]
        for block in _blocks(one.values.get("task_invocation_parameters")):
            for theirs, ours in INVOCATIONS.items():
                for content in _blocks(block.get(theirs)):
                    parameters = {
                        str(entry.get("name")): shapes.texts(entry.get("values"))
                        for entry in _blocks(content.get("parameter"))
                    }
                    if missing := first_unresolved(parameters, theirs):
                        self._refuse(one.address, f"{missing[0]}: {missing[1].why}")
                        return None
                    request["TaskInvocationParameters"] = {ours: {"Parameters": parameters}}
                    left += [name for name, value in content.items() if name != "parameter" and value]
        if left:
            self._note(one.address, f"{', '.join(sorted(left))}: not taken over; AWS's defaults hold.")
        return TaskPart(one.address, request, self._targets_of(one))

    def _targets_of(self, one: Resource) -> tuple[str, ...]:
        found = []
        for entry in _blocks(one.values.get("targets")):
            values = entry.get("values")
            for value in values if isinstance(values, list) else [values]:
                if isinstance(value, Reference):
                    found.append(value.name)
                elif value is not None:
                    self._note(one.address, "It also names targets by id, which this file does not hold.")
        return tuple(found)

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

    def _content(
        self, one: Resource, fields: tuple[str, ...], values: Mapping[str, Any], needs: tuple[str, ...]
    ) -> dict[str, Any] | None:
        request = shapes.known(fields, values)
        if missing := first_unresolved(request):
            self._refuse(one.address, f"{missing[0]}: {missing[1].why}")
            return None
        if lacking := [name for name in needs if name not in request]:
            self._refuse(one.address, f"It has no {', '.join(lacking)}, which AWS requires.")
            return None
        return request

    def _refuse(self, where: str, why: str) -> None:
        self.setup.refused.append(Refusal(where, why))

    def _note(self, where: str, what: str) -> None:
        self.setup.notes.append(Note(where, what))


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
