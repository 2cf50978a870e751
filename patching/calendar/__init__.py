"""What windows do when: openings between two moments with holds, moves and runs applied, and what is wrong with them.

``entries`` and ``conflicts`` are pure and take plain values; ``reading`` gathers those from rows, for one person.
"""

from patching.calendar.conflicts import Conflict
from patching.calendar.entries import MOVED_AWAY, Band, Entry, Hold, Past, Timed, Word, entries
from patching.calendar.reading import Calendar, Ending, between

__all__ = [
    "MOVED_AWAY",
    "Band",
    "Calendar",
    "Conflict",
    "Ending",
    "Entry",
    "Hold",
    "Past",
    "Timed",
    "Word",
    "between",
    "entries",
]
