"""Read, run and explain the schedule dialect of maintenance windows. No database, no AWS, no clock.

The dialect is AWS's: cron( ) with six fields, or seven with leading seconds, where 1 is Sunday; rate( );
at( ). `next_runs` evaluates the dialect; what only windows refuse, such as running every minute, is
`window_problems`. Nothing looks beyond the year 2199, so a schedule that never comes ends in an empty list
and not in a search.
"""

from patching.schedules.patch_tuesday import publications
from patching.schedules.reading import Schedule, ScheduleError, parse
from patching.schedules.running import ClockChange, clock_changes, next_runs
from patching.schedules.windows import window_problems
from patching.schedules.words import explain

__all__ = [
    "ClockChange",
    "Schedule",
    "ScheduleError",
    "clock_changes",
    "explain",
    "next_runs",
    "parse",
    "publications",
    "window_problems",
]
