"""Who lacks a patch or a fix for a CVE, who got it, and which baselines approve it when. Reads only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from patching import approval
from patching.approval import Verdict
from patching.catalogue.products import covers
from patching.known_patches import as_patch, products_in_use
from patching.models import Cve, Patch, PatchBaseline, PatchFinding
from patching.models.catalogue import spellings
from patching.models.compliance import FindingQuerySet
from portal.governance.models import User

JOINED = ("instance__account_region__account", "instance__application", "instance__environment")


@dataclass(frozen=True)
class Judged:
    """One baseline's word on a patch, for one product."""

    baseline: PatchBaseline
    product: str
    verdict: Verdict


def open_findings(user: User) -> FindingQuerySet:
    """What instances that are there lack, of those that a person may see."""
    rows: FindingQuerySet = PatchFinding.objects.visible_to(user).open().filter(instance__gone_at=None)
    return rows.select_related(*JOINED).order_by("instance__name", "instance_id", "patch_id")


def findings_of_patches(user: User, patches: Sequence[Patch]) -> Mapping[int, list[PatchFinding]]:
    """By patch, who lacks it: this build, or a later one of the package where SSM names no other."""
    found: dict[int, list[PatchFinding]] = {one.pk: [] for one in patches}
    by_name: dict[tuple[str, str], list[Patch]] = {}
    for patch in patches:
        by_name.setdefault((patch.operating_system, patch.name), []).append(patch)
    names = {name for _, name in by_name}
    starts = Q(patch_id__in=names)
    for name in {name for _, name in by_name if "." not in name and not name.startswith("KB")}:
        starts |= Q(patch_id__startswith=f"{name}.")
    for finding in open_findings(user).filter(starts) if names else ():
        system = finding.instance.operating_system
        for name in spellings(finding.patch_id):
            for patch in by_name.get((system, name), ()):
                if _is_this(patch, finding):
                    found[patch.pk].append(finding)
    return found


def link(findings: Sequence[PatchFinding]) -> None:
    """Give each finding ``known``: the patch of the catalogue that it is about, or None. Needs instances at hand."""
    names = {name for one in findings for name in spellings(one.patch_id)}
    rows = Patch.objects.filter(name__in=names).order_by("released_at", "pk") if names else ()
    known: dict[tuple[str, str], Patch] = {}
    for row in rows:
        known[row.operating_system, row.ref] = known[row.operating_system, row.name] = row
    for one in findings:
        system = one.instance.operating_system
        spelled = [one.title, *spellings(one.patch_id)]
        one.known = next((found for name in spelled if (found := known.get((system, name)))), None)  # type: ignore[attr-defined]


def _is_this(patch: Patch, finding: PatchFinding) -> bool:
    if not patch.build or not finding.title.startswith(f"{finding.patch_id}:"):
        return True
    return finding.title.removeprefix(f"{finding.patch_id}:") == patch.build


def findings_of_cve(user: User, cve: Cve) -> list[PatchFinding]:
    """Who lacks a fix: SSM names the CVE, or the catalogue says that the patch fixes it."""
    patches = list(Patch.objects.filter(advisories__cves=cve).distinct())
    by_patch = findings_of_patches(user, patches)
    found = {one.pk: one for findings in by_patch.values() for one in findings}
    for finding in open_findings(user).filter(cves__icontains=cve.cve):
        if cve.cve in finding.cves:
            found[finding.pk] = finding
    return sorted(found.values(), key=lambda one: (str(one.instance), one.patch_id))


def lacking_by_cve(user: User, cves: Sequence[Cve]) -> Mapping[int, set[int]]:
    """By CVE the instances that lack a fix for it, as ``findings_of_cve`` finds them; three queries for any number."""
    found: dict[int, set[int]] = {one.pk: set() for one in cves}
    links: dict[int, list[int]] = {}
    linked = Patch.objects.filter(advisories__cves__in=cves).order_by()
    for patch, cve in linked.values_list("pk", "advisories__cves").distinct():
        if cve in found:
            links.setdefault(patch, []).append(cve)
    patches = list(Patch.objects.in_bulk(list(links)).values())
    for patch, findings in findings_of_patches(user, patches).items():
        for cve in links[patch]:
            found[cve] |= {one.instance_id for one in findings}
    by_name = {one.cve: one.pk for one in cves}
    named = open_findings(user).exclude(cves=[]).order_by().values_list("instance_id", "cves")
    for instance, names in named:
        for name in by_name.keys() & set(names):
            found[by_name[name]].add(instance)
    return found


def got_it(user: User, patches: Sequence[Patch]) -> list[PatchFinding]:
    """Who lacked one of these and does no more, the latest first."""
    rows = PatchFinding.objects.visible_to(user).exclude(resolved_at=None)
    rows = rows.filter(patch_id__in={one.name for one in patches}, instance__gone_at=None)
    known: dict[str, list[Patch]] = {}
    for one in patches:
        known.setdefault(one.name, []).append(one)
    found = rows.select_related(*JOINED).order_by("-resolved_at")[:500]
    return [row for row in found if any(_is_this(patch, row) for patch in known[row.patch_id])]


def superseded_by(patch: Patch) -> list[Patch]:
    """What makes this one unnecessary: a KB that says so, or a later build of the package."""
    rows = Patch.objects.filter(operating_system=patch.operating_system)
    if patch.operating_system == approval.WINDOWS:
        near = rows.filter(supersedes__icontains=patch.name)
        return [one for one in near if patch.name in one.supersedes]
    if patch.released_at is None:
        return []
    later = rows.filter(name=patch.name, released_at__gt=patch.released_at).order_by("released_at")
    return [one for one in later if not one.products or set(one.products) & set(patch.products)][:5]


def judged_by_baselines(user: User, patch: Patch, at: datetime) -> list[Judged]:
    """The word of every live baseline of its operating system, for each product in use that it is for."""
    products = [
        one for one in products_in_use(patch.operating_system) if covers(patch.products, one)
    ] or patch.products[:1]
    refs = [one.ref for one in patch.advisories.all()]
    cves = list(Cve.objects.filter(advisories__patches=patch).values_list("cve", flat=True).distinct())
    rows = PatchBaseline.objects.visible_to(user).live().filter(operating_system=patch.operating_system)
    found = []
    for baseline in rows.select_related("environment"):
        told: set[Verdict] = set()
        for product in products:
            verdict = approval.evaluate(
                baseline.spec["definition"], as_patch(patch, product, refs, cves), as_of=at
            )
            if verdict not in told:
                told.add(verdict)
                found.append(Judged(baseline, product, verdict))
    return found
