"""Check the approval rules: how many, what they match, and when they approve."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from patching.approval import DEBIAN_FAMILY, LEVELS, UNSPECIFIED, WINDOWS
from patching.baseline_rules.filters import check_filters
from patching.baseline_rules.report import Report, check_choice, check_unknown
from patching.baseline_rules.vocabulary import Vocabulary

MAX_RULES, MAX_DELAY = 10, 360
LONG_WINDOWS_DELAY = 30

_RULE_FIELDS = frozenset(
    {"PatchFilterGroup", "ComplianceLevel", "ApproveAfterDays", "ApproveUntilDate", "EnableNonSecurity"}
)


def check_rules(group: Any, vocabulary: Vocabulary | None, report: Report) -> list[Any]:
    """The rules as they stand, for whoever asks next; what is wrong with them is in the report."""
    if group is None:
        return []
    rules = group.get("PatchRules") if isinstance(group, Mapping) else None
    if not isinstance(rules, list):
        report.error("ApprovalRules", "type", 'Approval rules are {"PatchRules": [rule, …]}.')
        return []
    check_unknown("ApprovalRules", group, {"PatchRules"}, report)
    if len(rules) > MAX_RULES:
        report.error(
            "ApprovalRules.PatchRules", "too_many", f"At most {MAX_RULES} rules (found {len(rules)})."
        )
    for number, rule in enumerate(rules):
        _check_rule(f"ApprovalRules.PatchRules[{number}]", rule, vocabulary, report)
    return rules


def _check_rule(path: str, rule: Any, vocabulary: Vocabulary | None, report: Report) -> None:
    if not isinstance(rule, Mapping) or not isinstance(rule.get("PatchFilterGroup"), Mapping):
        report.error(f"{path}.PatchFilterGroup", "required", 'A rule needs {"PatchFilters": [filter, …]}.')
        return
    check_unknown(path, rule, _RULE_FIELDS, report)
    check_filters(f"{path}.PatchFilterGroup", rule["PatchFilterGroup"], vocabulary, report)
    _check_level(f"{path}.ComplianceLevel", rule.get("ComplianceLevel"), report)
    _check_reach(f"{path}.PatchFilterGroup", rule["PatchFilterGroup"], vocabulary, report)
    check_non_security(f"{path}.EnableNonSecurity", rule.get("EnableNonSecurity"), vocabulary, report)
    _check_delay(path, rule, vocabulary, report)


def _check_level(path: str, level: Any, report: Report) -> None:
    check_choice(path, level, LEVELS, report)
    if level in (None, UNSPECIFIED):
        message = "Without a level, Security Hub shows what this rule misses without a severity; choose one."
        report.warn(path, "unspecified_level", message)


def _check_reach(path: str, group: Mapping[str, Any], vocabulary: Vocabulary | None, report: Report) -> None:
    if group.get("PatchFilters") == [] and vocabulary:
        message = (
            f"Without a filter it approves every patch of {vocabulary.system}, optional ones included; "
            "choose classifications, or say PRODUCT * if all is meant."
        )
        report.warn(path, "empty_filter", message)


def _check_delay(path: str, rule: Mapping[str, Any], vocabulary: Vocabulary | None, report: Report) -> None:
    days, until = rule.get("ApproveAfterDays"), rule.get("ApproveUntilDate")
    apt = vocabulary is not None and vocabulary.system in DEBIAN_FAMILY
    either = f"Give either days (0 to {MAX_DELAY}) or a date (2026-06-30)."
    if days is not None and until is not None:
        report.error(f"{path}.ApproveUntilDate", "days_and_date", f"Both days and a date are set. {either}")
    if days is None and until is None and not apt:
        report.error(f"{path}.ApproveAfterDays", "required", f"{either} AWS wants one of them in each rule.")
    if days is not None and (type(days) is not int or not 0 <= days <= MAX_DELAY):
        report.error(f"{path}.ApproveAfterDays", "range", f"Whole days, 0 to {MAX_DELAY}, such as 7.")
    elif days is not None and days > LONG_WINDOWS_DELAY and vocabulary and vocabulary.system == WINDOWS:
        message = (
            "Windows updates are superseded within weeks: after more than 30 days some are never installed."
        )
        report.warn(f"{path}.ApproveAfterDays", "long_delay", message)
    if until is not None and not _is_date(until):
        report.error(
            f"{path}.ApproveUntilDate", "date", "Use a date that exists, as yyyy-mm-dd, such as 2026-06-30."
        )
    if apt and (days or until):
        where = f"{path}.{'ApproveAfterDays' if days else 'ApproveUntilDate'}"
        report.warn(
            where, "no_release_dates", "Not supported on Debian and Ubuntu: patches are approved at once."
        )


def _is_date(text: Any) -> bool:
    if not isinstance(text, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def check_non_security(path: str, value: Any, vocabulary: Vocabulary | None, report: Report) -> None:
    if value is not None and not isinstance(value, bool):
        report.error(path, "type", "true or false.")
    elif value and vocabulary and vocabulary.system in (WINDOWS, "MACOS"):
        report.error(path, "not_applicable", f"Linux only; leave it out for {vocabulary.system}.")
