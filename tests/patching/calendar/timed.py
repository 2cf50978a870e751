"""Windows, freezes and words as plain values, for the pure half of the calendar."""

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from patching.calendar import Hold, Timed, entries
from patching.calendar.conflicts import mark
from tests.planned import RANKS

MAY = datetime(2026, 5, 31, 12, tzinfo=UTC)
JUNE = datetime(2026, 6, 1, tzinfo=UTC)
JULY = datetime(2026, 7, 1, tzinfo=UTC)
SUNDAY = datetime(2026, 6, 7, 2, tzinfo=UTC)  # the first opening of a window, unless said otherwise
HOURS = timedelta(hours=1)
_numbers = count(1)


def window(name: str = "payments-prod-a", env: str = "prod", *, place: int = 1, **given: Any) -> Timed:
    """Sundays at 02:00 UTC for four hours; the last letter of its name is its zone."""
    fields = {"application", "since", "changed", "until", "mine"}
    more = {key: given.pop(key) for key in fields & set(given)}
    spec = {
        "name": name,
        "az": f"eu-central-1{name[-1]}",
        "schedule": "cron(0 2 ? * SUN *)",
        "timezone": "UTC",
        "offset": 0,
        "duration": 4,
        "cutoff": 1,
        "start_date": "",
        "end_date": "",
        "instances": ["i-1"],
        "tasks": [],
        **given,
    }
    return Timed(
        next(_numbers),
        name,
        spec,
        place,
        **{
            "application": "payments",
            "environment": env,
            "rank": RANKS[env],
            "production": env == "prod",
            **more,
        },
    )


def hold(of: Timed, start: datetime, end: datetime, source: str = "freeze:1") -> Hold:
    return Hold(of.pk, start, end, "Year end", source)


def june(*windows: Timed, **given: Any) -> list:
    """What these windows do in June, as it looks from the end of May, with its conflicts marked."""
    return until(JULY, *windows, start=JUNE, **given)


def until(
    end: datetime,
    *windows: Timed,
    start: datetime,
    at: datetime = MAY,
    bands: tuple = (),
    limits: Any = None,
    **given: Any,
) -> list:
    """What these windows do between two moments, as ``june``."""
    found = entries(windows, start, end, at=at, **given)
    mark(found, bands, at=at, places={1: "Retail/eu-central-1"}, limits=limits)
    return found
