"""Carry out the steps of a plan, one AWS call at a time: gate, intent, call, result. Stops where it must."""

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, timedelta
from itertools import groupby
from typing import Any
from uuid import uuid4

from celery.exceptions import SoftTimeLimitExceeded
from django.db import Error as DatabaseError

from patching import gate, intents, limits
from patching.aws.errors import AwsChanged, AwsDenied, AwsError, AwsSkewed
from patching.aws.marks import Call, Mark
from patching.crashpoints import crashpoint
from patching.lease import LeaseLostError
from patching.models import Operation, ResourceState
from patching.plan import Step, parent_of
from patching.specs import Key, RegistrationSpec, ScheduleSpec, Spec, WindowSpec, to_plain
from patching.work import Work
from portal.governance import clock
from portal.governance.canonical import digest_of

BUDGET_SECONDS = 200.0  # within the task's soft limit; the rest is for the next pass
LOOKS = 3
FULL = "ResourceLimitExceededException"  # AWS's word where one more would be above a quota
DENIED_AT_MOST = 3  # after so many the role is at fault, and every other write would go the same way
LONGEST_WINDOW = timedelta(hours=25)
LONGEST_SWAP = timedelta(hours=1)  # a swap takes seconds; this is for the one that dies half way
logger = logging.getLogger(__name__)
Condition = ResourceState.Condition


class OutOfTimeError(Exception):
    """The pass has used up its time; the next one goes on."""


class NotYetError(Exception):
    """A step has to wait for something that ends by itself; the message says for what."""


def carry_out(work: Work, steps: Iterable[Step]) -> None:
    """Do what can be done. Raises AwsBusy and OutOfTimeError, and stops there; a refusal stops only its own."""
    for stage, group in groupby(steps, key=_stage):
        todo = list(group)
        if stage and work.wrote_since_look and any(step.needs for step in todo):
            work.look()  # what a later stage builds on has to be read back, not believed
        for step in todo:
            _attempt(work, step, proven=bool(stage))


def _stage(step: Step) -> int:
    """Building; then tags and holds, which need the way back to stand; then removals of what they leave; then opening
    windows."""
    if step.action == "disable" and step.aws_id and step.needs:
        return 1  # kept shut
    if step.action == "enable":
        return 3
    if step.action == "delete":
        return 2
    return 1 if step.key.kind == "tag" else 0


def _attempt(work: Work, step: Step, *, proven: bool) -> None:
    if time.monotonic() - work.began > BUDGET_SECONDS:
        raise OutOfTimeError
    why = _unmet(work, step, proven=proven)
    if why:
        work.stuck.setdefault(step.key, why)
        return
    try:
        _DO[step.action](work, step)
    except gate.ClosedError as closed:
        work.closed.add(step.key)
        work.stuck[step.key] = str(closed)
    except NotYetError as problem:
        work.stuck[step.key] = str(problem)
    except AwsChanged as problem:
        _look_again_later(work, step.key, problem)
    except AwsError as problem:
        if problem.is_passing or isinstance(problem, AwsSkewed):
            raise
        work.failed[step.key] = problem
        work.stuck[step.key] = str(problem)
        if sum(isinstance(one, AwsDenied) for one in work.failed.values()) >= DENIED_AT_MOST:
            raise
    except (DatabaseError, LeaseLostError, SoftTimeLimitExceeded):
        raise
    except Exception as problem:
        # one resource that we cannot handle must not keep its account from being patched
        logger.exception("%s of %s failed in %s.", step.action, step.label, work.place)
        why = f"Patchwarden itself failed ({type(problem).__name__}); its log says how."
        work.failed[step.key] = AwsError("internal", why)
        work.stuck[step.key] = why


def _look_again_later(work: Work, key: Key, problem: AwsChanged) -> None:
    """AWS was not as we had read it. Looking again helps once or twice; after that it is a failure like others."""
    state = work.resource(key)
    work.stuck[key] = f"{problem} It is looked at again in the next push."
    if state.failures + 1 >= LOOKS:
        work.failed[key] = problem
    else:
        intents.note(work.lease, state, failures=state.failures + 1)


