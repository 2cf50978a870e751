"""Freezes and single openings in words that somebody can sign. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from patching.shutting_items import in_utc


def whom_it_binds(spec: Mapping[str, Any]) -> str:
    """payments, production; Every application in 211125483017 eu-central-1."""
    parts = [spec["application"] or "Every application"]
    if spec["environment"]:
        parts.append(spec["environment"])
    place = f" in {spec['account']} {spec['region']}" if spec["account"] else ""
    return f"{', '.join(parts)}{place}"


def freeze_in_words(spec: Mapping[str, Any]) -> dict[str, str]:
    return {
        "Whose windows": whom_it_binds(spec),
        "From": f"{_local(spec['starts_at'])} {spec['timezone']}",
        "Until": f"{_local(spec['ends_at'])} {spec['timezone']}",
        "Why": spec["reason"],
    }


def freeze_in_a_line(spec: Mapping[str, Any]) -> str:
    span = f"{_local(spec['starts_at'])} to {_local(spec['ends_at'])} {spec['timezone']}"
    return f"{whom_it_binds(spec)}, {span}"


def occurrence_in_words(spec: Mapping[str, Any]) -> dict[str, str]:
    told = {"Window": spec["window"], "Opening": _utc(spec["run_at"]), "Instead": _instead(spec)}
    if spec["override"]:
        told["Freeze"] = "Runs though a freeze covers it"
    return told


def occurrence_in_a_line(spec: Mapping[str, Any]) -> str:
    return f"{_utc(spec['run_at'])}: {_instead(spec).lower() if not spec['moved_to'] else _instead(spec)}"


def _instead(spec: Mapping[str, Any]) -> str:
    return _utc(spec["moved_to"]) if spec["moved_to"] else "Skipped"


def _utc(text: str) -> str:
    moment = in_utc(text)
    return f"{moment:%a} {moment.day} {moment:%b %Y %H:%M} UTC"


def _local(text: str) -> str:
    moment = datetime.fromisoformat(text)
    return f"{moment:%a} {moment.day} {moment:%b %Y %H:%M}"
