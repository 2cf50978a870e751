"""From parts to a CloudFormation template. Pure."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from patching.exchange import belongings, yaml_text
from patching.exchange.cloudformation.reading import BASELINE, INVOCATIONS, TARGET, TASK, WINDOW
from patching.exchange.parts import BaselinePart, Setup, TaskPart, WindowPart

THEIRS = {ours: theirs for theirs, ours in INVOCATIONS.items()}


def write(setup: Setup) -> str:
    """A template as YAML. Resources are named after what they make; a group stands on its baselines."""
    names = _Names()
    resources: dict[str, Any] = {}
    for baseline in setup.baselines:
        resources[names.of(baseline.name, "Baseline")] = _baseline(baseline, setup)
    for window in setup.windows:
        resources.update(_window(window, names))
    template = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": f"Patching of {setup.account} in {setup.region}, as approved in Patchwarden",
        "Metadata": {belongings.SECTION: belongings.section(setup)},
        "Resources": resources,
    }
    return yaml_text.written(template)


class _Names:
    """Logical ids: letters and digits only, at most 255, each once."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def of(self, name: str, kind: str) -> str:
        words = re.findall(r"[A-Za-z0-9]+", name)
        base = "".join(word[:1].upper() + word[1:] for word in words)[:200] + kind
        found, number = base, 2
        while found in self._taken:
            found, number = f"{base}{number}", number + 1
        self._taken.add(found)
        return found


def _baseline(part: BaselinePart, setup: Setup) -> dict[str, Any]:
    groups = sorted(
        group.name
        for group in setup.groups
        if group.baselines.get(part.request.get("OperatingSystem", "WINDOWS")) == part.name
    )
    properties = dict(part.request)
    if groups:
        properties["PatchGroups"] = groups
    return {"Type": BASELINE, "Properties": properties}


def _window(part: WindowPart, names: _Names) -> Iterator[tuple[str, dict[str, Any]]]:
    window = names.of(part.name, "Window")
    properties = {**part.request, "AllowUnassociatedTargets": False}
    yield window, {"Type": WINDOW, "Properties": properties}
    targets = {}
    for target in part.targets:
        targets[target.where] = names.of(part.name, "Target")
        content = {
            "WindowId": {"Ref": window},
            "ResourceType": "INSTANCE",
            "Targets": [dict(entry) for entry in target.entries],
        }
        yield targets[target.where], {"Type": TARGET, "Properties": content}
    for task in part.tasks:
        yield names.of(f"{part.name} {task.where}", "Task"), _task(task, window, targets)


def _task(part: TaskPart, window: str, targets: Mapping[str, str]) -> dict[str, Any]:
    properties = {key: value for key, value in part.request.items() if key != "TaskInvocationParameters"}
    properties["WindowId"] = {"Ref": window}
    values = [{"Ref": targets[one]} for one in part.targets]
    properties["Targets"] = [{"Key": "WindowTargetIds", "Values": values}]
    for ours, content in (part.request.get("TaskInvocationParameters") or {}).items():
        if content.get("Parameters"):
            properties["TaskInvocationParameters"] = {THEIRS[ours]: {"Parameters": content["Parameters"]}}
    return {"Type": TASK, "Properties": properties}
