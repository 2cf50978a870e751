"""Check the lists of approved and rejected patches, and whether an entry can name a patch at all."""

import re
from collections.abc import Mapping
from typing import Any

from patching.approval import DEBIAN_FAMILY, WINDOWS
from patching.baseline_rules.report import Report, quoted
from patching.baseline_rules.vocabulary import Vocabulary

MAX_LISTED, MAX_PATCH_ID_LENGTH = 50, 100

_NOTICE = re.compile(
    r"(CVE-[0-9]{4}-[0-9]+|[A-Z]{2,6}(-[0-9]+)?[-:][0-9]{4}[-:][A-Z0-9]+|ALAS.*-[0-9]{4}-[0-9]+)", re.I
)
# begins as a CVE or advisory id does, and no package does
_LIKE_A_NOTICE = re.compile(r"(CVE|RHSA|RHBA|RHEA|ELSA|ELBA|ALSA|ALBA|RLSA|ALAS)[0-9]*[-:].*", re.I)
_KB = re.compile(r"KB[0-9]{5,8}", re.I)
_BULLETIN = re.compile(r"MS[0-9]{2}-[0-9]{3}", re.I)


def check_lists(request: Mapping[str, Any], vocabulary: Vocabulary | None, report: Report) -> None:
    approved = _listed("ApprovedPatches", request.get("ApprovedPatches"), report)
    rejected = _listed("RejectedPatches", request.get("RejectedPatches"), report)
    for number, entry in rejected.items():
        if any(entry.lower() == other.lower() for other in approved.values()):
            message = f"{quoted(entry)} is in both lists; a patch is approved or rejected."
            report.error(f"RejectedPatches[{number}]", "in_both_lists", message)
    if vocabulary is None:
        return
    for name, entries in (("ApprovedPatches", approved), ("RejectedPatches", rejected)):
        for number, entry in entries.items():
            if problem := _misnamed(entry, vocabulary.system, rejecting=name == "RejectedPatches"):
                report.error(f"{name}[{number}]", "patch_name", problem)
            elif entry.count("*") > 1:
                report.warn(f"{name}[{number}]", "wildcards", "AWS documents one * in a name, not several.")


def _listed(name: str, entries: Any, report: Report) -> dict[int, str]:
    """The well-formed entries by their place; the others are reported."""
    if entries is None:
        return {}
    if not isinstance(entries, list):
        report.error(name, "type", 'A list of patches, such as ["KB5039217"].')
        return {}
    if len(entries) > MAX_LISTED:
        report.error(name, "too_many", f"At most {MAX_LISTED} patches (found {len(entries)}).")
    fit: dict[int, str] = {}
    for number, entry in enumerate(entries):
        where = f"{name}[{number}]"
        if not isinstance(entry, str) or not 1 <= len(entry) <= MAX_PATCH_ID_LENGTH:
            report.error(where, "patch_name", f"A patch is a text of 1 to {MAX_PATCH_ID_LENGTH} characters.")
        elif entry.lower() in (other.lower() for other in fit.values()):
            report.error(where, "duplicate", f"{quoted(entry)} is listed twice.")
        else:
            fit[number] = entry
    return fit


def _misnamed(entry: str, system: str, *, rejecting: bool) -> str | None:
    if re.search(r"[\s,;]", entry):
        return f"{quoted(entry)}: one patch per entry, without spaces or commas."
    if system == WINDOWS:
        if _KB.fullmatch(entry) or _BULLETIN.fullmatch(entry) or entry == "*":
            return None
        return f"{quoted(entry)} is no Windows patch. Use a KB or bulletin id, such as KB5039217 or MS10-048."
    if _KB.fullmatch(entry):
        return f"{quoted(entry)} is a Windows update; name a package, such as openssl*."
    if system == "MACOS" and "*" in entry:
        return "Wildcards do not work on macOS; name the whole package."
    only_names = rejecting or system in DEBIAN_FAMILY or system in ("SUSE", "MACOS")
    if only_names and _NOTICE.fullmatch(entry):
        which = "A rejected list" if rejecting else f"A list for {system}"
        return f"{which} takes package names, no CVE or advisory ids; name a package, such as openssl*."
    if _LIKE_A_NOTICE.fullmatch(entry) and not _NOTICE.fullmatch(entry):
        like = "CVE-2026-0001, RHSA-2026:1234 or ALAS2023-2026-123"
        return f"{quoted(entry)} is no whole CVE or advisory id; write it as in {like}."
    return None
