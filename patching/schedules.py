"""Read the schedule dialect of maintenance windows, say when it runs and what it means. No database, no clock.

The dialect is AWS's: cron( ) with six fields, or seven with leading seconds, where 1 is Sunday; rate( ); at( ).
`next_runs` evaluates the dialect; what only maintenance windows refuse, such as running every minute, is
`window_problems`. Nothing here searches beyond the year 2199, so a schedule that never comes ends in an empty list.
"""

import calendar
import re
import zoneinfo
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from difflib import get_close_matches
from functools import cache, lru_cache
from itertools import islice, pairwise, takewhile
from typing import Literal

FIRST_YEAR, LAST_YEAR = 1970, 2199
MAX_LENGTH = 256
MAX_OFFSET = 6
SHORTEST_INTERVAL = timedelta(minutes=5)

_EARLIEST = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC)
_LATEST = datetime(LAST_YEAR + 1, 1, 1, tzinfo=UTC)
# not from `calendar`, whose names follow the locale of the process
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_WEEKDAYS = (
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
)
_FORMS = "cron(0 2 ? * SUN *), rate(7 days) or at(2026-06-20T02:00:00)"


class ScheduleError(ValueError):
    """What is wrong with a schedule: the field it is in, and a sentence that says what to write instead."""

    def __init__(self, field: str, message: str, code: str = "invalid") -> None:
        super().__init__(message)
        self.field = field
        self.code = code


# Which days of a month


@dataclass(frozen=True)
class DaysOfMonth:
    """The days with these numbers, in the months that have them."""

    days: frozenset[int]

    def in_month(self, year: int, month: int) -> list[int]:
        return [day for day in sorted(self.days) if day <= _length(year, month)]

    def words(self, months: str) -> str:
        if len(self.days) == 31:
            return _every("Every day", months)
        return f"{'Day' if len(self.days) == 1 else 'Days'} {_listed(sorted(self.days))} of {months}"


@dataclass(frozen=True)
class LastDay:
    """The last day of the month, some days before it, or the weekday (Monday to Friday) nearest to that."""

    before: int = 0
    on_weekday: bool = False

    def in_month(self, year: int, month: int) -> list[int]:
        day = _length(year, month) - self.before
        if day < 1:
            return []
        return [_nearest_weekday(year, month, day) if self.on_weekday else day]

    def words(self, months: str) -> str:
        day = f"last day of {months}"
        if self.before:
            day = f"{_counted(self.before, 'day')} before the {day}"
        if self.on_weekday:
            day = f"weekday nearest to the {day}" if self.before else f"last weekday of {months}"
        return day[0].upper() + day[1:]


@dataclass(frozen=True)
class NearestWeekday:
    """The weekday (Monday to Friday) nearest to a day, without leaving the month."""

    day: int

    def in_month(self, year: int, month: int) -> list[int]:
        return [_nearest_weekday(year, month, self.day)] if self.day <= _length(year, month) else []

    def words(self, months: str) -> str:
        return f"Weekday nearest to day {self.day} of {months}"


@dataclass(frozen=True)
class Weekdays:
    """Days of the week, 1 being Sunday."""

    days: frozenset[int]

    def in_month(self, year: int, month: int) -> list[int]:
        first = _weekday(year, month, 1)
        return [day for day in range(1, _length(year, month) + 1) if (first + day - 2) % 7 + 1 in self.days]

    def words(self, months: str) -> str:
        if len(self.days) == 7:
            return _every("Every day", months)
        if self.days == {2, 3, 4, 5, 6}:
            return _every("Monday to Friday", months)
        return _every(
            f"Every {_listed(_day_name(day) for day in _monday_first(self.days))}",
            months,
        )


@dataclass(frozen=True)
class NthWeekday:
    """The first to fifth of a day of the week in the month; no day where the month has no fifth."""

    weekday: int
    nth: int

    def in_month(self, year: int, month: int) -> list[int]:
        day = 1 + (self.weekday - _weekday(year, month, 1)) % 7 + 7 * (self.nth - 1)
        return [day] if day <= _length(year, month) else []

    def words(self, months: str) -> str:
        nth = ("First", "Second", "Third", "Fourth", "Fifth")[self.nth - 1]
        return f"{nth} {_day_name(self.weekday)} of {months}"


