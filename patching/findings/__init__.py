"""What somebody should know before deciding on windows: too short, overlapping, overtaking, unsoaked, unjudged.

The checks are pure and take planned windows; ``rows`` gathers those from rows, ``requests`` looks at a whole request.
"""

from patching.findings.checking import check
from patching.findings.planned import Planned, Run, most_open_at_once
from patching.findings.requests import of_request
from patching.findings.rows import of, of_window, planned_after, planned_now
from patching.findings.telling import NOTE, WARNING, Finding

__all__ = [
    "NOTE",
    "WARNING",
    "Finding",
    "Planned",
    "Run",
    "check",
    "most_open_at_once",
    "of",
    "of_request",
    "of_window",
    "planned_after",
    "planned_now",
]
