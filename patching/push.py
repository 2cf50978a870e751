"""One pass over one account-region: read, compare, do what is approved, read back, write down how it ended.

Any number of passes leads to the same end as one, wherever the one before it died (design.md §6).
"""

import logging
import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction

from patching import (
    adopting,
    breaker,
    concluding,
    desired,
    effects,
    hold_ends,
    intents,
    outside,
    progress,
    writing,
)
from patching import lease as leases
from patching import plan as planning
from patching.aws import session
from patching.aws.adapters import Adapters
from patching.aws.errors import EXPIRED, AwsBusy, AwsError
from patching.aws.marks import Observed
from patching.concluding import Ending
from patching.crashpoints import crashpoint
from patching.lease import Lease, LeaseLostError
from patching.models import AccountRegion, Operation, PushRun, ResourceState
from patching.plan import Adopted, Known, Plan, same
from patching.reaching import reach
from patching.specs import Key, RegistrationSpec, TagSpec, to_plain
from patching.work import Work, sources_as_plain
from patching.writing import OutOfTimeError
from portal.governance import clock, host_clock
from portal.governance.canonical import digest_of
from portal.governance.states import move

logger = logging.getLogger(__name__)

CHECK_EVERY = timedelta(minutes=15)  # how often AWS is compared with what is approved, give or take a third
LONGEST_PAUSE = timedelta(minutes=15)
NUMBERED_BY_AWS = {"baseline", "window", "target", "task"}  # a second one of these would be another one
FAILED = "Pushing failed: "  # how an account-region's error begins when it is ours to take back
State, Condition = PushRun.State, ResourceState.Condition


def push(account_region: AccountRegion, *, trigger: str) -> PushRun | None:
    """Make AWS what was approved. None when somebody else is at it just now.

    Raises HostClockOff where this host's clock is too wrong for that.
    """
    host_clock.must_be_right()
    lease = leases.take(account_region)
    if lease is None:
        return None
    place = AccountRegion.objects.select_related("account").get(pk=account_region.pk)
    try:
        run = _open_run(place, lease, trigger)
        crashpoint("run-opened")
        try:
            _pass(place, lease, run)
        except LeaseLostError:
            logger.warning("%s lost its lease; another worker goes on.", run)
        except Exception:
            if PushRun.objects.filter(pk=run.pk, state=State.RUNNING).exists():
                _end(place, lease, run, BROKEN)
            raise
        run.refresh_from_db()
        return run
    finally:
        leases.release(lease)


BROKEN = Ending(State.FAILED, "internal", "Patchwarden itself failed; its log says how.", "busy")
PAUSED = "paused"


def _pass(place: AccountRegion, lease: Lease, run: PushRun) -> None:
    effects.let_go_of_held(place)
    full = not _is_only_wished_for(place)
    with session.counted(before_read=leases.Renewal(lease)) as calls:
        try:
            ending = _work_through(_begin_with_fresh_keys(place, lease, run, full=full))
            if ending.again != "busy":
                breaker.reset(place)
        except AwsError as problem:
            breaker.trip(place, problem)
            ending = Ending(State.FAILED, problem.code, str(problem), "busy")
    crashpoint("before-run-closed")
    reads = sum(number for call, number in calls.items() if session.is_read(call.partition(":")[2]))
    _end(place, lease, run, ending, full=full, reads=reads)
    crashpoint("run-closed")
    hold_ends.prove(place, run)
    progress.settle(place, refusal=ending.error if ending.code == "refused" else "")


def _begin_with_fresh_keys(place: AccountRegion, lease: Lease, run: PushRun, *, full: bool) -> Work:
    """A session that ended early is no reason to wait: the role is assumed anew, once."""
    try:
        return _begin_work(place, lease, run, full=full)
    except AwsBusy as problem:
        if problem.code not in EXPIRED:
            raise
        session.forget(place)
        return _begin_work(place, lease, run, full=full)


def _is_only_wished_for(place: AccountRegion) -> bool:
    """Something new is wanted, and everything else was compared not long ago: what is in sync may be believed."""
    compared = place.next_push_at is not None and place.next_push_at > clock.now()
    return compared and place.push_wanted > place.push_done


def _work_through(work: Work) -> Ending:
    _note_what_is_read(work)
    if progress.started(work.place):
        return Ending(
            State.PARTIAL, "stale", "A request went stale; the next push goes on without it.", "soon"
        )
    crashpoint("requests-started")
    _settle_open_operations(work)
    found = outside.look(work)
    known = _known(work)
    work.waiting = {key for key, one in known.items() if one.waits}
    if outside.note(work, found, work.waiting):
        return _paused(work, len(found))
    planned = _plan(work, known)
    _write_down(work, planned)
    crashpoint("plan-written")
    if planned.refusal:
        return Ending(State.REFUSED, "refused", planned.refusal)
    return _carry_out(work, planned)


