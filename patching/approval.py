"""Decide whether a baseline approves a patch at a moment, and at what level. No database, no AWS, no clock.

The rules are those of AWS: its own client on Linux, the API reference for Windows. A baseline is a
CreatePatchBaseline request as it is; whether it is a valid one is the business of `baseline_rules`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from fnmatch import fnmatchcase
from typing import Any

UNSPECIFIED = "UNSPECIFIED"
LEVELS = (UNSPECIFIED, "INFORMATIONAL", "LOW", "MEDIUM", "HIGH", "CRITICAL")
WINDOWS = "WINDOWS"
DEBIAN_FAMILY = frozenset({"DEBIAN", "UBUNTU", "RASPBIAN"})

# these ask no patch for a classification and a severity before a rule may approve it
_TAKE_PATCHES_WITHOUT_METADATA = frozenset({WINDOWS, "MACOS", "SUSE"})


@dataclass(frozen=True)
class Patch:
    """One patch as a node sees it; what is not known stays empty, and only * matches it."""

    id: str
    released: datetime | None
    severity: str
    classification: str
    product: str
    name: str = ""
    cves: frozenset[str] = frozenset()
    advisories: frozenset[str] = frozenset()
    bugs: frozenset[str] = frozenset()
    arch: str = ""
    epoch: str = ""
    version: str = ""
    release: str = ""
    priority: str = ""
    section: str = ""
    repository: str = ""
    product_family: str = ""
    patch_set: str = "OS"


@dataclass(frozen=True)
class Verdict:
    """Whether a patch is approved, why, and when it will be if only a delay keeps it back."""

    approved: bool
    compliance_level: str
    rule: int | None
    reason: str
    approves_at: datetime | None = None


def evaluate(baseline: Mapping[str, Any], patch: Patch, *, as_of: datetime) -> Verdict:
    """Judge a patch: rejected beats all; of explicit approval and rules the highest level counts."""
    system = baseline.get("OperatingSystem") or WINDOWS
    if entry := _matching_entry(baseline.get("RejectedPatches"), names_of(patch, system)):
        return _refused(f"Rejected by the baseline ({entry}).")
    if not _matches(baseline.get("GlobalFilters"), patch, system):
        if system not in DEBIAN_FAMILY and (verdict := _explicit(baseline, patch, system)):
            return verdict
        return _refused("The baseline's global filters leave it out.")
    explicit = _explicit(baseline, patch, system)
    verdicts = [explicit] if explicit else []
    for number, rule in enumerate((baseline.get("ApprovalRules") or {}).get("PatchRules") or []):
        if _in_its_set(patch, rule.get("PatchFilterGroup"), baseline.get("GlobalFilters")):
            verdicts.append(_judge(rule, number, patch, system, as_of))
    return max(verdicts, key=_weight, default=_refused("No rule matches it."))


def named_in(entries: Iterable[str], patch: Patch, system: str) -> str | None:
    """The first entry of a rejected list that names the patch: its KB id on Windows, elsewhere its package."""
    return _matching_entry(entries, names_of(patch, system))


def _weight(verdict: Verdict) -> tuple[bool, int, float, bool]:
    """Which verdict speaks for all: an approval, else the soonest to come, else a near match."""
    soonest = -verdict.approves_at.timestamp() if verdict.approves_at else float("-inf")
    return (
        verdict.approved,
        LEVELS.index(verdict.compliance_level),
        soonest,
        verdict.rule is not None,
    )


def _refused(reason: str, *, rule: int | None = None, approves_at: datetime | None = None) -> Verdict:
    return Verdict(False, UNSPECIFIED, rule, reason, approves_at)


def _explicit(baseline: Mapping[str, Any], patch: Patch, system: str) -> Verdict | None:
    entry = _matching_entry(
        baseline.get("ApprovedPatches"),
        names_of(patch, system) | {one.lower() for one in notices_of(patch, system)},
    )
    if not entry or not kind_admitted(patch, system, baseline.get("ApprovedPatchesEnableNonSecurity")):
        return None
    level = baseline.get("ApprovedPatchesComplianceLevel") or UNSPECIFIED
    return Verdict(True, level, None, f"Approved by name in the baseline ({entry}).")


def _judge(rule: Mapping[str, Any], number: int, patch: Patch, system: str, as_of: datetime) -> Verdict:
    if not _matches(rule.get("PatchFilterGroup"), patch, system):
        return _refused("No rule matches it.")
    called = f"Rule {number + 1}"
    if not kind_admitted(patch, system, rule.get("EnableNonSecurity")):
        return _refused(f"{called} matches, but takes no non-security updates.", rule=number)
    level = rule.get("ComplianceLevel") or UNSPECIFIED
    if system in DEBIAN_FAMILY or patch.released is None:
        # apt knows no release dates; a package without one counts as released in 1970
        return Verdict(True, level, number, f"{called} approves it at once.")
    if until := rule.get("ApproveUntilDate"):
        return _judge_by_date(str(until), number, patch.released, level)
    days = rule.get("ApproveAfterDays") or 0
    approves_at = patch.released + timedelta(days=days)
    if approves_at < as_of:
        wait = "on release" if days == 0 else f"{days} day{'s' if days > 1 else ''} after its release"
        return Verdict(True, level, number, f"{called} approves it {wait}.")
    when = f"{approves_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    return _refused(f"{called} approves it after {when}.", rule=number, approves_at=approves_at)


def _judge_by_date(until: str, number: int, released: datetime, level: str) -> Verdict:
    called = f"Rule {number + 1}"
    if released < datetime.combine(date.fromisoformat(until), time.min, UTC) + timedelta(days=1):
        return Verdict(True, level, number, f"{called} approves what was released until {until}.")
    return _refused(f"{called} approves only what was released until {until}.", rule=number)


def kind_admitted(patch: Patch, system: str, non_security: Any) -> bool:
    """Whether a rule or list may take this kind of patch, given its EnableNonSecurity."""
    if non_security or system in _TAKE_PATCHES_WITHOUT_METADATA:
        return True
    if system in DEBIAN_FAMILY:
        return patch.classification.lower() == "security"
    return bool(patch.classification and patch.severity)


# Filters


def _matches(group: Mapping[str, Any] | None, patch: Patch, system: str) -> bool:
    return all(_passes(each["Key"], each.get("Values") or [], patch, system) for each in _filters(group))


def _in_its_set(patch: Patch, *groups: Mapping[str, Any] | None) -> bool:
    """Where neither rule nor global filters name a patch set, they mean the operating system's patches."""
    named = any(each["Key"] == "PATCH_SET" for group in groups for each in _filters(group))
    return named or patch.patch_set.upper() == "OS"


