"""How long a window should be, by three answers: the guide's rule, AMS's table, a simulation of one opening.

Pure: instances, tasks and minutes in, figures out. ``patching.run_paces`` measures the minutes from our own runs.
"""

from patching.sizing.advice import CUTOFF, LONGEST, ams_table, recommended_hours
from patching.sizing.answers import Answer, answers
from patching.sizing.paces import Pace, Paces
from patching.sizing.rehearsal import (
    AUTOMATIONS,
    Node,
    Opening,
    Turn,
    at_once,
    hours_needed,
    rehearse,
    wanted_at_once,
)

__all__ = [
    "AUTOMATIONS",
    "CUTOFF",
    "LONGEST",
    "Answer",
    "Node",
    "Opening",
    "Pace",
    "Paces",
    "Turn",
    "ams_table",
    "answers",
    "at_once",
    "hours_needed",
    "recommended_hours",
    "rehearse",
    "wanted_at_once",
]