def _unmet(work: Work, step: Step, *, proven: bool) -> str:
    """What a step still lacks, in words; "" when it may go ahead."""
    for need in sorted(step.needs):
        label = work.label(need)
        if need in work.stuck:
            return f"Waits for {label}."
        right = work.is_in_sync if step.key.kind == "schedule" else work.is_right
        # of an instance's two tags the first was just answered; the other need not wait until it reads back
        just_written = need.kind == step.key.kind == "tag" and need in work.touched
        if proven and need in work.world and not right(need) and not just_written:
            return f"Waits until {label} reads back as wanted."
        if proven and step.action == "enable" and need not in work.world and need in work.live:
            return f"Waits until {label} is gone from it."
    return ""


# The five actions


def _create(work: Work, step: Step) -> None:
    wanted = work.world[step.key]
    state, adapter = work.resource(step.key), work.adapters[step.key.kind]
    work.gate.check(wanted)
    operation = _open_operation(state)
    if operation is not None:
        mark = Mark(work.adapters.installation, wanted.uid, operation.incarnation)
        call = adapter.create(wanted.spec, mark, str(operation.uid), work.ids)
        if (call.name, call.request) == (operation.call, operation.request):
            intents.repeat(work.lease, work.run, operation)
            _send_create(work, step, operation, call)
            return
        why = "It was not done, and something else is wanted now."
        intents.give_up(work.lease, operation, why, incarnation=state.incarnation + 1, aws_id="")
    _raise_unless_room(work, step.key.kind)
    _begin_new_life(work, state)
    uid = uuid4()
    before = adapter.prepare(str(uid))
    if before is not None:
        _write(work, state, "create", before, uid=uid)
        uid = uuid4()
    mark = Mark(work.adapters.installation, wanted.uid, state.incarnation)
    call = adapter.create(wanted.spec, mark, str(uid), work.ids)
    operation = intents.begin(
        work.lease,
        work.run,
        state,
        uid=uid,
        action="create",
        call=call,
        **_begun(work, step.key),
    )
    _send_create(work, step, operation, call)


def _raise_unless_room(work: Work, kind: str) -> None:
    """AWS would refuse one more; said with the numbers, and without asking."""
    if kind not in limits.WORDS:
        return
    room = limits.room(work.place, kind)
    if room.left < 1:
        why = f"A quota of the account is reached: {room.told}. Raise it in AWS, or remove what nobody needs."
        raise AwsError(FULL, why)


def _send_create(work: Work, step: Step, operation: Operation, call: Call) -> None:
    spec = work.world[step.key].spec
    try:
        reply = _send(work, operation, call)
    except AwsError as problem:
        if problem.code == "IdempotentParameterMismatch":
            _count_a_new_life(work, operation.resource, problem)
            raise AwsChanged(problem.code, str(problem)) from problem
        raise
    aws_id = work.adapters[step.key.kind].made_id(spec, call, reply)
    # a new window is enabled whether we like it or not
    written = replace(spec, enabled=True) if isinstance(spec, WindowSpec) else spec
    intents.succeed(work.lease, operation, **_written(written, aws_id))
    work.ids.learn(step.key, aws_id)
    crashpoint("result-saved")


def _update(work: Work, step: Step) -> None:
    wanted, seen = work.world[step.key], work.live[step.key]
    work.gate.check(wanted)
    if isinstance(wanted.spec, RegistrationSpec):
        _swap(work, step, wanted.spec)
        return
    call = work.adapters[step.key.kind].update(wanted.spec, seen, work.ids)
    state = work.resource(step.key)
    written = wanted.spec
    if isinstance(written, WindowSpec) and isinstance(seen.spec, WindowSpec):
        written = replace(written, enabled=seen.spec.enabled)
    _write(
        work,
        state,
        "update",
        call,
        begun_with=_begun(work, step.key),
        done_with=_written(written, seen.aws_id),
    )


