"""Check what a baseline comes to: whether it could install anything."""

from collections.abc import Mapping, Sequence
from typing import Any

from patching.baseline_rules.report import Report


def check_effect(request: Mapping[str, Any], rules: Sequence[Any], report: Report) -> None:
    nothing = "This baseline would install nothing."
    if not rules and not request.get("ApprovedPatches"):
        report.error("ApprovalRules", "installs_nothing", f"{nothing} Give it a rule or an approved patch.")
    rejected = request.get("RejectedPatches")
    if isinstance(rejected, list) and "*" in rejected:
        report.error("RejectedPatches", "installs_nothing", f"{nothing} It rejects every patch.")
    for number, rule in enumerate(rules):
        group = rule.get("PatchFilterGroup") if isinstance(rule, Mapping) else None
        filters = _readable_filters(group) + _readable_filters(request.get("GlobalFilters"))
        if key := _contradicted(filters):
            message = f"It can match nothing: its filters on {key}, global ones included, share no value."
            report.warn(f"ApprovalRules.PatchRules[{number}]", "matches_nothing", message)


def _readable_filters(group: Any) -> list[tuple[str, set[str]]]:
    filters = group.get("PatchFilters") if isinstance(group, Mapping) else None
    return [
        (each["Key"], {value for value in each["Values"] if isinstance(value, str)})
        for each in (filters if isinstance(filters, list) else [])
        if isinstance(each, Mapping)
        and isinstance(each.get("Key"), str)
        and isinstance(each.get("Values"), list)
    ]


def _contradicted(filters: Sequence[tuple[str, set[str]]]) -> str | None:
    """A key whose filters, all of which must match, leave no value over."""
    left: dict[str, set[str]] = {}
    for key, values in filters:
        if "*" in values or not values:
            continue
        left[key] = left.get(key, values) & values
        if not left[key]:
            return key
    return None
