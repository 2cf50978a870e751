"""From a CloudFormation template to parts. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from patching.exchange import belongings, shapes
from patching.exchange.cloudformation.intrinsics import NOTHING, Scope
from patching.exchange.cloudformation.loading import load
from patching.exchange.parts import (
    BaselinePart,
    CannotReadError,
    Setup,
    TargetPart,
    TaskPart,
    WindowPart,
)
from patching.exchange.taking import Taking
from patching.exchange.unresolved import Reference, Unresolved, first_unresolved

BASELINE, WINDOW = "AWS::SSM::PatchBaseline", "AWS::SSM::MaintenanceWindow"
TARGET, TASK = "AWS::SSM::MaintenanceWindowTarget", "AWS::SSM::MaintenanceWindowTask"
KINDS = (BASELINE, WINDOW, TARGET, TASK)
# CloudFormation's name of a task's parameters → the name in AWS's own request
INVOCATIONS = {
    "MaintenanceWindowRunCommandParameters": "RunCommand",
    "MaintenanceWindowAutomationParameters": "Automation",
}
ELSEWHERE = {
    "AWS::SSM::Association": "State Manager associations patch by themselves, beside windows; nothing is made of them.",
    "AWS::SSM::Document": "Documents are not made here; this one must be in the account before a task runs it.",
    "AWS::SSM::ResourceDataSync": "Where AWS copies compliance to is not decided here.",
}


def read(text: str, *, given: Mapping[str, str], account: str = "", region: str = "") -> Setup:
    """Everything in a template that Patchwarden manages, and of all else in it why it is left.

    ``given``: parameter → value, over the template's defaults. Raises CannotReadError.
    """
    template = load(text)
    for section in ("Transform", "Hooks"):
        if section in template:
            raise CannotReadError(
                f"The template has a section {section}: AWS rewrites it before it is used. "
                "Give the processed template, as `aws cloudformation get-template --template-stage Processed` shows it."
            )
    reader = _Reader(Scope(template, given, account, region))
    reader.read_all()
    belongings.read(_metadata(template), reader.setup)
    reader.setup.parameters = reader.scope.parameters()
    return reader.setup


def _metadata(template: Mapping[str, Any]) -> Any:
    metadata = template.get("Metadata")
    return metadata.get(belongings.SECTION) if isinstance(metadata, Mapping) else None


class _Reader(Taking):
    """One pass over the resources: first what is named by others, then the whole."""

    def __init__(self, scope: Scope) -> None:
        super().__init__(Setup())
        self.scope = scope

    def read_all(self) -> None:
        found: dict[str, list[tuple[str, dict[str, Any]]]] = {kind: [] for kind in KINDS}
        for name, kind, properties in self._resources():
            found[kind].append((name, properties))
        for name, properties in found[BASELINE]:
            self._baseline(name, properties)
        targets = self._parts_of_windows(found[TARGET], found[WINDOW])
        tasks = self._parts_of_windows(found[TASK], found[WINDOW])
        for name, properties in found[WINDOW]:
            self._window(name, properties, targets.get(name, []), tasks.get(name, []))
        self.setup.groups = self.groups("PatchGroups")

    def _resources(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Resources of the kinds we know, with their properties worked out."""
        others: Counter[str] = Counter()
        for name, resource in self.scope.template["Resources"].items():
            if not isinstance(resource, Mapping) or not isinstance(resource.get("Type"), str):
                if str(name).startswith("Fn::"):
                    self.refuse(str(name), "Loops are worked out by AWS; give the processed template.")
                else:
                    self.refuse(str(name), "A resource is an object with a Type and Properties.")
                continue
            kind = resource["Type"]
            if kind in ELSEWHERE:
                self.refuse(str(name), ELSEWHERE[kind])
            elif kind not in KINDS:
                others[kind] += 1
            if kind not in KINDS:
                continue
            if "Condition" in resource:
                holds = self.scope.holds(str(resource["Condition"]))
                if isinstance(holds, Unresolved):
                    self.refuse(str(name), f"Whether it is wanted cannot be told: {holds.why}")
                if holds is not True:
                    if holds is False:
                        self.note(
                            str(name), f"Left out, as its condition {resource['Condition']} does not hold."
                        )
                    continue
            properties = self.scope.value(resource.get("Properties") or {})
            if not isinstance(properties, dict) or properties is NOTHING:
                self.refuse(str(name), "Its Properties are no object.")
                continue
            yield str(name), kind, properties
        if others:
            counted = ", ".join(f"{kind} ({number})" for kind, number in sorted(others.items()))
            self.note("Resources", f"Not managed here and left alone: {counted}.")

    def _baseline(self, name: str, properties: dict[str, Any]) -> None:
        request = self.content(name, properties, fields=shapes.BASELINE_FIELDS, needs=shapes.BASELINE_NEEDS)
        if request is None or not self.knows(
            name, properties, shapes.BASELINE_FIELDS, shapes.BASELINE_BESIDE
        ):
            return
        request.setdefault("OperatingSystem", "WINDOWS")
        if properties.get("DefaultBaseline") is True:
            self.note(name, "It is not made the account's default; only patch groups use it.")
        self.setup.baselines.append(BaselinePart(name, request))
        groups = shapes.texts(properties.get("PatchGroups") or [])
        missing = first_unresolved(groups, "PatchGroups")
        if missing or not isinstance(groups, list) or not all(isinstance(one, str) for one in groups):
            why = missing[1].why if missing else "PatchGroups is a list of names."
            self.note(name, f"Its patch groups are left out. {why}")
            return
        for group in groups:
            self.judge(
                f"{name}.PatchGroups", str(group), str(request["OperatingSystem"]), str(request["Name"])
            )

    def _parts_of_windows(
        self, parts: list[tuple[str, dict[str, Any]]], windows: list[tuple[str, dict[str, Any]]]
    ) -> dict[str, list[tuple[str, dict[str, Any]]]]:
        """Targets or tasks by the window that they name."""
        known = {name for name, _ in windows}
        found: dict[str, list[tuple[str, dict[str, Any]]]] = {}
        for name, properties in parts:
            window = properties.get("WindowId")
            if isinstance(window, Reference) and window.name in known:
                found.setdefault(window.name, []).append((name, properties))
            elif isinstance(window, Unresolved):
                self.refuse(name, f"WindowId: {window.why}")
            else:
                self.refuse(name, "Its WindowId names no window that is taken from this template.")
        return found

    def _window(
        self,
        name: str,
        properties: dict[str, Any],
        targets: list[tuple[str, dict[str, Any]]],
        tasks: list[tuple[str, dict[str, Any]]],
    ) -> None:
        request = self.content(name, properties, fields=shapes.WINDOW_FIELDS, needs=shapes.WINDOW_NEEDS)
        if request is None or not self.knows(name, properties, shapes.WINDOW_FIELDS, shapes.WINDOW_BESIDE):
            return
        if properties.get("AllowUnassociatedTargets") in (True, "true", "True"):
            self.note(name, "AllowUnassociatedTargets becomes false: only registered instances are patched.")
        found = [part for one, content in targets if (part := self._target(one, content))]
        done = [task for one, content in tasks if (task := self._task(one, content))]
        self.setup.windows.append(WindowPart(name, request, tuple(found), tuple(done)))

    def _target(self, name: str, properties: dict[str, Any]) -> TargetPart | None:
        if properties.get("ResourceType") not in (None, "INSTANCE"):
            self.refuse_resource_group(name)
            return None
        return self.target(name, properties.get("Targets") or [], "Targets")

    def _task(self, name: str, properties: dict[str, Any]) -> TaskPart | None:
        request = self.content(name, properties, fields=shapes.TASK_FIELDS, needs=shapes.TASK_NEEDS)
        if request is None or not self.knows(name, properties, shapes.TASK_FIELDS, shapes.TASK_BESIDE):
            return None
        invocation = properties.get("TaskInvocationParameters")
        invocation = invocation if isinstance(invocation, dict) else {}
        for theirs, ours in INVOCATIONS.items():
            content = invocation.get(theirs)
            if not isinstance(content, dict):
                continue
            parameters = self.parameters(name, content.get("Parameters") or {}, f"{theirs}.Parameters")
            if parameters is None:
                return None
            request["TaskInvocationParameters"] = {ours: {"Parameters": parameters}}
            self.left(name, [one for one in content if one != "Parameters"])
        legacy = properties.get("TaskParameters")
        if "TaskInvocationParameters" not in request and isinstance(legacy, dict) and legacy:
            listed = {key: one.get("Values", []) for key, one in legacy.items() if isinstance(one, dict)}
            parameters = self.parameters(name, listed, "TaskParameters")
            if parameters is None:
                return None
            request["TaskInvocationParameters"] = {"RunCommand": {"Parameters": parameters}}
        self.left(name, [one for one in ("ServiceRoleArn", "LoggingInfo") if one in properties])
        named = [entry.get("Values") for entry in _objects(properties.get("Targets"))]
        return TaskPart(name, request, self.targets_named(name, named))


def _objects(rows: Any) -> list[dict[str, Any]]:
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
