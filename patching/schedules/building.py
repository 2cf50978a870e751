"""Schedules by choices instead of cron: what a form offers, the expression it stands for, and the way back. Pure."""

from dataclasses import dataclass, replace
from datetime import date, time
from typing import Literal

from patching.schedules.days import DaysOfMonth, DaysOfWeek, LastDay, LastOfMonth, NthOfMonth
from patching.schedules.forms import FIRST_YEAR, LAST_YEAR, At, Cron, Rate, Schedule
from patching.schedules.reading import MAX_OFFSET, ScheduleError, parse

Way = Literal["patch_tuesday", "weekly", "nth", "day", "every", "once", "own"]
DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")  # as AWS counts them
LAST = "L"
# the fourth Tuesday plus 6 days: a fifth one is not in every month
LATEST_AFTER_PATCH_TUESDAY = 14 + MAX_OFFSET
_ALL_YEARS = LAST_YEAR - FIRST_YEAR + 1


@dataclass(frozen=True)
class Choices:
    """How somebody says when a window opens. Only what belongs to ``way`` counts.

    ``days_after`` Patch Tuesday, 0 to 20; ``weekdays`` and ``weekday`` of `DAYS`; ``nth`` 1 to 5 or L; ``day`` 1 to 31,
    L or LW; ``every`` so many ``unit``; ``offset`` days later, for weekly, nth, day and own.
    """

    way: Way = "patch_tuesday"
    days_after: int = 0
    weekdays: tuple[str, ...] = ("SUN",)
    nth: str = "2"
    weekday: str = "TUE"
    day: str = "1"
    at: time = time(20)
    every: int = 7
    unit: Literal["days", "hours"] = "days"
    on: date | None = None
    expression: str = ""
    offset: int = 0


def written(chosen: Choices) -> tuple[str, int]:
    """The expression and offset that the choices stand for."""
    at = f"{chosen.at.minute} {chosen.at.hour}"
    match chosen.way:
        case "patch_tuesday":
            weeks, offset = divmod(chosen.days_after, 7)
            return f"cron({at} ? * TUE#{2 + weeks} *)", offset
        case "weekly":
            days = ",".join(sorted(chosen.weekdays, key=lambda day: (DAYS.index(day) - 1) % 7))
            return f"cron({at} ? * {days} *)", chosen.offset
        case "nth":
            which = f"{chosen.weekday}L" if chosen.nth == LAST else f"{chosen.weekday}#{chosen.nth}"
            return f"cron({at} ? * {which} *)", chosen.offset
        case "day":
            return f"cron({at} {chosen.day} * ? *)", chosen.offset
        case "every":
            unit = chosen.unit[:-1] if chosen.every == 1 else chosen.unit
            return f"rate({chosen.every} {unit})", 0
        case "once":
            day = chosen.on.isoformat() if chosen.on else ""
            return f"at({day}T{chosen.at:%H:%M:%S})", 0
    return chosen.expression, chosen.offset


def chosen_for(expression: str, offset: int = 0) -> Choices:
    """The choices that stand for a schedule; what they cannot say stays an expression of one's own."""
    own = Choices(way="own", expression=expression, offset=offset)
    try:
        schedule = parse(expression)
    except ScheduleError:
        return own
    found = _choices(schedule, offset)
    return found if found and same(written(found), (expression, offset)) else own


def same(one: tuple[str, int], other: tuple[str, int]) -> bool:
    """Whether two expressions with their offsets mean the same, however they are written."""
    try:
        return _plain(parse(one[0])) == _plain(parse(other[0])) and one[1] == other[1]
    except ScheduleError:
        return one == other


def _plain(schedule: Schedule) -> Schedule:
    """Every day of the week is every day of the month."""
    if isinstance(schedule, Cron) and schedule.days == DaysOfWeek(frozenset(range(1, 8))):
        return replace(schedule, days=DaysOfMonth(frozenset(range(1, 32))))
    return schedule


def _choices(schedule: Schedule, offset: int) -> Choices | None:
    if isinstance(schedule, Rate):
        return None if schedule.unit == "minute" else _every(schedule)
    if isinstance(schedule, At):
        return Choices(way="once", on=schedule.moment.date(), at=schedule.moment.time())
    times = (schedule.seconds, schedule.minutes, schedule.hours)
    usual = schedule.seconds == (0,) and len(schedule.months) == 12 and len(schedule.years) == _ALL_YEARS
    if not usual or any(len(one) != 1 for one in times):
        return None
    said = Choices(at=time(schedule.hours[0], schedule.minutes[0]), offset=offset)
    return _days(schedule, said)


def _days(cron: Cron, said: Choices) -> Choices | None:
    match cron.days:
        case NthOfMonth(3, nth) if 2 <= nth <= 4:
            return replace(said, way="patch_tuesday", days_after=(nth - 2) * 7 + said.offset, offset=0)
        case NthOfMonth(day, nth):
            return replace(said, way="nth", nth=str(nth), weekday=DAYS[day - 1])
        case LastOfMonth(day):
            return replace(said, way="nth", nth=LAST, weekday=DAYS[day - 1])
        case DaysOfWeek(days):
            return replace(said, way="weekly", weekdays=tuple(DAYS[day - 1] for day in sorted(days)))
        case LastDay(before=0, on_weekday=on_weekday):
            return replace(said, way="day", day="LW" if on_weekday else "L")
        case DaysOfMonth(days) if len(days) == 1:
            return replace(said, way="day", day=str(min(days)))
        case DaysOfMonth(days) if len(days) == 31:
            return replace(said, way="weekly", weekdays=DAYS)
    return None


def _every(rate: Rate) -> Choices:
    return Choices(way="every", every=rate.count, unit="days" if rate.unit == "day" else "hours")