@dataclass(frozen=True)
class LastWeekday:
    """The last of a day of the week in the month."""

    weekday: int

    def in_month(self, year: int, month: int) -> list[int]:
        last = _length(year, month)
        return [last - (_weekday(year, month, last) - self.weekday) % 7]

    def words(self, months: str) -> str:
        return f"Last {_day_name(self.weekday)} of {months}"


DayRule = DaysOfMonth | LastDay | NearestWeekday | Weekdays | NthWeekday | LastWeekday
_EVERY_DAY = DaysOfMonth(frozenset(range(1, 32)))


def _length(year: int, month: int) -> int:
    return calendar.monthrange(year, month)[1]


def _weekday(year: int, month: int, day: int) -> int:
    """The day of the week in AWS's numbers: Sunday is 1."""
    return (calendar.weekday(year, month, day) + 1) % 7 + 1


def _nearest_weekday(year: int, month: int, day: int) -> int:
    weekday = _weekday(year, month, day)
    if weekday == 7:
        return day - 1 if day > 1 else day + 2
    if weekday == 1:
        return day + 1 if day < _length(year, month) else day - 2
    return day


# The three forms of a schedule


@dataclass(frozen=True)
class Cron:
    """Times of day on days that follow a rule, in local time."""

    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: DayRule
    months: tuple[int, ...]
    years: tuple[int, ...]

    def dates(self, first: date) -> Iterator[date]:
        """Days at or after `first`, in order."""
        for year in self.years[bisect_left(self.years, first.year) :]:
            for month in self.months:
                if (year, month) < (first.year, first.month):
                    continue
                for day in self.days.in_month(year, month):
                    if (found := date(year, month, day)) >= first:
                        yield found

    def times(self, floor: datetime) -> Iterator[datetime]:
        """Local times at or after `floor`, in order."""
        for day in self.dates(floor.date()):
            for hour in self.hours:
                if day == floor.date() and hour < floor.hour:
                    continue
                for minute in self.minutes:
                    for second in self.seconds:
                        if (found := datetime.combine(day, time(hour, minute, second))) >= floor:
                            yield found


@dataclass(frozen=True)
class Rate:
    """Every so often, counted from an anchor."""

    count: int
    unit: Literal["minute", "hour", "day"]

    @property
    def interval(self) -> timedelta:
        seconds = self.count * {"minute": 60, "hour": 3600, "day": 86400}[self.unit]
        # an interval longer than the calendar runs once; a timedelta could not even hold some of them
        return timedelta(seconds=min(seconds, int((_LATEST - _EARLIEST).total_seconds())))


@dataclass(frozen=True)
class At:
    """Once, at a local time."""

    moment: datetime


Schedule = Cron | Rate | At


# Reading


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

    def bounds(self) -> str:
        names = list(self.names)
        return f"{self.low} to {self.high}" + (f" or {names[0]} to {names[-1]}" if names else "")

    def number(self, text: str) -> int:
        value = self.names.get(text.upper())
        if value is None and re.fullmatch(r"[0-9]{1,4}", text):
            value = int(text)
        if value is None or not self.low <= value <= self.high:
            raise self.error(f"{_quoted(text)} is not allowed; use {self.bounds()}.")
        return value

    def values(self, text: str) -> tuple[int, ...]:
        """The values that a list of numbers, names, ranges and steps stands for, in order."""
        return tuple(sorted({value for item in text.split(",") for value in self._item(item)}))

    def _item(self, item: str) -> Iterable[int]:
        if item == "?":
            raise self.error("? may stand only in day-of-month or day-of-week, alone; use * for every value.")
        span, slash, step_text = item.partition("/")
        step = self._step(step_text) if slash else 1
        if span == "*" or (slash and not span):
            return range(self.low, self.high + 1, step)
        start, dash, stop = span.partition("-")
        first = self.number(start)
        if not dash:
            return range(first, self.high + 1 if slash else first + 1, step)
        return self._range(first, self.number(stop), step)

    def _range(self, first: int, last: int, step: int) -> Iterable[int]:
        if last >= first:
            return range(first, last + 1, step)
        if self.name == "year":
            raise self.error(f"the range {first}-{last} ends before it starts.")
        # FRI-MON and 22-2 go on over the end of the week or the day
        size = self.high - self.low + 1
        return ((value - self.low) % size + self.low for value in range(first, last + size + 1, step))

    def _step(self, text: str) -> int:
        largest = self.high - self.low + min(self.low, 1)
        if not re.fullmatch(r"[0-9]{1,3}", text) or not 1 <= int(text) <= largest:
            raise self.error(f"the step {_quoted(text)} after / must be 1 to {largest}.")
        return int(text)


