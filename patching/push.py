"""One pass over one account-region: read, compare, do what is approved, read back, write down how it ended.

Any number of passes leads to the same end as one, wherever the one before it died (design.md §6).
"""

import logging
import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet

from patching import desired, intents, progress, writing
from patching import lease as leases
from patching import plan as planning
from patching.aws import session
from patching.aws.adapters import Adapters
from patching.aws.errors import AwsBusy, AwsError
from patching.aws.marks import Observed
from patching.crashpoints import crashpoint
from patching.lease import Lease, LeaseLostError
from patching.models import AccountRegion, Operation, PushRun, ResourceState, Tombstone
from patching.plan import OUTSIDE, Known, Plan, parent_of, same
from patching.specs import Desired, Key, RegistrationSpec, TagSpec, differences, to_plain
from patching.writing import OutOfTimeError, Work
from portal.governance import clock
from portal.governance.canonical import digest_of
from portal.governance.states import move

logger = logging.getLogger(__name__)

CHECK_EVERY = timedelta(minutes=15)  # how often AWS is compared with what is approved, give or take a third
LONGEST_PAUSE = timedelta(minutes=15)
RETRY_FAILED_AFTER = timedelta(hours=1)
FAILED = "Pushing failed: "  # how an account-region's error begins when it is ours to take back
State, Condition = PushRun.State, ResourceState.Condition


def due() -> QuerySet[AccountRegion]:
    """Account-regions that have something to push or to compare, the longest waiting first."""
    real_now = clock.real_now()
    wanted = Q(push_wanted__gt=F("push_done")) | Q(next_push_at=None) | Q(next_push_at__lte=clock.now())
    free = (Q(backoff_until=None) | Q(backoff_until__lte=real_now)) & (
        Q(lease_until=None) | Q(lease_until__lte=real_now)
    )
    return AccountRegion.objects.filter(wanted & free, is_active=True).order_by("next_push_at", "pk")


def want(account_region: AccountRegion) -> None:
    """Have it pushed at the next tick, whatever it last ended with."""
    AccountRegion.objects.filter(pk=account_region.pk).update(
        push_wanted=F("push_wanted") + 1, backoff_until=None
    )


def want_all() -> None:
    """Have every active account-region compared at the next tick: the demo's clock was moved."""
    AccountRegion.objects.filter(is_active=True).update(next_push_at=clock.now())


def push(account_region: AccountRegion, *, trigger: str) -> PushRun | None:
    """Make AWS what was approved. None when somebody else is at it just now."""
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


@dataclass(frozen=True)
class Ending:
    """How a pass ended, and whether somebody has to come back soon."""

    state: str
    code: str = ""
    error: str = ""
    again: str = ""  # "busy": later and later; "soon": when what we wait for is over


BROKEN = Ending(State.FAILED, "internal", "Patchwarden itself failed; its log says how.", "busy")


def _pass(place: AccountRegion, lease: Lease, run: PushRun) -> None:
    progress.started(place)
    crashpoint("requests-started")
    try:
        work = _begin_work(place, lease, run)
        _settle_open_operations(work)
        planned = _plan(work)
        _write_down(work, planned)
        crashpoint("plan-written")
        ending = _refused(planned.refusal) if planned.refusal else _carry_out(work, planned)
    except AwsError as problem:
        ending = Ending(State.FAILED, problem.code, str(problem), "busy")
    crashpoint("before-run-closed")
    _end(place, lease, run, ending)
    crashpoint("run-closed")
    progress.settle(place, refusal=ending.error if ending.state == State.REFUSED else "")


def _refused(why: str) -> Ending:
    return Ending(State.REFUSED, "refused", why)


def preview(account_region: AccountRegion) -> Plan:
    """The plan that a push would make now. Reads AWS, writes nothing anywhere."""
    return _plan(_begin_work(account_region, Lease(account_region.pk, "", -1), PushRun()))


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


