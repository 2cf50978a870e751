"""Read a schedule, its time zone and offset; every mistake names its field and a right example."""

import re
import zoneinfo
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from difflib import get_close_matches
from functools import cache, lru_cache

from patching.schedules.days import (
    DayRule,
    DaysOfMonth,
    DaysOfWeek,
    LastDay,
    LastOfMonth,
    NearestWeekday,
    NthOfMonth,
)
from patching.schedules.forms import FIRST_YEAR, LAST_YEAR, At, Cron, Rate, Schedule
from patching.schedules.names import DAYS_OF_WEEK, MONTHS, counted

MAX_LENGTH = 256
MAX_OFFSET = 6

_FORMS = "cron(0 2 ? * SUN *), rate(7 days) or at(2026-06-20T02:00:00)"


class ScheduleError(ValueError):
    """What is wrong with a schedule: the field it is in, and a sentence that says what to write instead."""

    def __init__(self, field: str, message: str, code: str = "invalid") -> None:
        super().__init__(message)
        self.field = field
        self.code = code


def parse(expression: str) -> Schedule:
    """Read an expression; the first mistake in it is raised."""
    # JSON may bring anything, and a cache can only ask about what it can hash
    return _parse(expression if isinstance(expression, str) else "")


@lru_cache(maxsize=4096)
def _parse(expression: str) -> Schedule:
    schedule, problems = read(expression)
    if schedule is None:
        raise problems[0]
    return schedule


def read(expression: str) -> tuple[Schedule | None, list[ScheduleError]]:
    """A schedule, or every mistake that keeps the expression from being one."""
    if problem := _unfit(expression):
        return None, [ScheduleError("expression", problem)]
    form = re.fullmatch(r"(cron|rate|at)\((.*)\)", expression)
    if form is None:
        return None, [ScheduleError("expression", _unknown_form(expression))]
    if form[1] == "cron":
        return _read_cron(form[2].split())
    try:
        return (_read_rate(form[2]) if form[1] == "rate" else _read_at(form[2])), []
    except ScheduleError as mistake:
        return None, [mistake]


def _unfit(expression: str) -> str | None:
    if not isinstance(expression, str) or not expression.strip():
        return f"Enter a schedule, such as {_FORMS}."
    if len(expression) > MAX_LENGTH:
        return f"At most {MAX_LENGTH} characters (you entered {len(expression)})."
    for character in expression:
        if not " " <= character <= "~":
            return f"Character {character!a} is not allowed. Use plain letters and digits, such as {_FORMS}."
    if expression != expression.strip():
        return f"Remove the space before or after the schedule, as in {_FORMS}."
    return None


def _unknown_form(expression: str) -> str:
    if len(expression.split()) in (5, 6, 7) and "(" not in expression:
        return "Use cron(0 2 ? * SUN *): six fields inside cron( )."
    if re.match(r"(cron|rate|at)\b", expression, re.IGNORECASE):
        return f"Write the form in small letters and close its bracket, as in {_FORMS}."
    return f"Use {_FORMS}."


# cron


