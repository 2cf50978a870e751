"""Patch Tuesday as a moment: when Microsoft publishes, a round of patching begins."""

from datetime import datetime

from patching.schedules.running import next_runs


def publications(start: datetime, *, count: int, end: datetime | None = None) -> list[datetime]:
    """When Microsoft publishes, from ``start`` on and before ``end``: 10:00 Pacific Time. Source: Microsoft."""
    return next_runs(
        "cron(0 10 ? * TUE#2 *)", timezone="America/Los_Angeles", start=start, end=end, count=count
    )