def _begin_work(place: AccountRegion, lease: Lease, run: PushRun) -> Work:
    """What should be, what we remember, and what AWS shows."""
    world = desired.desired_for(place, clock.now())
    adapters = Adapters(
        session.clients(place),
        installation=settings.INSTALLATION,
        restore_role=settings.RESTORE_ROLE_NAME,
    )
    work = Work(place, lease, run, adapters, world, _states(place), _windows_of_groups(place, world))
    work.look()
    return work


def _states(place: AccountRegion) -> dict[Key, ResourceState]:
    rows = ResourceState.objects.filter(account_region=place)
    found = {Key(state.kind, state.key): state for state in rows}
    for state in found.values():
        state.account_region = place
    return found


def _windows_of_groups(place: AccountRegion, world: Mapping[Key, Desired]) -> dict[str, frozenset[Key]]:
    """The windows in which each group's instances are patched."""
    account = place.account
    groups = {one.spec.patch_group for one in world.values() if isinstance(one.spec, RegistrationSpec)}
    return {
        group: frozenset(desired.windows_of_group(world, group, account.patch_group_tag, account.window_tag))
        for group in groups
    }


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


def _plan(work: Work) -> Plan:
    return planning.plan(
        work.world,
        work.observed,
        _known(work),
        _tombstones(work.place),
        max_delete_share=settings.PUSH_MAX_DELETE_SHARE,
        windows_of_group=work.windows_of_group,
    )


def _tombstones(place: AccountRegion) -> set[Key]:
    rows = Tombstone.objects.filter(account_region=place, buried_at=None)
    return {Key(stone.kind, stone.key) for stone in rows}


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
    return {
        key: Known(
            aws_id=state.aws_id,
            applied=work.applied(key),
            earlier=(state.earlier or {}).get("value"),
            waits=_why_wait(work, key, state, fresh, unanswered),
            fails="" if asked_for else _why_not_again(work, key, state),
        )
        for key, state in work.states.items()
    }


def _why_wait(
    work: Work, key: Key, state: ResourceState, fresh: set[int], unanswered: Mapping[int, datetime]
) -> str:
    """Why nothing can be decided about a resource yet: AWS may still be about to show it, or a run is on."""
    if key not in work.live and _within_settle_time(unanswered.get(state.pk)):
        return "The last write got no answer; AWS may still show it."
    if key not in work.live and state.pk in fresh and state.aws_id:
        return f"AWS does not show {state.aws_id} yet."
    wanted, seen = work.world.get(key), work.live.get(key)
    if wanted is None or seen is None or seen.foreign or same(seen.spec, wanted.spec):
        return ""
    if isinstance(wanted.spec, RegistrationSpec):
        return _running_window(work, wanted.spec.patch_group)
    return ""


def _running_window(work: Work, patch_group: str) -> str:
    """A baseline is not taken from under a run: disabling a window does not stop it."""
    since = clock.now() - writing.LONGEST_WINDOW
    for window in sorted(work.windows_of_group.get(patch_group, ())):
        if window in work.ids and work.adapters.windows.is_running(work.ids[window], since):
            return f"Waits until the run of {work.world[window].label} has ended."
    return ""


def _why_not_again(work: Work, key: Key, state: ResourceState) -> str:
    """What failed for the same wish is not tried again at once; AWS would say the same."""
    wanted = work.world.get(key)
    if state.condition != Condition.FAILED or state.retry_at is None or wanted is None:
        return ""
    unchanged = state.sources == writing.sources_as_plain(wanted)
    return state.condition_text if unchanged and state.retry_at > clock.real_now() else ""


def _write_down(work: Work, planned: Plan) -> None:
    """Save the plan before the first step, and what was found changed or gone."""
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
    with transaction.atomic():
        leases.hold(work.lease)
        PushRun.objects.filter(pk=work.run.pk).update(
            plan=[*(step.as_plain() for step in planned.steps), *told], plan_digest=planned.digest
        )
    for step in planned.steps:
        if step.reason == OUTSIDE and work.resource(step.key).condition != Condition.DRIFTED:
            changed = "; ".join(
                f"{one.field}: “{one.live}” instead of “{one.desired}”" for one in step.changes
            )
            _note_outside_change(work, step.key, Condition.DRIFTED, changed or "It was disabled.")
        elif step.action == "create" and work.resource(step.key).aws_id:
            gone = f"{work.resource(step.key).aws_id} was removed from AWS outside Patchwarden."
            _note_outside_change(work, step.key, Condition.MISSING, gone)


