"""What a hold leaves behind: its window open again, its way back gone, both read back from AWS, and the proof kept."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q

from patching import held
from patching.models import AccountRegion, PushRun, ResourceState, WindowHold
from portal.governance import audit, clock

Condition = ResourceState.Condition


def prove(place: AccountRegion, run: PushRun) -> int:
    """Keep the proof of every hold that is over, as far as this push has read it back. Safe to repeat."""
    run.refresh_from_db()
    now = clock.now()
    over = Q(ends_at__lte=run.started_at) | Q(ended_at__lte=run.started_at)
    ended = WindowHold.objects.filter(over, window__account_region=place, restored_at=None)
    proved = 0
    for hold in ended.select_related("window__application__team"):
        proof = _proof(hold, run, now)
        if proof:
            proved += _keep(hold, proof, now)
    return proved


def _proof(hold: WindowHold, run: PushRun, now: datetime) -> dict[str, Any]:
    """What shows that nothing of a hold is left; empty while something is, or another hold goes on."""
    window = hold.window
    read = {"push_run": run.pk, "read_at": now.isoformat()}
    if window.retired_at is not None:
        return {**read, "window": "", "why": "The window is gone."}
    states = ResourceState.objects.filter(account_region=window.account_region)
    state = states.filter(kind="window", key=str(window.uid)).first()
    way_back = states.filter(kind="schedule", key=f"{window.uid}:enable").exclude(condition=Condition.REMOVED)
    others = held.ahead(window.account_region, now).get(window.pk, [])
    is_open = (
        state is not None
        and state.condition == Condition.IN_SYNC
        and bool((state.applied or {}).get("enabled"))
    )
    if not is_open or state is None:
        return {}
    if way_back.exists() and held.kept(others, now) is None:
        return {}
    return {**read, "window": state.aws_id, "why": "Read back as enabled; its schedule is gone."}


@transaction.atomic
def _keep(hold: WindowHold, proof: dict[str, Any], now: datetime) -> int:
    kept = WindowHold.objects.filter(pk=hold.pk, restored_at=None)
    if kept.update(restored_at=now, restored_proof=proof) != 1:
        return 0
    application = hold.window.application
    audit.record(
        "patching.windowhold.restored",
        hold.window,
        by=None,
        team=application.team if application else None,
        reason=hold.reason,
        detail={"source": hold.source, "until": hold.until.isoformat(), **proof},
    )
    return 1
