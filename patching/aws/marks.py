"""How we know what is ours in AWS: the mark we write, and how it is read back. Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from patching.specs import Key, Spec

INSTALLATION = "patchwarden:installation"
RESOURCE = "patchwarden:resource-uid"
INCARNATION = "patchwarden:incarnation"


@dataclass(frozen=True)
class Mark:
    """Whose something is, which of ours it is, and the how-manieth life of it."""

    installation: str
    uid: str
    incarnation: int

    def tags(self) -> list[dict[str, str]]:
        """For what can be tagged when it is created: windows and baselines."""
        return [
            {"Key": INSTALLATION, "Value": self.installation},
            {"Key": RESOURCE, "Value": self.uid},
            {"Key": INCARNATION, "Value": str(self.incarnation)},
        ]

    def owner_information(self) -> str:
        """For window targets, which cannot be tagged."""
        return f"pw:{self.uid}:{self.incarnation}"

    def name(self) -> str:
        """For window tasks and schedules, which cannot be tagged either."""
        return f"pw.{self.uid}.{self.incarnation}"


def from_tags(tags: Iterable[Mapping[str, str]], installation: str) -> Mark | None:
    """The mark in a list of AWS tags, or None where it is not ours."""
    found = {tag["Key"]: tag["Value"] for tag in tags}
    if found.get(INSTALLATION) != installation or not found.get(RESOURCE):
        return None
    number = found.get(INCARNATION, "")
    return Mark(installation, found[RESOURCE], int(number) if number.isascii() and number.isdigit() else 0)


def from_owner_information(text: str, installation: str) -> Mark | None:
    return _parsed(r"pw:(.+):([0-9]+)", text, installation)


def from_name(text: str, installation: str) -> Mark | None:
    return _parsed(r"pw\.(.+)\.([0-9]+)", text, installation)


def _parsed(pattern: str, text: str, installation: str) -> Mark | None:
    match = re.fullmatch(pattern, text or "")
    return Mark(installation, match[1], int(match[2])) if match else None


@dataclass(frozen=True)
class Observed:
    """Something of ours as AWS shows it now. ``aws_id`` names its parent first: ``mw-…/target``."""

    key: Key
    aws_id: str
    spec: Spec
    uid: str = ""
    incarnation: int = 0
    foreign: bool = False  # in the place of ours, but not ours: never touched

    @property
    def parent_id(self) -> str:
        return self.aws_id.rpartition("/")[0]

    @property
    def own_id(self) -> str:
        return self.aws_id.rpartition("/")[2]


def observed(key: Key, aws_id: str, spec: Spec, mark: Mark | None) -> Observed:
    """What was read, with its mark; without one it is not ours to touch."""
    if mark is None:
        return Observed(key, aws_id, spec, foreign=True)
    return Observed(key, aws_id, spec, mark.uid, mark.incarnation)


@dataclass(frozen=True)
class Call:
    """One AWS write, complete: what is written down before it is sent, and sent as it was written down."""

    service: str
    operation: str
    request: dict[str, Any]

    @property
    def name(self) -> str:
        return f"{self.service}:{self.operation}"


class Names:
    """Which key a uid, a natural name or an AWS id belongs to, as far as we know. Grows while AWS is read."""

    def __init__(
        self,
        uids: Mapping[str, Key],
        specs: Mapping[Key, Spec],
        remembered: Iterable[tuple[str, Key]] = (),
        believed: Mapping[str, Observed] | None = None,
    ) -> None:
        self._uids = dict(uids)
        self._believed = dict(believed or {})  # by AWS id: what need not be asked for in detail
        # (kind, AWS id) → key, from when it last carried our mark; a registration has its baseline's id
        self._remembered = {(key.kind, aws_id): key for aws_id, key in remembered}
        self._ids: dict[str, Key] = {}
        self._specs = dict(specs)  # desired, else last applied

    def key(self, kind: str, uid: str) -> Key:
        """The key of a uid; something marked that nobody knows gets a name that nobody else has."""
        key = self._uids.get(uid)
        return key if key is not None and key.kind == kind else unknown(kind, uid)

    def once_ours(self, kind: str, aws_id: str) -> Key | None:
        """The key of something that we made and that no longer carries our mark."""
        return self._remembered.get((kind, aws_id))

    def believed(self, aws_id: str) -> Observed | None:
        """How something stands whose details need not be asked for, if it is one of those."""
        return self._believed.get(aws_id)

    def believed_parts(self, kind: str, window_id: str) -> list[Observed] | None:
        """The targets or tasks of a window whose parts need not be asked for; None where they have to be."""
        if window_id not in self._believed:
            return None
        parts = self._believed.values()
        return [seen for seen in parts if seen.key.kind == kind and seen.parent_id == window_id]

    def learn(self, aws_id: str, key: Key) -> None:
        self._ids[aws_id] = key

    def of_id(self, aws_id: str) -> str:
        """The key's name behind an AWS id; the id itself when it is not ours."""
        key = self._ids.get(aws_id)
        return key.name if key else aws_id

    def ids(self, kind: str) -> list[str]:
        """The AWS ids of one kind that were read so far."""
        return sorted(aws_id for aws_id, key in self._ids.items() if key.kind == kind)

    def of_kind(self, kind: str) -> dict[Key, Spec]:
        return {key: spec for key, spec in self._specs.items() if key.kind == kind}


def unknown(kind: str, what: str) -> Key:
    """The key of something that carries our mark, or sits inside what is ours, and that nobody asked for."""
    return Key(kind, f"unknown {what}")


def is_nobodys(key: Key) -> bool:
    """Whether nobody ever asked for what stands under this key."""
    return key.name.startswith("unknown ")


class Ids:
    """The AWS ids of what others refer to: a window's for its targets, a baseline's for its groups."""

    def __init__(self, known: Mapping[Key, str]) -> None:
        self._known = dict(known)

    def __getitem__(self, key: Key) -> str:
        return self._known[key]

    def __contains__(self, key: object) -> bool:
        return bool(self._known.get(key))  # type: ignore[call-overload]

    def learn(self, key: Key, aws_id: str) -> None:
        self._known[key] = aws_id
