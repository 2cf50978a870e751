"""Schedules moved by some hours, made weekly or brought back from the past, where the dialect can say it. Pure."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from patching import openings
from patching.schedules.building import DAYS

LATEST_OFFSET = 6
_CRON = re.compile(
    r"cron\((?P<minute>\d{1,2}) (?P<hour>\d{1,2}) \? (?P<month>\S+) "
    r"(?P<day>SUN|MON|TUE|WED|THU|FRI|SAT)(?P<nth>#[1-5]|L)? (?P<year>\S+)\)"
)
_AT = re.compile(r"at\((?P<moment>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)")
_YEAR = re.compile(r" \S+\)$")


def later(spec: Mapping[str, Any], by: timedelta) -> dict[str, Any] | None:
    """Schedule and offset of a window that opens so much later (or earlier); None where the dialect cannot say it.

    Whole minutes, of schedules with one weekday, one hour and one minute, and of ``at( )``.
    """
    if found := _AT.fullmatch(spec["schedule"]):
        moment = datetime.fromisoformat(found["moment"]) + by
        return {"schedule": f"at({moment:%Y-%m-%dT%H:%M:%S})", "offset": 0}
    found = _CRON.fullmatch(spec["schedule"])
    if found is None:
        return None
    minutes = int(found["hour"]) * 60 + int(found["minute"]) + round(by.total_seconds() / 60)
    days, minutes = divmod(minutes, 24 * 60)
    placed = _placed(found["day"], found["nth"] or "", spec["offset"] + days)
    if placed is None:
        return None
    day, offset = placed
    hour, minute = divmod(minutes, 60)
    schedule = f"cron({minute} {hour} ? {found['month']} {day} {found['year']})"
    return {"schedule": schedule, "offset": offset}


def weekly(schedule: str) -> str | None:
    """The same weekday and time, every week; None where it is not on one weekday of a month."""
    found = _CRON.fullmatch(schedule)
    if found is None or not found["nth"]:
        return None
    return f"cron({found['minute']} {found['hour']} ? * {found['day']} *)"


def again(spec: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    """What to change so that a window whose runs all lie in the past opens again; empty where nothing simple does.

    First without its end date, then with its years left open, then once more on the next such weekday a week ahead.
    """
    tries: list[dict[str, Any]] = [{"end_date": ""}]
    if spec["schedule"].startswith("cron("):
        every_year = _YEAR.sub(" *)", spec["schedule"])
        tries += [{"schedule": every_year}, {"schedule": every_year, "end_date": ""}]
    if found := _AT.fullmatch(spec["schedule"]):
        moment = datetime.fromisoformat(found["moment"])
        weeks = max(0, (at.replace(tzinfo=None) - moment) // timedelta(weeks=1)) + 2
        once = f"at({moment + timedelta(weeks=weeks):%Y-%m-%dT%H:%M:%S})"
        tries += [{"schedule": once}, {"schedule": once, "end_date": ""}]
    for changed in tries:
        if openings.next_starts({**spec, **changed}, start=at, count=1):
            return {name: value for name, value in changed.items() if spec[name] != value}
    return {}


def _placed(day: str, nth: str, offset: int) -> tuple[str, int] | None:
    """The weekday, which of the month, and days after it, with days from 0 to 6."""
    if not nth:
        return (DAYS[(DAYS.index(day) + offset) % 7], 0) if offset else (day, 0)
    if nth == "L":
        return (f"{day}L", offset) if 0 <= offset <= LATEST_OFFSET else None
    weeks, offset = divmod(offset, 7)
    number = int(nth[1:]) + weeks
    # a fifth one is not in every month
    return (f"{day}#{number}", offset) if 1 <= number <= 4 else None
