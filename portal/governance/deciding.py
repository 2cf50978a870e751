"""What every decision has in common, whatever is decided: it names what was read, and is written down once."""

from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from portal.governance import clock
from portal.governance.errors import FieldProblem, InvalidInput, StaleRevision, WrongState
from portal.governance.models import AbstractDecision, AbstractRevision, Outcome, User
from portal.governance.signing_in import raise_unless_recent

LONGEST_REASON = 4000


def authors_of(thing: Any) -> set[int]:
    """Everyone who asked for it or helped to write any revision of it, by primary key."""
    return {thing.requested_by_id, *thing.revisions.values_list("author", flat=True)}


def raise_unless_current(label: str, current: AbstractRevision, revision: int, digest: str) -> None:
    """Raises StaleRevision when somebody decides on another revision than the current one."""
    if (revision, digest) != (current.number, current.digest):
        raise StaleRevision(
            f"{label} was changed after you opened it: you read revision {revision}, "
            f"now it is revision {current.number}. Read it, then decide."
        )


def write_down(
    model: type[AbstractDecision],
    current: AbstractRevision,
    *,
    label: str,
    slot: str,
    outcome: str,
    reason: str,
    by: User,
    on_behalf_of: User | None,
    requested_by: User,
    signed_in_at: datetime | None,
    closes: bool,
) -> Any:
    """Store one decision. Raises SignInAgain, InvalidInput without a reason for a refusal, WrongState on a tie."""
    raise_unless_recent(signed_in_at)
    reason = reason.strip()
    raise_for_reason(outcome, reason)
    return _store(
        model,
        current,
        label=label,
        slot=slot,
        outcome=outcome,
        reason=reason,
        decided_by=by,
        on_behalf_of=on_behalf_of,
        requested_by=requested_by,
        signed_in_at=signed_in_at,
        closes=closes,
    )


def write_down_agreed(
    model: type[AbstractDecision],
    current: AbstractRevision,
    *,
    label: str,
    slot: str,
    reason: str,
    by: User,
    on_behalf_of: User | None,
    requested_by: User,
    signed_in_at: datetime | None,
    closes: bool,
) -> Any:
    """Store an approval that was given beforehand, on exactly this digest, by somebody who had signed in for it then.

    Only for an offer that is accepted: the caller has checked that digest, and that the person may still decide.
    Raises WrongState on a tie.
    """
    return _store(
        model,
        current,
        label=label,
        slot=slot,
        outcome=Outcome.APPROVE,
        reason=reason,
        decided_by=by,
        on_behalf_of=on_behalf_of,
        requested_by=requested_by,
        signed_in_at=signed_in_at,
        closes=closes,
    )


def raise_for_reason(outcome: str, reason: str) -> None:
    """Raises InvalidInput for a refusal without a reason, and for one that is too long."""
    if outcome != Outcome.APPROVE and not reason:
        raise InvalidInput(
            [FieldProblem("reason", "required", "Say why, so that the team knows what to change.")]
        )
    if len(reason) > LONGEST_REASON:
        raise InvalidInput([FieldProblem("reason", "length", f"At most {LONGEST_REASON} characters.")])


def _store(
    model: type[AbstractDecision], current: AbstractRevision, *, label: str, **word: Any
) -> AbstractDecision:
    try:
        with transaction.atomic():
            decisions: Any = model._default_manager  # each kind of decision has its own kind of revision
            return decisions.create(revision=current, digest=current.digest, decided_at=clock.now(), **word)
    except IntegrityError as conflict:
        raise WrongState(f"Somebody decided on {label} at the same moment. Reload the page.") from conflict


def closing_word(current: AbstractRevision) -> str:
    """Who closed a revision and when, as a sentence to append; empty while it is open."""
    closing = current.decisions.filter(closes=True).select_related("decided_by").first()  # type: ignore[attr-defined]
    if closing is None:
        return ""
    said = {
        Outcome.APPROVE: "approved it",
        Outcome.REJECT: "rejected it",
        Outcome.REQUEST_CHANGES: "asked for changes",
    }
    return (
        f" {closing.decided_by} {said[Outcome(closing.outcome)]} on {closing.decided_at:%d %b %Y, %H:%M} UTC."
    )