def _paused(work: Work, changes: int) -> Ending:
    why = f"Nothing is written here until a person decides about {changes} changes made outside Patchwarden."
    for key, obstacle in work.held.items():
        work.stuck[key] = obstacle.reason
    return Ending(State.REFUSED, PAUSED, why)


def preview(account_region: AccountRegion) -> Plan:
    """The plan that a push would make now. Reads AWS, writes nothing anywhere."""
    work = _begin_work(account_region, Lease(account_region.pk, "", -1), PushRun(), full=True)
    outside.foresee(work, outside.look(work))
    return _plan(work, _known(work))


# Before: what is known, what was left open


@transaction.atomic
def _open_run(place: AccountRegion, lease: Lease, trigger: str) -> PushRun:
    """A run of a worker that lost its lease is closed by whoever holds it next."""
    leases.hold(lease)
    for lost in PushRun.objects.filter(account_region=place, state=State.RUNNING):
        move(
            lost,
            State.ABANDONED,
            by=None,
            finished_at=clock.now(),
            error_code="worker_lost",
            error="The worker stopped before it was done. The next push went on where it stopped.",
        )
    return PushRun.objects.create(
        account_region=place,
        trigger=trigger[:60],
        generation=place.push_wanted,
        fence=lease.fence,
        started_at=clock.now(),
    )


def _begin_work(place: AccountRegion, lease: Lease, run: PushRun, *, full: bool) -> Work:
    """What should be, what we remember, and what AWS shows."""
    began = clock.now()
    world = desired.desired_for(place, began)
    adapters = Adapters(
        reach(place),
        installation=settings.INSTALLATION,
        restore_role=settings.RESTORE_ROLE_NAME,
    )
    work = Work(place, lease, run, adapters, world, _states(place), full=full)
    work.adoptions = adopting.open_in(place)
    work.look()
    if (boundary := desired.next_boundary(place, began)) is not None and boundary <= clock.now():
        # an exemption or a hold has begun or ended while we looked, and AWS's own schedule may have acted on it
        work.want(desired.desired_for(place, clock.now()))
    return work


def _states(place: AccountRegion) -> dict[Key, ResourceState]:
    rows = ResourceState.objects.filter(account_region=place)
    found = {Key(state.kind, state.key): state for state in rows}
    for state in found.values():
        state.account_region = place
    return found


def _note_what_is_read(work: Work) -> None:
    """Keep what AWS shows now, so that a request is held against it and not against the look before."""
    with transaction.atomic():
        leases.hold(work.lease)  # reading may have taken long
    for key, seen in work.live.items():
        state = work.states.get(key)
        if state is not None and not seen.foreign:
            # that a window rests or is kept shut is no change of what a request was decided upon
            digest = digest_of(to_plain(planning.content(seen.spec)))
            intents.note(work.lease, state, observed_digest=digest)


def _settle_open_operations(work: Work) -> None:
    """Writes whose answer never came: what AWS shows decides, and only then, after a while, its silence."""
    rows = Operation.objects.filter(resource__account_region=work.place, state=Operation.State.INTENT)
    for operation in rows.select_related("resource"):
        key = Key(operation.resource.kind, operation.resource.key)
        operation.resource = work.resource(key)
        seen = work.live.get(key)
        found = seen if seen is not None and not seen.foreign else None
        if "ClientToken" in operation.request:
            if found is not None:
                note = "The answer was lost; it was found by its mark."
                intents.succeed(work.lease, operation, note=note, **_adopted(found))
            elif key not in work.world:
                why = "The answer was lost, it is not in AWS, and it is no longer wanted."
                if not _within_settle_time(operation.intent_at):
                    intents.give_up(work.lease, operation, why)
            continue
        why = "The answer was lost; what AWS shows now decides."
        changes = _adopted(found) if found is not None and _is_our_write(operation, found) else {}
        intents.give_up(work.lease, operation, why, **changes)


def _adopted(seen: Observed) -> dict[str, Any]:
    plain = to_plain(seen.spec)
    return {
        "aws_id": seen.aws_id,
        "incarnation": max(seen.incarnation, 1),
        "applied": plain,
        "applied_digest": digest_of(plain),
        "condition": Condition.OUT_OF_SYNC,
        "condition_text": "Found in AWS by its mark.",
    }


def _is_our_write(operation: Operation, seen: Observed) -> bool:
    """Whether what stands there may be what the lost call wrote. A tag is ours only with the very value we sent."""
    if not isinstance(seen.spec, TagSpec):
        return True
    return operation.request["Tags"][0].get("Value") == seen.spec.value


