"""Let time pass for portal and simulated AWS together. The simulator goes first, so AWS is never behind."""

from datetime import datetime, timedelta

from patching import posture, pull, turns
from patching.models import MaintenanceWindow
from portal.demo import simulator
from portal.governance import clock, nudge
from portal.governance.errors import FieldProblem, InvalidInput
from portal.governance.models import AuditEntry

LONGEST_STEP = timedelta(days=92)
WOKEN = (
    "patching.tick",
    "patching.tell_of_windows",
    "exemptions.settle",
    "exemptions.remind",
    "exemptions.review",
)
STEPS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1)}


def advance_to(moment: datetime) -> datetime:
    """Move both clocks forward to a moment and wake push and pull. Raises InvalidInput, SimulatorSilent."""
    now = clock.now()
    if moment < now:
        raise InvalidInput(
            [FieldProblem("to", "backwards", f"Time only moves forward; it is {now:%Y-%m-%d %H:%M} UTC now.")]
        )
    if moment - now > LONGEST_STEP:
        raise InvalidInput(
            [FieldProblem("to", "too_far", f"One step is at most {LONGEST_STEP.days} days; take several.")]
        )
    there = simulator.advance(moment)
    here = clock.set_to(max(there, moment))
    turns.compare_all()
    pull.want_all()
    for task in WOKEN:
        nudge.wake(task)
    return here


def keep_together() -> None:
    """Bring the clock that is behind up to the other; nothing to do when both agree."""
    there, here = simulator.clock(), clock.now()
    if there > here:
        clock.set_to(there)
    else:
        simulator.advance(here)


def resume() -> None:
    """Take time up where the simulated AWS left it: while a demo is off, no time passes."""
    latest = AuditEntry.objects.order_by("-seq").values_list("at", flat=True).first()
    there = simulator.clock()
    clock.set_to(max(there, latest) if latest else there)


def next_window_start(now: datetime) -> datetime | None:
    """When the next window of ours opens, strictly after now."""
    after = now + timedelta(seconds=1)
    starts = [posture.next_run(window, after) for window in MaintenanceWindow.objects.live()]
    return min((start for start in starts if start is not None), default=None)
