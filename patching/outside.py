"""What was changed in AWS behind our back: found field by field, written down, and left or restored as policy says.

An instance's tag is never overwritten by policy: only a person may do that (design.md §6.4). One that was taken off
altogether is written again: there is nothing of anybody's to overwrite.
"""

from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction

from patching import intents
from patching import lease as leases
from patching.models import AccountRegion, Drift, Operation, ResourceState
from patching.plan import Obstacle, same
from patching.specs import FieldChange, Key, Spec, TagSpec, differences, to_plain
from patching.work import Work
from portal.governance import clock, outbox, roles
from portal.governance.canonical import digest_of
from portal.governance.models import Role
from portal.governance.states import move

RESTORED_AT_MOST = 3  # within an hour; after that somebody else manages it too
HOUR = timedelta(hours=1)
GONE = "gone"  # the digest of something that is no longer there
Policy, Outcome, Condition = AccountRegion.DriftPolicy, Drift.Outcome, ResourceState.Condition
WHO_IS_TOLD = (Role.OPERATOR, Role.SECURITY_OPERATIONS)


@dataclass(frozen=True)
class Found:
    """One resource that is no longer as we left it, though what is wanted of it has not changed."""

    key: Key
    live: Spec | None  # None: it is gone
    changes: tuple[FieldChange, ...]

    @property
    def digest(self) -> str:
        return GONE if self.live is None else digest_of(to_plain(self.live))


def look(work: Work) -> dict[Key, Found]:
    """Everything of ours that was changed or removed outside since we last wrote it."""
    found = {}
    open_writes = set(
        Operation.objects.filter(
            resource__account_region=work.place, state=Operation.State.INTENT
        ).values_list("resource_id", flat=True)
    )
    for key, wanted in work.world.items():
        state, applied, seen = work.states.get(key), work.applied(key), work.live.get(key)
        if state is None or applied is None or not state.aws_id or state.pk in open_writes:
            continue
        if not same(applied, wanted.spec) or (seen is not None and (seen.foreign or seen.spec == applied)):
            continue
        if seen is not None and seen.spec == wanted.spec:
            continue  # AWS itself has opened a window whose hold is over
        changes = tuple(differences(seen.spec, applied)) if seen is not None else ()
        found[key] = Found(key, seen.spec if seen is not None else None, changes)
    return found


def note(work: Work, found: dict[Key, Found], waiting: set[Key]) -> bool:
    """Write down what was found, close what is over, and say in ``work.held`` what is left to a person.

    ``waiting`` are those that AWS may still be about to show. True when nothing at all may be written here.
    """
    open_ones = {
        Key(one.resource.kind, one.resource.key): one
        for one in Drift.objects.filter(resource__account_region=work.place, state=Outcome.OPEN)
        .select_related("resource")
        .order_by("pk")
    }
    for key, drift in open_ones.items():
        if key not in found:
            _close(work, key, drift)
    pauses = False
    for key, one in found.items():
        if key in waiting:
            continue
        drift = _written_down(work, one, open_ones.get(key))
        if work.resource(key).restore_digest == one.digest:
            continue
        if work.place.drift_policy == Policy.ENFORCE and not drift.paused and is_too_often(work, one, drift):
            _pause(work, drift)
        pauses = pauses or work.place.drift_policy == Policy.PAUSE
        reason = _why_left(work, one, drift)
        if reason:
            work.held[key] = Obstacle(reason, "drift")
    return pauses


def foresee(work: Work, found: dict[Key, Found]) -> None:
    """Say in ``work.held`` what a push would leave to a person, and write nothing down."""
    for key, one in found.items():
        state = work.states[key]
        if state.restore_digest != one.digest:
            reason = _why_left(work, one, state.drifts.filter(state=Outcome.OPEN).first())
            if reason:
                work.held[key] = Obstacle(reason, "drift")


def is_too_often(work: Work, one: Found, drift: Drift | None) -> bool:
    """Whether it was restored so often lately that restoring it once more would be a fight."""
    paused = drift is not None and drift.paused
    return paused or restored_lately(work.states[one.key]) >= RESTORED_AT_MOST


def close_restored(work: Work) -> None:
    """After the read back: what is as approved again was restored by us."""
    for drift in Drift.objects.filter(resource__account_region=work.place, state=Outcome.OPEN):
        key = next((key for key, state in work.states.items() if state.pk == drift.resource_id), None)
        if key in work.touched and key in work.world and work.is_in_sync(key):
            _end(work, key, drift, Outcome.RESTORED)


