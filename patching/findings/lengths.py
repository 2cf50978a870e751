"""Windows that are too short for what they patch: by the guide's rule, and instance by instance. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator

from patching.findings.edits import Edit
from patching.findings.planned import Planned
from patching.findings.telling import WARNING, Finding
from patching.sizing import CUTOFF, Node, Opening, Paces, Turn, hours_needed, recommended_hours, rehearse
from patching.words import counted, listed


def too_short(windows: Iterable[Planned]) -> Iterator[Finding]:
    for window in windows:
        right = recommended_hours(window.instances)
        if window.asked and window.spec["duration"] < right:
            yield Finding(
                WARNING,
                f"{window.name} is {window.spec['duration']} h long, {right} h are recommended",
                f"{counted(window.instances, 'instance')}: 4 h, and 1 h more for every 50.",
                f"Ask for {right} h with a cutoff of {CUTOFF} h.",
                code="too_short",
                about=window.name,
                edits=(Edit.of(window, duration=right, cutoff=CUTOFF),),
            )


def never_start(windows: Iterable[Planned], paces: Paces) -> Iterator[Finding]:
    """Instances whose turn does not come before the cutoff, and those that are not done when the window closes."""
    for window in windows:
        if not window.asked:
            continue
        found = opening_of(window, paces)
        needed = hours_needed(window.nodes, window.tasks, cutoff=window.spec["cutoff"], paces=paces)
        if found.left:
            yield Finding(
                WARNING,
                _never(window, found),
                f"{_where(window, _first_left(found).left)}. {_why(found)}",
                _longer(window, needed),
                code="never_starts",
                about=window.name,
                edits=_to(window, needed),
            )
        elif found.cut:
            stopped = counted(len(found.cut), "instance is", "instances are")
            yield Finding(
                WARNING,
                f"{stopped} not done when {window.name} ends",
                f"{_where(window, found.cut)}. {_cut(found)}",
                _longer(window, needed),
                code="not_done",
                about=window.name,
                edits=_to(window, needed),
            )


def opening_of(window: Planned, paces: Paces) -> Opening:
    """What one opening of the window does, instance by instance."""
    spec = window.spec
    return rehearse(window.nodes, window.tasks, duration=spec["duration"], cutoff=spec["cutoff"], paces=paces)


def _never(window: Planned, found: Opening) -> str:
    first = _first_left(found)
    if not first.started:
        return f"{first.name} of {window.name} never starts"
    noun = counted(len(first.left), "instance")
    return f"{first.name} of {window.name} never starts on the last {noun} of {first.total:,}"


def _first_left(found: Opening) -> Turn:
    """The first task whose turn does not come on every instance; those behind it come later still."""
    return next(turn for turn in found.turns if turn.left)


def _where(window: Planned, nodes: Iterable[Node]) -> str:
    """Production, 20 in eu-central-1a and 20 in eu-central-1b."""
    zones = Counter(node.zone or "an unknown zone" for node in nodes)
    return (
        f"{window.environment}, {listed(f'{number:,} in {zone}' for zone, number in sorted(zones.items()))}"
    )


def _why(found: Opening) -> str:
    """Install takes 75 at once and 30 min each; nothing starts after 3 h."""
    first = _first_left(found)
    nothing = f"nothing starts from {hours_in_words(found.cutoff)} on"
    if not first.started:
        return f"The tasks before it take until {hours_in_words(first.begins)} after it opens, and {nothing}."
    return f"{first.name} takes {first.at_once:,} at once, and {nothing}."


def _cut(found: Opening) -> str:
    last = max((turn for turn in found.turns if turn.cut), key=lambda turn: turn.ends)
    until, closes = hours_in_words(last.ends), hours_in_words(found.closes)
    return f"{last.name} goes on until {until} after it opens; it closes after {closes}."


def _longer(window: Planned, needed: int | None) -> str:
    if needed is None:
        return "No 24 h are enough: take more at once, or spread the instances over several windows."
    return f"Ask for {needed} h with a cutoff of {window.spec['cutoff']} h, or take more at once."


def _to(window: Planned, hours: int | None) -> tuple[Edit, ...]:
    return (Edit.of(window, duration=hours),) if hours else ()


def hours_in_words(minutes: float) -> str:
    """2 h 30 min."""
    hours, rest = divmod(round(minutes), 60)
    return " ".join(filter(None, [f"{hours} h" if hours else "", f"{rest} min" if rest or not hours else ""]))