def _swap(work: Work, step: Step, spec: RegistrationSpec) -> None:
    """In between, the group falls to the account's default baseline: none of its windows may open or run."""
    for window in sorted(work.windows_of_group.get(spec.patch_group, ())):
        _raise_unless_at_rest(work, window)
    for window in sorted(work.windows_of_group.get(spec.patch_group, ())):
        _put_off_opening(work, window)
    _raise_unless_it_can_judge_one_more(work, spec)
    state, adapter, before = work.resource(step.key), work.adapters[step.key.kind], work.live[step.key]
    call = adapter.update(spec, before, work.ids)
    _write(work, state, "update", call, done_with={"aws_id": "", **_out_of_sync("Between two baselines.")})
    crashpoint("between-two-baselines")
    try:
        _register(work, state, spec)
    except AwsError as problem:
        if not problem.is_passing and isinstance(before.spec, RegistrationSpec):
            # the group is not left to AWS's default, which installs everything
            with suppress(AwsError):
                _register(work, state, before.spec)
        raise


def _register(work: Work, state: ResourceState, spec: RegistrationSpec) -> None:
    adapter = work.adapters[spec.kind]
    mark = Mark(work.adapters.installation, state.uid, state.incarnation)
    call = adapter.create(spec, mark, "", work.ids)
    _write(work, state, "update", call, done_with=_written(spec, adapter.made_id(spec, call, {})))


def _raise_unless_it_can_judge_one_more(work: Work, spec: RegistrationSpec) -> None:
    serves = sum(
        isinstance(seen.spec, RegistrationSpec) and seen.spec.baseline == spec.baseline
        for seen in work.observed
    )
    most = limits.limit(work.place, "groups")
    if serves >= most:
        raise AwsError(
            FULL, f"The baseline serves {serves} groups there and AWS allows {most}. Make another one."
        )


def _put_off_opening(work: Work, window: Key) -> None:
    """Move the scheduled end of a hold out of the way; the next pass moves it back, or opens the window itself."""
    later = (clock.now() + LONGEST_SWAP).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    for key, seen in sorted(work.live.items()):
        spec = seen.spec
        if not isinstance(spec, ScheduleSpec) or spec.window != window.name or spec.at >= later:
            continue
        put_off = replace(spec, at=later)
        call = work.adapters["schedule"].update(put_off, seen, work.ids)
        _write(work, work.resource(key), "update", call, done_with=_written(put_off, seen.aws_id))
        crashpoint("opening-put-off")


def _raise_unless_at_rest(work: Work, window: Key) -> None:
    seen = work.live.get(window)
    if seen is None:
        return
    stands = work.applied(window) if window in work.touched else seen.spec
    if window in work.stuck or not isinstance(stands, WindowSpec) or stands.enabled:
        raise NotYetError(f"Waits until {work.label(window)} is disabled.")
    if work.adapters.windows.is_running(seen.aws_id, clock.now() - LONGEST_WINDOW):
        raise NotYetError(f"Waits until the run of {work.label(window)} has ended.")


def _enable(work: Work, step: Step) -> None:
    work.gate.check(work.world[step.key])
    crashpoint("before-enable")
    _turn(work, step, enabled=True)


def _disable(work: Work, step: Step) -> None:
    if step.aws_id:  # what was created a moment ago rests whatever the gate says
        if step.key in work.world:
            work.gate.check(work.world[step.key])
        else:
            work.gate.check_removal(step.key)
    if step.needs and step.aws_id:
        crashpoint("before-shut")
    _turn(work, step, enabled=False)


def _turn(work: Work, step: Step, *, enabled: bool) -> None:
    window_id = step.aws_id or work.ids[step.key]
    state = work.resource(step.key)
    call = work.adapters.windows.enable(window_id, enabled)
    done_with: dict[str, Any] = {}
    if window_id == state.aws_id:
        seen = work.live.get(step.key)
        last = work.applied(step.key) or (seen.spec if seen else None)
        if isinstance(last, WindowSpec):
            done_with = _written(replace(last, enabled=enabled), window_id)
    _write(work, state, step.action, call, done_with=done_with)