@dataclass(frozen=True)
class _Field:
    """One field of a cron expression: its bounds, its names, and how a mistake in it is told."""

    name: str
    label: str
    low: int
    high: int
    example: str
    names: Mapping[str, int] = field(default_factory=dict)

    def error(self, problem: str) -> ScheduleError:
        return ScheduleError(self.name, f"{self.label}: {problem} Example: {self.example}.")

    def values(self, text: str) -> tuple[int, ...]:
        """The values that a list of numbers, names, ranges and steps stands for, in order."""
        return tuple(sorted({value for item in text.split(",") for value in self._item(item)}))

    def number(self, text: str) -> int:
        value = self.names.get(text.upper())
        if value is None and re.fullmatch(r"[0-9]{1,4}", text):
            value = int(text)
        if value is None or not self.low <= value <= self.high:
            names = list(self.names)
            bounds = f"{self.low} to {self.high}" + (f" or {names[0]} to {names[-1]}" if names else "")
            raise self.error(f"{quoted(text)} is not allowed; use {bounds}.")
        return value

    def _item(self, item: str) -> Iterable[int]:
        if item == "?":
            raise self.error("? stands only in day-of-month or day-of-week, alone; use * for every value.")
        span, slash, step_text = item.partition("/")
        step = self._step(step_text) if slash else 1
        if span == "*" or (slash and not span):
            return range(self.low, self.high + 1, step)
        start, dash, stop = span.partition("-")
        first = self.number(start)
        if not dash:
            return range(first, self.high + 1 if slash else first + 1, step)
        return self._range(first, self.number(stop), step)

    def _step(self, text: str) -> int:
        largest = self.high - self.low + min(self.low, 1)
        if not re.fullmatch(r"[0-9]{1,3}", text) or not 1 <= int(text) <= largest:
            raise self.error(f"the step {quoted(text)} after / must be 1 to {largest}.")
        return int(text)

    def _range(self, first: int, last: int, step: int) -> Iterable[int]:
        if last >= first:
            return range(first, last + 1, step)
        if self.name == "year":
            raise self.error(f"the range {first}-{last} ends before it starts.")
        # FRI-MON and 22-2 go on over the end of the week or the day
        size = self.high - self.low + 1
        return ((value - self.low) % size + self.low for value in range(first, last + size + 1, step))


def _short(names: Iterable[str]) -> dict[str, int]:
    return {name[:3].upper(): number for number, name in enumerate(names, start=1)}


_SECONDS = _Field("seconds", "Seconds", 0, 59, "cron(0 30 2 ? * SUN *), where the first 0 is the second")
_MINUTES = _Field("minutes", "Minutes", 0, 59, "cron(30 2 ? * SUN *)")
_HOURS = _Field("hours", "Hours", 0, 23, "cron(30 2 ? * SUN *)")
DAY_OF_MONTH = _Field("day_of_month", "Day of month", 1, 31, "cron(0 2 15 * ? *)")
_MONTH = _Field("month", "Month", 1, 12, "cron(0 2 1 JAN,JUL ? *)", _short(MONTHS))
_DAY_OF_WEEK = _Field("day_of_week", "Day of week", 1, 7, "cron(0 2 ? * TUE#2 *)", _short(DAYS_OF_WEEK))
_YEAR = _Field("year", "Year", FIRST_YEAR, LAST_YEAR, "cron(0 2 ? * SUN 2026-2028)")


def _read_cron(texts: list[str]) -> tuple[Cron | None, list[ScheduleError]]:
    if len(texts) not in (6, 7):
        return None, [ScheduleError("expression", _wrong_count(len(texts)))]
    second, minute, hour, day_of_month, month, day_of_week, year = ["0", *texts][-7:]
    problems: list[ScheduleError] = []

    def values(of: _Field, text: str) -> tuple[int, ...]:
        try:
            return of.values(text)
        except ScheduleError as problem:
            problems.append(problem)
            return ()

    times = values(_SECONDS, second), values(_MINUTES, minute), values(_HOURS, hour)
    days, day_problems = _read_days(day_of_month, day_of_week)
    problems += day_problems
    months, years = values(_MONTH, month), values(_YEAR, year)
    if days is None or problems:
        return None, problems
    cron = Cron(*times, days=days, months=months, years=years)
    if next(cron.dates(date.min), None) is None:
        return None, [_never(of="day_of_week" if day_of_month == "?" else "day_of_month")]
    return cron, []


def _wrong_count(found: int) -> str:
    return (
        f"Found {counted(found, 'field')}; 6 needed (7 with seconds): "
        "cron(minutes hours day-of-month month day-of-week year), such as cron(0 2 ? * SUN *)."
    )


def _never(of: str) -> ScheduleError:
    return ScheduleError(
        of,
        "This schedule never runs. Choose days that its months and years have; "
        "cron(0 2 L FEB ? *) is the last day of February.",
        code="never_runs",
    )


def _read_days(day_of_month: str, day_of_week: str) -> tuple[DayRule | None, list[ScheduleError]]:
    if day_of_month == day_of_week == "?":
        return None, [
            _DAY_OF_WEEK.error("one of day-of-month and day-of-week must have a value, not both ?.")
        ]
    if "?" not in (day_of_month, day_of_week):
        return None, [DAY_OF_MONTH.error("use ? in one of day-of-month and day-of-week.")]
    try:
        if day_of_week == "?":
            return _read_day_of_month(day_of_month.upper()), []
        return _read_day_of_week(day_of_week.upper()), []
    except ScheduleError as mistake:
        return None, [mistake]