def _within_settle_time(moment: datetime | None) -> bool:
    settle = timedelta(seconds=settings.PUSH_SETTLE_SECONDS)
    return moment is not None and clock.real_now() - moment < settle


# The plan


def _plan(work: Work, known: Mapping[Key, Known]) -> Plan:
    work.resting = {key for key, one in known.items() if one.fails}
    return planning.plan(
        work.world,
        work.observed,
        {
            key: replace(one, held=work.held[key].reason) if key in work.held else one
            for key, one in known.items()
        },
        {key for key in concluding.tombstones(work.place) if work.gate.gives_leave(key)},
        max_delete_share=settings.PUSH_MAX_DELETE_SHARE,
        windows_of_group=work.windows_of_group,
        group_tag=work.place.account.patch_group_tag,
        adoptions={key: Adopted(one.aws_id, one.content_digest) for key, one in work.adoptions.items()},
    )


def _known(work: Work) -> dict[Key, Known]:
    created = Operation.objects.filter(
        resource__account_region=work.place,
        action="create",
        state=Operation.State.DONE,
        resolved_at__gt=clock.real_now() - timedelta(seconds=settings.PUSH_SETTLE_SECONDS),
    )
    fresh = set(created.values_list("resource_id", flat=True))
    unanswered = dict(
        Operation.objects.filter(
            resource__account_region=work.place, state=Operation.State.INTENT
        ).values_list("resource_id", "intent_at")
    )
    ended = PushRun.objects.filter(account_region=work.place).exclude(
        state__in=(State.RUNNING, State.ABANDONED)
    )
    last = ended.values_list("generation", flat=True).first()
    asked_for = last is None or work.place.push_wanted > last
    extra = {str(uid) for uid in work.place.occurrences.values_list("uid", flat=True)}
    return {
        key: Known(
            aws_id=state.aws_id,
            applied=work.applied(key),
            earlier=(state.earlier or {}).get("value"),
            waits=_why_wait(work, key, state, fresh, unanswered),
            fails=_why_not_again(work, key, state, asked_for=asked_for),
            restores=bool(state.restore_digest) and state.restore_digest == _live_digest(work, key),
            waived=any(source["kind"] in ("waiver", "hold") for source in state.sources)
            or key.name.partition(":")[0] in extra,
        )
        for key, state in work.states.items()
    }


def _why_wait(
    work: Work, key: Key, state: ResourceState, fresh: set[int], unanswered: Mapping[int, datetime]
) -> str:
    """Why nothing can be decided about a resource yet: AWS may still be about to show it, or a run is on."""
    if key not in work.live and _has_done_its_work(state):
        return ""
    if key not in work.live and _within_settle_time(unanswered.get(state.pk)):
        return "The last write got no answer; AWS may still show it."
    if key not in work.live and state.pk in fresh and state.aws_id:
        return f"AWS does not show {state.aws_id} yet."
    if key not in work.live and _may_show_again(key, state):
        return f"AWS no longer shows {state.aws_id}. It is looked at again before it is made anew."
    wanted, seen = work.world.get(key), work.live.get(key)
    if wanted is None or seen is None or seen.foreign or same(seen.spec, wanted.spec):
        return ""
    if isinstance(wanted.spec, RegistrationSpec):
        return _running_window(work, wanted.spec.patch_group)
    return ""


def _has_done_its_work(state: ResourceState) -> bool:
    """A schedule whose moment is over has deleted itself: that it is missed once is enough."""
    moment = (state.applied or {}).get("at", "")
    return bool(moment) and moment <= f"{clock.now():%Y-%m-%dT%H:%M:%S}"


def _may_show_again(key: Key, state: ResourceState) -> bool:
    """A list may leave out for a moment what is there. It is believed the second time, a settle wait later."""
    if key.kind not in NUMBERED_BY_AWS or not state.aws_id or not settings.PUSH_SETTLE_SECONDS:
        return False
    return state.missing_since is None or _within_settle_time(state.missing_since)


def _live_digest(work: Work, key: Key) -> str:
    seen = work.live.get(key)
    return outside.GONE if seen is None else digest_of(to_plain(seen.spec))


def _running_window(work: Work, patch_group: str) -> str:
    """A baseline is not taken from under a run: disabling a window does not stop it."""
    since = clock.now() - writing.LONGEST_WINDOW
    for window in sorted(work.windows_of_group.get(patch_group, ())):
        if window in work.ids and work.adapters.windows.is_running(work.ids[window], since):
            return f"Waits until the run of {work.label(window)} has ended."
    return ""


