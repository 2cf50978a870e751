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
    GroupPart,
    Note,
    Refusal,
    Setup,
    TargetPart,
    TaskPart,
    WindowPart,
)
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


class _Reader:
    """One pass over the resources: first what is named by others, then the whole."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.setup = Setup()
        self.groups: dict[str, dict[str, str]] = {}

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
        self.setup.groups = [
            GroupPart("PatchGroups", name, baselines) for name, baselines in sorted(self.groups.items())
        ]

    def _resources(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Resources of the kinds we know, with their properties worked out."""
        others: Counter[str] = Counter()
        for name, resource in self.scope.template["Resources"].items():
            if not isinstance(resource, Mapping) or not isinstance(resource.get("Type"), str):
                if str(name).startswith("Fn::"):
                    self._refuse(str(name), "Loops are worked out by AWS; give the processed template.")
                else:
                    self._refuse(str(name), "A resource is an object with a Type and Properties.")
                continue
            kind = resource["Type"]
            if kind in ELSEWHERE:
                self._refuse(str(name), ELSEWHERE[kind])
            elif kind not in KINDS:
                others[kind] += 1
            if kind not in KINDS:
                continue
            if "Condition" in resource:
                holds = self.scope.holds(str(resource["Condition"]))
                if isinstance(holds, Unresolved):
                    self._refuse(str(name), f"Whether it is wanted cannot be told: {holds.why}")
                if holds is not True:
                    if holds is False:
                        self._note(
                            str(name), f"Left out, as its condition {resource['Condition']} does not hold."
                        )
                    continue
            properties = self.scope.value(resource.get("Properties") or {})
            if not isinstance(properties, dict) or properties is NOTHING:
                self._refuse(str(name), "Its Properties are no object.")
                continue
            yield str(name), kind, properties
        if others:
            counted = ", ".join(f"{kind} ({number})" for kind, number in sorted(others.items()))
            self._note("Resources", f"Not managed here and left alone: {counted}.")

    def _baseline(self, name: str, properties: dict[str, Any]) -> None:
        request = self._content(name, shapes.BASELINE_FIELDS, properties, needs=("Name",))
        if request is None:
            return
        request.setdefault("OperatingSystem", "WINDOWS")
        if properties.get("DefaultBaseline") is True:
            self._note(name, "It is not made the account's default; only patch groups use it.")
        self.setup.baselines.append(BaselinePart(name, request))
        groups = shapes.texts(properties.get("PatchGroups") or [])
        missing = first_unresolved(groups, "PatchGroups")
        if missing or not isinstance(groups, list):
            why = missing[1].why if missing else "PatchGroups is a list of names."
            self._note(name, f"Its patch groups are left out. {why}")
            return
        for group in groups:
            systems = self.groups.setdefault(str(group), {})
            if request["OperatingSystem"] in systems:
                self._refuse(
                    f"{name}.PatchGroups",
                    f"{group} has {systems[request['OperatingSystem']]} for {request['OperatingSystem']} already; "
                    "a group has one baseline for each operating system.",
                )
                continue
            systems[str(request["OperatingSystem"])] = str(request["Name"])

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
                self._refuse(name, f"WindowId: {window.why}")
            else:
                self._refuse(name, "Its WindowId names no window that is taken from this template.")
        return found

    def _window(
        self,
        name: str,
        properties: dict[str, Any],
        targets: list[tuple[str, dict[str, Any]]],
        tasks: list[tuple[str, dict[str, Any]]],
    ) -> None:
        needs = ("Name", "Schedule", "Duration", "Cutoff")
        request = self._content(name, shapes.WINDOW_FIELDS, properties, needs=needs)
        if request is None:
            return
        if properties.get("AllowUnassociatedTargets") in (True, "true", "True"):
            self._note(name, "AllowUnassociatedTargets becomes false: only registered instances are patched.")
        found = [part for one, content in targets if (part := self._target(one, content))]
        done = [task for one, content in tasks if (task := self._task(one, content))]
        self.setup.windows.append(WindowPart(name, request, tuple(found), tuple(done)))

    def _target(self, name: str, properties: dict[str, Any]) -> TargetPart | None:
        if properties.get("ResourceType") not in (None, "INSTANCE"):
            self._refuse(name, "It names a resource group; windows here act on instances by their tags.")
            return None
        entries = shapes.typed(properties.get("Targets") or [])
        missing = first_unresolved(entries, "Targets")
        if missing:
            self._refuse(name, f"{missing[0]}: {missing[1].why}")
            return None
        if not isinstance(entries, list) or not all(
            isinstance(one, dict) and "Key" in one for one in entries
        ):
            self._refuse(name, 'Targets is a list such as [{"Key": "tag:PatchGroup", "Values": ["web"]}].')
            return None
        return TargetPart(name, tuple(entries))

    def _task(self, name: str, properties: dict[str, Any]) -> TaskPart | None:
        request = self._content(name, shapes.TASK_FIELDS, properties, needs=("TaskArn", "TaskType"))
        if request is None:
            return None
        invocation = properties.get("TaskInvocationParameters")
        invocation = invocation if isinstance(invocation, dict) else {}
        for theirs, ours in INVOCATIONS.items():
            content = invocation.get(theirs)
            if not isinstance(content, dict):
                continue
            parameters = content.get("Parameters") or {}
            if missing := first_unresolved(parameters, f"{theirs}.Parameters"):
                self._refuse(name, f"{missing[0]}: {missing[1].why}")
                return None
            request["TaskInvocationParameters"] = {ours: {"Parameters": _listed(parameters)}}
            self._left(name, [one for one in content if one != "Parameters"])
        legacy = properties.get("TaskParameters")
        if "TaskInvocationParameters" not in request and isinstance(legacy, dict) and legacy:
            listed = {key: one.get("Values", []) for key, one in legacy.items() if isinstance(one, dict)}
            if missing := first_unresolved(listed, "TaskParameters"):
                self._refuse(name, f"{missing[0]}: {missing[1].why}")
                return None
            request["TaskInvocationParameters"] = {"RunCommand": {"Parameters": _listed(listed)}}
        self._left(name, [one for one in ("ServiceRoleArn", "LoggingInfo") if one in properties])
        return TaskPart(name, request, self._targets_of(name, properties))

    def _targets_of(self, name: str, properties: dict[str, Any]) -> tuple[str, ...]:
        found = []
        for entry in properties.get("Targets") or []:
            values = entry.get("Values") if isinstance(entry, dict) else None
            for value in values if isinstance(values, list) else [values]:
                if isinstance(value, Reference):
                    found.append(value.name)
                elif value is not None:
                    self._note(name, "It also names targets by id, which this template does not hold.")
        return tuple(found)

    def _content(
        self, name: str, fields: tuple[str, ...], properties: dict[str, Any], needs: tuple[str, ...]
    ) -> dict[str, Any] | None:
        """The fields that count, in AWS's types; None, and a reason kept, where one of them is not known."""
        request = shapes.known(fields, properties)
        if missing := first_unresolved(request):
            self._refuse(name, f"{missing[0]}: {missing[1].why}")
            return None
        lacking = [one for one in needs if one not in request]
        if lacking:
            self._refuse(name, f"It has no {', '.join(lacking)}, which AWS requires.")
            return None
        return request

    def _left(self, name: str, fields: list[str]) -> None:
        if fields:
            self._note(name, f"{', '.join(sorted(fields))}: not taken over; AWS's defaults hold.")

    def _refuse(self, where: str, why: str) -> None:
        self.setup.refused.append(Refusal(where, why))

    def _note(self, where: str, what: str) -> None:
        self.setup.notes.append(Note(where, what))


def _listed(parameters: Any) -> dict[str, Any]:
    return {str(key): shapes.texts(value) for key, value in dict(parameters).items()}
