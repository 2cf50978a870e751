"""What AWS holds, said as a request would ask for it. Pure: specs as plain values in, specs of items out."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from patching import documents
from patching.aws import baselines, tasks, windows
from patching.aws.marks import Names
from patching.items import DOCUMENT
from patching.specs import to_plain

Plain = Mapping[str, Any]
OPERATIONS = {"Install": "install", "Scan": "scan"}
FROM_KIND = ("Operation", "RebootOption")  # parameters that follow from a task's kind and its reboot
# a window's fields that mean the same in a request as in AWS; being enabled cannot be asked for
WINDOW_FIELDS = (
    "name",
    "description",
    "schedule",
    "timezone",
    "offset",
    "duration",
    "cutoff",
    "start_date",
    "end_date",
)


LONGEST_TASK_NAME = 60
USUAL_NAMES = {"pre": "Before", "install": "Install", "scan": "Scan", "post": "After"}


class Found(NamedTuple):
    """What stands in AWS as a request would ask for it, and what of it no request can say."""

    spec: dict[str, Any]
    left_out: tuple[str, ...] = ()


class CannotBeAskedForError(Exception):
    """No request can say this; the message says what to do instead."""


def window_as_found(content: Mapping[str, Any], told: Mapping[str, Mapping[str, str]] | None = None) -> Found:
    """Schedule and tasks of somebody else's window, from what a reading kept of it (``patching.unmanaged``).

    ``told`` are kinds and reboots of its tasks, by name, where somebody who knows has said them.
    """
    fields = window_fields(to_plain(windows.from_aws(content["listed"])))
    found: list[dict[str, Any]] = []
    left_out = []
    for reply in content.get("tasks", []):
        try:
            plain = to_plain(tasks.from_aws(reply, Names({}, {})))
            one = task(plain, reply.get("Name") or reply.get("Description") or "")
        except CannotBeAskedForError as problem:
            left_out.append(str(problem))
            continue
        one |= (told or {}).get(one["name"], {})
        one["name"] = _free(one["name"] or USUAL_NAMES[one["kind"]], {each["name"] for each in found})
        found.append(one)
    return Found({**fields, "tasks": found}, tuple(left_out))


def baseline_as_found(content: Mapping[str, Any]) -> Found:
    """Name and definition of somebody else's baseline, from what a reading kept of it."""
    live = to_plain(baselines.from_aws(content["reply"]))
    return Found({"name": live["name"], "definition": definition(live)})


def _free(name: str, taken: set[str]) -> str:
    name, number = name[:LONGEST_TASK_NAME], 2
    free = name
    while free in taken:
        end = f" {number}"
        free, number = f"{name[: LONGEST_TASK_NAME - len(end)]}{end}", number + 1
    return free


def window_fields(live: Plain) -> dict[str, Any]:
    """The fields of a window's item from a WindowSpec; of AWS's dates only the day, as requests have it."""
    found = {name: live[name] for name in WINDOW_FIELDS}
    for name in ("start_date", "end_date"):
        found[name] = str(found[name])[:10]
    return found


def definition(live: Plain) -> dict[str, Any]:
    """The definition of a baseline's item from a BaselineSpec."""
    return dict(json.loads(live["definition"]))


def task(live: Plain, name: str) -> dict[str, Any]:
    """A task of a window's item from a TaskSpec; whether it patches, AWS's own document and its Operation say."""
    parameters = {key: list(values) for key, values in live["parameters"]}
    kind = _kind(live, parameters)
    patches = kind in OPERATIONS.values()
    reboots = kind == "install" and documents.takes_reboot(live["document"])
    reboot = _first(parameters, "RebootOption", "RebootIfNeeded") if reboots else ""
    return {
        "name": name,
        "kind": kind,
        "type": live["task_type"],
        "document": live["document"],
        "priority": live["priority"],
        "max_concurrency": live["max_concurrency"],
        "max_errors": live["max_errors"],
        "cutoff_behavior": live["cutoff_behavior"],
        "reboot": reboot,
        "parameters": {
            key: values for key, values in parameters.items() if not (patches and key in FROM_KIND)
        },
    }


def _first(parameters: Mapping[str, list[str]], name: str, otherwise: str) -> str:
    return next(iter(parameters.get(name, ())), otherwise)


def _kind(live: Plain, parameters: Mapping[str, list[str]]) -> str:
    if not DOCUMENT.fullmatch(live["document"]) or live["task_type"] not in ("RUN_COMMAND", "AUTOMATION"):
        what = f"{live['document']} ({live['task_type'].lower().replace('_', ' ')})"
        raise CannotBeAskedForError(
            f"{what} is no Systems Manager document that Patchwarden runs. Take the task out of the window in AWS."
        )
    known = documents.document_of(live["document"])
    if known is None and documents.takes_operation(live["document"], live["task_type"]):
        # somebody's own document that patches is told both, as AWS's is
        operation = _first(parameters, "Operation", "")
        if operation in OPERATIONS and "RebootOption" in parameters:
            return OPERATIONS[operation]
    if known is not None and known.patches:
        if not known.takes("Operation"):
            return "install"
        operation = _first(parameters, "Operation", "")
        if operation not in OPERATIONS:
            message = f"{known.name} with Operation “{operation}” neither installs nor scans."
            raise CannotBeAskedForError(message)
        return OPERATIONS[operation]
    return "pre" if live["priority"] < 10 else "post"
