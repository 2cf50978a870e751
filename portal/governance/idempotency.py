"""One call, one effect: a key is claimed before the call runs, and its answer is kept together with what it did.

The claim is committed first, so that a second call with the key sees it. The answer is written in the transaction of
the call's own effects, so there is never one without the other: a process that dies leaves a claim and nothing else,
and the claim can be taken over. Reckoned in real time, whatever the demo's clock says.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from portal.governance import clock
from portal.governance.errors import DomainError, FieldProblem, InvalidInput, WrongState
from portal.governance.models import IdempotencyKey, User

KEPT_FOR = timedelta(hours=24)
LONGEST = 255
HEADER = "Idempotency-Key"


class KeyReused(DomainError):
    """The key belongs to another call."""

    code = "idempotency_key_reused"


class InProgress(WrongState):
    """The first call with this key has not been answered yet."""

    code = "idempotency_in_progress"


@dataclass(frozen=True)
class Call:
    """What somebody asks for. Two calls with the same key are the same if all of it is."""

    user: User
    key: str
    method: str
    path: str
    body_digest: str


@dataclass(frozen=True)
class Claim:
    """The right to run a call, good until somebody takes it over."""

    pk: int
    claimed_at: datetime


@dataclass(frozen=True)
class Answer:
    """What the first call was answered."""

    status: int
    headers: dict[str, str]
    body: str


def claim(call: Call) -> Claim | Answer:
    """The right to run a call, or what it was answered before.

    Raises InvalidInput for a key that is none, KeyReused, and InProgress while the first call runs. A claim older than
    the longest task is taken over: whoever held it is dead, or will find in ``keep`` that it came too late.
    """
    _raise_unless_key(call.key)
    now = clock.real_now()
    row, created = IdempotencyKey.objects.get_or_create(
        user=call.user,
        key=call.key,
        defaults={
            "method": call.method,
            "path": call.path,
            "body_digest": call.body_digest,
            "claimed_at": now,
        },
    )
    if created:
        return Claim(row.pk, row.claimed_at)
    if (row.method, row.path, row.body_digest) != (call.method, call.path, call.body_digest):
        raise KeyReused(
            f"This {HEADER} was sent with another body, method or address. Use a new key for a new call."
        )
    if row.status is not None:
        return Answer(row.status, row.headers, row.answer)
    return _take_over(row, now)


def _take_over(row: IdempotencyKey, now: datetime) -> Claim:
    dead_since = now - timedelta(seconds=settings.CELERY_TASK_TIME_LIMIT)
    held = IdempotencyKey.objects.filter(pk=row.pk, status=None, claimed_at=row.claimed_at)
    if row.claimed_at > dead_since or held.update(claimed_at=now) != 1:
        raise InProgress(
            f"The first call with this {HEADER} has not been answered yet. Try again in a moment."
        )
    return Claim(row.pk, now)


def keep(claim: Claim, answer: Answer) -> None:
    """Keep an answer. Call it in the transaction of what the call did; raises InProgress if it was taken over."""
    held = IdempotencyKey.objects.filter(pk=claim.pk, status=None, claimed_at=claim.claimed_at)
    kept = held.update(
        status=answer.status, headers=answer.headers, answer=answer.body, answered_at=clock.real_now()
    )
    if kept != 1:
        raise InProgress(f"Another call with this {HEADER} took over. Nothing was saved here; try again.")


def release(claim: Claim) -> None:
    """Let the key be used again: the call had no effect."""
    IdempotencyKey.objects.filter(pk=claim.pk, status=None, claimed_at=claim.claimed_at).delete()


def prune() -> int:
    """Forget keys that are older than a day; returns how many."""
    old = IdempotencyKey.objects.filter(claimed_at__lt=clock.real_now() - KEPT_FOR)
    return old.delete()[0]


def _raise_unless_key(key: str) -> None:
    example = "such as 6f9a1c1e-5d0b-4f4e-9b1a-2f1f6f0c7d11"
    if not 1 <= len(key) <= LONGEST:
        problem = FieldProblem(
            HEADER, "length", f"Give a key of 1 to {LONGEST} characters, {example}; this one has {len(key)}."
        )
    elif not (key.isascii() and key.isprintable()):
        problem = FieldProblem(HEADER, "characters", f"A key has printable ASCII characters only, {example}.")
    else:
        return
    raise InvalidInput([problem])
