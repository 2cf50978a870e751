"""What the waivers of one instance ask for from now on, step by step until none is left. Pure but for the rows' type.

A tag follows all waivers on its instance together, so that overlapping ones do not undo each other, and every step
can be laid down in AWS beforehand.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from patching.models import Waiver


@dataclass(frozen=True)
class Step:
    """From a moment on, these waivers hold; None is now. The last step of a line has none."""

    starts_at: datetime | None
    waivers: tuple[Waiver, ...]

    @property
    def patches(self) -> frozenset[str]:
        """Everything that the waivers of this step leave off."""
        return frozenset(patch for waiver in self.waivers for patch in waiver.patches)


def by_instance(waivers: Iterable[Waiver]) -> Mapping[str, Sequence[Waiver]]:
    """Waivers in force, by the instance's AWS id."""
    found: dict[str, list[Waiver]] = {}
    for waiver in waivers:
        found.setdefault(waiver.instance.instance_id, []).append(waiver)
    return found


def of_deferrals(waivers: Iterable[Waiver]) -> list[Step]:
    """The deferrals of one instance over time: the window tag's line."""
    return _line(one for one in waivers if one.kind == Waiver.Kind.NODE_DEFERRAL)


def of_exclusions(waivers: Iterable[Waiver]) -> list[Step]:
    """The patch exclusions of one instance over time: the group tag's line."""
    return _line(one for one in waivers if one.kind == Waiver.Kind.PATCH_EXCLUSION)


def _line(waivers: Iterable[Waiver]) -> list[Step]:
    """Empty where none holds; else now, and one step for each end."""
    held = sorted(waivers, key=lambda one: one.pk)
    moments = sorted({one.ends_at for one in held})
    steps = [Step(moment, tuple(one for one in held if one.ends_at > moment)) for moment in moments]
    return [Step(None, tuple(held)), *steps] if held else []
