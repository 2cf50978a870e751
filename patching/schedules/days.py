"""Rules that pick days of a month, in AWS's numbers: Sunday is 1, Saturday is 7."""

import calendar
from dataclasses import dataclass


@dataclass(frozen=True)
class DaysOfMonth:
    """The days with these numbers, in the months that have them."""

    days: frozenset[int]

    def in_month(self, year: int, month: int) -> list[int]:
        return [day for day in sorted(self.days) if day <= _length(year, month)]


@dataclass(frozen=True)
class LastDay:
    """The last day of the month or some days before it; or the weekday (Monday to Friday) nearest to that."""

    before: int = 0
    on_weekday: bool = False

    def in_month(self, year: int, month: int) -> list[int]:
        day = _length(year, month) - self.before
        if day < 1:
            return []
        return [_nearest_weekday(year, month, day) if self.on_weekday else day]


@dataclass(frozen=True)
class NearestWeekday:
    """The weekday (Monday to Friday) nearest to a day, without leaving the month."""

    day: int

    def in_month(self, year: int, month: int) -> list[int]:
        return [_nearest_weekday(year, month, self.day)] if self.day <= _length(year, month) else []


@dataclass(frozen=True)
class DaysOfWeek:
    """Every one of these days of the week."""

    days: frozenset[int]

    def in_month(self, year: int, month: int) -> list[int]:
        first = _day_of_week(year, month, 1)
        return [day for day in range(1, _length(year, month) + 1) if (first + day - 2) % 7 + 1 in self.days]


@dataclass(frozen=True)
class NthOfMonth:
    """The first to fifth of a day of the week in the month; no day where the month has no fifth."""

    day_of_week: int
    nth: int

    def in_month(self, year: int, month: int) -> list[int]:
        day = 1 + (self.day_of_week - _day_of_week(year, month, 1)) % 7 + 7 * (self.nth - 1)
        return [day] if day <= _length(year, month) else []


@dataclass(frozen=True)
class LastOfMonth:
    """The last of a day of the week in the month."""

    day_of_week: int

    def in_month(self, year: int, month: int) -> list[int]:
        last = _length(year, month)
        return [last - (_day_of_week(year, month, last) - self.day_of_week) % 7]


DayRule = DaysOfMonth | LastDay | NearestWeekday | DaysOfWeek | NthOfMonth | LastOfMonth


def _length(year: int, month: int) -> int:
    return calendar.monthrange(year, month)[1]


def _day_of_week(year: int, month: int, day: int) -> int:
    return (calendar.weekday(year, month, day) + 1) % 7 + 1


def _nearest_weekday(year: int, month: int, day: int) -> int:
    match _day_of_week(year, month, day):
        case 7:
            return day - 1 if day > 1 else day + 2
        case 1:
            return day + 1 if day < _length(year, month) else day - 2
    return day
