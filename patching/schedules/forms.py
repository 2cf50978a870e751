"""The three forms of a schedule: cron, rate and at. Their times are local; zones come in when they run."""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Literal

from patching.schedules.days import DayRule

FIRST_YEAR, LAST_YEAR = 1970, 2199
_DAYS_IN_CALENDAR = (LAST_YEAR - FIRST_YEAR + 1) * 366


@dataclass(frozen=True)
class Cron:
    """Times of day on days that follow a rule."""

    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: DayRule
    months: tuple[int, ...]
    years: tuple[int, ...]

    def dates(self, first: date) -> Iterator[date]:
        """Days from `first` on, in order."""
        for year in self.years[bisect_left(self.years, first.year) :]:
            for month in self.months:
                if (year, month) < (first.year, first.month):
                    continue
                for day in self.days.in_month(year, month):
                    if (found := date(year, month, day)) >= first:
                        yield found

    def moments(self, first: datetime) -> Iterator[datetime]:
        """Days with their times, from `first` on, in order."""
        for day in self.dates(first.date()):
            for hour in self.hours:
                if day == first.date() and hour < first.hour:
                    continue
                for minute in self.minutes:
                    for second in self.seconds:
                        if (found := datetime.combine(day, time(hour, minute, second))) >= first:
                            yield found


@dataclass(frozen=True)
class Rate:
    """Every so often, counted from an anchor."""

    count: int
    unit: Literal["minute", "hour", "day"]

    @property
    def interval(self) -> timedelta:
        seconds = self.count * {"minute": 60, "hour": 3600, "day": 86400}[self.unit]
        # what is longer than the calendar runs once; a timedelta could not even hold some of it
        return timedelta(seconds=min(seconds, _DAYS_IN_CALENDAR * 86400))


@dataclass(frozen=True)
class At:
    """Once."""

    moment: datetime


Schedule = Cron | Rate | At
