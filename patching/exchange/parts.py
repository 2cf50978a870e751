"""What a file of any format says: the same few parts, in the shapes of AWS's own requests. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


class CannotReadError(Exception):
    """The file as a whole cannot be read; the message names the place and says what would be right."""


@dataclass(frozen=True)
class Refusal:
    """Something in the file that is not taken, and why."""

    where: str
    why: str


@dataclass(frozen=True)
class Note:
    """Something that is taken, but not as it stands; what is different and why."""

    where: str
    what: str


@dataclass(frozen=True)
class Parameter:
    """A value that the file leaves open. ``default`` is None where it has none; ``value`` is what was used."""

    name: str
    default: str | None
    value: str | None
    about: str = ""


@dataclass(frozen=True)
class Belonging:
    """What AWS has no field for: whose something is, and on which instances it acts."""

    application: str = ""
    environment: str = ""
    az: str = ""
    instances: tuple[str, ...] | None = None  # None where the file does not say
    # a window's tasks whose kind or reboot AWS's request does not tell: name → the fields of its item
    tasks: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class BaselinePart:
    """A baseline. ``request``: a CreatePatchBaseline request without ClientToken and Tags."""

    where: str
    request: Mapping[str, Any]

    @property
    def name(self) -> str:
        return str(self.request["Name"])


@dataclass(frozen=True)
class GroupPart:
    """A patch group: operating system → name of the baseline that judges it."""

    where: str
    name: str
    baselines: Mapping[str, str]


@dataclass(frozen=True)
class TargetPart:
    """One target of a window. ``entries``: AWS's list of ``{"Key", "Values"}``, all of which must hold."""

    where: str
    entries: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class TaskPart:
    """One task. ``request``: a RegisterTaskWithMaintenanceWindow request without WindowId and Targets."""

    where: str
    request: Mapping[str, Any]
    targets: tuple[str, ...]  # ``where`` of its window's targets


@dataclass(frozen=True)
class WindowPart:
    """A window with its parts. ``request``: a CreateMaintenanceWindow request without ClientToken and Tags."""

    where: str
    request: Mapping[str, Any]
    targets: tuple[TargetPart, ...] = ()
    tasks: tuple[TaskPart, ...] = ()

    @property
    def name(self) -> str:
        return str(self.request["Name"])


@dataclass
class Setup:
    """All that one file says, in the order in which it says it.

    AWS's formats fill ``baselines``, ``groups`` and ``windows``; our own fills ``specs``: (kind, where, spec).
    """

    baselines: list[BaselinePart] = field(default_factory=list)
    groups: list[GroupPart] = field(default_factory=list)
    windows: list[WindowPart] = field(default_factory=list)
    specs: list[tuple[str, str, Mapping[str, Any]]] = field(default_factory=list)
    belongings: dict[tuple[str, str], Belonging] = field(default_factory=dict)  # (kind, name)
    account: str = ""
    region: str = ""
    refused: list[Refusal] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    parameters: list[Parameter] = field(default_factory=list)

    def belonging(self, kind: str, name: str) -> Belonging:
        return self.belongings.get((kind, name), Belonging())

    @property
    def says_nothing(self) -> bool:
        return not (self.baselines or self.groups or self.windows or self.specs or self.refused)
