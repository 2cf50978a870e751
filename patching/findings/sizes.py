"""How long each window is, should be by three answers, and what its opening does. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from patching.findings.lengths import hours_in_words, opening_of
from patching.findings.planned import Planned
from patching.sizing import Answer, Opening, Paces, Turn, answers


@dataclass(frozen=True)
class TaskRow:
    """One task of an opening, in words."""

    turn: Turn
    begins: str
    ends: str
    spare: str  # time left for it before the cutoff


@dataclass(frozen=True)
class Size:
    """One window with what is said of its length."""

    window: Planned
    guide: Answer
    table: Answer
    rehearsal: Answer
    opening: Opening

    @property
    def tasks(self) -> list[TaskRow]:
        return [
            TaskRow(
                turn,
                hours_in_words(turn.begins),
                hours_in_words(turn.ends),
                hours_in_words(max(0.0, self.opening.spare(turn))),
            )
            for turn in self.opening.turns
        ]

    @property
    def uninstalled(self) -> int:
        """Instances on which an installation never starts."""
        return max((len(turn.left) for turn in self.opening.turns if turn.kind == "install"), default=0)


def sizes(windows: Iterable[Planned], paces: Paces) -> Iterator[Size]:
    """For each window that is asked for and has instances."""
    for window in windows:
        if window.asked and window.instances:
            found = answers(window.nodes, window.tasks, cutoff=window.spec["cutoff"], paces=paces)
            yield Size(window, *found, opening_of(window, paces))
