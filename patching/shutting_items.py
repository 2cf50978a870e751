"""Freezes and occurrences as items of a request: fields, limits, and a message for each mistake. Pure."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from patching.item_words import Field, Problem

LONGEST_FREEZE = timedelta(days=90)
LONGEST_NAME, LONGEST_REASON = 80, 300
MOVED_AT_MOST = timedelta(days=45)
ACCOUNT = re.compile(r"[0-9]{12}", re.ASCII)
ZONES = frozenset(available_timezones())

FREEZE_FIELDS = (
    Field("name", "text, 3–80", True, "What people call it, such as Year-end closing."),
    Field("application", 'slug or ""', False, "Whose windows stay shut; empty for every application's."),
    Field("environment", 'slug or ""', False, "One environment, or all."),
    Field("account", '12 digits or ""', False, "One AWS account with its Region, or all."),
    Field("region", 'text or ""', False, "The Region of that account."),
    Field(
        "starts_at", "local ISO date and time", True, "From when on no window opens, in the time zone below."
    ),
    Field("ends_at", "local ISO date and time", True, "When windows open again; at most 90 days later."),
    Field("timezone", "IANA name", True, "The zone in which start and end are read."),
    Field("reason", "text, 5–300", True, "Why, in a line, as it is shown wherever a window stays shut."),
)
OCCURRENCE_FIELDS = (
    Field("window", "name of a window", True, "The window of which one opening is skipped or moved."),
    Field("account", "12 digits", True, "Its AWS account."),
    Field("region", "text", True, "Its AWS Region."),
    Field("application", "slug", True, "Its application."),
    Field("environment", "slug", True, "Its environment."),
    Field(
        "run_at",
        "ISO date and time with zone",
        True,
        "The opening by the window's own schedule: one ahead, or one that never came and is to be made up for.",
    ),
    Field("moved_to", 'ISO date and time with zone or ""', False, "When it opens instead; empty to skip it."),
    Field(
        "override",
        "true or false",
        False,
        "Let it run though a freeze covers its time; security operations decide too, in production also the CISO.",
    ),
)


def freeze_with_defaults(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Every field, moments to the minute."""
    empty = {"application": "", "environment": "", "account": "", "region": ""}
    moments = {name: _local(spec[name]).isoformat(timespec="minutes") for name in ("starts_at", "ends_at")}
    return {**empty, **spec, **moments}


def occurrence_with_defaults(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Every field, moments in UTC."""
    full = {"moved_to": "", "override": False, **spec}
    for name in ("run_at", "moved_to"):
        full[name] = key_of(in_utc(full[name])) if full[name] else ""
    return full


def occurrence_name(spec: Mapping[str, Any]) -> str:
    """payments-prod-a on 2026-06-10 18:00 UTC."""
    return f"{spec['window'][:230]} on {in_utc(spec['run_at']):%Y-%m-%d %H:%M} UTC"


def starts_of(spec: Mapping[str, Any]) -> datetime:
    """When a freeze begins."""
    return _local(spec["starts_at"]).replace(tzinfo=ZoneInfo(spec["timezone"])).astimezone(UTC)


def ends_of(spec: Mapping[str, Any]) -> datetime:
    """When a freeze ends."""
    return _local(spec["ends_at"]).replace(tzinfo=ZoneInfo(spec["timezone"])).astimezone(UTC)


def in_utc(text: str) -> datetime:
    """A moment that names its zone. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text} names no zone.")
    return moment.astimezone(UTC)


