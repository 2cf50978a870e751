"""When a patch will land on who lacks it: by its baseline's rule, then by its window's next run. Reads only."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from patching import approval, exclusions
from patching.catalogue import product_of
from patching.exclusions import Cover
from patching.known_patches import as_patch
from patching.models import (
    MaintenanceWindow,
    ManagedInstance,
    Patch,
    PatchBaseline,
    PatchFinding,
    PatchGroup,
    Waiver,
)
from patching.posture import next_run


@dataclass(frozen=True)
class Landing:
    """One finding: who lacks it, what excuses it, from when the baseline approves it, and the run that brings it."""

    finding: PatchFinding
    baseline: PatchBaseline | None
    window: MaintenanceWindow | None
    cover: Cover | None  # an exclusion names it
    deferral: Waiver | None  # the instance is left out of its window
    approves_at: datetime | None  # None: approved already, or never
    approved: bool | None  # None: no baseline of ours judges it
    lands_at: datetime | None
    why: str

    @property
    def instance(self) -> ManagedInstance:
        return self.finding.instance

    @property
    def exempt_by(self) -> Waiver | None:
        """The waiver in force that excuses it."""
        if self.cover is not None and self.cover.holds:
            return self.cover.waiver
        return self.deferral


class Judges:
    """Which baseline judges each of some instances, by the group that its tag names or stands for; a few queries."""

    def __init__(self, instances: Sequence[ManagedInstance], at: datetime) -> None:
        places = {one.account_region_id for one in instances}
        groups = PatchGroup.objects.live().filter(account_region__in=places)
        self._groups = {(one.account_region_id, one.name): one for one in groups}
        self._baselines = {one.name: one for one in PatchBaseline.objects.live()}
        self._sides = exclusions.sides_of(instances, at)

    def of(self, instance: ManagedInstance) -> PatchBaseline | None:
        side = self._sides.get(instance.pk)
        group = self._groups.get((instance.account_region_id, side.group if side else instance.patch_group))
        wanted = group.spec["baselines"].get(instance.operating_system) if group else None
        return self._baselines.get(wanted or "")


class Landings:
    """Reckons for any number of findings with a few queries. Findings need their instances and accounts at hand."""

    def __init__(self, findings: Sequence[PatchFinding], at: datetime) -> None:
        self.findings, self.at = findings, at
        instances = {one.instance_id: one.instance for one in findings}
        places = {one.account_region_id for one in instances.values()}
        windows = MaintenanceWindow.objects.live().filter(account_region__in=places)
        self.windows = {(one.account_region_id, one.name): one for one in windows}
        self.judges = Judges(list(instances.values()), at)
        self.covers = exclusions.covers_of(findings, at)
        held = Waiver.objects.in_force(at).deferrals().filter(instance__in=instances)
        self.deferrals = {one.instance_id: one for one in held.order_by("ends_at")}
        self.patches = _known(findings)
        self._runs: dict[tuple[int, datetime], datetime | None] = {}

    def all(self) -> list[Landing]:
        return [self._of(finding) for finding in self.findings]

    def _of(self, finding: PatchFinding) -> Landing:
        instance = finding.instance
        baseline = self.judges.of(instance)
        deferral = self.deferrals.get(instance.pk)
        window_name = deferral.restores_to if deferral else instance.window_name
        window = self.windows.get((instance.account_region_id, window_name))
        cover = self.covers.get(finding.pk)
        approved, approves_at, why = self._judged(finding, baseline)
        lands_at = None
        if approved or approves_at is not None:
            begin = max(filter(None, [self.at, approves_at, _until(cover, deferral)]))
            lands_at = self._next_run(window, begin) if window else None
            why = why if window else f"{why} It is in no window of ours.".strip()
        return Landing(finding, baseline, window, cover, deferral, approves_at, approved, lands_at, why)

    def _judged(
        self, finding: PatchFinding, baseline: PatchBaseline | None
    ) -> tuple[bool | None, datetime | None, str]:
        if baseline is None:
            return None, None, "No baseline of ours judges it; the account's default applies."
        instance = finding.instance
        known = self.patches.get((instance.operating_system, finding.patch_id, finding.title)) or (
            self.patches.get((instance.operating_system, finding.patch_id, ""))
        )
        if known is None:
            return True, None, "SSM calls it missing, so its baseline approves it."
        product = product_of(instance.operating_system, instance.platform_name, instance.platform_version)
        verdict = approval.evaluate(
            baseline.spec["definition"], as_patch(known, product, cves=finding.cves), as_of=self.at
        )
        return verdict.approved, verdict.approves_at, verdict.reason

    def _next_run(self, window: MaintenanceWindow, begin: datetime) -> datetime | None:
        key = window.pk, begin
        if key not in self._runs:
            self._runs[key] = next_run(window, begin)
        return self._runs[key]


def landings_of(findings: Sequence[PatchFinding], at: datetime) -> list[Landing]:
    """One for each finding, in the order given."""
    return Landings(findings, at).all() if findings else []


def _until(cover: Cover | None, deferral: Waiver | None) -> datetime | None:
    waivers = [one for one in (cover.waiver if cover and cover.holds else None, deferral) if one]
    return max((one.until for one in waivers), default=None)


def _known(findings: Iterable[PatchFinding]) -> Mapping[tuple[str, str, str], Patch]:
    """Patches of the catalogue by system, name and build, and by name alone the newest."""
    names = {one.patch_id for one in findings}
    found: dict[tuple[str, str, str], Patch] = {}
    for row in Patch.objects.filter(name__in=names).order_by("released_at", "pk"):
        found[row.operating_system, row.name, row.ref] = row
        found[row.operating_system, row.name, ""] = row
    return found
