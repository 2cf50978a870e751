"""How far an approved request has come in AWS: objects read back of all that it touches. Reads only."""

from collections.abc import Sequence
from dataclasses import dataclass

from patching import desired
from patching.models import AccountRegion, ChangeRequest, PushRun, ResourceState, Tombstone

SHOWN_FOR = (*ChangeRequest.UNDER_WAY, ChangeRequest.State.APPLIED)


@dataclass(frozen=True)
class Progress:
    """Objects of one request by what is true of them in AWS, and the runs that work on them."""

    total: int
    done: int
    failed: tuple[ResourceState, ...]
    left: int  # to be removed
    runs: tuple[PushRun, ...]
    moving: bool

    @property
    def segments(self) -> list[dict[str, object]]:
        return [{"role": "ok", "value": self.done}, {"role": "bad", "value": len(self.failed)}]


def of(request: ChangeRequest, places: Sequence[AccountRegion]) -> Progress | None:
    """Progress of the current revision; None while nothing is decided."""
    if request.state not in SHOWN_FOR or request.current is None:
        return None
    source = {"kind": "revision", "id": str(request.current_id), "digest": request.current.digest}
    total = done = left = 0
    failed: list[ResourceState] = []
    for place in places:
        wanted = {
            key for key, one in desired.now_for(place).items() if source in [s._asdict() for s in one.sources]
        }
        states = {(one.kind, one.key): one for one in ResourceState.objects.filter(account_region=place)}
        mine = [states.get((key.kind, key.name)) for key in wanted]
        total += len(wanted)
        done += sum(one is not None and one.condition == ResourceState.Condition.IN_SYNC for one in mine)
        failed += [one for one in mine if one is not None and one.condition == ResourceState.Condition.FAILED]
        left += sum(
            one.source == source for one in Tombstone.objects.filter(account_region=place, buried_at=None)
        )
    runs = PushRun.objects.filter(account_region__in=places).select_related("account_region__account")
    if request.submitted_at is not None:
        runs = runs.filter(started_at__gte=request.submitted_at)
    if request.closed_at is not None:
        runs = runs.filter(started_at__lte=request.closed_at)
    return Progress(
        total=total,
        done=done,
        failed=tuple(failed),
        left=left,
        runs=tuple(runs[: len(places) + 2]),
        moving=request.state in (ChangeRequest.State.APPROVED, ChangeRequest.State.PUSHING),
    )
