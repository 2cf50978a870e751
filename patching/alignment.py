"""Versions of a baseline side by side, field by field, its rules matched by what they are about. Pure.

Where a rule stands means nothing to AWS: a patch is approved as soon as one rule approves it, at the highest level.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from patching import words
from patching.approval import UNSPECIFIED

Spec = Mapping[str, Any]
Told = dict[str, str]
ALIKE = 0.5  # share of filter values that two rules must have in common to be one rule that was changed
_NAMED = 6  # patches of a list that a cell names
_ABOUT = "Everything"
ABSENT = "No such rule"


def of_baselines(*versions: Spec | None) -> list[Told | None]:
    """Each version in words under the same fields as the others; None for a version that is not there.

    A version is a spec with ``definition``; ``name``, ``application`` and ``environment`` count where they are given.
    """
    there = [version for version in versions if version is not None]
    told: list[Told] = [{"Operating system": words.system_name(_system(one))} for one in there]
    _names(there, told)
    _rules(there, told)
    _rest(there, told)
    found = iter(told)
    return [None if version is None else next(found) for version in versions]


def _system(version: Spec) -> str:
    return str(version["definition"].get("OperatingSystem") or "WINDOWS")


def _names(there: Sequence[Spec], told: Sequence[Told]) -> None:
    """What it is called and for whom it is, where that moves."""
    for field, label in (("name", "Name"), ("application", "For"), ("environment", "Meant for")):
        said = [version.get(field) for version in there]
        if len({one for one in said if one is not None}) > 1:
            for one, text in zip(told, said, strict=True):
                if text is not None:
                    one[label] = str(text) or "Any"


# Rules


def _rules(there: Sequence[Spec], told: Sequence[Told]) -> None:
    clusters: list[dict[int, Mapping[str, Any]]] = []
    # the last version names the rules, the ones before it find theirs among them
    for number in reversed(range(len(there))):
        _join(
            clusters, number, (there[number]["definition"].get("ApprovalRules") or {}).get("PatchRules") or []
        )
    taken: Told = {}
    for cluster in clusters:
        label = words.what_matches(_filters(cluster[max(cluster)]))
        if label == _ABOUT and len(clusters) > 1:
            label = f"{_ABOUT} else"
        label = words.free(label, taken)
        taken[label] = ""
        abouts = {words.what_matches(_filters(rule)) for rule in cluster.values()}
        for number, one in enumerate(told):
            rule = cluster.get(number)
            if rule is None:
                one[label] = ABSENT
            elif len(abouts) > 1:
                one[label] = f"{words.what_matches(_filters(rule))}, {words.when_approved(rule)}"
            else:
                one[label] = words.when_approved(rule)[:1].upper() + words.when_approved(rule)[1:]


def _join(
    clusters: list[dict[int, Mapping[str, Any]]], number: int, rules: Sequence[Mapping[str, Any]]
) -> None:
    """Each rule of a version joins the cluster that it is most like, the closest first; the rest begin their own."""
    pairs = [
        (_likeness(rule, cluster[min(cluster)]), -place, -there)
        for place, rule in enumerate(rules)
        for there, cluster in enumerate(clusters)
    ]
    left, open_ = set(range(len(rules))), set(range(len(clusters)))
    for likeness, place, there in sorted(pairs, reverse=True):
        if likeness >= ALIKE and -place in left and -there in open_:
            clusters[-there][number] = rules[-place]
            left.discard(-place)
            open_.discard(-there)
    clusters.extend({number: rules[place]} for place in sorted(left))


def _likeness(one: Mapping[str, Any], other: Mapping[str, Any]) -> float:
    """From 0 to 1 by filters; what else two rules say decides between equals."""
    mine, theirs = _values(one), _values(other)
    shared = len(mine & theirs) / len(mine | theirs) if mine | theirs else 1.0
    same = {"ApproveAfterDays", "ApproveUntilDate", "ComplianceLevel"}
    alike = sum(one.get(field) == other.get(field) for field in same)
    return shared + alike / 100 if shared >= ALIKE else shared


def _values(rule: Mapping[str, Any]) -> set[tuple[str, str]]:
    return {
        (one["Key"], value)
        for one in _filters(rule).get("PatchFilters", [])
        for value in one["Values"]
        if value != "*"
    }


def _filters(rule: Mapping[str, Any]) -> Mapping[str, Any]:
    return rule.get("PatchFilterGroup") or {}


# Everything else


def _rest(there: Sequence[Spec], told: Sequence[Told]) -> None:
    definitions = [version["definition"] for version in there]
    if any((one.get("GlobalFilters") or {}).get("PatchFilters") for one in definitions):
        for one, definition in zip(told, definitions, strict=True):
            one["Only"] = words.what_matches(definition.get("GlobalFilters") or {})
    for field, label in (("ApprovedPatches", "Approved by name"), ("RejectedPatches", "Rejected by name")):
        _lists([one.get(field) or [] for one in definitions], label, told)
    _settings(definitions, told)
    _sources(definitions, told)


def _lists(lists: Sequence[Sequence[str]], label: str, told: Sequence[Told]) -> None:
    """Each list, and how it differs from the one compared with: long ones may look alike by their beginnings."""
    base = set(lists[max(len(lists) - 2, 0)])
    for one, found in zip(told, lists, strict=True):
        now, text = set(found), words.patch_names(found)
        if now and base and now != base:
            moved = [*_moved(now - base, "+"), *_moved(base - now, "\N{MINUS SIGN}")]
            text = f"{text} ({', '.join(moved)})"
        one[label] = text


def _moved(names: Iterable[str], sign: str) -> list[str]:
    found = sorted(names)
    more = [f"{sign}{len(found) - _NAMED} more"] if len(found) > _NAMED else []
    return [f"{sign}{one}" for one in found[:_NAMED]] + more


def _settings(definitions: Sequence[Mapping[str, Any]], told: Sequence[Told]) -> None:
    for one, definition in zip(told, definitions, strict=True):
        if any(each.get("RejectedPatches") for each in definitions):
            blocks = definition.get("RejectedPatchesAction") == "BLOCK"
            one["Rejected patches that others need"] = (
                "Are blocked too" if blocks else "Are installed with those"
            )
        if any(_level(each) for each in definitions):
            one["Approved patches count as"] = _level(definition) or "Unspecified"
        if any(each.get("ApprovedPatchesEnableNonSecurity") for each in definitions):
            also = bool(definition.get("ApprovedPatchesEnableNonSecurity"))
            one["Approved by name though not about security"] = "Yes" if also else "No"
        if any(each.get("AvailableSecurityUpdatesComplianceStatus") for each in definitions):
            status = definition.get("AvailableSecurityUpdatesComplianceStatus") or "as AWS decides"
            one["Security updates not approved yet"] = status.replace("_", "-").capitalize()
        if any(each.get("Description") for each in definitions):
            one["Description"] = definition.get("Description") or "None"


def _level(definition: Mapping[str, Any]) -> str:
    level = definition.get("ApprovedPatchesComplianceLevel") or UNSPECIFIED
    return "" if level == UNSPECIFIED else level.capitalize()


def _sources(definitions: Sequence[Mapping[str, Any]], told: Sequence[Told]) -> None:
    """A configuration may hold what is nobody's business, so only its digest is shown."""
    by_name = [{one["Name"]: one for one in each.get("Sources") or []} for each in definitions]
    for name in dict.fromkeys(name for sources in by_name for name in sources):
        for one, sources in zip(told, by_name, strict=True):
            source = sources.get(name)
            one[f"Package source {name}"] = _source(source) if source else "No such source"


def _source(source: Mapping[str, Any]) -> str:
    digest = hashlib.sha256(source["Configuration"].encode()).hexdigest()[:8]
    return f"For {words.listed(source['Products'])}, configuration {digest}"
