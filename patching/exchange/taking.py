"""What every reader of AWS's requests does alike: take the content, or keep the reason why not. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeGuard

from patching.exchange import shapes
from patching.exchange.parts import Note, Refusal, Setup, TargetPart
from patching.exchange.unresolved import Reference, first_unresolved


class Taking:
    """One file on its way into a setup. Places are named as the file names them."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup

    def refuse(self, where: str, why: str) -> None:
        self.setup.refused.append(Refusal(where, why))

    def note(self, where: str, what: str) -> None:
        self.setup.notes.append(Note(where, what))

    def left(self, where: str, fields: Iterable[str]) -> None:
        """Fields that are not taken over, if there are any."""
        if named := ", ".join(sorted(fields)):
            self.note(where, f"{named}: not taken over; AWS's defaults hold.")

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
