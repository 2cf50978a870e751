"""Baselines to begin with: the source's stages, AMS's everything at once, and AWS's own. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from patching.approval import DEBIAN_FAMILY, WINDOWS

# Source: AMS Accelerate User Guide, "Example design for high availability Windows application": critical security
# updates at once, everything else after so many days.
OTHERS_AFTER_DAYS = {"dev": 0, "test": 7, "prod": 14}
NO_DELAYS = (
    "Debian and Ubuntu publish no release dates, so there is no delay: stage these by their windows, "
    "test a week before production."
)


@dataclass(frozen=True)
class Preset:
    """A definition under a name, and in a sentence where it comes from."""

    key: str
    name: str
    about: str
    definition: Mapping[str, Any]


def of_system(system: str) -> list[Preset]:
    """Everything to begin with for one operating system, the source's stages first."""
    return [*_staged(system), _everything(system), *_by_aws(system)]


def named(system: str, key: str) -> Preset | None:
    return next((one for one in of_system(system) if one.key == key), None)


def rules(system: str, others_after_days: int) -> list[dict[str, Any]]:
    """Critical security updates at once and the rest after so many days; one rule where that is the same."""
    everything = _rule(system, others_after_days, "HIGH", {"PRODUCT": ["*"]}, all_updates=True)
    critical = _critical(system)
    if others_after_days == 0 or critical is None:
        return [everything]
    return [_rule(system, 0, "CRITICAL", critical), everything]


def _critical(system: str) -> dict[str, list[str]] | None:
    """What counts as a critical security update there; None where no delay could keep the rest behind it."""
    if system in DEBIAN_FAMILY:
        return None
    if system == WINDOWS:
        return {"CLASSIFICATION": ["SecurityUpdates"], "MSRC_SEVERITY": ["Critical"]}
    if system == "MACOS":  # no severities there
        return {"CLASSIFICATION": ["Security"]}
    return {"CLASSIFICATION": ["Security"], "SEVERITY": ["Critical"]}


def _rule(
    system: str, days: int, level: str, filters: Mapping[str, list[str]], *, all_updates: bool = False
) -> dict[str, Any]:
    rule: dict[str, Any] = {
        "PatchFilterGroup": {
            "PatchFilters": [{"Key": key, "Values": found} for key, found in filters.items()]
        },
        "ComplianceLevel": level,
    }
    if system not in DEBIAN_FAMILY:
        rule["ApproveAfterDays"] = days
    if all_updates and system not in (WINDOWS, "MACOS"):
        rule["EnableNonSecurity"] = True
    return rule


def _definition(system: str, given: list[dict[str, Any]]) -> dict[str, Any]:
    return {"OperatingSystem": system, "ApprovalRules": {"PatchRules": given}}


def _staged(system: str) -> list[Preset]:
    if system in DEBIAN_FAMILY:
        definition = _definition(system, rules(system, 0))
        return [Preset("staged", "Dev, test and production alike", NO_DELAYS, definition)]
    told = {
        "dev": ("Dev: everything at once", "All severities and classifications on the day of their release."),
        "test": ("Test: critical at once, the rest after 7 days", "Test sees a patch a week after dev."),
        "prod": ("Production: critical at once, the rest after 14 days", "Test soaks for a week before it."),
    }
    return [
        Preset(stage, *told[stage], _definition(system, rules(system, days)))
        for stage, days in OTHERS_AFTER_DAYS.items()
    ]


def _everything(system: str) -> Preset:
    about = "What AMS's default baselines do where nobody chose another: everything, after 0 days."
    return Preset("ams", "AMS: everything after 0 days", about, _definition(system, rules(system, 0)))


def _by_aws(system: str) -> list[Preset]:
    found = [one for one in _predefined()["baselines"] if one["definition"]["OperatingSystem"] == system]
    about = f"As AWS brings it along, as of {_predefined()['dated']}."
    return [Preset(one["name"], one["name"], about, one["definition"]) for one in found]


def aws_default(system: str) -> Preset | None:
    """The baseline of AWS's own that judges where nobody registered another, as far as the dated list knows."""
    return next(iter(_by_aws(system)), None)


@cache
def _predefined() -> Any:
    path = Path(__file__).parent / "data" / "aws_predefined_baselines.json"
    return json.loads(path.read_text(encoding="utf-8"))
