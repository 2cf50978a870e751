"""Reviews of exemptions in force: raised when something has changed under one, closed by those who decide."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet

from exemptions import facts, permissions, workflow
from exemptions.models import Exemption, Review
from portal.governance import audit, clock, outbox, roles
from portal.governance.deciding import LONGEST_REASON
from portal.governance.errors import FieldProblem, InvalidInput, NotAllowed, WrongState
from portal.governance.models import Role, User
from portal.governance.signing_in import raise_unless_recent
from portal.governance.states import locked

Outcome = Review.Outcome
DUE_WITHIN = timedelta(days=7)


def find() -> int:
    """Raise a review for whatever changed under an exemption in force, and tell again of overdue ones.

    Returns how many were raised. Safe to repeat: the same change is raised once.
    """
    raised = 0
    rows = Exemption.objects.holding(clock.now()).select_related("team", "requested_by", "backup", "current")
    for exemption in rows.prefetch_related("reviews", "documents"):
        known = {(one.cause, one.key) for one in exemption.reviews.all()}
        for change in facts.changes_of(exemption):
            if (change.cause, change.key) not in known:
                raised += raise_for(exemption, *change) is not None
    _tell_of_overdue()
    return raised


@transaction.atomic
def raise_for(exemption: Exemption, cause: str, key: str, text: str) -> Review | None:
    """Ask those who decide whether it may go on; ``key`` names the change, such as a catalogue event's number.

    Returns None when this change was raised before or the exemption is not in force.
    """
    exemption = locked(exemption)
    now = clock.now()
    if exemption.state_at(now) not in ("active", "expiring"):
        return None
    if exemption.reviews.filter(cause=cause, key=key).exists():
        return None
    review = Review.objects.create(
        exemption=exemption, cause=cause, key=key, text=text, raised_at=now, due_at=now + DUE_WITHIN
    )
    detail = {"review": review.pk, "cause": str(cause), "text": text}
    audit.record("exemptions.exemption.review_raised", exemption, by=None, team=exemption.team, detail=detail)
    _tell(
        review,
        _everybody(exemption),
        event="exemption.review",
        subject=f"{exemption.number} has to be reviewed: {exemption.title}",
        body=f"{text} Security operations or the CISO say until {review.due_at:%d %b %Y} whether it may go on. "
        "Until then it stays in force.",
    )
    return review


@transaction.atomic
def close(review: Review, *, by: User, outcome: str, reason: str, signed_in_at: datetime | None) -> Review:
    """Say that the exemption may go on, or end it now. By those who decide exemptions, never an author of it.

    Raises NotAllowed, SignInAgain, InvalidInput without a reason, WrongState when it is closed or has ended.
    """
    exemption = locked(review.exemption)
    review = Review.objects.select_for_update().get(pk=review.pk)
    if not may_close(by, exemption):
        raise NotAllowed(
            f"The CISO or security operations who did not write {exemption.number} close its reviews."
        )
    if review.closed_at is not None:
        raise WrongState(f"{review.closed_by} closed this review on {review.closed_at:%d %b %Y, %H:%M} UTC.")
    if workflow.effective_state(exemption) not in ("active", "expiring"):
        raise WrongState(f"{exemption.number} has ended; there is nothing to review any more.")
    raise_unless_recent(signed_in_at)
    reason = _checked(outcome, reason)
    if outcome == Outcome.ENDED:
        workflow.revoke(exemption, by=by, reason=reason)
    detail = {"review": review.pk, "cause": review.cause, "outcome": outcome}
    audit.record(
        f"exemptions.exemption.review_{outcome}",
        exemption,
        by=by,
        team=exemption.team,
        reason=reason,
        detail=detail,
    )
    closed = exemption.reviews.filter(closed_at=None)
    if outcome == Outcome.KEPT:
        closed = closed.filter(pk=review.pk)  # an end answers all of them
    closed.update(closed_at=clock.now(), closed_by=by, outcome=outcome, reason=reason)
    review.refresh_from_db()
    return review


def may_close(user: User, exemption: Exemption) -> bool:
    """A CISO or delegate, or security operations, who is no author of it."""
    return any(
        permissions.eligible(exemption, slot).filter(pk=user.pk).exists() for slot in permissions.SLOT_NAMES
    )


def open_at(moment: datetime) -> QuerySet[Review]:
    """Reviews that wait for an answer: an exemption that has ended needs none."""
    return Review.objects.filter(closed_at=None, exemption__in=Exemption.objects.holding(moment))


def _checked(outcome: str, reason: str) -> str:
    problems, reason = [], reason.strip()
    if outcome not in Outcome.values:
        message = f"“{outcome}” is no outcome; use {' or '.join(Outcome.values)}."
        problems.append(FieldProblem("outcome", "choice", message))
    if not reason:
        message = "Say why it may go on or ends, such as “the new application is decommissioned in May”."
        problems.append(FieldProblem("reason", "required", message))
    if len(reason) > LONGEST_REASON:
        problems.append(FieldProblem("reason", "length", f"At most {LONGEST_REASON} characters."))
    if problems:
        raise InvalidInput(problems)
    return reason


def _tell_of_overdue() -> None:
    now = clock.now()
    joined = "exemption__team", "exemption__requested_by", "exemption__backup"
    for review in open_at(now).filter(due_at__lte=now).select_related(*joined):
        people, event = _everybody(review.exemption), "exemption.review_overdue"
        known = outbox.told((one, event, _key(review)) for one in people)
        _tell(
            review,
            [one for one in people if (one.pk, event, _key(review)) not in known],
            event=event,
            subject=f"The review of {review.exemption.number} is overdue: {review.exemption.title}",
            body=f"{review.text} It was due on {review.due_at:%d %b %Y}, and nobody has said whether it may go on.",
        )


def _everybody(exemption: Exemption) -> Sequence[User]:
    """Who answers for it and who decides, each once."""
    deciders = [*roles.holders(Role.CISO), *roles.holders(Role.SECURITY_OPERATIONS)]
    return list(dict.fromkeys([*permissions.who_answers(exemption), *deciders]))


def _tell(review: Review, people: Iterable[User], *, event: str, subject: str, body: str) -> None:
    url = f"{review.exemption.address}#reviews"
    for person in people:
        outbox.tell(person, event=event, key=_key(review), subject=subject, body=body, url=url)


def _key(review: Review) -> str:
    return f"{review.exemption_id}/{review.pk}"