def _short(names: Iterable[str]) -> dict[str, int]:
    return {name[:3].upper(): number for number, name in enumerate(names, start=1)}


_SECONDS = _Field(
    "seconds",
    "Seconds",
    0,
    59,
    "cron(0 30 2 ? * SUN *), where the first 0 is the second",
)
_MINUTES = _Field("minutes", "Minutes", 0, 59, "cron(30 2 ? * SUN *)")
_HOURS = _Field("hours", "Hours", 0, 23, "cron(30 2 ? * SUN *)")
_MONTH = _Field("month", "Month", 1, 12, "cron(0 2 1 JAN,JUL ? *)", _short(_MONTHS))
_YEAR = _Field("year", "Year", FIRST_YEAR, LAST_YEAR, "cron(0 2 ? * SUN 2026-2028)")
_DAY_OF_MONTH = _Field("day_of_month", "Day of month", 1, 31, "cron(0 2 15 * ? *)")
_DAY_OF_WEEK = _Field("day_of_week", "Day of week", 1, 7, "cron(0 2 ? * TUE#2 *)", _short(_WEEKDAYS))


@lru_cache(maxsize=4096)
def parse(expression: str) -> Schedule:
    """Read an expression; the first mistake in it is raised."""
    schedule, problems = _read(expression)
    if schedule is None:
        raise problems[0]
    return schedule


def _read(expression: str) -> tuple[Schedule | None, list[ScheduleError]]:
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
        f"Found {_counted(found, 'field')}; 6 needed (7 with seconds): "
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
    if (day_of_month == "?") == (day_of_week == "?"):
        if day_of_week == "?":
            return None, [
                _DAY_OF_WEEK.error("one of day-of-month and day-of-week must have a value, not both ?.")
            ]
        return None, [_DAY_OF_MONTH.error("use ? in one of day-of-month and day-of-week.")]
    try:
        if day_of_week == "?":
            return _read_day_of_month(day_of_month.upper()), []
        return _read_day_of_week(day_of_week.upper()), []
    except ScheduleError as problem:
        return None, [problem]


def _read_day_of_month(text: str) -> DayRule:
    if last := re.fullmatch(r"L(?:-([0-9]|[12][0-9]|30))?(W?)", text):
        return LastDay(before=int(last[1] or 0), on_weekday=bool(last[2]))
    if nearest := re.fullmatch(r"([0-9]{1,2})W", text):
        return NearestWeekday(_DAY_OF_MONTH.number(nearest[1]))
    if "L" in text or "W" in text:
        raise _DAY_OF_MONTH.error(
            "L and W stand alone: L is the last day, LW the last weekday, 15W a weekday."
        )
    return DaysOfMonth(frozenset(_DAY_OF_MONTH.values(text)))


def _read_day_of_week(text: str) -> DayRule:
    if text == "L":
        return Weekdays(frozenset({7}))
    if "#" in text:
        weekday, _, nth = text.partition("#")
        if "," in text or not re.fullmatch(r"[1-5]", nth):
            raise _DAY_OF_WEEK.error("# stands alone with 1 to 5 after it, for the first to fifth such day.")
        return NthWeekday(_DAY_OF_WEEK.number(weekday), int(nth))
    if "L" in text:
        if "," in text or not text.endswith("L"):
            raise _DAY_OF_WEEK.error("L stands alone: 6L or FRIL is the last Friday.")
        return LastWeekday(_DAY_OF_WEEK.number(text[:-1]))
    return Weekdays(frozenset(_DAY_OF_WEEK.values(text)))


def _read_rate(text: str) -> Rate:
    found = re.fullmatch(r" *([0-9]+) +(minute|hour|day)(s?) *", text)
    if found is None or int(found[1]) == 0:
        right = "a whole number from 1, then minute(s), hour(s) or day(s)"
        raise ScheduleError("expression", f"Write rate(1 hour) or rate(5 hours): {right}.")
    count, unit = int(found[1]), found[2]
    if bool(found[3]) == (count == 1):
        right = f"rate({_counted(count, unit)})" if len(found[1]) < 10 else "rate(5 hours)"
        raise ScheduleError(
            "expression",
            f"Write {right}: rate(1 hour) is singular, rate(5 hours) plural.",
        )
    return Rate(count, unit)  # type: ignore[arg-type]  # the pattern admits nothing else


def _read_at(text: str) -> At:
    right = "Use at(yyyy-mm-ddThh:mm:ss) with no zone behind it, such as at(2026-06-20T02:00:00)"
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}", text):
        raise ScheduleError("expression", f"{right}.")
    try:
        return At(datetime.fromisoformat(text))
    except ValueError:
        raise ScheduleError("expression", f"{_quoted(text)} is no date and time. {right}.") from None


# Time zones and offsets


@cache
def _zone_names() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones() - {"Factory", "localtime"})


def _zone(timezone: str) -> zoneinfo.ZoneInfo:
    if timezone not in _zone_names():
        near = (
            get_close_matches(timezone, _zone_names(), n=1, cutoff=0.75) if isinstance(timezone, str) else []
        )
        raise ScheduleError(
            "timezone",
            f"{_quoted(timezone)} is not a time zone. Use a name such as {(near or ['Europe/London'])[0]}.",
        )
    return zoneinfo.ZoneInfo(timezone)


def _check_offset(offset: int, schedule: Schedule | None) -> None:
    if type(offset) is not int or not 0 <= offset <= MAX_OFFSET:
        raise ScheduleError(
            "offset",
            f"1 to {MAX_OFFSET} days, cron only: cron(0 2 ? * TUE#2 *) with 2 is Patch Tuesday plus 2 days.",
        )
    if offset and isinstance(schedule, Rate | At):
        raise ScheduleError(
            "offset",
            f"1 to {MAX_OFFSET} days, cron only: leave it out with rate( ) and at( ).",
        )


# Running


def next_runs(
    expression: str,
    *,
    timezone: str = "UTC",
    offset: int = 0,
    start: datetime,
    count: int = 10,
    end: datetime | None = None,
    anchor: datetime | None = None,
) -> list[datetime]:
    """The next runs in UTC, from `start` on and before `end`.

    `anchor` is when the schedule began to count: a window's StartDate, or when it was made. rate( ) counts from
    it. With an offset, a day that the cron named before the anchor brings no run, as AWS has it, although that
    day plus the offset still lies ahead. Without an anchor, `start` is the anchor.
    """
    schedule, zone = parse(expression), _zone(timezone)
    _check_offset(offset, schedule)
    start = _within_calendar(start)
    anchor = start if anchor is None else _within_calendar(anchor)
    runs = _runs(schedule, zone, offset, max(start, anchor), anchor)
    if end is not None:
        runs = takewhile(lambda run: run < end, runs)
    return list(islice(runs, max(count, 0)))


def _within_calendar(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("Times must carry a zone: a run has no meaning without one.")
    return min(max(moment, _EARLIEST), _LATEST).astimezone(UTC)


def _runs(
    schedule: Schedule,
    zone: zoneinfo.ZoneInfo,
    offset: int,
    first: datetime,
    anchor: datetime,
) -> Iterator[datetime]:
    if isinstance(schedule, Rate):
        yield from _rate_runs(schedule.interval, first, anchor)
        return
    if isinstance(schedule, At):
        bases = iter([schedule.moment])
    else:
        wait = timedelta(days=offset)
        bases = schedule.times(max(_local(anchor, zone), _local(first, zone) - wait))
    for base in bases:
        run = _instant(base + timedelta(days=offset), zone)
        if run is not None and run >= first:
            yield run


def _rate_runs(interval: timedelta, first: datetime, anchor: datetime) -> Iterator[datetime]:
    run = anchor + interval * -((anchor - first) // interval)
    while run < _LATEST:
        yield run
        run += interval


def _local(moment: datetime, zone: zoneinfo.ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None)


def _instant(local: datetime, zone: zoneinfo.ZoneInfo) -> datetime | None:
    """When the clocks of a zone show a time: never where they jump over it, first where they show it twice."""
    instant = local.replace(tzinfo=zone).astimezone(UTC)
    return instant if _local(instant, zone) == local else None


@dataclass(frozen=True)
class ClockChange:
    """A run at a local time that the clocks of its zone skip, or show twice."""

    local: datetime
    timezone: str
    kind: Literal["skipped", "repeated"]

    def __str__(self) -> str:
        when = f"{self.local.day} {_MONTHS[self.local.month - 1]} {self.local:%Y, %H:%M}"
        if self.kind == "skipped":
            return f"{when} does not exist in {self.timezone} (clocks go forward): that run is skipped."
        return f"{when} comes twice in {self.timezone} (clocks go back): it runs once."


def clock_changes(
    expression: str,
    *,
    timezone: str = "UTC",
    offset: int = 0,
    start: datetime,
    days: int = 366,
) -> list[ClockChange]:
    """The runs that changes of the clocks touch, the first on each day that has one."""
    schedule, zone = parse(expression), _zone(timezone)
    _check_offset(offset, schedule)
    if not isinstance(schedule, Cron):
        return []
    found = []
    for day in _days_with_changes(_local(_within_calendar(start), zone).date(), days, zone):
        for base in schedule.times(datetime.combine(day, time.min) - timedelta(days=offset)):
            local = base + timedelta(days=offset)
            if local.date() != day:
                break
            if kind := _change_at(local, zone):
                found.append(ClockChange(local, timezone, kind))
                break
    return found


def _days_with_changes(first: date, days: int, zone: zoneinfo.ZoneInfo) -> Iterator[date]:
    midnights = (datetime.combine(first, time.min, zone) + timedelta(days=day) for day in range(days + 1))
    for today, tomorrow in pairwise(midnights):
        if today.utcoffset() != tomorrow.utcoffset():
            yield today.date()


def _change_at(local: datetime, zone: zoneinfo.ZoneInfo) -> Literal["skipped", "repeated"] | None:
    if _instant(local, zone) is None:
        return "skipped"
    first, second = (local.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    return "repeated" if first.utcoffset() != second.utcoffset() else None


# What only maintenance windows refuse


def window_problems(
    expression: str,
    *,
    timezone: str = "UTC",
    offset: int = 0,
    now: datetime | None = None,
) -> list[ScheduleError]:
    """Everything that keeps a maintenance window from having this schedule; with `now`, also that it is over."""
    schedule, problems = _read(expression)
    for check in (lambda: _zone(timezone), lambda: _check_offset(offset, schedule)):
        try:
            check()
        except ScheduleError as problem:
            problems.append(problem)
    if schedule is None or problems:
        return problems
    if _shortest_gap(schedule) < SHORTEST_INTERVAL:
        too_often = "Shortest interval is 5 minutes. Use rate(5 minutes) or cron(0/5 2 ? * SUN *)."
        problems.append(ScheduleError("expression", too_often, code="too_often"))
    problems += _undocumented(expression, schedule)
    if now is not None and not next_runs(expression, timezone=timezone, offset=offset, start=now, count=1):
        problems.append(_over(schedule))
    return problems


def _shortest_gap(schedule: Schedule) -> timedelta:
    if isinstance(schedule, Rate):
        return schedule.interval
    if isinstance(schedule, At):
        return timedelta.max
    one_day = takewhile(
        lambda moment: moment.day == 1, replace(schedule, days=_EVERY_DAY).times(datetime.min)
    )
    moments = list(islice(one_day, 24 * 60 + 1))
    over_midnight = moments[0] + timedelta(days=1) - moments[-1]
    gaps = [later - earlier for earlier, later in pairwise(moments)]
    dates = pairwise(islice(schedule.dates(date.min), 400))
    if any(later - earlier == timedelta(days=1) for earlier, later in dates):
        gaps.append(over_midnight)
    return min(gaps, default=timedelta.max)


def _undocumented(expression: str, schedule: Schedule) -> Iterator[ScheduleError]:
    if isinstance(schedule, Cron) and isinstance(schedule.days, LastDay) and schedule.days.before:
        yield _DAY_OF_MONTH.error("AWS knows L and LW, not a number of days before the last.")
    if isinstance(schedule, Rate) and expression != f"rate({_counted(schedule.count, schedule.unit)})":
        right = f"rate({_counted(schedule.count, schedule.unit)})"
        yield ScheduleError("expression", f"Write {right[:60]}, without further spaces or zeros.")


def _over(schedule: Schedule) -> ScheduleError:
    if isinstance(schedule, At):
        message = "Use at(yyyy-mm-ddThh:mm:ss), in the future, no zone, such as at(2026-06-20T02:00:00)."
        return ScheduleError("expression", message, code="never_runs")
    message = "This schedule never runs. Its last run is over; use * as the year, as in cron(0 2 ? * SUN *)."
    return ScheduleError("year", message, code="never_runs")


# Saying it in words


def explain(expression: str, *, timezone: str = "UTC", offset: int = 0) -> str:
    """A schedule in words: "Second Tuesday of each month plus 2 days, 02:00 Europe/London"."""
    schedule = parse(expression)
    _zone(timezone)
    _check_offset(offset, schedule)
    if isinstance(schedule, Rate):
        every = schedule.unit if schedule.count == 1 else _counted(schedule.count, schedule.unit)
        return f"Every {every}, counted from the start date"
    if isinstance(schedule, At):
        moment = schedule.moment
        clock = _clock(moment.hour, moment.minute, moment.second)
        return f"Once, {moment.day} {_MONTHS[moment.month - 1]} {moment.year}, {clock} {timezone}"
    days = schedule.days.words(_month_words(schedule.months))
    wait = f" plus {_counted(offset, 'day')}" if offset else ""
    return f"{days}{wait}, {_time_words(schedule)} {timezone}{_year_words(schedule.years)}"


def _month_words(months: tuple[int, ...]) -> str:
    return "each month" if len(months) == 12 else _listed(_MONTHS[month - 1] for month in months)


def _year_words(years: tuple[int, ...]) -> str:
    if len(years) == LAST_YEAR - FIRST_YEAR + 1:
        return ""
    if len(years) > 2 and len(years) == years[-1] - years[0] + 1:
        return f", from {years[0]} to {years[-1]}"
    return f", only in {_listed(years)}"


def _time_words(cron: Cron) -> str:
    if len(cron.seconds) > 1:
        return f"{_minute_words(cron)}, {_step_words(cron.seconds, 60, 'second')}"
    second = cron.seconds[0]
    if len(cron.hours) * len(cron.minutes) <= 4:
        return _listed(_clock(hour, minute, second) for hour in cron.hours for minute in cron.minutes)
    if len(cron.minutes) > 1:
        return _minute_words(cron)
    first, last = (_clock(hour, cron.minutes[0], second) for hour in (cron.hours[0], cron.hours[-1]))
    if not (step := _step(cron.hours)):
        return _listed(_clock(hour, cron.minutes[0], second) for hour in cron.hours)
    every = "every hour" if step == 1 else f"every {step} hours"
    goes_round = first == "00:00" and cron.hours[-1] + step == 24
    return every if goes_round else f"{every} from {first} to {last}"


def _minute_words(cron: Cron) -> str:
    words = _step_words(cron.minutes, 60, "minute")
    if len(cron.hours) == 24:
        return words
    spans = [_clock(hour, 0, 0) for hour in cron.hours]
    if _step(cron.hours) == 1:
        return f"{words} from {spans[0]} to {_clock(cron.hours[-1], 59, 0)}"
    return f"{words} in the hours from {_listed(spans)}"


def _step_words(values: tuple[int, ...], size: int, unit: str) -> str:
    step = _step(values)
    if step and values[0] == 0 and size % step == 0 and values[-1] + step == size:
        return f"every {unit}" if step == 1 else f"every {step} {unit}s"
    if len(values) == 1:
        return f"{unit} {values[0]}"
    return f"{unit}s {_listed(values)}"


def _step(values: tuple[int, ...]) -> int | None:
    """The one distance between neighbours, where there is one."""
    steps = {later - earlier for earlier, later in pairwise(values)}
    return steps.pop() if len(steps) == 1 else None


def _clock(hour: int, minute: int, second: int) -> str:
    return f"{hour:02}:{minute:02}" + (f":{second:02}" if second else "")


def _every(days: str, months: str) -> str:
    return days if months == "each month" else f"{days} in {months}"


def _monday_first(days: Iterable[int]) -> list[int]:
    return sorted(days, key=lambda day: (day - 2) % 7)


def _day_name(weekday: int) -> str:
    return _WEEKDAYS[weekday - 1]


def _listed(values: Iterable[object]) -> str:
    *most, last = [str(value) for value in values]
    return f"{', '.join(most)} and {last}" if most else last


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _quoted(text: object) -> str:
    """What was entered, short enough to show in a message."""
    shown = str(text)
    return f'"{shown[:20]}..."' if len(shown) > 20 else f'"{shown}"'
