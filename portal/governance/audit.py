"""The audit chain: one append, in the caller's transaction, and one proof that nothing was altered."""

from dataclasses import dataclass
from typing import Any

from django.db import models, transaction

from portal.governance import clock, roles
from portal.governance.canonical import digest_of
from portal.governance.models import AuditEntry, AuditHead, Role, Team, User

SYSTEM = "Patchwarden"
ADMINISTERED = ("role", "person", "team", "token", "account", "application", "environment")


def record(
    action: str,
    obj: models.Model,
    *,
    by: User | None,
    team: Team | None = None,
    reason: str = "",
    detail: dict[str, Any] | None = None,
) -> AuditEntry:
    """Append one entry. Call it inside the transaction that does what the entry tells of."""
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("An audit entry belongs in the transaction of what it tells of.")
    head = take_turn()
    entry = AuditEntry(
        seq=head.seq + 1,
        at=clock.now(),
        real_at=clock.real_now(),
        actor=by,
        actor_name=str(by) if by else SYSTEM,
        action=action,
        object_type=obj._meta.label_lower,
        object_id=str(obj.pk),
        object_label=str(obj)[:200],
        team=team,
        reason=reason,
        detail=detail or {},
        prev_hash=head.hash,
    )
    entry.hash = _hash(entry)
    entry.save(force_insert=True)
    AuditHead.objects.filter(pk=1).update(seq=entry.seq, hash=entry.hash)
    return entry


def take_turn() -> AuditHead:
    """Be the one who appends, until the transaction ends.

    Whoever will append and locks other rows takes this turn before them; else two such wait for each other.
    """
    head = AuditHead.objects.select_for_update().filter(pk=1).first()
    if head is None:
        AuditHead.objects.bulk_create([AuditHead(pk=1)], ignore_conflicts=True)
        head = AuditHead.objects.select_for_update().get(pk=1)
    return head


@dataclass(frozen=True)
class Proof:
    """How far the chain holds: entries read, and the first that does not fit with the reason."""

    entries: int
    bad_seq: int | None = None
    problem: str = ""

    @property
    def holds(self) -> bool:
        return self.bad_seq is None


def verify() -> Proof:
    """Walk the whole chain; the first entry that was changed, lost or added is named."""
    previous, expected = "", 1
    for entry in AuditEntry.objects.order_by("seq").iterator(chunk_size=2000):
        if entry.seq != expected:
            return Proof(expected - 1, expected, f"Entry {expected} is missing.")
        if entry.prev_hash != previous:
            return Proof(expected - 1, entry.seq, f"Entry {entry.seq} does not follow entry {entry.seq - 1}.")
        if entry.hash != _hash(entry):
            return Proof(expected - 1, entry.seq, f"Entry {entry.seq} was changed after it was written.")
        previous, expected = entry.hash, expected + 1
    head = AuditHead.objects.filter(pk=1).first() or AuditHead()
    if (head.seq, head.hash) != (expected - 1, previous):
        return Proof(expected - 1, expected, f"The chain ends at {expected - 1}, its head says {head.seq}.")
    return Proof(expected - 1)


def timeline(*objects: models.Model) -> models.QuerySet[AuditEntry]:
    """Entries about these objects, oldest first."""
    about = models.Q(pk__in=[])
    for obj in objects:
        about |= models.Q(object_type=obj._meta.label_lower, object_id=str(obj.pk))
    return AuditEntry.objects.filter(about).order_by("seq")


def visible_to(user: User) -> models.QuerySet[AuditEntry]:
    """What this person may read of the log: all of it, their teams' part, or (administrators) what has no team."""
    if roles.reads_all(user):
        return AuditEntry.objects.all()
    mine = models.Q(team__in=roles.teams_of(user)) | models.Q(actor=user if user.is_authenticated else None)
    if roles.has_role(user, Role.ADMINISTRATOR):
        mine |= models.Q(team=None, action__regex=rf"^({'|'.join(ADMINISTERED)})\.")
    return AuditEntry.objects.filter(mine) if user.is_authenticated else AuditEntry.objects.none()


def _hash(entry: AuditEntry) -> str:
    return digest_of(
        {
            "seq": entry.seq,
            "at": entry.at.isoformat(),
            "real_at": entry.real_at.isoformat(),
            "actor": entry.actor_id,
            "actor_name": entry.actor_name,
            "action": entry.action,
            "object": [entry.object_type, entry.object_id, entry.object_label],
            "team": entry.team_id,
            "reason": entry.reason,
            "detail": entry.detail,
            "prev": entry.prev_hash,
        }
    )
