"""Windows that are too short for what they patch. Pure."""

from collections.abc import Iterable, Iterator

from patching.findings.planned import Planned
from patching.findings.telling import WARNING, Finding
from patching.sizing import CUTOFF, recommended_hours
from patching.words import counted


def too_short(windows: Iterable[Planned]) -> Iterator[Finding]:
    for window in windows:
        right = recommended_hours(window.instances)
        if window.asked and window.spec["duration"] < right:
            yield Finding(
                WARNING,
                f"{window.name} is {window.spec['duration']} h long, {right} h are recommended",
                f"{counted(window.instances, 'instance')}: 4 h, and 1 h more for every 50.",
                f"Ask for {right} h with a cutoff of {CUTOFF} h.",
            )
