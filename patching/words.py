"""Specs of baselines, groups and windows in words that somebody can sign. Pure."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from patching import schedules, shutting_words

SYSTEM_NAMES = {
    "WINDOWS": "Windows",
    "AMAZON_LINUX": "Amazon Linux 1",
    "AMAZON_LINUX_2": "Amazon Linux 2",
    "AMAZON_LINUX_2022": "Amazon Linux 2022",
    "AMAZON_LINUX_2023": "Amazon Linux 2023",
    "UBUNTU": "Ubuntu",
    "DEBIAN": "Debian",
    "RASPBIAN": "Raspberry Pi OS",
    "REDHAT_ENTERPRISE_LINUX": "Red Hat Enterprise Linux",
    "CENTOS": "CentOS",
    "ORACLE_LINUX": "Oracle Linux",
    "ROCKY_LINUX": "Rocky Linux",
    "ALMA_LINUX": "AlmaLinux",
    "SUSE": "SUSE Linux Enterprise Server",
    "MACOS": "macOS",
}
KINDS = {
    "baseline": "Baseline",
    "patch-group": "Patch group",
    "window": "Window",
    "freeze": "Freeze",
    "occurrence": "Opening",
}
TASK_PLACES = {"pre": "before", "install": "install", "scan": "scan", "post": "after"}


def system_name(system: str) -> str:
    """What people call an operating system that SSM calls WINDOWS."""
    return SYSTEM_NAMES.get(system, system.replace("_", " ").capitalize())


def counted(number: int, noun: str, many: str = "") -> str:
    return f"{number:,} {noun if number == 1 else many or noun + 's'}"


def listed(parts: Iterable[str], last: str = "and") -> str:
    """One, two and three."""
    words = list(parts)
    return f" {last} ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


# Baselines


def rules_in_words(definition: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Each approval rule as what it is about and when it approves: ("Critical security updates", "after 0 days")."""
    rules = (definition.get("ApprovalRules") or {}).get("PatchRules", [])
    told: list[tuple[str, str]] = []
    for rule in rules:
        about = what_matches(rule.get("PatchFilterGroup") or {})
        if about == "Everything" and told:
            about = "Everything else"
        told.append((about, when_approved(rule)))
    return told


def baseline_in_words(spec: Mapping[str, Any]) -> dict[str, str]:
    """What a baseline says, field by field in the order in which people ask."""
    definition = spec["definition"]
    told = {"Operating system": system_name(definition.get("OperatingSystem", "WINDOWS"))}
    for about, when in rules_in_words(definition):
        told[free(about, told)] = when[:1].upper() + when[1:]
    if filters := (definition.get("GlobalFilters") or {}).get("PatchFilters"):
        told["Only"] = what_matches({"PatchFilters": filters})
    told["Approved by name"] = patch_names(definition.get("ApprovedPatches"))
    told["Rejected by name"] = patch_names(definition.get("RejectedPatches"))
    if definition.get("RejectedPatches"):
        blocks = definition.get("RejectedPatchesAction") == "BLOCK"
        told["Rejected patches that others need"] = (
            "Are blocked too" if blocks else "Are installed with those"
        )
    if level := definition.get("ApprovedPatchesComplianceLevel"):
        told["Approved patches count as"] = level.capitalize()
    if sources := definition.get("Sources"):
        told["Package sources"] = listed(source["Name"] for source in sources)
    return told


def baseline_in_a_line(definition: Mapping[str, Any]) -> str:
    """Critical security updates after 0 days, everything else after 7 days."""
    parts = [f"{about} {when.partition(',')[0]}" for about, when in rules_in_words(definition)]
    if not parts:
        parts = ["Approves by name only"]
    return ", ".join([parts[0], *(part[:1].lower() + part[1:] for part in parts[1:])])


def what_matches(group: Mapping[str, Any]) -> str:
    """What a group of filters is about: Critical security updates; Everything where it filters nothing."""
    values: dict[str, list[str]] = {}
    for one in group.get("PatchFilters", []):
        kept = [value for value in one["Values"] if value != "*"]
        if kept:
            values[one["Key"]] = kept
    severities = [*values.pop("MSRC_SEVERITY", []), *values.pop("SEVERITY", [])]
    classes = [_spaced(name) for name in values.pop("CLASSIFICATION", [])]
    products = values.pop("PRODUCT", [])
    if not (severities or classes or products or values):
        return "Everything"
    words = [listed(severities, "or"), listed(classes, "or") or "patches"]
    if products:
        words.append(f"for {listed(products)}")
    words += [f"with {_spaced(key.title())} {listed(found, 'or')}" for key, found in values.items()]
    text = " ".join(filter(None, words))
    return text[:1].upper() + text[1:]


