"""What every reader of AWS's requests does alike: take the content, or keep the reason why not. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, TypeGuard

from patching.exchange import shapes
from patching.exchange.parts import GroupPart, Note, Refusal, Setup, TargetPart
from patching.exchange.unresolved import Reference, first_unresolved


class Taking:
    """One file on its way into a setup. Places are named as the file names them."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self._judged: dict[str, dict[str, str]] = {}

    def refuse(self, where: str, why: str) -> None:
        self.setup.refused.append(Refusal(where, why))

    def note(self, where: str, what: str) -> None:
        self.setup.notes.append(Note(where, what))

    def left(self, where: str, fields: Iterable[str]) -> None:
        """Fields that are not taken over, if there are any."""
        if named := ", ".join(sorted(fields)):
            self.note(where, f"{named}: not taken over; AWS's defaults hold.")

    def judge(self, where: str, group: str, system: str, baseline: str) -> None:
        """A group uses this baseline for its operating system; a second one for the same is refused."""
        systems = self._judged.setdefault(group, {})
        if systems.setdefault(system, baseline) != baseline:
            self.refuse(
                where,
                f"{group} has {systems[system]} for {system} already; "
                "a group has one baseline for each operating system.",
            )

    def groups(self, where: str) -> list[GroupPart]:
        return [GroupPart(where, name, systems) for name, systems in sorted(self._judged.items())]

    def knows(self, where: str, names: Iterable[str], known: Iterable[str], beside: Iterable[str]) -> bool:
        """Whether no field is one that counts with a slip, the reason kept; what is like none of them is noted."""
        known = tuple(known)
        strange = [str(name) for name in names if name not in known and name not in beside]
        for name in strange:
            if near := get_close_matches(name.lower(), {one.lower(): one for one in known}, 1, 0.85):
                meant = next(one for one in known if one.lower() == near[0])
                self.refuse(where, f"“{name[:60]}” is not a field here. Did you mean {meant}?")
                return False
        if strange:
            told = ", ".join(name[:60] for name in sorted(strange)[:10])
            self.note(where, f"{told}: no field that is known here; left out.")
        return True

    def content(
        self, where: str, values: Mapping[str, Any], *, fields: Sequence[str], needs: Sequence[str]
    ) -> dict[str, Any] | None:
        """The fields that count, in AWS's types; None, and the reason kept, where one is missing or not known."""
        request = shapes.known(fields, values)
        if self.lacks_values(where, request):
            return None
        if lacking := [name for name in needs if name not in request]:
            self.refuse(where, f"It has no {', '.join(lacking)}, which AWS requires.")
            return None
        composed = [name for name in shapes.SCALARS if isinstance(request.get(name), list | dict)]
        if composed:
            self.refuse(where, f"{', '.join(composed)}: give one value, not a list or an object.")
            return None
        uncounted = [name for name in shapes.NUMBERS if not isinstance(request.get(name, 0), int)]
        if uncounted:
            self.refuse(where, f"{', '.join(uncounted)}: give a whole number, such as 4.")
            return None
        return request

    def lacks_values(self, where: str, value: Any, path: str = "") -> bool:
        """Whether something in it is not known; the reason is kept."""
        missing = first_unresolved(value, path)
        if missing:
            self.refuse(where, f"{missing[0]}: {missing[1].why}")
        return missing is not None

    def parameters(self, where: str, value: Any, path: str) -> dict[str, list[str]] | None:
        """What a task passes to its document; None, and the reason kept, where it is not names with lists of text."""
        listed = {str(name): shapes.texts(one) for name, one in value.items()} if _is_object(value) else value
        if self.lacks_values(where, listed, path):
            return None
        if not _is_object(listed) or not all(_are_texts(one) for one in listed.values()):
            self.refuse(where, f'{path} is an object of lists of text, such as {{"Operation": ["Install"]}}.')
            return None
        return dict(listed)

    def target(self, where: str, entries: Any, path: str) -> TargetPart | None:
        """One target; None, and the reason kept, where it is not a list of keys with their values."""
        typed = shapes.typed(entries)
        if self.lacks_values(where, typed, path):
            return None
        fits = isinstance(typed, list) and all(
            _is_object(one) and isinstance(one.get("Key"), str) and _are_texts(one.get("Values"))
            for one in typed
        )
        if not fits:
            self.refuse(where, f'{path} is a list such as [{{"Key": "tag:PatchGroup", "Values": ["web"]}}].')
            return None
        return TargetPart(where, tuple(typed))

    def refuse_resource_group(self, where: str) -> None:
        self.refuse(where, "It names a resource group; windows here act on instances by their tags.")

    def targets_named(self, where: str, entries: Iterable[Any]) -> tuple[str, ...]:
        """Targets of the same file that a task names, each entry a value or a list of them."""
        found = []
        for entry in entries:
            for value in entry if isinstance(entry, list) else [entry]:
                if isinstance(value, Reference):
                    found.append(value.name)
                elif value is not None:
                    self.note(where, "It also names targets by id, which this file does not hold.")
        return tuple(found)


def _is_object(value: Any) -> TypeGuard[Mapping[str, Any]]:
    return isinstance(value, Mapping)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)