def _why_not_again(work: Work, key: Key, state: ResourceState, *, asked_for: bool) -> str:
    """What failed for the same wish is not tried again at once, and what is parked not at all."""
    wanted = work.world.get(key)
    if wanted is not None and state.sources != sources_as_plain(wanted):
        return ""
    if state.condition == Condition.PARKED:
        return state.condition_text
    if asked_for or state.condition != Condition.FAILED or state.retry_at is None:
        return ""
    return state.condition_text if state.retry_at > clock.real_now() else ""


def _write_down(work: Work, planned: Plan) -> None:
    """Save the plan before the first step, and what is not done and why."""
    notes = [
        *(("blocked", note) for note in planned.blocked),
        *(("waiting", note) for note in planned.waiting),
        *(("orphan", note) for note in planned.orphans),
        *(("twin", note) for note in planned.twins),
    ]
    told = [
        {
            "action": action,
            "kind": note.key.kind,
            "key": note.key.name,
            "label": note.label,
            "aws_id": note.aws_id,
            "reason": note.reason,
            "changes": [],
        }
        for action, note in notes
    ]
    told += [
        {
            "action": "blocked",
            "kind": "",
            "key": "",
            "label": label,
            "aws_id": "",
            "reason": why,
            "changes": [],
        }
        for label, why in sorted(getattr(work.world, "broken", {}).items())
    ]
    with transaction.atomic():
        leases.hold(work.lease)
        PushRun.objects.filter(pk=work.run.pk).update(
            plan=[*(step.as_plain() for step in planned.steps), *told], plan_digest=planned.digest
        )


# Doing it, and what became of it


def _carry_out(work: Work, planned: Plan) -> Ending:
    held = {note.key: note.reason for note in (*planned.waiting, *planned.blocked)}
    work.stuck.update({key: why for key, why in held.items() if not work.is_right(key)})
    stopped: AwsBusy | OutOfTimeError | None = None
    try:
        writing.carry_out(work, planned.steps)
        if work.wrote_since_look:
            crashpoint("before-read-back")
            work.look()
    except (AwsBusy, OutOfTimeError) as problem:
        stopped = problem
    concluding.conclude(work, planned, complete=stopped is None)
    if isinstance(stopped, AwsBusy):
        breaker.trip(work.place, stopped)
        return Ending(concluding.partly(work), stopped.code, str(stopped), "busy")
    if stopped is not None:
        return Ending(State.PARTIAL, "out_of_time", "There is more to do; the next push goes on.", "soon")
    return concluding.ending(work, planned)


@transaction.atomic
def _end(
    place: AccountRegion, lease: Lease, run: PushRun, ending: Ending, *, full: bool = True, reads: int = 0
) -> None:
    """Close the run, and say when to come back."""
    leases.hold(lease)
    move(
        run,
        ending.state,
        by=None,
        reason=ending.error,
        finished_at=clock.now(),
        error_code=ending.code[:80],
        error=ending.error,
        reads=reads,
    )
    now, here = clock.now(), AccountRegion.objects.filter(pk=place.pk)
    boundary = desired.next_boundary(place, now)
    check = now + CHECK_EVERY * random.uniform(0.67, 1.33)  # noqa: S311 - spreads load, guards nothing
    if not full and place.next_push_at is not None:
        check = place.next_push_at
    if ending.again and place.push_wanted <= place.push_done:
        check = now  # what a comparison began goes on when the pause is over, though nobody asked for it
    changes: dict[str, Any] = {"next_push_at": min(filter(None, (check, boundary))), "nudged_at": None}
    if not ending.again:
        here.filter(push_wanted=run.generation).update(wanted_at=None)
    if ending.again:
        failures = place.failures + 1 if ending.again == "busy" else 0
        changes |= {"failures": failures}
        # whoever asked meanwhile need not wait
        here.filter(push_wanted=run.generation).update(
            backoff_until=clock.real_now() + _pause(ending, failures)
        )
    else:
        changes |= {"failures": 0, "backoff_until": None, "push_done": run.generation}
    if ending.state in (State.SUCCEEDED, State.PARTIAL):
        changes["last_pushed_at"] = now
    if ending.error:
        changes |= {"last_error_code": ending.code[:80], "last_error": f"{FAILED}{ending.error}"}
    here.update(**changes)
    if not ending.error:
        here.filter(last_error__startswith=FAILED).update(last_error_code="", last_error="")


def _pause(ending: Ending, failures: int) -> timedelta:
    """Full jitter, so that many that failed together do not come back together."""
    if ending.again == "soon":
        return timedelta(seconds=min(30, settings.PUSH_SETTLE_SECONDS / 2))
    longest = min(LONGEST_PAUSE, timedelta(seconds=5 * 2 ** min(failures, 10)))
    return longest * random.uniform(0.1, 1.0)  # noqa: S311 - spreads load, guards nothing
