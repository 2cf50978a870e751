"""Where the catalogue has a page for what an exemption names: its patches, and the CVEs that they fix. Reads only."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import F

from patching.models import Cve, ManagedInstance, Patch, PatchFinding
from patching.models.catalogue import spellings


def pages_of(instances: Sequence[ManagedInstance], names: Sequence[str]) -> list[tuple[str, int | None]]:
    """Each of these names with the key of its page, None where the catalogue has none."""
    known = _known(instances, names)
    return [(name, known.get(name)) for name in names]


def add_pages(findings: Sequence[dict[str, Any]], instances: Sequence[ManagedInstance]) -> None:
    """Give each row of patches ``page``, the key of its page, and ``cves``, with whether each has a page of its own."""
    names = [one["patch_id"] for one in findings]
    known = _known(instances, names)
    cves: dict[str, set[str]] = {name: set() for name in names}
    rows = PatchFinding.objects.open().filter(instance__in=instances, patch_id__in=names).exclude(cves=[])
    for name, fixed in rows.order_by().values_list("patch_id", "cves"):
        cves[name].update(fixed)
    told = {one for fixed in cves.values() for one in fixed}
    with_page = set(Cve.objects.filter(cve__in=told).values_list("cve", flat=True)) if told else set()
    for one in findings:
        one["page"] = known.get(one["patch_id"])
        one["cves"] = [(cve, cve in with_page) for cve in sorted(cves[one["patch_id"]], reverse=True)]


def _known(instances: Sequence[ManagedInstance], names: Sequence[str]) -> Mapping[str, int]:
    systems = {one.operating_system for one in instances}
    spelled = {spelling: name for name in names for spelling in spellings(name)}
    rows = Patch.objects.filter(operating_system__in=systems, name__in=spelled)
    oldest_first = rows.order_by(F("released_at").asc(nulls_first=True), "pk")  # the newest build counts
    return {spelled[name]: pk for name, pk in oldest_first.values_list("name", "pk")}
