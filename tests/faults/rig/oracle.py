"""What has to hold whatever was killed: the invariants, each a function that names what broke it."""

import time
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from patching import progress, push, turns
from patching.models import (
    AccountRegion,
    ChangeRequest,
    Decision,
    MaintenanceWindow,
    Operation,
    PushRun,
    ResourceState,
    Waiver,
)
from patching.simulator.simulation import Call, Simulation
from patching.specs import DEFERRED
from portal.governance import audit, clock
from tests.simulated_aws import SimulatedAws

State, Condition = ChangeRequest.State, ResourceState.Condition
# writes that are the same however often they arrive; botocore puts a token of its own on them
TOKEN_BY_BOTOCORE = {"scheduler:UpdateSchedule", "scheduler:DeleteSchedule"}
MARK = "patchwarden:resource-uid"
GREATEST = 40  # passes until everything stands


class Witness:
    """Stands beside the simulated AWS with a watch of its own, and remembers when each write arrived."""

    def __init__(self, aws: SimulatedAws) -> None:
        self.calls: list[tuple[datetime, Call, dict[str, Any]]] = []
        self._simulation: Simulation = aws.simulation
        self._note = aws.simulation.note
        aws.simulation.note = self._see  # type: ignore[method-assign]

    def _see(self, call: Call, request: dict[str, Any]) -> None:
        self.calls.append((datetime.now(UTC), call, request))
        self._note(call, request)

    def leave(self) -> None:
        self._simulation.note = self._note  # type: ignore[method-assign]


def converge(places: Iterable[AccountRegion]) -> int:
    """Push as the operator would until nothing is left to write; returns how many passes that took. I4."""
    passes = 0
    progress.settle_idle()  # what changes nothing in AWS, as each tick does
    for place in places:
        for _ in range(GREATEST):
            AccountRegion.objects.filter(pk=place.pk).update(lease_until=None)
            turns.want(place, by_hand=True)
            place.refresh_from_db()
            run = push.push(place, trigger="oracle")
            passes += 1
            if run is not None and (run.state, run.writes) == ("succeeded", 0):
                break
        else:
            raise AssertionError(f"{place} does not converge: {run and run.error}; {_standing(place)}")
    return passes


def pass_the_pauses() -> None:
    """Let every pause between two tries be over, as after some minutes; leases run out by themselves."""
    AccountRegion.objects.update(nudged_at=None, backoff_until=None, circuit_until=None)


def settles(seconds: float) -> float:
    """Wait until the workers have everything in sync by themselves; returns how long that took.

    AssertionError when it came no nearer to that for so many seconds: a busy machine is slow, not stuck.
    """
    began = nearer = time.monotonic()
    fewest = None
    while left := _left():
        now = time.monotonic()
        if fewest is None or len(left) < fewest:
            fewest, nearer = len(left), now
        if now - nearer > seconds:
            raise AssertionError(f"For {seconds:.0f} s no nearer to being in sync: {left[:5]}")
        time.sleep(1)
    return time.monotonic() - began


def _left() -> list[str]:
    pass_the_pauses()
    return unsettled()


def doubles(aws: SimulatedAws) -> list[str]:
    """More than one live object with one mark. I2."""
    found: list[str] = []
    for place, region in aws.world.regions.items():
        tagged = [tags[MARK] for tags in region.tags.values() if MARK in tags]
        targets = [one.get("OwnerInformation", "") for one in region.targets.values()]
        tasks = [one.get("Name", "") for one in region.tasks.values()]
        schedules = [one["Name"] for one in region.schedules.values()]
        uids = [*tagged, *map(_uid, targets), *map(_uid, tasks), *map(_uid, schedules)]
        found += [
            f"{place}: {count} of {uid}" for uid, count in Counter(filter(None, uids)).items() if count > 1
        ]
        names = Counter(window["Name"] for window in region.windows.values())
        found += [f"{place}: {count} windows {name}" for name, count in names.items() if count > 1]
    return found


def _uid(mark: str) -> str:
    """``pw:<uid>:<incarnation>`` and ``pw.<uid>.<incarnation>``; two lives of one object are two objects."""
    for sign in ":.":
        parts = mark.split(sign)
        if parts[0] == "pw" and len(parts) > 2:
            return sign.join(parts[1:-1])
    return ""


def unlike(aws: SimulatedAws) -> list[str]:
    """Where AWS is not as the newest approval has it, read past our own code. I5."""
    wrong = []
    for window in MaintenanceWindow.objects.select_related("account_region__account"):
        place = window.account_region
        region = aws.world.region(place.account.account_id, place.region)
        live = [one for one in region.windows.values() if one["Name"] == window.name]
        if window.retired_at:
            successors = MaintenanceWindow.objects.live().filter(name=window.name, account_region=place)
            if live and not successors.exists():
                wrong.append(f"{window.name} is still there")
            continue
        if len(live) != 1:
            wrong.append(f"{window.name} is there {len(live)} times")
            continue
        shown = live[0]
        same = (shown["Schedule"], shown["Duration"], shown["Cutoff"]) == tuple(
            window.spec[name] for name in ("schedule", "duration", "cutoff")
        )
        parts = [one for one in region.tasks.values() if one["WindowId"] == shown["WindowId"]]
        targets = [one for one in region.targets.values() if one["WindowId"] == shown["WindowId"]]
        if not same or len(parts) != len(window.spec["tasks"]) or not targets or not shown["Enabled"]:
            wrong.append(f"{window.name} is not as approved")
        deferred = set(Waiver.objects.in_force(clock.now()).values_list("instance__instance_id", flat=True))
        for instance_id in window.spec["instances"]:
            tag = aws.world.nodes[instance_id].tags.get(place.account.window_tag)
            if tag != (DEFERRED if instance_id in deferred else window.name):
                wrong.append(f"{instance_id} is tagged {tag}, not {window.name}")
    return wrong


