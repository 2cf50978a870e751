"""Check patch filters against the keys and values of an operating system."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from patching.approval import DEBIAN_FAMILY, WINDOWS
from patching.baseline_rules.report import Report, check_unknown, nearest, quoted
from patching.baseline_rules.vocabulary import Vocabulary

MAX_FILTERS, MAX_VALUES, MAX_VALUE_LENGTH = 4, 20, 64

_NAMED_INSTEAD = {WINDOWS: "MSRC_SEVERITY"} | dict.fromkeys(DEBIAN_FAMILY, "PRIORITY")


def check_filters(path: str, group: Any, vocabulary: Vocabulary | None, report: Report) -> None:
    if group is None:
        return
    filters = group.get("PatchFilters") if isinstance(group, Mapping) else None
    if not isinstance(filters, list):
        report.error(path, "type", 'Filters are {"PatchFilters": [{"Key": …, "Values": […]}]}.')
        return
    check_unknown(path, group, {"PatchFilters"}, report)
    if len(filters) > MAX_FILTERS:
        found = f"At most {MAX_FILTERS} filters (found {len(filters)})."
        report.error(f"{path}.PatchFilters", "too_many", found)
    for number, each in enumerate(filters):
        _check_filter(f"{path}.PatchFilters[{number}]", each, filters, vocabulary, report)


def _check_filter(
    path: str, each: Any, group: Sequence[Any], vocabulary: Vocabulary | None, report: Report
) -> None:
    if not isinstance(each, Mapping):
        report.error(path, "type", 'A filter is {"Key": "CLASSIFICATION", "Values": ["Security"]}.')
        return
    check_unknown(path, each, {"Key", "Values"}, report)
    key, values = each.get("Key"), each.get("Values")
    if not isinstance(key, str) or (vocabulary and key not in vocabulary.keys):
        report.error(f"{path}.Key", "filter_key", _unknown_key(key, vocabulary))
        vocabulary = None
    if not isinstance(values, list) or not 1 <= len(values) <= MAX_VALUES:
        found = f" (found {len(values)})" if isinstance(values, list) else ""
        report.error(f"{path}.Values", "values", f"1 to {MAX_VALUES} values{found}; * alone matches all.")
        return
    if key == "PRODUCT" and _asks_for_applications(group):
        # applications have names of their own, of which there is no list
        vocabulary = None
    for number, value in enumerate(values):
        where = f"{path}.Values[{number}]"
        if not isinstance(value, str) or not 1 <= len(value) <= MAX_VALUE_LENGTH:
            report.error(where, "value_length", f"A value is a text of 1 to {MAX_VALUE_LENGTH} characters.")
        elif values.index(value) != number:
            report.warn(where, "duplicate", f"{quoted(value)} is listed twice.")
        elif vocabulary and value != "*":
            _check_value(where, str(key), value, vocabulary, report)
    if key == "PATCH_SET" and "APPLICATION" in values:
        message = "This rule patches Microsoft applications, not the operating system."
        report.warn(f"{path}.Values", "application_patches", message)


def _asks_for_applications(group: Sequence[Any]) -> bool:
    sets = (
        each.get("Values") for each in group if isinstance(each, Mapping) and each.get("Key") == "PATCH_SET"
    )
    return any("APPLICATION" in values for values in sets if isinstance(values, list))


def _unknown_key(key: Any, vocabulary: Vocabulary | None) -> str:
    if vocabulary is None:
        return "A key is a text such as CLASSIFICATION."
    instead = _NAMED_INSTEAD.get(vocabulary.system, "SEVERITY")
    if key in ("SEVERITY", "MSRC_SEVERITY", "PRIORITY") and instead in vocabulary.keys:
        return f"{key} is not available for {vocabulary.system}; use {instead}."
    return f"{quoted(key)} is not available for {vocabulary.system}; use {', '.join(vocabulary.keys)}."


def _check_value(where: str, key: str, value: str, vocabulary: Vocabulary, report: Report) -> None:
    if key == "PRODUCT":
        if value not in vocabulary.products and not re.fullmatch(vocabulary.product_pattern, value):
            exact = " AWS compares products exactly; only * alone is a wildcard." if "*" in value else ""
            like = f"a product of {vocabulary.system} such as {vocabulary.product_example}"
            report.warn(where, "unknown_product", f"{quoted(value)} does not look like {like}.{exact}")
        return
    known = vocabulary.values.get(key)
    if known is None or value in known:
        return
    if same := [each for each in known if each.lower() == value.lower()]:
        report.warn(where, "spelling", f"AWS writes {same[0]}; some of its clients compare letter by letter.")
        return
    near = nearest(value, known)
    hint = f"Did you mean {near}?" if near else f"Use {', '.join(known)}."
    report.error(where, "unknown_value", f"{quoted(value)} is not a {key} of {vocabulary.system}. {hint}")
