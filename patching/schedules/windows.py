"""What a maintenance window refuses beyond the dialect: too often, never again, undocumented forms."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import islice, pairwise, takewhile

from patching.schedules.days import DaysOfMonth, LastDay
from patching.schedules.forms import At, Cron, Rate, Schedule
from patching.schedules.names import counted
from patching.schedules.reading import DAY_OF_MONTH, ScheduleError, check_offset, read, read_zone
from patching.schedules.running import next_runs

SHORTEST_INTERVAL = timedelta(minutes=5)

_EVERY_DAY = DaysOfMonth(frozenset(range(1, 32)))


def window_problems(
    expression: str, *, timezone: str = "UTC", offset: int = 0, now: datetime | None = None
) -> list[ScheduleError]:
    """Everything that keeps a window from having this schedule; with `now`, also that it is over."""
    schedule, problems = read(expression)
    for check in (lambda: read_zone(timezone), lambda: check_offset(offset, schedule)):
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
    some_day = next(schedule.dates(date.min))
    every_day = replace(schedule, days=_EVERY_DAY).moments(datetime.combine(some_day, datetime.min.time()))
    # one moment more than a day has minutes: with that many, the gap is too short wherever it lies
    moments = list(islice(takewhile(lambda moment: moment.date() == some_day, every_day), 24 * 60 + 1))
    gaps = [later - earlier for earlier, later in pairwise(moments)]
    dates = pairwise(islice(schedule.dates(date.min), 400))
    if any(later - earlier == timedelta(days=1) for earlier, later in dates):
        gaps.append(moments[0] + timedelta(days=1) - moments[-1])
    return min(gaps, default=timedelta.max)


def _undocumented(expression: str, schedule: Schedule) -> Iterator[ScheduleError]:
    if isinstance(schedule, Cron) and isinstance(schedule.days, LastDay) and schedule.days.before:
        yield DAY_OF_MONTH.error("AWS knows L and LW, not a number of days before the last.")
    if isinstance(schedule, Rate):
        right = f"rate({counted(schedule.count, schedule.unit)})"
        if expression != right:
            yield ScheduleError("expression", f"Write {right[:60]}, without further spaces or zeros.")


def _over(schedule: Schedule) -> ScheduleError:
    if isinstance(schedule, At):
        message = "Use at(yyyy-mm-ddThh:mm:ss), in the future, no zone, such as at(2026-06-20T02:00:00)."
        return ScheduleError("expression", message, code="never_runs")
    message = "This schedule never runs. Its last run is over; use * as the year, as in cron(0 2 ? * SUN *)."
    return ScheduleError("year", message, code="never_runs")
