"""The documents that tasks call: what is known of them, and what is wrong with the parameters that they get. Pure.

Known documents lie in ``data/documents.json`` with their source and date. A document that is not there is somebody's
own: nothing is said against it, and nothing can be checked.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

RUN_COMMAND, AUTOMATION = "RUN_COMMAND", "AUTOMATION"
LONGEST_NAME, LONGEST_VALUE, MOST_VALUES = 50, 512, 50  # of an automation's parameters
TARGET = "{{TARGET_ID}}"  # the instance whose turn it is, to automations alone. Source: SSM user guide
# what a task's kind and reboot say already
FOLLOW = ("Operation", "RebootOption", "SnapshotId")


class Mistake(NamedTuple):
    """One mistake: the parameter, or "" for the document's type; a code; a sentence with what is right."""

    parameter: str
    code: str
    message: str


@dataclass(frozen=True)
class Parameter:
    """What one parameter may be. ``values`` are all there are; ``low`` and ``high`` bound a whole number."""

    required: bool = False
    values: tuple[str, ...] = ()
    pattern: str = ""
    low: int | None = None
    high: int | None = None
    several: bool = False
    example: str = ""

    def against(self, values: Sequence[str]) -> str:
        """What is wrong with its values, as the second half of a sentence; "" where nothing is."""
        if len(values) > 1 and not self.several:
            return f"takes one value; you gave {len(values)}."
        for value in values:
            if value == "" and not self.required:
                continue
            if self.values and value not in self.values:
                return f"is one of {', '.join(self.values)}."
            if self.low is not None and not (
                re.fullmatch(r"[0-9]{1,6}", value, re.ASCII) and self.low <= int(value) <= (self.high or 0)
            ):
                return f"is a whole number from {self.low} to {self.high}, such as {self.example}."
            if self.pattern and not re.fullmatch(self.pattern, value):
                return f"does not fit; an example is {self.example}."
        return ""


@dataclass(frozen=True)
class Document:
    """One document. ``parameters`` is None where they are not published."""

    name: str
    type: str  # RUN_COMMAND or AUTOMATION
    patches: bool
    snapshots: bool
    parameters: Mapping[str, Parameter] | None

    def takes(self, parameter: str) -> bool:
        return self.parameters is not None and parameter in self.parameters


@cache
def known() -> Mapping[str, Document]:
    """Every document that is known, by name."""
    text = (Path(__file__).parent / "data" / "documents.json").read_text(encoding="utf-8")
    return {
        name: Document(
            name=name,
            type=one["type"],
            patches=one.get("patches", False),
            snapshots=one.get("snapshots", False),
            parameters=(
                {key: Parameter(**_tuples(said)) for key, said in one["parameters"].items()}
                if "parameters" in one
                else None
            ),
        )
        for name, one in json.loads(text)["documents"].items()
    }


def document_of(name: str) -> Document | None:
    """A known document by its name or ARN; None where it is somebody's own."""
    return known().get(name.rpartition("document/")[2]) if isinstance(name, str) else None


def type_of(name: str, *, else_: str = RUN_COMMAND) -> str:
    """How a document is called: as Run Command or Automation."""
    document = document_of(name)
    return document.type if document else else_


def usual_parameters(name: str) -> dict[str, list[str]]:
    """What a document always gets in a window: automations that need it, the instance whose turn it is."""
    document = document_of(name)
    if document is None or document.type != AUTOMATION or not document.takes("InstanceId"):
        return {}
    return {"InstanceId": [TARGET]}


def takes_reboot(name: str) -> bool:
    """Whether a task says if instances restart; somebody's own document is asked as AWS's is."""
    document = document_of(name)
    return document.takes("RebootOption") if document else True


def takes_operation(name: str, type_: str) -> bool:
    """Whether a task that patches tells its document Operation and RebootOption; somebody's own command is told too."""
    document = document_of(name)
    return document.takes("Operation") if document else type_ == RUN_COMMAND


def mistakes(name: str, type_: str, parameters: Mapping[str, Sequence[str]]) -> Iterator[Mistake]:
    """What a known document would refuse. Operation, RebootOption and SnapshotId are none of the task's to give."""
    document = document_of(name)
    yield from _lengths(type_, parameters)
    if document is None:
        yield from _pseudo(type_, parameters)
        return
    if type_ != document.type:
        called = "an Automation runbook" if document.type == AUTOMATION else "a Run Command document"
        yield Mistake("", "type", f"{document.name} is {called}; use the type {document.type}.")
        return
    if document.parameters is None:
        yield from _pseudo(type_, parameters)
        return
    for given, values in parameters.items():
        one = document.parameters.get(given)
        if one is None:
            names = ", ".join(key for key in document.parameters if key not in FOLLOW)
            yield Mistake(
                given, "unknown", f"{document.name} has no parameter “{given[:40]}”; it has {names}."
            )
        elif problem := one.against(values):
            yield Mistake(given, "value", f"{given} {problem}")
    for wanted, one in document.parameters.items():
        if one.required and wanted not in FOLLOW and wanted not in parameters:
            yield Mistake(wanted, "required", f"{document.name} needs {wanted}, such as {one.example}.")
    yield from _pseudo(type_, parameters)


def _lengths(type_: str, parameters: Mapping[str, Sequence[str]]) -> Iterator[Mistake]:
    """What AWS refuses of an automation's parameters. Source: SSM API reference, AutomationParameterMap."""
    if type_ != AUTOMATION:
        return
    for name, values in parameters.items():
        if not 1 <= len(name) <= LONGEST_NAME:
            message = f"The name of an automation's parameter has 1 to {LONGEST_NAME} characters, such as InstanceId."
            yield Mistake(name[:LONGEST_NAME], "length", message)
        elif len(values) > MOST_VALUES or not all(1 <= len(value) <= LONGEST_VALUE for value in values):
            most = f"{MOST_VALUES} values of 1 to {LONGEST_VALUE} characters"
            message = f"{name} takes up to {most}; leave an empty one out."
            yield Mistake(name, "length", message)


def _pseudo(type_: str, parameters: Mapping[str, Sequence[str]]) -> Iterator[Mistake]:
    """Run Command cannot be given the instance whose turn it is. Source: SSM user guide, pseudo parameters."""
    if type_ != RUN_COMMAND:
        return
    for name, values in parameters.items():
        if any(re.search(r"\{\{ ?(TARGET_ID|RESOURCE_ID) ?\}\}", value) for value in values):
            yield Mistake(
                name, "pseudo", f"{name}: {TARGET} is known to automations alone; leave it out here."
            )


def _tuples(said: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in said.items()}
