"""How freezes and holds stand, in words: ahead, in force, over; and of each window whether AWS was read back so."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from patching.models import Freeze, ResourceState, WindowHold
from portal.governance import clock

Condition = ResourceState.Condition


@dataclass(frozen=True)
class Standing:
    """One window under a hold, and what AWS was last read to have."""

    hold: WindowHold
    state: str  # for the component that shows states
    word: str
    way_back: datetime | None


def state_of(freeze: Freeze) -> str:
    """removed, ended, ahead or in_force."""
    now = clock.now()
    if freeze.retired_at is not None:
        return "removed"
    if freeze.ends_at <= now:
        return "ended"
    return "ahead" if freeze.starts_at > now else "in_force"


def standing(holds: Sequence[WindowHold]) -> list[Standing]:
    """Each hold with how its window stands in AWS."""
    uids = {str(one.window.uid) for one in holds}
    states = ResourceState.objects.filter(kind="window", key__in=uids)
    known = {one.key: one for one in states}
    ways = ResourceState.objects.filter(kind="schedule", key__in=[f"{uid}:enable" for uid in uids])
    backs = {one.key: one for one in ways.exclude(condition=Condition.REMOVED)}
    told = []
    for hold in holds:
        uid = str(hold.window.uid)
        back = backs.get(f"{uid}:enable")
        at = (back.applied or {}).get("at") if back and hold.starts_at <= clock.now() else None
        told.append(
            Standing(
                hold, *_word(hold, known.get(uid)), datetime.fromisoformat(f"{at}+00:00") if at else None
            )
        )
    return told


def _word(hold: WindowHold, state: ResourceState | None) -> tuple[str, str]:
    now = clock.now()
    shut = state is not None and state.applied is not None and not state.applied.get("enabled")
    if hold.restored_at:
        return "restored", "Open again, read back"
    if hold.until <= now:
        return "pending", "Over; not read back as open yet"
    if hold.starts_at > now:
        return ("pending", "Shut by another hold until then") if shut else ("pending", "Open until then")
    if shut and state is not None and state.condition == Condition.IN_SYNC:
        return "in_sync", "Disabled in AWS"
    return (
        "out_of_sync",
        state.condition_text if state is not None and state.condition_text else "Not disabled yet",
    )
