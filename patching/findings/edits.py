"""What a fix changes, and the items of a request that ask for it. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from patching.findings.planned import Planned

Item = Mapping[str, Any]
About = tuple[str, str, tuple[str, str] | None]


@dataclass(frozen=True)
class Edit:
    """One object that a fix touches: fields of it set, a new one, or its removal."""

    action: str  # change, create or remove
    kind: str  # window or baseline
    name: str
    place: tuple[str, str] | None  # account and Region of a window
    spec: Mapping[str, Any]  # the fields that change, or all of a new one

    @classmethod
    def of(cls, window: Planned, **fields: Any) -> "Edit":
        return cls("change", "window", window.name, window.place, fields)

    @property
    def about(self) -> About:
        return self.kind, self.name, self.place


def asked_with(
    edits: Iterable[Edit], items: Sequence[Item], live: Mapping[About, tuple[int, Mapping[str, Any]]]
) -> list[dict[str, Any]]:
    """These items with the edits in them.

    ``live`` says what is there already, as id and spec: what no item is about yet becomes a change of that. Raises
    LookupError where an edit is about what is neither asked for nor there.
    """
    wanted = [dict(item) for item in items]
    for edit in edits:
        if edit.action == "create":
            wanted.append({"action": "create", "kind": edit.kind, "target": None, "spec": dict(edit.spec)})
            continue
        at = next((number for number, item in enumerate(wanted) if _about(item) == edit.about), None)
        if at is not None:
            item = wanted[at]
            if edit.action == "change":
                item["spec"] = {**item["spec"], **edit.spec}
            elif item["action"] == "change":
                wanted[at] = {**item, "action": "delete", "spec": {}}
            else:
                del wanted[at]
            continue
        target, spec = live[edit.about]
        changed = {**spec, **edit.spec} if edit.action == "change" else {}
        action = "change" if edit.action == "change" else "delete"
        wanted.append({"action": action, "kind": edit.kind, "target": target, "spec": changed})
    return wanted


def _about(item: Item) -> About:
    spec = item["spec"]
    place = (spec["account"], spec["region"]) if item["kind"] == "window" and "account" in spec else None
    return item["kind"], spec.get("name", ""), place