def key_of(moment: datetime) -> str:
    """A moment as specs and addresses name an opening: 2026-06-10T18:00:00Z. ``in_utc`` reads it."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def check_freeze(spec: Mapping[str, Any], path: str) -> list[Problem]:
    """Every mistake in a freeze that can be seen without the database."""
    problems = _text(spec["name"], f"{path}.name", 3, LONGEST_NAME)
    problems += _text(spec["reason"], f"{path}.reason", 5, LONGEST_REASON)
    for name, longest in (("application", 40), ("environment", 20), ("account", 12), ("region", 25)):
        problems += _text(spec.get(name, ""), f"{path}.{name}", 0, longest)
    if not problems:
        problems += _check_place(spec, path)
    if not isinstance(spec["timezone"], str) or spec["timezone"] not in ZONES:
        problems.append(Problem(f"{path}.timezone", "timezone", "Use an IANA zone such as Europe/Berlin."))
    for name in ("starts_at", "ends_at"):
        problems += _check_local(spec[name], f"{path}.{name}")
    return problems or _check_length(spec, path)


def _check_place(spec: Mapping[str, Any], path: str) -> list[Problem]:
    account, region = spec.get("account", ""), spec.get("region", "")
    if account and not ACCOUNT.fullmatch(account):
        message = "An account id has 12 digits, such as 211125483017; leave it empty for all."
        return [Problem(f"{path}.account", "format", message)]
    if bool(account) != bool(region):
        field = "region" if account else "account"
        return [Problem(f"{path}.{field}", "required", "Name both account and Region, or neither for all.")]
    return []


def _check_local(text: Any, path: str) -> list[Problem]:
    message = "Use a local date and time such as 2026-12-19T18:00; the zone has a field of its own."
    try:
        _local(text)
    except (TypeError, ValueError):
        return [Problem(path, "moment", message)]
    return []


def _check_length(spec: Mapping[str, Any], path: str) -> list[Problem]:
    try:
        start, end = starts_of(spec), ends_of(spec)
    except (OverflowError, ValueError):
        return [Problem(f"{path}.starts_at", "range", "Use a year such as 2026.")]
    if end <= start:
        return [Problem(f"{path}.ends_at", "order", "The end comes after the start.")]
    if end - start > LONGEST_FREEZE:
        days = (end - start).days
        message = f"A freeze lasts {LONGEST_FREEZE.days} days at most; this one lasts {days}. Patches wait meanwhile."
        return [Problem(f"{path}.ends_at", "range", message)]
    return []


def check_occurrence(spec: Mapping[str, Any], path: str) -> list[Problem]:
    """Every mistake in a skipped or moved occurrence that can be seen without the database."""
    problems: list[Problem] = []
    for name, longest in (("window", 128), ("region", 25), ("application", 40), ("environment", 20)):
        problems += _text(spec[name], f"{path}.{name}", 1, longest)
    if not isinstance(spec["account"], str) or not ACCOUNT.fullmatch(spec["account"]):
        problems.append(
            Problem(f"{path}.account", "format", "An account id has 12 digits, such as 211125483017.")
        )
    if not isinstance(spec.get("override", False), bool):
        problems.append(Problem(f"{path}.override", "type", "Use true or false."))
    for name in ("run_at", "moved_to"):
        text = spec.get(name, "")
        if name == "moved_to" and text == "":
            continue
        try:
            in_utc(text)
        except (OverflowError, TypeError, ValueError):
            message = "Use a date and time with its zone, such as 2026-06-10T18:00:00Z."
            problems.append(Problem(f"{path}.{name}", "moment", message))
    if not problems and spec.get("moved_to"):
        apart = abs(in_utc(spec["moved_to"]) - in_utc(spec["run_at"]))
        if apart > MOVED_AT_MOST:
            message = (
                f"An opening is moved by {MOVED_AT_MOST.days} days at most; this moves it by {apart.days}."
            )
            problems.append(Problem(f"{path}.moved_to", "range", message))
    if not problems and spec.get("override") and not spec.get("moved_to"):
        message = (
            "Only an opening that runs can run in a freeze; say when in moved_to, which may be its own time."
        )
        problems.append(Problem(f"{path}.override", "combination", message))
    return problems


def _local(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is not None:
        raise ValueError(f"{text} names a zone.")
    return moment.replace(second=0, microsecond=0)


def _text(value: Any, path: str, shortest: int, longest: int) -> list[Problem]:
    if not isinstance(value, str):
        return [Problem(path, "type", "Give text.")]
    if not shortest <= len(value.strip()) or len(value) > longest:
        return [Problem(path, "length", f"Give {shortest} to {longest} characters.")]
    if any(not character.isprintable() for character in value):
        return [Problem(path, "character", "Control characters are not allowed.")]
    return []