def _note_outside_change(work: Work, key: Key, condition: str, text: str) -> None:
    intents.note(
        work.lease, work.resource(key), audited_as=condition, condition=condition, condition_text=text
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
    _conclude(work, planned, complete=stopped is None)
    if isinstance(stopped, AwsBusy):
        return Ending(_partly(work), stopped.code, str(stopped), "busy")
    if stopped is not None:
        return Ending(State.PARTIAL, "out_of_time", "There is more to do; the next push goes on.", "soon")
    return _ending(work, planned)


def _ending(work: Work, planned: Plan) -> Ending:
    wrong = {key for key in work.world if not _is_in_sync(work, key)}
    failed = {note.key for note in planned.blocked} | set(work.failed)
    left = _tombstones(work.place)
    unlike = wrong | failed | left
    if not unlike:
        return Ending(State.SUCCEEDED)
    # names stay with the plan and the operations, which a team reads only as far as they are its own
    total = len(work.world) + len(left)
    text = f"{len(unlike)} of {total} resources are not as approved; the plan and the operations say which and why."
    hopeless = unlike <= _consequences(work, failed | work.closed)
    return Ending(_partly(work), "partial", text, "" if hopeless else "soon")


def _consequences(work: Work, failed: set[Key]) -> set[Key]:
    """What cannot be done as things are, and what only waits for it: coming back soon would not help."""
    found, grown = set(failed), True
    world = planning.World(work.world, work.live, {}, frozenset(), work.windows_of_group)
    while grown:
        more = {
            key
            for key, one in work.world.items()
            if found & ({*planning.needs_of(world, one)} | _needs_to_open(world, key))
        }
        grown = not more <= found
        found |= more
    return found


def _needs_to_open(world: planning.World, key: Key) -> set[Key]:
    return {*world.children(key), *world.judges(key)} if key.kind == "window" else set()


def _partly(work: Work) -> str:
    done = work.wrote > len(work.failed) or any(_is_in_sync(work, key) for key in work.world)
    return State.PARTIAL if done else State.FAILED


def _is_in_sync(work: Work, key: Key) -> bool:
    """Only what reads back as wanted, its windows open where they should be, is in sync."""
    seen = work.live.get(key)
    return seen is not None and not seen.foreign and seen.spec == work.world[key].spec


def _conclude(work: Work, planned: Plan, *, complete: bool) -> None:
    """Write down for each resource how it stands. When the pass stopped early, only what is certain."""
    twins = {note.key: note.reason for note in planned.twins}
    refused = {note.key: note.reason for note in planned.blocked}
    for key, wanted in work.world.items():
        if key in work.failed:
            _note_failure(work, key, str(work.failed[key]))
        elif key in refused and not _is_in_sync(work, key):
            _note_failure(work, key, refused[key])
        elif complete:
            _note_standing(work, key, wanted, twins.get(key, ""))
    if complete:
        _bury(work, planned)


def _note_standing(work: Work, key: Key, wanted: Desired, twin: str) -> None:
    state, seen = work.resource(key), work.live.get(key)
    about: dict[str, Any] = {
        "label": wanted.label,
        "uid": wanted.uid,
        "sources": writing.sources_as_plain(wanted),
    }
    if seen is None:
        missing: dict[str, Any] = {
            "condition": Condition.PENDING,
            "condition_text": work.stuck.get(key, "Not in AWS yet."),
        }
        intents.note(work.lease, state, **about, **missing)
        return
    observed = digest_of(to_plain(seen.spec))
    if not _is_in_sync(work, key):
        differs = ", ".join(one.field for one in differences(seen.spec, wanted.spec))
        text = work.stuck.get(key) or f"Reads back with another {differs}."
        intents.note(
            work.lease,
            state,
            **about,
            observed_digest=observed,
            condition=Condition.OUT_OF_SYNC,
            condition_text=text,
        )
        return
    earlier = state.earlier
    if key.kind == "tag" and earlier is None:
        earlier = {"value": to_plain(seen.spec)["value"]}  # it was there before we ever wrote it
    intents.note(
        work.lease,
        state,
        **about,
        aws_id=seen.aws_id,
        incarnation=max(seen.incarnation, 1) if seen.uid else state.incarnation,
        applied=to_plain(seen.spec),
        applied_digest=observed,
        observed_digest=observed,
        earlier=earlier,
        condition=Condition.FAILED if twin else Condition.IN_SYNC,
        condition_text=twin,
        failures=0,
        retry_at=None,
    )


def _note_failure(work: Work, key: Key, text: str) -> None:
    state, wanted = work.resource(key), work.world[key]
    again = (
        state.condition == Condition.FAILED and state.condition_text == text and state.retry_at is not None
    )
    if again and state.retry_at is not None and state.retry_at > clock.real_now():
        return  # it was not even tried
    intents.note(
        work.lease,
        state,
        audited_as="" if state.condition_text == text else Condition.FAILED,
        label=wanted.label,
        sources=writing.sources_as_plain(wanted),
        condition=Condition.FAILED,
        condition_text=text,
        failures=state.failures + 1,
        retry_at=clock.real_now() + RETRY_FAILED_AFTER,
    )


def _bury(work: Work, planned: Plan) -> None:
    """What is gone is written off; what should have gone and is still there stays on the list."""
    let_go = {note.key: note.reason for note in planned.let_go}
    stones = _tombstones(work.place)
    for key, state in sorted(work.states.items()):
        if key in work.world:
            continue
        seen = work.live.get(key)
        if seen is None or key in let_go or _is_given_back(state, seen):
            if state.condition != Condition.REMOVED:
                gone = {"condition": Condition.REMOVED, "condition_text": let_go.get(key, "")}
                intents.note(work.lease, state, audited_as="removed", **gone, aws_id="", applied=None)
        elif key in work.failed:
            _note_left_behind(work, state, Condition.FAILED, str(work.failed[key]))
        elif key in stones or parent_of(seen.spec) in stones:
            why = work.stuck.get(key, "Its removal was decided; it is still in AWS.")
            _note_left_behind(work, state, Condition.OUT_OF_SYNC, why)
        else:
            why = "No approved request wants it, and none removes it. It is left alone."
            _note_left_behind(work, state, Condition.OUT_OF_SYNC, why)
    gone_for_good = {
        key
        for key in stones - work.world.keys()
        if key not in work.states or work.states[key].condition == Condition.REMOVED
    }
    with transaction.atomic():
        leases.hold(work.lease)
        for key in gone_for_good | (stones & work.world.keys()):
            rows = Tombstone.objects.filter(account_region=work.place, kind=key.kind, key=key.name)
            rows.filter(buried_at=None).update(buried_at=clock.now())


def _note_left_behind(work: Work, state: ResourceState, condition: str, text: str) -> None:
    intents.note(work.lease, state, condition=condition, condition_text=text)


def _is_given_back(state: ResourceState, seen: Observed) -> bool:
    """A tag that shows its earlier value again is removed as far as we are concerned."""
    earlier = (state.earlier or {}).get("value")
    return isinstance(seen.spec, TagSpec) and earlier is not None and seen.spec.value == earlier


@transaction.atomic
def _end(place: AccountRegion, lease: Lease, run: PushRun, ending: Ending) -> None:
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
    )
    now, here = clock.now(), AccountRegion.objects.filter(pk=place.pk)
    boundary = desired.next_boundary(place, now)
    check = now + CHECK_EVERY * random.uniform(0.67, 1.33)  # noqa: S311 - spreads load, guards nothing
    changes: dict[str, Any] = {"next_push_at": min(filter(None, (check, boundary)))}
    if ending.again:
        failures = place.failures + 1 if ending.again == "busy" else 0
        changes |= {"failures": failures, "backoff_until": clock.real_now() + _pause(ending, failures)}
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
