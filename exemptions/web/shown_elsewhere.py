"""Where else an exemption shows, for its page: Security Hub and compliance, since when, or why not. Reads only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from exemptions.models import Exemption, Mirrored
from patching.models import ManagedInstance
from patching.words import counted

Kind = Mirrored.Kind
LABELS = {
    Kind.SECURITY_HUB.value: "Findings suppressed in Security Hub",
    Kind.COMPLIANCE_ITEMS.value: "Custom:PatchExemption in compliance",
}


@dataclass(frozen=True)
class Shown:
    """One mirror and how it stands for this exemption's instances."""

    label: str
    text: str
    role: str
    word: str
    since: datetime | None  # the last change on any of them
    errors: Sequence[str]


def of(exemption: Exemption, instances: Sequence[ManagedInstance]) -> list[Shown]:
    """One entry for each mirror that says something of this exemption; none where all are off."""
    if exemption.approved_at is None:
        return []
    here = {(one.account_region_id, one.instance_id) for one in instances}
    found = Mirrored.objects.filter(
        kind__in=list(LABELS),
        account_region__in={place for place, _ in here},
        key__in=[instance_id for _, instance_id in here],
    )
    by_kind: dict[str, list[Mirrored]] = {}
    for row in found:
        if (row.account_region_id, row.key) in here and exemption.number in row.exemptions:
            by_kind.setdefault(row.kind, []).append(row)
    return [_shown(kind, by_kind[kind]) for kind in LABELS if kind in by_kind]


def _shown(kind: str, rows: Sequence[Mirrored]) -> Shown:
    written = [row for row in rows if row.digest]
    errors = sorted({row.error for row in rows if row.error})
    on = f"on {counted(len(written), 'instance')}"
    text = f"{counted(sum(row.findings for row in written), 'finding')} {on}"
    role, word = ("bad", "Could not be written") if errors else ("ok", "Written")
    return Shown(
        LABELS[kind],
        text if kind == Kind.SECURITY_HUB else on.capitalize(),
        *((role, word) if errors or written else ("wait", "Not written yet")),
        max((row.changed_at for row in written), default=None),
        errors,
    )