def restored_lately(resource: ResourceState) -> int:
    """How often a change to it was taken back within the last hour."""
    return resource.drifts.filter(state=Outcome.RESTORED, closed_at__gt=clock.now() - HOUR).count()


def _written_down(work: Work, one: Found, drift: Drift | None) -> Drift:
    live = to_plain(one.live) if one.live is not None else None
    changes = [{"field": each.field, "live": each.live, "desired": each.desired} for each in one.changes]
    if drift is not None and drift.live_digest == one.digest:
        return drift
    resource = work.resource(one.key)
    condition = Condition.DRIFTED if one.live is not None else Condition.MISSING
    with transaction.atomic():
        leases.hold(work.lease)
        if drift is None:
            drift = Drift.objects.create(
                resource=resource, changes=changes, live=live, live_digest=one.digest, found_at=clock.now()
            )
        else:
            drift.changes, drift.live, drift.live_digest = changes, live, one.digest
            drift.save(update_fields=["changes", "live", "live_digest"])
        if resource.condition != Condition.PARKED:
            intents.note(
                work.lease,
                resource,
                audited_as=condition,
                condition=condition,
                condition_text=_in_words(work, one),
                reason_code="drift",
            )
        if work.place.drift_policy != Policy.ENFORCE or isinstance(one.live, TagSpec):
            _tell(work, drift, "was changed outside Patchwarden")
    return drift


def _in_words(work: Work, one: Found) -> str:
    if one.live is None:
        return f"{work.resource(one.key).aws_id} was removed from AWS outside Patchwarden."
    return "; ".join(f"{each.field}: “{each.live}” instead of “{each.desired}”" for each in one.changes)


def _pause(work: Work, drift: Drift) -> None:
    drift.paused = True
    with transaction.atomic():
        leases.hold(work.lease)
        drift.save(update_fields=["paused"])
        _tell(work, drift, f"was changed again after {RESTORED_AT_MOST} restores within an hour")


def _why_left(work: Work, one: Found, drift: Drift | None) -> str:
    """Why this one is not put back by itself; "" when it is."""
    what = _in_words(work, one)
    if isinstance(one.live, TagSpec):
        return f"The tag was changed outside to “{one.live.value}”. It was left alone until a person decides."
    if work.place.drift_policy == Policy.REPORT:
        return f"Left as it is, since changes made outside are only reported here. {what}"
    if work.place.drift_policy == Policy.PAUSE:
        return f"Nothing is written here until a person decides what becomes of this. {what}"
    if is_too_often(work, one, drift):
        return (
            f"Restored {RESTORED_AT_MOST} times within an hour and changed again: something else manages it "
            f"too. It is left alone until a person decides. {what}"
        )
    return ""


def _close(work: Work, key: Key, drift: Drift) -> None:
    """It is no longer different, and not by a write of this pass: who brought that about?"""
    seen, wanted = work.live.get(key), work.world.get(key)
    if wanted is None or seen is None or seen.foreign or not same(seen.spec, wanted.spec):
        applied = work.applied(key)
        if wanted is not None and applied is not None and same(applied, wanted.spec):
            return  # cannot be told yet: not ours to see just now, or a write is still open
        _end(work, key, drift, Outcome.PASSED)  # something else is wanted now, or nothing
    elif digest_of(to_plain(seen.spec)) == drift.live_digest:
        _end(work, key, drift, Outcome.ADOPTED)
    else:
        last = drift.resource.operations.filter(state=Operation.State.DONE).order_by("-pk").first()
        by_us = last is not None and last.at >= drift.found_at
        _end(work, key, drift, Outcome.RESTORED if by_us else Outcome.PASSED)


def _end(work: Work, key: Key, drift: Drift, outcome: str) -> None:
    with transaction.atomic():
        leases.hold(work.lease)
        move(drift, outcome, by=None, closed_at=clock.now())
        resource = work.resource(key)
        if resource.restore_digest:
            intents.note(work.lease, resource, restore_digest="")


def _tell(work: Work, drift: Drift, what: str) -> None:
    for role in WHO_IS_TOLD:
        for person in roles.holders(role):
            outbox.tell(
                person,
                event="drift.paused" if drift.paused else "drift.found",
                key=f"{drift.pk}/{drift.live_digest[:12]}",
                subject=f"{drift.resource.label} in {work.place} {what}",
                body="Restore what was approved, or adopt the change by a request.",
                url=f"/aws-accounts/{work.place.pk}/",
            )
