"""How the fleet stands: read models over what ``pull`` kept. Asks no AWS and writes only the daily sums.

Every figure here is the row count of ``instances_matching`` or ``findings_matching`` with the same filters.
"""

from patching.posture.days import Day, roll_up, trend
from patching.posture.figures import (
    AGES,
    NOBODY,
    STATUSES,
    Age,
    Figures,
    GapFigures,
    SeverityFigures,
    Slice,
    Trust,
    by_age,
    by_application,
    by_environment,
    by_severity,
    coverage_gaps,
    covered,
    figures_of,
    findings_matching,
    fleet,
    instances_matching,
    most_wanted,
    trust,
)
from patching.posture.gaps import GAPS, Gap, next_run
from patching.posture.standing import FRESH_FOR, Status, Step, Words, with_step, words_of
from patching.posture.why import Link, why_unpatched

__all__ = [
    "AGES",
    "FRESH_FOR",
    "GAPS",
    "NOBODY",
    "STATUSES",
    "Age",
    "Day",
    "Figures",
    "Gap",
    "GapFigures",
    "Link",
    "SeverityFigures",
    "Slice",
    "Status",
    "Step",
    "Trust",
    "Words",
    "by_age",
    "by_application",
    "by_environment",
    "by_severity",
    "coverage_gaps",
    "covered",
    "figures_of",
    "findings_matching",
    "fleet",
    "instances_matching",
    "most_wanted",
    "next_run",
    "roll_up",
    "trend",
    "trust",
    "why_unpatched",
    "with_step",
    "words_of",
]