def when_approved(rule: Mapping[str, Any]) -> str:
    """After 7 days, counts as High."""
    if until := rule.get("ApproveUntilDate"):
        when = f"if released by {until}"
    elif rule.get("ApproveAfterDays") is None:
        when = "at once"
    else:
        when = f"after {counted(rule['ApproveAfterDays'], 'day')}"
    extras = []
    if rule.get("EnableNonSecurity"):
        extras.append("with updates that are not about security")
    if level := rule.get("ComplianceLevel"):
        extras.append(f"counts as {level.capitalize()}")
    return ", ".join([when, *extras])


def _spaced(name: str) -> str:
    """SecurityUpdates as people write it."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", name).lower()


def patch_names(names: Iterable[str] | None) -> str:
    """The first few of a list of patches, the rest counted."""
    found = list(names or [])
    if not found:
        return "None"
    return ", ".join(found[:6]) if len(found) <= 6 else f"{', '.join(found[:5])} and {len(found) - 5:,} more"


def free(name: str, taken: Mapping[str, str]) -> str:
    """The name, numbered where it is taken."""
    number, free = 2, name
    while free in taken:
        free, number = f"{name} ({number})", number + 1
    return free


# Windows and groups


def schedule_in_words(spec: Mapping[str, Any]) -> str:
    """Wednesday after the second Tuesday of each month, 20:00 Europe/Berlin; what cannot be read as it stands."""
    try:
        return schedules.explain(spec["schedule"], timezone=spec["timezone"], offset=spec.get("offset", 0))
    except schedules.ScheduleError:
        return str(spec["schedule"])


def length_in_words(spec: Mapping[str, Any]) -> str:
    return f"{spec['duration']} h, cutoff {spec['cutoff']} h"


def tasks_in_words(tasks: Iterable[Mapping[str, Any]]) -> str:
    """Snapshot (Take-Snapshot, 25% at once), Install (50% at once): in the order in which they run."""
    ordered = sorted(tasks, key=lambda task: task["priority"])
    return ", ".join(f"{task['name']} ({_how(task)})" for task in ordered)


def _how(task: Mapping[str, Any]) -> str:
    """The document, where it is not AWS's own patching, and how many at once."""
    usual = task["document"] == "AWS-RunPatchBaseline"
    return f"{'' if usual else task['document'] + ', '}{task['max_concurrency']} at once"


def window_in_words(spec: Mapping[str, Any]) -> dict[str, str]:
    """What a window says, without its instances."""
    told = {
        "Schedule": schedule_in_words(spec),
        "Expression": f"{spec['schedule']}{' + ' + counted(spec['offset'], 'day') if spec['offset'] else ''}",
        "Duration and cutoff": length_in_words(spec),
        "Zone": spec["az"] or "All zones",
        "Tasks": tasks_in_words(spec["tasks"]),
    }
    if spec["start_date"]:
        told["Not before"] = spec["start_date"]
    if spec["end_date"]:
        told["Not after"] = spec["end_date"]
    return told


def window_in_a_line(spec: Mapping[str, Any]) -> str:
    return (
        f"{schedule_in_words(spec)}, {length_in_words(spec)}, {counted(len(spec['instances']), 'instance')}"
    )


def group_in_words(spec: Mapping[str, Any]) -> dict[str, str]:
    """What a group says, without its instances."""
    told = {"Zone": spec["az"] or "All zones"}
    for system, name in sorted(spec["baselines"].items()):
        told[f"Baseline for {system_name(system)}"] = name
    return told


def group_in_a_line(spec: Mapping[str, Any]) -> str:
    return f"{counted(len(spec['instances']), 'instance')}, judged by {listed(sorted(spec['baselines'].values()))}"


def in_a_line(kind: str, spec: Mapping[str, Any]) -> str:
    """An object of a request in one line under its name."""
    if kind == "baseline":
        return baseline_in_a_line(spec["definition"])
    if kind in ("freeze", "occurrence"):
        return (
            shutting_words.freeze_in_a_line(spec)
            if kind == "freeze"
            else shutting_words.occurrence_in_a_line(spec)
        )
    return window_in_a_line(spec) if kind == "window" else group_in_a_line(spec)


def in_words(kind: str, spec: Mapping[str, Any]) -> dict[str, str]:
    """A spec field by field."""
    if kind == "baseline":
        return baseline_in_words(spec)
    if kind in ("freeze", "occurrence"):
        return (
            shutting_words.freeze_in_words(spec)
            if kind == "freeze"
            else shutting_words.occurrence_in_words(spec)
        )
    return window_in_words(spec) if kind == "window" else group_in_words(spec)
