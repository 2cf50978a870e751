"""Every check of windows, in one call. Pure."""

from collections.abc import Sequence
from datetime import datetime

from patching.findings.calls import unknown_documents
from patching.findings.crowding import too_many_automations
from patching.findings.lengths import never_start, too_short
from patching.findings.order import order_of_environments
from patching.findings.planned import RUNS_AHEAD, Planned
from patching.findings.staggering import staggered_sets
from patching.findings.starts import clock_changes, never_run
from patching.findings.telling import WARNING, Finding
from patching.findings.together import all_at_once, all_zones_in_one
from patching.findings.zones import overlapping
from patching.sizing import Paces


def check(windows: Sequence[Planned], at: datetime, paces: Paces | None = None) -> list[Finding]:
    """Every finding on the windows that are asked for, warnings first; without ``paces``, minutes are assumed."""
    runs = {window: window.runs(at, RUNS_AHEAD) for window in windows}
    found = [
        *too_short(windows),
        *never_start(windows, paces or Paces()),
        *never_run(windows, runs, at),
        *overlapping(windows, runs),
        *all_zones_in_one(windows),
        *all_at_once(windows),
        *too_many_automations(windows),
        *order_of_environments(windows, at),
        *staggered_sets(windows, at),
        *clock_changes(windows, at),
        *unknown_documents(windows),
    ]
    return sorted(found, key=lambda one: one.level != WARNING)