def _delete(work: Work, step: Step) -> None:
    seen = work.live[step.key]
    parent = parent_of(seen.spec)
    if step.key in work.stuck or parent in work.stuck:
        raise NotYetError("Waits until its window is disabled.")
    work.gate.check_removal(step.key, parent)
    state = work.resource(step.key)
    call = work.adapters[step.key.kind].delete(seen, (state.earlier or {}).get("value"))
    _write(work, state, "delete", call, done_with=_out_of_sync("Removed; not read back yet."))


def _adopt(work: Work, step: Step) -> None:
    wanted = work.world[step.key]
    work.gate.check(wanted)
    state = work.resource(step.key)
    mark = Mark(work.adapters.installation, wanted.uid, state.incarnation)
    call = work.adapters[step.key.kind].adopt(step.aws_id, mark)
    done_with = {"aws_id": step.aws_id, **_out_of_sync("Marked as ours; the next push goes on.")}
    _write(work, state, "adopt", call, begun_with=_begun(work, step.key), done_with=done_with)
    work.stuck[step.key] = "Marked as ours; the next push goes on."


_DO: dict[str, Callable[[Work, Step], None]] = {
    "create": _create,
    "adopt": _adopt,
    "update": _update,
    "delete": _delete,
    "enable": _enable,
    "disable": _disable,
}


# One call


def _write(
    work: Work,
    state: ResourceState,
    action: str,
    call: Call,
    *,
    uid: Any = None,
    begun_with: Mapping[str, Any] | None = None,
    done_with: Mapping[str, Any] | None = None,
) -> None:
    """A call that may safely be planned anew when nobody knows what became of it."""
    operation = intents.begin(
        work.lease, work.run, state, uid=uid or uuid4(), action=action, call=call, **(begun_with or {})
    )
    _send(work, operation, call)
    intents.succeed(work.lease, operation, **(done_with or {}))
    crashpoint("result-saved")


def _send(work: Work, operation: Operation, call: Call) -> dict[str, Any]:
    """Send what was written down. No answer leaves the intent open; a refusal closes it."""
    crashpoint("intent-written")
    work.wrote += 1
    work.wrote_since_look = True
    work.touched.add(Key(operation.resource.kind, operation.resource.key))
    try:
        reply = work.adapters.clients.send(call)
    except AwsError as problem:
        if not problem.is_passing:
            intents.fail(work.lease, operation, problem)
        raise
    crashpoint("call-returned")
    return reply


def _open_operation(state: ResourceState) -> Operation | None:
    operation = state.operations.filter(state=Operation.State.INTENT).first()
    if operation is not None:
        operation.resource = state
    return operation


def _begin_new_life(work: Work, state: ResourceState) -> None:
    """What was there and is gone comes back as another one, so that a late echo of the first is told apart."""
    if state.aws_id or state.condition == Condition.REMOVED:
        intents.note(work.lease, state, incarnation=state.incarnation + 1, aws_id="", applied_digest="")


def _count_a_new_life(work: Work, state: ResourceState, problem: AwsError) -> None:
    """The token is spent on other content: the next push looks once more, then asks under a new one."""
    text = f"The write was refused: {problem}"
    intents.note(
        work.lease, state, audited_as="new_life", incarnation=state.incarnation + 1, condition_text=text
    )


def _begun(work: Work, key: Key) -> dict[str, Any]:
    """What is saved with an intent: what the resource is called from now on, and what stood there before us."""
    return {"label": work.world[key].label, **_earlier(work, key)}


def _earlier(work: Work, key: Key) -> dict[str, Any]:
    """The value of an instance's tag before we first write it; known only now."""
    state = work.resource(key)
    if key.kind != "tag" or state.earlier is not None or state.applied is not None:
        return {}
    seen = work.live.get(key)
    return {"earlier": {"value": to_plain(seen.spec)["value"] if seen else None}}


def _written(spec: Spec, aws_id: str) -> dict[str, Any]:
    plain = to_plain(spec)
    return {
        "aws_id": aws_id,
        "applied": plain,
        "applied_digest": digest_of(plain),
        **_out_of_sync("Written; not read back yet."),
    }


def _out_of_sync(text: str) -> dict[str, Any]:
    return {"condition": Condition.OUT_OF_SYNC, "condition_text": text}
