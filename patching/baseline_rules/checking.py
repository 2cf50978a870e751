"""Check a whole baseline: its name, operating system and settings, then each of its parts."""

import re
from collections.abc import Mapping
from typing import Any

from patching.approval import LEVELS, WINDOWS
from patching.baseline_rules.effect import check_effect
from patching.baseline_rules.filters import check_filters
from patching.baseline_rules.lists import check_lists
from patching.baseline_rules.report import (
    Report,
    check_choice,
    check_text,
    check_unknown,
    nearest,
    quoted,
)
from patching.baseline_rules.rules import check_non_security, check_rules
from patching.baseline_rules.sources import check_sources
from patching.baseline_rules.vocabulary import Vocabulary, vocabularies

_FIELDS = frozenset(
    {
        *("Name", "Description", "OperatingSystem", "GlobalFilters", "ApprovalRules", "Sources"),
        *("ApprovedPatches", "ApprovedPatchesComplianceLevel", "ApprovedPatchesEnableNonSecurity"),
        *("RejectedPatches", "RejectedPatchesAction", "AvailableSecurityUpdatesComplianceStatus"),
        *("ClientToken", "Tags"),
    }
)


def check(request: Mapping[str, Any], known: Mapping[str, Vocabulary] | None = None) -> Report:
    """Everything wrong with a CreatePatchBaseline request.

    ``known`` are the words of each operating system; those of the dated file unless AWS has listed more.
    """
    report = Report()
    if not isinstance(request, Mapping):
        report.error(
            "", "type", 'A baseline is an object such as {"Name": "prod-windows", "ApprovalRules": …}.'
        )
        return report
    check_unknown("", request, _FIELDS, report)
    _check_name(request.get("Name"), report)
    check_text("Description", request.get("Description"), 1024, report)
    vocabulary = _check_system(request.get("OperatingSystem"), known or vocabularies(), report)
    check_filters("GlobalFilters", request.get("GlobalFilters"), vocabulary, report)
    rules = check_rules(request.get("ApprovalRules"), vocabulary, report)
    check_lists(request, vocabulary, report)
    _check_settings(request, vocabulary, report)
    check_sources(request.get("Sources"), vocabulary, report)
    _check_tags(request.get("Tags"), report)
    check_effect(request, rules, report)
    return report


def _check_name(name: Any, report: Report) -> None:
    if not isinstance(name, str) or not re.fullmatch(r"[a-zA-Z0-9_.-]{3,128}", name):
        report.error("Name", "name", "3 to 128 characters: letters, digits, _ - . such as prod-windows-2022.")
    elif name.upper().startswith("AWS-"):
        report.warn(
            "Name", "reserved_name", "AWS's own baselines begin with AWS-; another name tells them apart."
        )


def _check_system(system: Any, known: Mapping[str, Vocabulary], report: Report) -> Vocabulary | None:
    if system is None:
        return known[WINDOWS]
    if not isinstance(system, str) or system not in known:
        near = nearest(str(system), known)
        unknown = f"{quoted(system)} is not known to AWS. Did you mean {near}?"
        message = unknown if near else f"Use {', '.join(known)}."
        report.error("OperatingSystem", "operating_system", message)
        return None
    return known[system]


def _check_settings(request: Mapping[str, Any], vocabulary: Vocabulary | None, report: Report) -> None:
    for name, options in (
        ("ApprovedPatchesComplianceLevel", LEVELS),
        ("RejectedPatchesAction", ("ALLOW_AS_DEPENDENCY", "BLOCK")),
        ("AvailableSecurityUpdatesComplianceStatus", ("COMPLIANT", "NON_COMPLIANT")),
    ):
        check_choice(name, request.get(name), options, report)
    name = "ApprovedPatchesEnableNonSecurity"
    check_non_security(name, request.get(name), vocabulary, report)
    check_text("ClientToken", request.get("ClientToken"), 64, report)
    name = "AvailableSecurityUpdatesComplianceStatus"
    if request.get(name) is not None and vocabulary and vocabulary.system != WINDOWS:
        report.error(name, "not_applicable", f"Only for WINDOWS; leave it out for {vocabulary.system}.")


def _check_tags(tags: Any, report: Report) -> None:
    if tags is None:
        return
    if not isinstance(tags, list) or not all(isinstance(tag, Mapping) for tag in tags):
        report.error("Tags", "type", 'A list of {"Key": …, "Value": …}.')
        return
    seen: set[str] = set()
    for number, tag in enumerate(tags):
        key, value = tag.get("Key"), tag.get("Value")
        if not isinstance(key, str) or not 1 <= len(key) <= 128 or key.lower().startswith("aws:"):
            report.error(f"Tags[{number}].Key", "tag_key", "1 to 128 characters, not beginning with aws:.")
        elif key in seen:
            report.error(f"Tags[{number}].Key", "duplicate", f"Key {quoted(key)} appears twice.")
        else:
            seen.add(key)
        if not isinstance(value, str) or len(value) > 256:
            report.error(f"Tags[{number}].Value", "tag_value", "At most 256 characters.")
