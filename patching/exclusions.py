"""What patch exclusions do to the truth: which findings they cover, and which group a side group stands for.

SSM no longer calls a patch missing once a baseline rejects it. ``pull`` therefore keeps a finding that was open
before, marked ``hidden``, while an exclusion covers it. A patch that SSM first learned of under the exclusion
was never reported to anybody: it cannot be known here before the exclusion has ended.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from patching import approval
from patching.clones import LONGEST_PARENT, WITHOUT
from patching.models import ManagedInstance, PatchFinding, Waiver
from patching.models.compliance import FindingQuerySet

# what ``named`` asks of a finding, beside the list
PATCH = ("instance__operating_system", "patch_id", "title")
_LINUX_ARCHITECTURES = ("x86_64", "aarch64", "noarch", "i386", "i586", "i686", "ppc64le", "s390x")
_DEBIAN_ARCHITECTURES = ("all", "amd64", "arm64", "armhf")


@dataclass(frozen=True)
class Covered:
    """What exclusions in force at one moment cover, by primary key.

    ``instances`` have open findings and all of them are covered; of ``told`` SSM reports at least one itself.
    """

    findings: frozenset[int] = frozenset()
    instances: frozenset[int] = frozenset()
    told: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Side:
    """The side group that an instance is in: the group it stands for, what is left off, until when.

    ``until`` is None once every exclusion has ended and only the tag is still to be given back.
    """

    group: str
    patches: tuple[str, ...]
    until: datetime | None

    def __str__(self) -> str:
        until = "until the tag is given back"
        if self.until is not None:
            until = f"until {self.until.day} {self.until:%b}"
        return f"{self.group}, less {', '.join(self.patches)} {until}"


def names(waiver: Waiver, system: str, patch_id: str, title: str = "") -> bool:
    """Whether a waiver's list names a patch as SSM spells it: as a baseline's rejected list would, in any case."""
    return named(waiver.patches, system, patch_id, title)


def named(patches: Iterable[str], system: str, patch_id: str, title: str = "") -> bool:
    """Whether a list of patches to leave off names one as SSM spells it, in any case and on Linux in any version."""
    return _named(tuple(patches), system, patch_id, title)


def naming(findings: FindingQuerySet, patches: Sequence[str]) -> FindingQuerySet:
    """Those of these findings that a list of patches to leave off names; all of them when it names none."""
    if not patches:
        return findings
    rows = findings.order_by().values_list("pk", *PATCH)
    return findings.filter(pk__in=[pk for pk, *patch in rows if named(patches, *patch)])


def is_side_of(group_tag: str, parent: str) -> bool:
    """Whether a tag value is a side group of this group; only a waiver of the same instance may say the parent."""
    return bool(parent) and group_tag.startswith(f"{parent[:LONGEST_PARENT]}{WITHOUT}")


def covered_at(at: datetime) -> Covered:
    """Open findings of all instances that exclusions in force cover; dates decide, whatever ``pull`` has marked."""
    lists: dict[int, list[tuple[str, ...]]] = {}
    systems: dict[int, str] = {}
    held = Waiver.objects.in_force(at).exclusions().order_by()
    for pk, system, patches in held.values_list("instance_id", "instance__operating_system", "patches"):
        lists.setdefault(pk, []).append(tuple(patches))
        systems[pk] = system
    if not lists:
        return Covered()
    found = PatchFinding.objects.open().filter(instance__in=list(lists)).order_by()
    rows = list(found.values_list("pk", "instance", "patch_id", "title", "hidden"))
    covered = {
        pk
        for pk, instance, patch_id, title, _ in rows
        if any(_named(patches, systems[instance], patch_id, title) for patches in lists[instance])
    }
    bare = {instance for pk, instance, *_ in rows if pk not in covered}
    told = {instance for _, instance, _, _, hidden in rows if not hidden}
    return Covered(frozenset(covered), frozenset({row[1] for row in rows} - bare), frozenset(told - bare))


def of_instances(instances: Iterable[ManagedInstance]) -> Mapping[int, Sequence[Waiver]]:
    """Every exclusion that each of these instances has or had, by the instance's primary key, latest end first."""
    found: dict[int, list[Waiver]] = {}
    for waiver in (
        Waiver.objects.exclusions().filter(instance__in=list(instances)).order_by("-ends_at", "-pk")
    ):
        found.setdefault(waiver.instance_id, []).append(waiver)
    return found


@dataclass(frozen=True)
class Cover:
    """The exclusion that speaks of a finding, and whether it is in force."""

    waiver: Waiver
    holds: bool


def covers_of(findings: Sequence[PatchFinding], at: datetime) -> dict[int, Cover]:
    """By primary key, the exclusion in force that covers a finding, or of a hidden one the last that did.

    Needs the findings' instances at hand.
    """
    known = of_instances(list({finding.instance_id: finding.instance for finding in findings}.values()))
    covers = {}
    for finding in findings:
        naming = [
            Cover(waiver, holds(waiver, at))
            for waiver in known.get(finding.instance_id, ())
            if names(waiver, finding.instance.operating_system, finding.patch_id, finding.title)
        ]
        naming = [one for one in naming if one.holds] or (naming if finding.hidden else [])
        if naming:
            covers[finding.pk] = naming[0]
    return covers


def sides_of(instances: Sequence[ManagedInstance], at: datetime) -> dict[int, Side]:
    """The side groups that the tags of these instances name, by primary key; needs their accounts at hand."""
    known = of_instances(instances)
    sides = {one.pk: _side(one, known.get(one.pk, ()), at) for one in instances}
    return {pk: side for pk, side in sides.items() if side is not None}


def side_of(instance: ManagedInstance, at: datetime) -> Side | None:
    """The same of one instance; None where its tag names no side group of its own exclusions."""
    return sides_of([instance], at).get(instance.pk)


def holds(waiver: Waiver, at: datetime) -> bool:
    """The same as ``in_force`` of its rows, for one at hand."""
    return waiver.starts_at <= at < waiver.until


def _side(instance: ManagedInstance, held: Sequence[Waiver], at: datetime) -> Side | None:
    mine = [waiver for waiver in held if is_side_of(instance.patch_group, waiver.restores_to)]
    if not mine:
        return None
    running = [waiver for waiver in mine if holds(waiver, at)]
    until = max((waiver.until for waiver in running), default=None)
    patches = {patch for waiver in running or mine[:1] for patch in waiver.patches}
    return Side(mine[0].restores_to, tuple(sorted(patches)), until)


@lru_cache(maxsize=4096)
def _named(patches: tuple[str, ...], system: str, patch_id: str, title: str) -> bool:
    return approval.named_in(patches, _as_patch(system, patch_id, title), system) is not None


def _as_patch(system: str, patch_id: str, title: str) -> approval.Patch:
    """What a rejected list is held against. Linux: KBId is "openssl.x86_64", Title adds ":1:1.1.1k-5"."""
    if system == approval.WINDOWS:
        return approval.Patch(patch_id, released=None, severity="", classification="", product="")
    spelled = title if title.startswith(f"{patch_id}:") else patch_id
    package, _, build = spelled.partition(":")
    name, _, arch = package.rpartition(".")
    if arch not in _LINUX_ARCHITECTURES + _DEBIAN_ARCHITECTURES:
        name, arch = package, ""
    epoch, _, build = build.rpartition(":")
    version, _, release = build.partition("-")
    return approval.Patch(
        package,
        released=None,
        severity="",
        classification="",
        product="",
        name=name,
        arch=arch,
        epoch=epoch,
        version=version,
        release=release,
    )