def _filters(group: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    return (group or {}).get("PatchFilters") or []


def _passes(key: str, wanted: Iterable[str], patch: Patch, system: str) -> bool:
    wanted = list(wanted)
    if "*" in wanted:
        return True
    if key == "PRODUCT":
        return patch.product in wanted
    has = {value.lower() for value in values_of(key, patch, system) if value}
    return not has.isdisjoint(value.lower() for value in wanted)


def values_of(key: str, patch: Patch, system: str) -> Iterable[str]:
    """What a patch has to show to a filter key."""
    match key:
        case "CLASSIFICATION":
            return [patch.classification]
        case "SEVERITY":
            return [patch.severity]
        case "MSRC_SEVERITY":
            return [patch.severity or "Unspecified"] if system == WINDOWS else []
        case "PRIORITY":
            return [patch.priority or patch.severity]
        case "PATCH_SET":
            return [patch.patch_set]
        case "PRODUCT_FAMILY":
            return [patch.product_family]
        case "PATCH_ID":
            return [patch.id]
        case "ADVISORY_ID":
            return {patch.id, *patch.advisories}
        case "CVE_ID":
            return patch.cves
        case "BUGZILLA_ID":
            return patch.bugs
        case "SECURITY":
            return [str(patch.classification.lower() == "security")]
        case "NAME" | "ARCH" | "EPOCH" | "VERSION" | "RELEASE" | "SECTION" | "REPOSITORY":
            return [getattr(patch, key.lower())]
    return []


# Lists of approved and rejected patches


def _matching_entry(entries: Iterable[str] | None, names: set[str]) -> str | None:
    """The first list entry that names the patch; entries may hold a wildcard, and case does not count."""
    for entry in entries or []:
        pattern = entry.lower()
        if pattern in names or ("*" in pattern and any(fnmatchcase(name, pattern) for name in names)):
            return entry
    return None


def names_of(patch: Patch, system: str) -> set[str]:
    """What a rejected list may call a patch: its KB id on Windows, elsewhere the package in any spelling."""
    if system == WINDOWS or not patch.name:
        return {patch.id.lower()}
    return {spelling.lower() for spelling in _spellings(patch)}


def _spellings(patch: Patch) -> Iterator[str]:
    arch = f".{patch.arch}" if patch.arch else ""
    yield from {patch.name, f"{patch.name}{arch}"}
    builds = [patch.version, f"{patch.version}-{patch.release}"] if patch.version else []
    for build in builds + [f"{patch.epoch}:{build}" for build in builds if patch.epoch]:
        yield from {f"{patch.name}-{build}", f"{patch.name}-{build}{arch}", f"{patch.name}{arch}:{build}"}


def notices_of(patch: Patch, system: str) -> Iterable[str]:
    """What an approved list may call a patch beside its names: its id, on Linux also advisory, CVE and bug ids."""
    if system == WINDOWS:
        return (patch.id, *patch.advisories)
    return (patch.id, *patch.advisories, *patch.cves, *patch.bugs)
