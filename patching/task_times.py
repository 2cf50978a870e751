"""When each task of a window begins, and how long before the cutoff that is. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from patching.sizing import Node, Paces, rehearse


class Begins(NamedTuple):
    """One task: minutes after the opening at which it begins, and minutes that are left then before the cutoff."""

    name: str
    kind: str
    after: int
    left: int

    @property
    def in_words(self) -> str:
        """1 h 40 min after the opening, 80 min before the cutoff; or that its turn never comes."""
        if self.left <= 0:
            return f"would begin {in_hours(self.after)} after the opening, at or after the cutoff: it never starts"
        when = "at the opening" if not self.after else f"{in_hours(self.after)} after the opening"
        return f"begins {when}, {in_hours(self.left)} before the cutoff"


def begins(
    tasks: Sequence[Mapping[str, Any]], systems: Sequence[str], *, duration: int, cutoff: int, paces: Paces
) -> list[Begins]:
    """Each task in its order, for instances with these operating systems; hours in, minutes out.

    ``tasks`` have their defaults filled in. A task waits until the one before has reached every instance that it can.
    """
    nodes = [Node(str(number), system) for number, system in enumerate(systems)]
    opening = rehearse(nodes, tasks, duration=duration, cutoff=cutoff, paces=paces)
    return [
        Begins(turn.name, turn.kind, round(turn.begins), round(opening.spare(turn))) for turn in opening.turns
    ]


def in_hours(minutes: int) -> str:
    hours, rest = divmod(minutes, 60)
    return " ".join(filter(None, [f"{hours} h" if hours else "", f"{rest} min" if rest or not hours else ""]))