def _read_day_of_month(text: str) -> DayRule:
    if last := re.fullmatch(r"L(?:-([0-9]|[12][0-9]|30))?(W?)", text):
        return LastDay(before=int(last[1] or 0), on_weekday=bool(last[2]))
    if nearest := re.fullmatch(r"([0-9]{1,2})W", text):
        return NearestWeekday(DAY_OF_MONTH.number(nearest[1]))
    if "L" in text or "W" in text:
        raise DAY_OF_MONTH.error(
            "L, LW and 15W stand alone: last day, last weekday, weekday nearest to the 15th."
        )
    return DaysOfMonth(frozenset(DAY_OF_MONTH.values(text)))


def _read_day_of_week(text: str) -> DayRule:
    if text == "L":
        return DaysOfWeek(frozenset({7}))
    if "#" in text:
        day, _, nth = text.partition("#")
        if "," in text or not re.fullmatch(r"[1-5]", nth):
            raise _DAY_OF_WEEK.error("# stands alone with 1 to 5 after it, for the first to fifth such day.")
        return NthOfMonth(_DAY_OF_WEEK.number(day), int(nth))
    if "L" in text:
        if "," in text or not text.endswith("L"):
            raise _DAY_OF_WEEK.error("L stands alone: 6L or FRIL is the last Friday.")
        return LastOfMonth(_DAY_OF_WEEK.number(text[:-1]))
    return DaysOfWeek(frozenset(_DAY_OF_WEEK.values(text)))


# rate and at


def _read_rate(text: str) -> Rate:
    found = re.fullmatch(r" *([0-9]+) +(minute|hour|day)(s?) *", text)
    if found is None or int(found[1]) == 0:
        right = "a whole number from 1, then minute(s), hour(s) or day(s)"
        raise ScheduleError("expression", f"Write rate(1 hour) or rate(5 hours): {right}.")
    count, unit = int(found[1]), found[2]
    if bool(found[3]) == (count == 1):
        right = f"rate({counted(count, unit)})" if len(found[1]) < 10 else "rate(5 hours)"
        raise ScheduleError("expression", f"Write {right}: rate(1 hour) is singular, rate(5 hours) plural.")
    return Rate(count, unit)  # type: ignore[arg-type]  # the pattern admits nothing else


def _read_at(text: str) -> At:
    right = "Use at(yyyy-mm-ddThh:mm:ss) with no zone behind it, such as at(2026-06-20T02:00:00)"
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}", text):
        raise ScheduleError("expression", f"{right}.")
    try:
        return At(datetime.fromisoformat(text))
    except ValueError:
        raise ScheduleError("expression", f"{quoted(text)} is no date and time. {right}.") from None


# time zone and offset


@cache
def _zone_names() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones() - {"Factory", "localtime"})


def read_zone(timezone: str) -> zoneinfo.ZoneInfo:
    if not isinstance(timezone, str) or timezone not in _zone_names():
        near = get_close_matches(str(timezone), _zone_names(), n=1, cutoff=0.75) or ["Europe/London"]
        raise ScheduleError(
            "timezone", f"{quoted(timezone)} is not a time zone. Use a name such as {near[0]}."
        )
    return zoneinfo.ZoneInfo(timezone)


def check_offset(offset: int, schedule: Schedule | None) -> None:
    bounds = f"1 to {MAX_OFFSET} days, cron only"
    if type(offset) is not int or not 0 <= offset <= MAX_OFFSET:
        example = "cron(0 2 ? * TUE#2 *) with 2 is two days after Patch Tuesday"
        raise ScheduleError("offset", f"{bounds}: {example}.")
    if offset and isinstance(schedule, Rate | At):
        raise ScheduleError("offset", f"{bounds}: leave it out with rate( ) and at( ).")


def quoted(text: object) -> str:
    """What was entered, short enough to show in a message."""
    shown = str(text)
    return f'"{shown[:20]}..."' if len(shown) > 20 else f'"{shown}"'