def unsettled() -> list[str]:
    """Approvals that came to no end, resources out of sync, operations and runs left open. I1, I4."""
    ended = (State.DRAFT, State.APPLIED, State.SUPERSEDED, State.STALE, State.WITHDRAWN, State.REJECTED)
    waiting = ChangeRequest.objects.exclude(state__in=ended)  # a draft waits for its author
    resources = ResourceState.objects.exclude(condition__in=(Condition.IN_SYNC, Condition.REMOVED))
    return [
        *(f"{request.number} is {request.state}: {request.outcome_note}" for request in waiting),
        *(f"{one} is {one.condition}: {one.condition_text}" for one in resources),
        *(f"{one} is open" for one in Operation.objects.filter(state=Operation.State.INTENT)),
        *(f"{one} runs" for one in PushRun.objects.filter(state=PushRun.State.RUNNING)),
    ]


def unbidden(witness: Witness) -> list[str]:
    """Writes without an operation of exactly that request before them, or without an approval behind it. I3."""
    operations: dict[tuple[str, str], list[Operation]] = {}
    for operation in Operation.objects.select_related("resource"):
        operations.setdefault((operation.call, _plain(operation.request)), []).append(operation)
    approved = approved_digests()
    found = []
    for at, call, request in witness.calls:
        name = f"{call.service}:{call.operation}"
        rows = operations.get((name, _plain(request)), [])
        if not rows and name in TOKEN_BY_BOTOCORE:
            sent = {field: value for field, value in request.items() if field != "ClientToken"}
            rows = operations.get((name, _plain(sent)), [])
        # a repeated operation keeps the moment of its last attempt only
        if not any(row.attempts > 1 or row.intent_at <= at for row in rows):
            found.append(f"{name} at {at:%H:%M:%S} has no operation before it")
        elif not any(_is_approved(row.resource, approved) for row in rows):
            found.append(f"{name} for {rows[0].resource} has no approval behind it")
    return found


def approved_digests() -> set[tuple[str, str]]:
    rows = Decision.objects.filter(closes=True, outcome="approve").values_list(
        "revision_id", "revision__digest"
    )
    return {(str(pk), digest) for pk, digest in rows}


def _is_approved(resource: ResourceState, approved: set[tuple[str, str]]) -> bool:
    sources = [one for one in resource.sources if one["kind"] == "revision"]
    return all((one["id"], one["digest"]) in approved for one in sources)


def _plain(request: Any) -> str:
    return repr(_sorted(request))


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return sorted((name, _sorted(one)) for name, one in value.items())
    return [_sorted(one) for one in value] if isinstance(value, list) else value


def foreign(aws: SimulatedAws) -> dict[str, str]:
    """Everything in AWS that does not carry our mark, as text: the same before and after. I7."""
    found: dict[str, str] = {}
    for place, region in aws.world.regions.items():
        ours = {name.partition("/")[2] for name, tags in region.tags.items() if MARK in tags}
        for rows in (region.windows, region.baselines):
            found |= {f"{place}/{aws_id}": repr(row) for aws_id, row in rows.items() if aws_id not in ours}
    return found


def chain() -> str:
    """What is wrong with the audit log; "" when it holds. I6."""
    proof = audit.verify()
    return "" if proof.holds else proof.problem


def exposed(aws: SimulatedAws) -> list[str]:
    """Windows that are open while they are half full."""
    found = []
    for region in aws.world.regions.values():
        for window_id, window in region.windows.items():
            targets = [one for one in region.targets.values() if one["WindowId"] == window_id]
            tasks = [one for one in region.tasks.values() if one["WindowId"] == window_id]
            # one in the moment of its birth is enabled whatever we ask for, and empty
            if window["Enabled"] and bool(targets) != bool(tasks):
                found.append(f"{window['Name']} is open with {len(targets)} targets and {len(tasks)} tasks")
    return found


def raise_unless_whole(
    aws: SimulatedAws, places: Iterable[AccountRegion], witness: Witness | None = None
) -> None:
    """All of it, once the faults are over."""
    converge(list(places))
    assert unsettled() == []
    assert doubles(aws) == []
    assert unlike(aws) == []
    assert chain() == ""
    if witness is not None:
        assert unbidden(witness) == []


def _standing(place: AccountRegion) -> list[str]:
    rows = ResourceState.objects.filter(account_region=place).exclude(condition__in=("in_sync", "removed"))
    return [f"{one}: {one.condition} {one.condition_text}" for one in rows[:10]]
