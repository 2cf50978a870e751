"""Compare baselines with each other: before and after a change, and along the stages to production."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from patching.approval import WINDOWS
from patching.baseline_rules.report import Problem


def change_problems(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Problem]:
    """What keeps a baseline from becoming another in place."""
    if (before.get("OperatingSystem") or WINDOWS) == (after.get("OperatingSystem") or WINDOWS):
        return []
    message = "AWS cannot change the operating system of a baseline; create a new baseline."
    return [Problem("OperatingSystem", "immutable", message)]


def soak_problems(stages: Sequence[tuple[str, Mapping[str, Any]]]) -> list[Problem]:
    """Where a later stage, such as production, would take patches sooner than the one before it."""
    problems = []
    for (earlier, first), (later, second) in pairwise(stages):
        sooner, latest = _longest_delay(second), _longest_delay(first)
        if sooner is not None and latest is not None and sooner < latest:
            message = f"{later} waits {sooner} days, less than {earlier} with {latest}; patches would reach it first."
            problems.append(Problem("ApprovalRules.PatchRules", "less_strict", message))
    return problems


def _longest_delay(request: Mapping[str, Any]) -> int | None:
    rules = (request.get("ApprovalRules") or {}).get("PatchRules") or []
    return max(
        (rule["ApproveAfterDays"] for rule in rules if rule.get("ApproveAfterDays") is not None), default=None
    )
