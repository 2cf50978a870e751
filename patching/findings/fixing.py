"""The items that a finding's fix asks for, with what is there already. Reads rows, writes nothing."""

from collections.abc import Sequence
from typing import Any

from patching.around import Around
from patching.findings.edits import About, Edit, asked_with
from patching.findings.planned import Planned
from patching.findings.telling import Finding
from patching.models import PatchBaseline

HOURS = "hours"  # hours:payments-prod-a:6, as the table of sizes offers


def items_with(
    fix: str, found: Sequence[Finding], windows: Sequence[Planned], around: Around
) -> list[dict[str, Any]] | None:
    """The items around which something was found, with one fix in them; None where there is no such fix any more.

    ``fix`` is a finding's key, or ``hours:<window>:<hours>`` for a duration that the table of sizes proposes.
    """
    edits = _edits(fix, found, windows)
    if not edits:
        return None
    try:
        return asked_with(edits, around.items, _live(around))
    except LookupError:
        return None


def _edits(fix: str, found: Sequence[Finding], windows: Sequence[Planned]) -> tuple[Edit, ...]:
    code, _, rest = fix.partition(":")
    if code != HOURS:
        return next((one.edits for one in found if one.key == fix), ())
    name, _, hours = rest.rpartition(":")
    if not hours.isdecimal():
        return ()
    wanted = int(hours)
    return tuple(
        Edit.of(one, duration=wanted, cutoff=min(one.spec["cutoff"], max(wanted - 1, 0)))
        for one in windows
        if one.asked and one.name == name and 1 <= wanted <= 24
    )


def _live(around: Around) -> dict[About, tuple[int, dict[str, Any]]]:
    found: dict[About, tuple[int, dict[str, Any]]] = {
        ("window", row.name, (row.spec["account"], row.spec["region"])): (row.pk, row.spec)
        for row in around.windows
    }
    for baseline in PatchBaseline.objects.live():
        found["baseline", baseline.name, None] = baseline.pk, baseline.spec
    return found
