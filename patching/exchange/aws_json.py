"""AWS's own requests and replies as JSON, as the AWS CLI takes and prints them. Pure.

One object, a list of them, or ``{"Baselines": […], "PatchGroups": […], "Windows": […]}``. A window may hold its
``Targets`` (RegisterTargetWithMaintenanceWindow) and ``Tasks`` (RegisterTaskWithMaintenanceWindow).
"""

from collections.abc import Iterator, Mapping
from typing import Any

from patching.exchange import belongings, json_text, shapes
from patching.exchange.parts import (
    BaselinePart,
    Setup,
    TaskPart,
    WindowPart,
)
from patching.exchange.taking import Taking

SECTIONS = ("Baselines", "PatchGroups", "Windows")
LISTS = {"WindowIdentities": "Windows", "BaselineIdentities": "Baselines", "Mappings": "PatchGroups"}
WAYS = ("RunCommand", "Automation")
LEFT = ("ServiceRoleArn", "LoggingInfo", "AlarmConfiguration", "TaskParameters")


def read(text: str, *, given: Mapping[str, str], account: str = "", region: str = "") -> Setup:
    """Every request or reply that describes a baseline, a group or a window. Raises CannotReadError."""
    document = json_text.load(text)
    reader = _Reader(Setup())
    reader.read_all(document)
    if isinstance(document, Mapping):
        belongings.read(document.get(belongings.SECTION), reader.setup)
    return reader.setup


def _objects(document: Any) -> Iterator[tuple[str, str, Any]]:
    """Each object with where it stands and which section it belongs to."""
    if isinstance(document, list):
        for number, one in enumerate(document):
            yield f"[{number}]", _section_of(one), one
        return
    sections = (
        {LISTS.get(name, name): rows for name, rows in document.items()}
        if isinstance(document, Mapping)
        else {}
    )
    if not set(sections) & set(SECTIONS):
        yield "the file", _section_of(document), document
        return
    for section in SECTIONS:
        rows = sections.get(section) or []
        for number, one in enumerate(rows if isinstance(rows, list) else [rows]):
            yield f"{section}[{number}]", section, one


def _section_of(one: Any) -> str:
    if not isinstance(one, Mapping):
        return ""
    if "Schedule" in one:
        return "Windows"
    if "PatchGroup" in one:
        return "PatchGroups"
    return "Baselines" if {"OperatingSystem", "ApprovalRules", "GlobalFilters"} & set(one) else ""


class _Reader(Taking):
    """One pass over the objects."""

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)

    def read_all(self, document: Any) -> None:
        take = {"Windows": self._window, "Baselines": self._baseline, "PatchGroups": self._group}
        for where, section, one in _objects(document):
            if not isinstance(one, Mapping):
                self.refuse(where, "Every entry is an object, as AWS's requests are.")
            elif section in take:
                take[section](where, one)
            else:
                self.refuse(
                    where, "It is neither a CreatePatchBaseline nor a CreateMaintenanceWindow request."
                )
        self.setup.groups = self.groups("PatchGroups")

    def _baseline(self, where: str, one: Mapping[str, Any]) -> None:
        request = self.content(where, one, fields=shapes.BASELINE_FIELDS, needs=shapes.BASELINE_NEEDS)
        if request is None or not self.knows(where, one, shapes.BASELINE_FIELDS, shapes.BASELINE_BESIDE):
            return
        request.setdefault("OperatingSystem", "WINDOWS")
        self.setup.baselines.append(BaselinePart(where, request))
        groups = one.get("PatchGroups")
        for group in groups if isinstance(groups, list) else []:
            self.judge(
                f"{where}.PatchGroups", str(group), str(request["OperatingSystem"]), str(request["Name"])
            )

    def _group(self, where: str, one: Mapping[str, Any]) -> None:
        """``{"PatchGroup", "OperatingSystem", "BaselineName"}``, or a mapping as DescribePatchGroups lists them."""
        identity = one.get("BaselineIdentity")
        told = identity if isinstance(identity, Mapping) else one
        name, system, baseline = one.get("PatchGroup"), told.get("OperatingSystem"), told.get("BaselineName")
        if not (isinstance(name, str) and isinstance(system, str) and isinstance(baseline, str)):
            self.refuse(where, "A patch group has PatchGroup, OperatingSystem and BaselineName.")
            return
        self.judge(where, name, system, baseline)

    def _window(self, where: str, one: Mapping[str, Any]) -> None:
        request = self.content(where, one, fields=shapes.WINDOW_FIELDS, needs=shapes.WINDOW_NEEDS)
        if request is None or not self.knows(where, one, shapes.WINDOW_FIELDS, shapes.WINDOW_BESIDE):
            return
        targets, places = [], {}
        for number, target in enumerate(_objects_in(one, "Targets")):
            place = f"{where}.Targets[{number}]"
            part = self.target(place, target.get("Targets") or [], "Targets")
            if part is not None:
                # ids of replies, or the place in this list for requests that have none yet
                places[str(target.get("WindowTargetId") or number)] = place
                targets.append(part)
        tasks = [
            made
            for number, task in enumerate(_objects_in(one, "Tasks"))
            if (made := self._task(f"{where}.Tasks[{number}]", task, places))
        ]
        self.setup.windows.append(WindowPart(where, request, tuple(targets), tuple(tasks)))

    def _task(self, where: str, task: dict[str, Any], places: Mapping[str, str]) -> TaskPart | None:
        request = self.content(where, task, fields=shapes.TASK_FIELDS, needs=shapes.TASK_NEEDS)
        if request is None or not self.knows(where, task, shapes.TASK_FIELDS, shapes.TASK_BESIDE):
            return None
        invocation = task.get("TaskInvocationParameters")
        for way in WAYS:
            content = invocation.get(way) if isinstance(invocation, Mapping) else None
            if isinstance(content, Mapping):
                parameters = self.parameters(where, content.get("Parameters") or {}, f"{way}.Parameters")
                if parameters is None:
                    return None
                request["TaskInvocationParameters"] = {way: {"Parameters": parameters}}
        self.left(where, [name for name in LEFT if task.get(name)])
        values = [entry.get("Values") for entry in _objects_in(task, "Targets")]
        named = [str(value) for each in values if isinstance(each, list) for value in each]
        return TaskPart(where, request, tuple(places[value] for value in named if value in places))


def _objects_in(one: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    rows = one.get(name)
    return [dict(row) for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []
