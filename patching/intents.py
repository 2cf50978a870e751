"""Operations: each AWS write is on record before it is sent, and its end is recorded by whoever holds the fence."""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F

from patching import lease as leases
from patching.aws.errors import AwsError
from patching.aws.marks import Call
from patching.lease import Lease
from patching.models import Operation, PushRun, ResourceState
from portal.governance import audit, clock
from portal.governance.states import move


@transaction.atomic
def begin(
    lease: Lease, run: PushRun, resource: ResourceState, *, uid: UUID, action: str, call: Call, **changes: Any
) -> Operation:
    """Write down a call that is about to be sent; ``changes`` of the resource are saved with it."""
    leases.hold(lease)
    _save(resource, changes)
    PushRun.objects.filter(pk=run.pk).update(writes=F("writes") + 1)
    return Operation.objects.create(
        uid=uid,
        resource=resource,
        run=run,
        action=action,
        call=call.name,
        request=call.request,
        incarnation=resource.incarnation,
        intent_at=clock.real_now(),
        at=clock.now(),
    )


@transaction.atomic
def repeat(lease: Lease, run: PushRun, operation: Operation) -> None:
    """The same call with the same token is about to be sent once more."""
    leases.hold(lease)
    PushRun.objects.filter(pk=run.pk).update(writes=F("writes") + 1)
    operation.attempts += 1
    operation.intent_at = clock.real_now()
    operation.save(update_fields=["attempts", "intent_at"])


@transaction.atomic
def succeed(lease: Lease, operation: Operation, *, note: str = "", **changes: Any) -> None:
    """The call is done: its id and what we know of the resource are saved together."""
    leases.hold(lease)
    resource = (
        operation.resource
    )  # ending the operation reloads it, and the caller goes on with this very object
    aws_id = changes.get("aws_id") or resource.aws_id
    _end(operation, Operation.State.DONE, reason=note, aws_id=aws_id)
    _save(resource, changes)


@transaction.atomic
def fail(lease: Lease, operation: Operation, problem: AwsError) -> None:
    """AWS answered no."""
    leases.hold(lease)
    _end(operation, Operation.State.FAILED, error_code=problem.code[:80], error=str(problem))


@transaction.atomic
def give_up(lease: Lease, operation: Operation, why: str, **changes: Any) -> None:
    """Nobody will know what became of it, and nobody needs to: what is in AWS now decides."""
    leases.hold(lease)
    resource = operation.resource
    _end(operation, Operation.State.ABANDONED, reason=why, error=why)
    _save(resource, changes)


def note(lease: Lease, resource: ResourceState, *, audited_as: str = "", **changes: Any) -> None:
    """Save what was learnt of a resource; ``audited_as`` also puts it into the audit log.

    What is known already asks the database nothing, so that a pass over thousands that stand well costs only its look.
    """
    if not audited_as and not _differing(resource, changes):
        return
    with transaction.atomic():
        leases.hold(lease)
        _save(resource, changes)
        if audited_as:
            detail = {"account_region": str(resource.account_region), "aws_id": resource.aws_id}
            audit.record(
                f"patching.resourcestate.{audited_as}",
                resource,
                by=None,
                reason=resource.condition_text,
                detail=detail,
            )


def _end(operation: Operation, state: str, *, reason: str = "", **changes: Any) -> None:
    resource = operation.resource
    detail = {
        "account_region": str(resource.account_region),
        "call": operation.call,
        "resource": resource.label,
        "token": str(operation.uid),
    }
    move(operation, state, by=None, reason=reason, detail=detail, resolved_at=clock.real_now(), **changes)


def _save(resource: ResourceState, changes: dict[str, Any]) -> None:
    """Save the fields that differ, so that a pass that changes nothing writes nothing."""
    changed = _differing(resource, changes)
    if not changed:
        return
    for name in changed:
        setattr(resource, name, changes[name])
    if {"condition", "applied_digest", "aws_id"} & set(changed):
        resource.changed_at = clock.now()
        changed.append("changed_at")
    resource.save(update_fields=changed)


def _differing(resource: ResourceState, changes: dict[str, Any]) -> list[str]:
    return [name for name, value in changes.items() if getattr(resource, name) != value]
