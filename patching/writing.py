"""Carry out the steps of a plan, one AWS call at a time: gate, intent, call, result. Stops where it must."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import groupby
from typing import Any
from uuid import uuid4

from patching import gate, intents
from patching.aws.adapters import Adapters
from patching.aws.errors import AwsChanged, AwsError
from patching.aws.marks import Call, Ids, Mark, Names, Observed
from patching.crashpoints import crashpoint
from patching.lease import Lease
from patching.models import AccountRegion, Operation, PushRun, ResourceState
from patching.plan import Known, Step, one_each, parent_of, same, shown_name
from patching.specs import Desired, Key, RegistrationSpec, Spec, WindowSpec, from_plain, to_plain
from portal.governance import clock
from portal.governance.canonical import digest_of

BUDGET_SECONDS = 200.0  # within the task's soft limit; the rest is for the next pass
LOOKS = 3
LONGEST_WINDOW = timedelta(hours=25)
Condition = ResourceState.Condition


class OutOfTimeError(Exception):
    """The pass has used up its time; the next one goes on."""


class NotYetError(Exception):
    """A step has to wait for something that ends by itself; the message says for what."""


@dataclass
class Work:
    """One pass over one account-region while it is under way."""

    place: AccountRegion
    lease: Lease
    run: PushRun
    adapters: Adapters
    world: Mapping[Key, Desired]
    states: dict[Key, ResourceState]
    windows_of_group: Mapping[str, frozenset[Key]] = field(default_factory=dict)
    observed: list[Observed] = field(default_factory=list)
    live: dict[Key, Observed] = field(default_factory=dict)
    ids: Ids = field(default_factory=lambda: Ids({}))
    failed: dict[Key, AwsError] = field(default_factory=dict)
    stuck: dict[Key, str] = field(default_factory=dict)  # failed, skipped, blocked or waiting, and why
    closed: set[Key] = field(default_factory=set)  # stuck because the gate is closed
    wrote: int = 0
    wrote_since_look: bool = False
    began: float = field(default_factory=time.monotonic)

    def look(self) -> None:
        """Read everything that is ours."""
        crashpoint("before-look")
        uids = {state.uid: key for key, state in self.states.items()}
        uids |= {one.uid: key for key, one in self.world.items()}
        specs = {key: applied for key in self.states if (applied := self.applied(key)) is not None}
        specs |= {key: one.spec for key, one in self.world.items()}
        remembered = {state.aws_id: key for key, state in self.states.items() if state.aws_id}
        self.observed = self.adapters.read(Names(uids, specs, remembered))
        known = {key: Known(aws_id=state.aws_id) for key, state in self.states.items()}
        self.live, _ = one_each(self.observed, known)
        self.ids = Ids({key: seen.aws_id for key, seen in self.live.items() if not seen.foreign})
        self.wrote_since_look = False

    def applied(self, key: Key) -> Spec | None:
        """What we last wrote."""
        state = self.states.get(key)
        return from_plain(key.kind, state.applied) if state is not None and state.applied else None

    def is_right(self, key: Key) -> bool:
        """Whether this reads back as wanted."""
        seen, wanted = self.live.get(key), self.world.get(key)
        return seen is not None and wanted is not None and not seen.foreign and same(seen.spec, wanted.spec)

    def resource(self, key: Key) -> ResourceState:
        """The row of a resource, made when it is first needed."""
        state = self.states.get(key)
        if state is None:
            wanted, seen = self.world.get(key), self.live.get(key)
            state, _ = ResourceState.objects.get_or_create(
                account_region=self.place,
                kind=key.kind,
                key=key.name,
                defaults={
                    "label": wanted.label if wanted else shown_name(seen) if seen else str(key),
                    "uid": wanted.uid if wanted else seen.uid if seen else "",
                    "sources": sources_as_plain(wanted) if wanted else [],
                    "changed_at": clock.now(),
                },
            )
            self.states[key] = state
        return state


def carry_out(work: Work, steps: Iterable[Step]) -> None:
    """Do what can be done. Raises AwsBusy and OutOfTimeError, and stops there; a refusal stops only its own."""
    for stage, group in groupby(steps, key=_stage):
        todo = list(group)
        if stage and work.wrote_since_look and any(step.needs for step in todo):
            work.look()  # what a later stage builds on has to be read back, not believed
        for step in todo:
            _attempt(work, step, proven=bool(stage))


def sources_as_plain(wanted: Desired) -> list[dict[str, str]]:
    return [source._asdict() for source in wanted.sources]


def _stage(step: Step) -> int:
    """Building; then tags and removals, which need the way back to stand; then opening windows."""
    if step.action == "enable":
        return 2
    return 1 if step.action == "delete" or step.key.kind == "tag" else 0


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
        if problem.is_passing:
            raise
        work.failed[step.key] = problem
        work.stuck[step.key] = str(problem)


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
        label = work.world[need].label if need in work.world else str(need)
        if need in work.stuck:
            return f"Waits for {label}."
        if proven and not work.is_right(need):
            return f"Waits until {label} reads back as wanted."
    return ""


# The five actions


def _create(work: Work, step: Step) -> None:
    wanted = work.world[step.key]
    state, adapter = work.resource(step.key), work.adapters[step.key.kind]
    gate.check(work.place, wanted)
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
    gate.check(work.place, wanted)
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
    state, adapter = work.resource(step.key), work.adapters[step.key.kind]
    call = adapter.update(spec, work.live[step.key], work.ids)
    _write(work, state, "update", call, done_with={"aws_id": "", **_out_of_sync("Between two baselines.")})
    crashpoint("between-two-baselines")
    mark = Mark(work.adapters.installation, state.uid, state.incarnation)
    call = adapter.create(spec, mark, "", work.ids)
    aws_id = adapter.made_id(spec, call, {})
    _write(work, state, "update", call, done_with=_written(spec, aws_id))


def _raise_unless_at_rest(work: Work, window: Key) -> None:
    seen, applied, label = work.live.get(window), work.applied(window), work.world[window].label
    if seen is None:
        return
    asleep = any(isinstance(one, WindowSpec) and not one.enabled for one in (seen.spec, applied))
    if window in work.stuck or not asleep:
        raise NotYetError(f"Waits until {label} is disabled.")
    if work.adapters.windows.is_running(work.ids[window], clock.now() - LONGEST_WINDOW):
        raise NotYetError(f"Waits until the run of {label} has ended.")


def _enable(work: Work, step: Step) -> None:
    gate.check(work.place, work.world[step.key])
    crashpoint("before-enable")
    _turn(work, step, enabled=True)


def _disable(work: Work, step: Step) -> None:
    if step.aws_id:  # what was created a moment ago rests whatever the gate says
        if step.key in work.world:
            gate.check(work.place, work.world[step.key])
        else:
            gate.check_removal(work.place, step.key)
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
    gate.check_removal(work.place, step.key, parent)
    state = work.resource(step.key)
    call = work.adapters[step.key.kind].delete(seen, (state.earlier or {}).get("value"))
    _write(work, state, "delete", call, done_with=_out_of_sync("Removed; not read back yet."))


_DO: dict[str, Callable[[Work, Step], None]] = {
    "create": _create,
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
