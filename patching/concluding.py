"""What became of each resource at the end of a pass: in sync, waiting, failed, parked, gone; and how the pass ended."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction

from patching import adopting, desired, intents, outside
from patching import lease as leases
from patching import plan as planning
from patching.aws.errors import QUOTA, AwsError
from patching.aws.marks import Observed
from patching.models import AccountRegion, Adoption, PushRun, ResourceState, Tombstone
from patching.plan import Obstacle, Plan, parent_of
from patching.specs import Desired, Key, RegistrationSpec, TagSpec, WindowSpec, differences, to_plain
from patching.work import Work, sources_as_plain
from portal.governance import clock, outbox, roles
from portal.governance.canonical import digest_of
from portal.governance.models import Role

RETRY_FIRST, RETRY_LONGEST = timedelta(minutes=1), timedelta(hours=1)
PARKED_AFTER = 5  # failures in a row; a quota that is used up is not counted
State, Condition = PushRun.State, ResourceState.Condition


@dataclass(frozen=True)
class Ending:
    """How a pass ended, and whether somebody has to come back soon."""

    state: str
    code: str = ""
    error: str = ""
    again: str = ""  # "busy": later and later; "soon": when what we wait for is over


def tombstones(place: AccountRegion) -> set[Key]:
    """What may leave AWS and has not yet."""
    rows = Tombstone.objects.filter(account_region=place, buried_at=None)
    return {Key(stone.kind, stone.key) for stone in rows}


def ending(work: Work, planned: Plan) -> Ending:
    wrong = {key for key in work.world if not work.is_in_sync(key)}
    failed = {note.key for note in planned.blocked} | set(work.failed) | work.resting
    left = tombstones(work.place)
    unlike = wrong | failed | left
    if not unlike:
        return Ending(State.SUCCEEDED)
    # names stay with the plan and the operations, which a team reads only as far as they are its own
    total = len(work.world) + len(left)
    text = f"{len(unlike)} of {total} resources are not as approved; the plan and the operations say which and why."
    hopeless = unlike <= _consequences(work, planned, failed | work.closed)
    return Ending(partly(work), "partial", text, "" if hopeless else "soon")


def _consequences(work: Work, planned: Plan, failed: set[Key]) -> set[Key]:
    """What cannot be done as things are, and what only waits for it: coming back soon would not help."""
    found, grown = set(failed), True
    world = planning.World(
        work.world,
        work.live,
        {},
        frozenset(tombstones(work.place)),
        work.windows_of_group,
        group_tag=work.place.account.patch_group_tag,
    )
    while grown:
        more = {
            key
            for key, one in work.world.items()
            if found
            & (
                {*planning.needs_of(world, one)}
                | _needs_to_open(world, key)
                | _needs_to_shut(world, one)
                | _needs_to_swap(work, one)
            )
        }
        grown = not more <= found
        found |= more
    return found | {step.key for step in planned.steps if step.action == "delete" and step.needs & found}


def _needs_to_open(world: planning.World, key: Key) -> set[Key]:
    if key.kind != "window":
        return set()
    return {*world.children(key), *world.judges(key), *world.leaving_parts(key)}


def _needs_to_shut(world: planning.World, one: Desired) -> set[Key]:
    """A window is kept shut only while its way back stands."""
    shut = isinstance(one.spec, WindowSpec) and not one.spec.enabled
    return set(planning.ways_to_open(world, one.key)) if shut else set()


def _needs_to_swap(work: Work, one: Desired) -> set[Key]:
    """A group changes its baseline only while its windows can be closed."""
    spec = one.spec
    return (
        set(work.windows_of_group.get(spec.patch_group, ())) if isinstance(spec, RegistrationSpec) else set()
    )


def partly(work: Work) -> str:
    done = work.wrote > len(work.failed) or any(work.is_in_sync(key) for key in work.world)
    return State.PARTIAL if done else State.FAILED


def conclude(work: Work, planned: Plan, *, complete: bool) -> None:
    """Write down for each resource how it stands. When the pass stopped early, only what is certain."""
    twins = {note.key: note.reason for note in planned.twins}
    blocked = {note.key: Obstacle(note.reason, note.code) for note in planned.blocked}
    for key, wanted in work.world.items():
        if key in work.failed:
            _note_failure(work, key, work.failed[key])
        elif key in blocked and not work.is_in_sync(key):
            _note_obstacle(work, key, blocked[key])
        elif complete:
            _note_standing(work, key, wanted, twins.get(key, ""))
    if complete:
        outside.close_restored(work)
        _note_adopted(work)
        _bury(work, planned)


def _note_adopted(work: Work) -> None:
    """What reads back with our mark has been brought under management."""
    for key, adoption in work.adoptions.items():
        seen = work.live.get(key)
        if seen is not None and not seen.foreign:
            Adoption.objects.filter(pk=adoption.pk, done_at=None).update(done_at=clock.now())


def _note_standing(work: Work, key: Key, wanted: Desired, twin: str) -> None:
    state, seen = work.resource(key), work.live.get(key)
    about: dict[str, Any] = {
        "label": wanted.label,
        "uid": wanted.uid,
        "sources": sources_as_plain(wanted),
    }
    if seen is None:
        was_there = bool(state.aws_id and state.applied)
        missing: dict[str, Any] = {
            "condition": Condition.MISSING if was_there else Condition.PENDING,
            "condition_text": work.stuck.get(key, "Not in AWS yet."),
            "missing_since": state.missing_since or clock.real_now() if was_there else None,
        }
        intents.note(work.lease, state, **about, **missing)
        return
    observed = digest_of(to_plain(planning.content(seen.spec)))
    if not work.is_in_sync(key):
        differs = ", ".join(one.field for one in differences(seen.spec, wanted.spec))
        text = work.stuck.get(key) or f"Reads back with another {differs}."
        intents.note(
            work.lease,
            state,
            **about,
            observed_digest=observed,
            condition=Condition.OUT_OF_SYNC,
            condition_text=text,
            reason_code="",
            missing_since=None,
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
        reason_code="twin" if twin else "",
        missing_since=None,
        failures=0,
        retry_at=None,
    )


def _note_obstacle(work: Work, key: Key, obstacle: Obstacle) -> None:
    """What only a person can change. It is looked at anew in every pass; nothing was tried, so nothing failed."""
    if obstacle.code == "not_again":
        return  # it stands written down, with the time of the next try
    state, wanted, seen = work.resource(key), work.world[key], work.live.get(key)
    condition: str = Condition.FAILED
    if obstacle.code == "drift" and key in work.held:
        condition = Condition.DRIFTED if seen is not None else Condition.MISSING
    intents.note(
        work.lease,
        state,
        audited_as="" if state.condition_text == obstacle.reason else condition,
        label=wanted.label,
        sources=sources_as_plain(wanted),
        observed_digest=digest_of(to_plain(planning.content(seen.spec))) if seen is not None else "",
        condition=condition,
        condition_text=obstacle.reason,
        reason_code=obstacle.code,
        failures=0,
        retry_at=None,
    )


def _note_failure(work: Work, key: Key, problem: AwsError) -> None:
    """Tried again ever more rarely, and after so many times no more until a person or a new decision says so."""
    state, wanted, text = work.resource(key), work.world.get(key), str(problem)
    is_quota = problem.code in QUOTA
    failures = state.failures + 1
    parked = failures >= PARKED_AFTER and not is_quota
    pause = RETRY_LONGEST if is_quota else min(RETRY_LONGEST, RETRY_FIRST * 4 ** (failures - 1))
    about = {"label": wanted.label, "sources": sources_as_plain(wanted)} if wanted is not None else {}
    condition = Condition.PARKED if parked else Condition.FAILED
    intents.note(
        work.lease,
        state,
        audited_as="" if (state.condition, state.condition_text) == (condition, text) else condition,
        **about,
        condition=condition,
        condition_text=f"Parked after {failures} failures in a row. {text}" if parked else text,
        reason_code="quota" if is_quota else problem.code[:80],
        failures=failures,
        retry_at=None if parked else clock.real_now() + pause,
    )
    if parked:
        _tell_operators(work, state)


def _tell_operators(work: Work, state: ResourceState) -> None:
    with transaction.atomic():
        outbox.tell_all(
            roles.holders(Role.OPERATOR),
            event="resource.parked",
            key=f"{state.pk}/{work.run.pk}",
            subject=f"{state.label} in {work.place} is parked",
            body=f"{state.condition_text} Nothing more is tried until somebody retries it; the others go on.",
            url=f"/pushes/{work.run.pk}/",
        )


def _bury(work: Work, planned: Plan) -> None:
    """What is gone is written off; what should have gone and is still there stays on the list."""
    let_go = {note.key: note.reason for note in planned.let_go}
    stones = tombstones(work.place)
    for key, state in sorted(work.states.items()):
        if key in work.world:
            continue
        seen = work.live.get(key)
        if key in work.resting and seen is not None:
            continue  # parked, or its next try is written down
        if seen is None and key in work.waiting and state.condition != Condition.REMOVED:
            # a list may leave out for a moment what is there: it is gone when it is missed twice
            intents.note(work.lease, state, missing_since=state.missing_since or clock.real_now())
            continue
        if seen is None or key in let_go or _is_given_back(state, seen):
            if state.condition != Condition.REMOVED:
                gone = {"condition": Condition.REMOVED, "condition_text": let_go.get(key, "")}
                intents.note(
                    work.lease,
                    state,
                    audited_as="removed",
                    **gone,
                    aws_id="",
                    applied=None,
                    earlier=None,
                    missing_since=None,
                )
        elif key in work.failed:
            _note_failure(work, key, work.failed[key])
        elif key in stones or parent_of(seen.spec) in stones:
            why = work.stuck.get(key, "Its removal was decided; it is still in AWS.")
            _note_left_behind(work, state, Condition.OUT_OF_SYNC, why)
        else:
            why = "No approved request wants it, and none removes it. It is left alone."
            _note_left_behind(work, state, Condition.OUT_OF_SYNC, why)
    unread = _not_adopted_yet(work)
    gone_for_good = {
        key
        for key in stones - work.world.keys()
        if (key not in work.states and key not in work.live and not key.name.startswith(unread))
        or (key in work.states and work.states[key].condition == Condition.REMOVED)
    }
    with transaction.atomic():
        leases.hold(work.lease)
        # asked anew under the lock: a removal approved since this pass began keeps its stone
        wanted_now = desired.now_for(work.place).keys()
        for key in (gone_for_good - wanted_now) | (stones & wanted_now):
            rows = Tombstone.objects.filter(account_region=work.place, kind=key.kind, key=key.name)
            rows.filter(buried_at=None).update(buried_at=clock.now())


def _not_adopted_yet(work: Work) -> tuple[str, ...]:
    """How the names of parts begin that are read only when their window carries our mark."""
    return tuple(
        adopting.parts_of(adoption.aws_id)
        for key, adoption in work.adoptions.items()
        if (seen := work.live.get(key)) is None or seen.foreign
    )


def _note_left_behind(work: Work, state: ResourceState, condition: str, text: str) -> None:
    intents.note(work.lease, state, condition=condition, condition_text=text, missing_since=None)


def _is_given_back(state: ResourceState, seen: Observed) -> bool:
    """A tag that shows its earlier value again is removed as far as we are concerned."""
    earlier = (state.earlier or {}).get("value")
    return isinstance(seen.spec, TagSpec) and earlier is not None and seen.spec.value == earlier
