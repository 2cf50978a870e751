"""What somebody should know before deciding on windows: too short, overlapping, overtaking, late, unjudged.

The checks are pure and take planned windows; ``rows`` and ``judging`` gather those from rows, ``requests`` looks at a
whole request, ``fixing`` makes the items that a finding's fix asks for.
"""

from patching.findings.checking import check
from patching.findings.fixing import items_with
from patching.findings.planned import Planned, Run, most_open_at_once
from patching.findings.requests import of_request
from patching.findings.rows import (
    around_baseline,
    around_window,
    company_of,
    of,
    of_baseline,
    of_window,
    planned_after,
    planned_now,
    sizes_of,
)
from patching.findings.sizes import Size
from patching.findings.telling import NOTE, WARNING, Finding

__all__ = [
    "NOTE",
    "WARNING",
    "Finding",
    "Planned",
    "Run",
    "Size",
    "around_baseline",
    "around_window",
    "check",
    "company_of",
    "items_with",
    "most_open_at_once",
    "of",
    "of_baseline",
    "of_request",
    "of_window",
    "planned_after",
    "planned_now",
    "sizes_of",
]
