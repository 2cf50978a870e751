"""What was tested is what production gets: tested delays turned into dates, or a list of patches. Pure.

A rule with a delay of d days had approved, when a run began, what was released more than d days before; with that day
as its last it is true of the same patches for ever. Dates are days in UTC, so the day of the moment itself is left out:
production never gets a patch that was not tested, though it may wait for one that came out on that very day.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from patching.approval import DEBIAN_FAMILY, WINDOWS
from patching.baseline_rules.lists import MAX_LISTED

Definition = Mapping[str, Any]


class CannotPinError(Exception):
    """It cannot be pinned; the message says why, and what to do instead."""


def until(tested: Definition, later: Definition, *, began_at: datetime) -> dict[str, Any]:
    """The later baseline with the tested one's rules, each ended at what a run that began then could have installed."""
    system = _system(tested)
    if system in DEBIAN_FAMILY:
        raise CannotPinError(
            "Debian and Ubuntu publish no release dates, so no date can tell tested packages from later ones. "
            "Stage them by their windows: test a week before production."
        )
    rules = [_ended(rule, began_at) for rule in (tested.get("ApprovalRules") or {}).get("PatchRules") or []]
    pinned = {**_kept(later), "OperatingSystem": system, "ApprovalRules": {"PatchRules": rules}}
    for field in ("GlobalFilters", "ApprovedPatches", "ApprovedPatchesComplianceLevel", "Sources"):
        if tested.get(field):
            pinned[field] = tested[field]
    return _rejecting(pinned, tested, later)


def listed(tested: Definition, later: Definition, *, patches: Collection[str]) -> dict[str, Any]:
    """The later baseline with exactly these patches and no rules."""
    system = _system(tested)
    if system in DEBIAN_FAMILY:
        raise CannotPinError(
            "On Debian and Ubuntu a name stands for every version of a package, so a list cannot tell tested "
            "versions from later ones. Stage them by their windows: test a week before production."
        )
    if system != WINDOWS:
        raise CannotPinError(
            "On Linux a name stands for every version of a package, so a list would also approve later ones; "
            "pin by date."
        )
    if not patches:
        raise CannotPinError(
            "No patch was seen to be installed by this run; pin by date, or wait for the next scan."
        )
    if len(patches) > MAX_LISTED:
        message = (
            f"{len(patches)} patches were installed; a baseline names at most {MAX_LISTED}. Pin by date."
        )
        raise CannotPinError(message)
    level = later.get("ApprovedPatchesComplianceLevel") or "HIGH"
    pinned = {
        **_kept(later),
        "OperatingSystem": system,
        "ApprovedPatches": sorted(patches),
        "ApprovedPatchesComplianceLevel": level,
    }
    return _rejecting(pinned, tested, later, unless=patches)


def _system(definition: Definition) -> str:
    return str(definition.get("OperatingSystem") or WINDOWS)


def _kept(later: Definition) -> dict[str, Any]:
    """What is the later baseline's own business: what it is called, and how it treats what it does not approve."""
    names = ("Description", "RejectedPatchesAction", "AvailableSecurityUpdatesComplianceStatus")
    return {name: later[name] for name in names if later.get(name)}


def _ended(rule: Mapping[str, Any], began_at: datetime) -> dict[str, Any]:
    kept = {
        name: value for name, value in rule.items() if name not in ("ApproveAfterDays", "ApproveUntilDate")
    }
    last = (began_at - timedelta(days=rule.get("ApproveAfterDays") or 0)).date() - timedelta(days=1)
    given = rule.get("ApproveUntilDate")
    return {**kept, "ApproveUntilDate": min(given, last.isoformat()) if given else last.isoformat()}


def _rejecting(
    pinned: dict[str, Any], tested: Definition, later: Definition, *, unless: Collection[str] = ()
) -> dict[str, Any]:
    """What either of them rejects stays rejected; a patch cannot be in both lists."""
    rejected = {*(tested.get("RejectedPatches") or []), *(later.get("RejectedPatches") or [])} - set(unless)
    if rejected:
        pinned["RejectedPatches"] = sorted(rejected)
    pinned["ApprovedPatches"] = [one for one in pinned.get("ApprovedPatches", []) if one not in rejected]
    if not pinned["ApprovedPatches"]:
        del pinned["ApprovedPatches"]
    return pinned
