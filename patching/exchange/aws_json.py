"""AWS's own requests and replies as JSON, as the AWS CLI takes and prints them. Pure.

One object, a list of them, or ``{"Baselines": […], "PatchGroups": […], "Windows": […]}``. A window may hold its
``Targets`` (RegisterTargetWithMaintenanceWindow) and ``Tasks`` (RegisterTaskWithMaintenanceWindow).
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from patching.exchange import belongings, shapes
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

SECTIONS = ("Baselines", "PatchGroups", "Windows")
LISTS = {"WindowIdentities": "Windows", "BaselineIdentities": "Baselines", "Mappings": "PatchGroups"}
LEFT = ("ServiceRoleArn", "LoggingInfo", "AlarmConfiguration", "TaskParameters")


def read(text: str, *, given: Mapping[str, str], account: str = "", region: str = "") -> Setup:
    """Every request or reply that describes a baseline, a group or a window. Raises CannotReadError."""
    try:
        document = json.loads(text)
    except json.JSONDecodeError as problem:
        raise CannotReadError(
            f"Line {problem.lineno}, column {problem.colno} is not JSON: {problem.msg}."
        ) from None
    except (RecursionError, ValueError):
        raise CannotReadError("The file is not JSON that can be read: it is nested too deeply.") from None
    setup = Setup()
    groups: dict[str, dict[str, str]] = {}
    for where, section, one in _objects(document):
        if not isinstance(one, Mapping):
            setup.refused.append(Refusal(where, "Every entry is an object, as AWS's requests are."))
        elif section == "Windows":
            _window(where, one, setup)
        elif section == "Baselines":
            _baseline(where, one, setup, groups)
        elif section == "PatchGroups":
            _group(where, one, setup, groups)
        else:
            setup.refused.append(
                Refusal(where, "It is neither a CreatePatchBaseline nor a CreateMaintenanceWindow request.")
            )
    setup.groups = [GroupPart("PatchGroups", name, systems) for name, systems in sorted(groups.items())]
    if isinstance(document, Mapping):
        belongings.read(document.get(belongings.SECTION), setup)
    return setup


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


def _baseline(where: str, one: Mapping[str, Any], setup: Setup, groups: dict[str, dict[str, str]]) -> None:
    request = shapes.known(shapes.BASELINE_FIELDS, one)
    if "Name" not in request:
        setup.refused.append(Refusal(where, "It has no Name, which AWS requires."))
        return
    request.setdefault("OperatingSystem", "WINDOWS")
    setup.baselines.append(BaselinePart(where, request))
    for group in one.get("PatchGroups") or []:
        groups.setdefault(str(group), {})[str(request["OperatingSystem"])] = str(request["Name"])


def _group(where: str, one: Mapping[str, Any], setup: Setup, groups: dict[str, dict[str, str]]) -> None:
    """``{"PatchGroup", "OperatingSystem", "BaselineName"}``, or a mapping as DescribePatchGroups lists them."""
    told = one.get("BaselineIdentity") or one
    name, system, baseline = one.get("PatchGroup"), told.get("OperatingSystem"), told.get("BaselineName")
    if not (isinstance(name, str) and isinstance(system, str) and isinstance(baseline, str)):
        setup.refused.append(
            Refusal(where, "A patch group has PatchGroup, OperatingSystem and BaselineName.")
        )
        return
    groups.setdefault(name, {})[system] = baseline


def _window(where: str, one: Mapping[str, Any], setup: Setup) -> None:
    request = shapes.known(shapes.WINDOW_FIELDS, one)
    if lacking := [name for name in ("Name", "Schedule", "Duration", "Cutoff") if name not in request]:
        setup.refused.append(Refusal(where, f"It has no {', '.join(lacking)}, which AWS requires."))
        return
    targets, names = [], {}
    for number, target in enumerate(_objects_in(one, "Targets")):
        place = f"{where}.Targets[{number}]"
        # ids of replies, or the place in this list for requests that have none yet
        names[str(target.get("WindowTargetId") or number)] = place
        targets.append(TargetPart(place, tuple(shapes.typed(_objects_in(target, "Targets")))))
    tasks = []
    for number, task in enumerate(_objects_in(one, "Tasks")):
        place = f"{where}.Tasks[{number}]"
        content = shapes.known(shapes.TASK_FIELDS, task)
        if lacking := [name for name in ("TaskArn", "TaskType") if name not in content]:
            setup.refused.append(Refusal(place, f"It has no {', '.join(lacking)}, which AWS requires."))
            continue
        content["TaskInvocationParameters"] = task.get("TaskInvocationParameters") or {}
        if left := sorted(name for name in LEFT if task.get(name)):
            setup.notes.append(Note(place, f"{', '.join(left)}: not taken over; AWS's defaults hold."))
        named = [str(value) for entry in _objects_in(task, "Targets") for value in entry.get("Values") or []]
        tasks.append(TaskPart(place, content, tuple(names[value] for value in named if value in names)))
    setup.windows.append(WindowPart(where, request, tuple(targets), tuple(tasks)))


def _objects_in(one: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    rows = one.get(name)
    return [dict(row) for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []
