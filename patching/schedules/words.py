"""Say a schedule in words that somebody can sign: "Thursday after the second Tuesday of each month, 02:00 UTC"."""

from collections.abc import Sequence
from itertools import pairwise

from patching.schedules.days import (
    DayRule,
    DaysOfMonth,
    DaysOfWeek,
    LastDay,
    LastOfMonth,
    NearestWeekday,
    NthOfMonth,
)
from patching.schedules.forms import FIRST_YEAR, LAST_YEAR, At, Cron, Rate
from patching.schedules.names import DAYS_OF_WEEK, MONTHS, counted, listed
from patching.schedules.reading import check_offset, parse, read_zone

_ORDINALS = ("First", "Second", "Third", "Fourth", "Fifth")
_MONDAY_TO_FRIDAY = frozenset(range(2, 7))
_MOST_CLOCKS = 4  # times of day that are told one by one


def explain(expression: str, *, timezone: str = "UTC", offset: int = 0) -> str:
    """A schedule in words; whatever `parse` refuses is raised. Two that run differently never read the same."""
    schedule = parse(expression)
    read_zone(timezone)
    check_offset(offset, schedule)
    if isinstance(schedule, Rate):
        every = schedule.unit if schedule.count == 1 else counted(schedule.count, schedule.unit)
        return f"Every {every}, counted from the start date"
    if isinstance(schedule, At):
        moment = schedule.moment
        clock = _clock(moment.hour, moment.minute, moment.second)
        return f"Once, {moment.day} {MONTHS[moment.month - 1]} {moment.year}, {clock} {timezone}"
    return f"{_days(schedule, offset)}, {_times(schedule)} {timezone}{_years(schedule.years)}"


# Days


def _days(cron: Cron, offset: int) -> str:
    weekly = _is_every_day(cron.days) or isinstance(cron.days, DaysOfWeek)
    days = _each_week(cron.days) if weekly else _in_month(cron.days)
    return f"{_postponed(days, cron.days, offset)}{_months(cron.months, weekly)}"


def _postponed(days: str, rule: DayRule, offset: int) -> str:
    """The day that an offset ends on, where that is one day of the week; else so many days after."""
    if not offset:
        return days
    base = days if days.startswith(DAYS_OF_WEEK) else days[:1].lower() + days[1:]
    if isinstance(rule, NthOfMonth | LastOfMonth):
        return f"{DAYS_OF_WEEK[(rule.day_of_week - 1 + offset) % 7]} after the {base}"
    the = "the " if base.startswith(("last", "weekday")) else ""
    return f"{counted(offset, 'day')} after {the}{base}"


def _months(numbers: tuple[int, ...], weekly: bool) -> str:
    each_month = "" if weekly else " of each month"
    months = [MONTHS[month - 1] for month in numbers]
    if len(months) == 12:
        return each_month
    if len(months) > 2 and _step(numbers) == 1:
        return f"{each_month} from {months[0]} to {months[-1]}"
    return f" {'in' if weekly else 'of'} {listed(months)}"


def _is_every_day(rule: DayRule) -> bool:
    return isinstance(rule, DaysOfMonth) and len(rule.days) == 31


def _each_week(rule: DayRule) -> str:
    if not isinstance(rule, DaysOfWeek) or len(rule.days) == 7:
        return "Every day"
    if rule.days == _MONDAY_TO_FRIDAY:
        return "Monday to Friday"
    monday_first = sorted(rule.days, key=lambda day: (day - 2) % 7)
    return f"Every {listed(DAYS_OF_WEEK[day - 1] for day in monday_first)}"


def _in_month(rule: DayRule) -> str:
    match rule:
        case NthOfMonth(day_of_week, nth):
            return f"{_ORDINALS[nth - 1]} {DAYS_OF_WEEK[day_of_week - 1]}"
        case LastOfMonth(day_of_week):
            return f"Last {DAYS_OF_WEEK[day_of_week - 1]}"
        case NearestWeekday(day):
            return f"Weekday nearest to day {day}"
        case LastDay(before=0, on_weekday=on_weekday):
            return "Last weekday" if on_weekday else "Last day"
        case LastDay(before=before, on_weekday=on_weekday):
            earlier = f"{counted(before, 'day')} before the last day"
            return f"Weekday nearest to {earlier}" if on_weekday else earlier
        case DaysOfMonth(days) | DaysOfWeek(days):
            return f"{'Day' if len(days) == 1 else 'Days'} {_numbers(sorted(days))}"


def _years(years: tuple[int, ...]) -> str:
    if len(years) == LAST_YEAR - FIRST_YEAR + 1:
        return ""
    step = _step(years)
    if len(years) > 2 and step is not None:
        every = "" if step == 1 else f" every {step} years"
        return f",{every} from {years[0]} to {years[-1]}"
    return f", only in {_numbers(years)}"


# Times of day


def _times(cron: Cron) -> str:
    if len(cron.seconds) > 1:
        return f"{_minutes(cron)}, {_parts(cron.seconds, 'second')}"
    if len(cron.minutes) > 1 and len(cron.hours) * len(cron.minutes) > _MOST_CLOCKS:
        second = cron.seconds[0]
        return f"{_minutes(cron)}, at second {second}" if second else _minutes(cron)
    clocks = [_clock(hour, minute, cron.seconds[0]) for hour in cron.hours for minute in cron.minutes]
    step = _step(cron.hours)
    if len(clocks) <= _MOST_CLOCKS or step is None:
        return listed(clocks)
    every = "every hour" if step == 1 else f"every {step} hours"
    goes_round = clocks[0] == "00:00" and cron.hours[-1] + step == 24
    return every if goes_round else f"{every} from {clocks[0]} to {clocks[-1]}"


def _minutes(cron: Cron) -> str:
    words = _parts(cron.minutes, "minute")
    if len(cron.hours) == 24:
        return f"{words} of every hour" if words.startswith("minute") else words
    if _step(cron.hours) == 1:
        return f"{words} from {_clock(cron.hours[0], 0)} to {_clock(cron.hours[-1], 59)}"
    hours = listed(_clock(hour, 0) for hour in cron.hours)
    return f"{words} in the hour{'' if len(cron.hours) == 1 else 's'} of {hours}"


def _parts(values: tuple[int, ...], unit: str) -> str:
    """Minutes of an hour, or seconds of a minute."""
    step = _step(values)
    if step and values[0] == 0 and 60 % step == 0 and values[-1] + step == 60:
        return f"every {unit}" if step == 1 else f"every {step} {unit}s"
    return f"{unit}{'s' if len(values) > 1 else ''} {_numbers(values)}"


# Numbers


def _numbers(values: Sequence[int]) -> str:
    """1, 15 to 19 and 31; or every 3 from 1 to 31."""
    step = _step(values)
    if step is not None and step > 1 and len(values) > _MOST_CLOCKS:
        return f"{values[0]} to {values[-1]} in steps of {step}"
    runs: list[list[int]] = []
    for value in values:
        if runs and value == runs[-1][-1] + 1:
            runs[-1].append(value)
        else:
            runs.append([value])
    told = [part for run in runs for part in ([f"{run[0]} to {run[-1]}"] if len(run) > 2 else map(str, run))]
    return listed(told)


def _step(values: Sequence[int]) -> int | None:
    """The one distance between neighbours, where there is one."""
    steps = {later - earlier for earlier, later in pairwise(values)}
    return steps.pop() if len(steps) == 1 else None


def _clock(hour: int, minute: int, second: int = 0) -> str:
    return f"{hour:02}:{minute:02}" + (f":{second:02}" if second else "")
