"""The verbs of a change request: draft, revise, submit, decide, withdraw, retry. The only door to each."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction

from patching import contents, effects, permissions, progress, rules, sealing, system_facts
from patching.items import Problem, check_items, with_defaults
from patching.models import ChangeRequest, Decision, Revision
from portal.governance import audit, clock, conversation, deciding, outbox, roles
from portal.governance.canonical import canonical_json, digest
from portal.governance.errors import (
    DomainError,
    FieldProblem,
    InvalidInput,
    NotAllowed,
    WrongState,
)
from portal.governance.models import Outcome, Team, User
from portal.governance.states import locked, move

State = ChangeRequest.State
Item = Mapping[str, Any]
DECIDE_WITHIN = timedelta(days=14)


@transaction.atomic
def draft(
    *, by: User, title: str, reason: str, items: Sequence[Item], team: Team | None = None
) -> ChangeRequest:
    """Write down a new request as revision 1. Raises InvalidInput with every bad field, NotAllowed."""
    checked = _checked(title, reason, items)
    team = _team_for(by, checked, team)
    _raise_for(rules.check(checked, by=by, team=team, quotas=False))
    request = ChangeRequest.objects.create(
        title=title.strip(), reason=reason.strip(), team=team, requested_by=by, created_at=clock.now()
    )
    _add_revision(request, by=by, items=checked)
    return request


@transaction.atomic
def revise(
    request: ChangeRequest, *, by: User, title: str, reason: str, items: Sequence[Item], note: str = ""
) -> ChangeRequest:
    """Replace what is asked for by a new revision; approvals of the earlier one no longer count."""
    request = locked(request)
    if request.state not in ChangeRequest.OPEN:
        raise WrongState(f"{request.number} is {_word(request)}; only an open request can be edited.")
    if not permissions.may_edit(by, request):
        raise NotAllowed(f"Only members of {request.team} who have not decided on it edit {request.number}.")
    checked = _checked(title, reason, items)
    if rules.team_of(checked) not in (None, request.team):
        raise InvalidInput([FieldProblem("items", "not_yours", f"{request.number} is about {request.team}.")])
    waits = request.state == State.SUBMITTED
    _raise_for(rules.check(checked, by=by, team=request.team, quotas=waits))
    ChangeRequest.objects.filter(pk=request.pk).update(title=title.strip(), reason=reason.strip())
    request.refresh_from_db()
    _add_revision(request, by=by, items=checked, note=note)
    if request.state == State.SUBMITTED:
        _present(request)
    return request


@transaction.atomic
def submit(request: ChangeRequest, *, by: User) -> ChangeRequest:
    """Put a draft, or the answer to asked-for changes, before those who decide."""
    request = locked(request)
    if request.state not in (State.DRAFT, State.CHANGES_REQUESTED):
        raise WrongState(f"{request.number} is {_word(request)}; it cannot be submitted.")
    if not roles.is_member(by, request.team):
        raise NotAllowed(f"Only members of {request.team} submit {request.number}.")
    revision = _current(request)
    if revision.decisions.filter(closes=True).exists():
        raise DomainError("Change what was asked for first, then submit it again.")
    items = contents.items_of(revision)
    _raise_for(rules.check(items, by=by, team=request.team))
    move(request, State.SUBMITTED, by=by, detail=_about(revision), submitted_at=clock.now())
    return _present(request)


def approve(request: ChangeRequest, **decision: Any) -> ChangeRequest:
    """Give one slot's approval; with the last one the request takes effect. Arguments as ``decide``."""
    return decide(request, outcome=Outcome.APPROVE, **decision)


def reject(request: ChangeRequest, **decision: Any) -> ChangeRequest:
    """Refuse the request for good, with a reason. Arguments as ``decide``."""
    return decide(request, outcome=Outcome.REJECT, **decision)


def request_changes(request: ChangeRequest, **decision: Any) -> ChangeRequest:
    """Send the request back with what has to change. Arguments as ``decide``."""
    return decide(request, outcome=Outcome.REQUEST_CHANGES, **decision)


@transaction.atomic
def decide(
    request: ChangeRequest,
    *,
    outcome: str,
    by: User,
    revision: int,
    digest: str,
    signed_in_at: datetime | None,
    reason: str = "",
) -> ChangeRequest:
    """One person's word on one revision, named by number and digest as they read it.

    Raises WrongState when it is not waiting, StaleRevision when it was edited since, NotAllowed when this
    person has no open slot, SignInAgain, InvalidInput when a refusal lacks its reason.
    """
    request = locked(request)  # two last deciders at once must not miss each other
    current = _current(request)
    if request.state != State.SUBMITTED:
        raise WrongState(
            f"{request.number} is {_word(request)}; it does not wait for decisions.{deciding.closing_word(current)}"
        )
    if has_lapsed(request):
        raise WrongState(
            f"{request.number} lapsed undecided on {request.lapses_at:%d %b %Y}; edit it to put it up again."
        )
    _look_again(request, current)
    slot = permissions.slot_for(by, request)
    if slot is None:
        raise NotAllowed(_why_not(by, request))
    deciding.raise_unless_current(request.number, current, revision, digest)
    if outcome == Outcome.APPROVE:
        conversation.raise_if_blocked(request)
        _raise_unless_possible(request, current)
    last = outcome != Outcome.APPROVE or permissions.open_slots(request) == [slot]
    word = deciding.write_down(
        Decision,
        current,
        label=request.number,
        slot=slot,
        outcome=outcome,
        reason=reason,
        by=by,
        on_behalf_of=roles.delegating_ciso(by) if slot == permissions.CISO else None,
        requested_by=request.requested_by,
        signed_in_at=signed_in_at,
        closes=last,
    )
    detail = {**_about(current), "slot": slot, "outcome": outcome}
    audit.record(
        f"patching.changerequest.decision.{outcome}",
        request,
        by=by,
        team=request.team,
        reason=word.reason,
        detail=detail,
    )
    return _after(request, outcome, by=by, reason=word.reason) if last else request


@transaction.atomic
def withdraw(request: ChangeRequest, *, by: User, reason: str = "") -> ChangeRequest:
    """Take the request back, also an approved one as long as its push has not begun."""
    request = locked(request)
    if not permissions.may_withdraw(by, request):
        raise NotAllowed(
            f"Only {request.requested_by} or the lead of {request.team} withdraws {request.number}."
        )
    approved = request.state == State.APPROVED
    if approved and (later := effects.later_words(request)):
        numbers = " and ".join(one.number for one in later)
        raise WrongState(f"{numbers} has changed the same since; withdraw that one first.")
    move(request, State.WITHDRAWN, by=by, reason=reason.strip(), closed_at=clock.now())
    if approved:
        effects.undo(request)
    _tell_deciders(request, "withdrawn", f"{by} withdrew it. Nothing waits for you.")
    return request


@transaction.atomic
def retry(request: ChangeRequest, *, by: User) -> ChangeRequest:
    """Push a failed or partly applied request again."""
    request = locked(request)
    if not permissions.may_retry(by):
        raise NotAllowed("Operators and security operations retry a push.")
    if request.state not in (State.FAILED, State.PARTIALLY_APPLIED):
        raise WrongState(f"{request.number} is {_word(request)}; only a failed push is retried.")
    move(request, State.PUSHING, by=by)
    progress.try_again(request)
    effects.want_push(progress.places_of(request), f"retry of {request.number}")
    return request


def has_lapsed(request: ChangeRequest) -> bool:
    """Nobody decided in time; computed, never stored."""
    if request.state != State.SUBMITTED or request.lapses_at is None:
        return False
    return request.lapses_at <= clock.now()


def effective_state(request: ChangeRequest) -> str:
    """The stored state, or ``lapsed``."""
    return "lapsed" if has_lapsed(request) else request.state


def _checked(title: str, reason: str, items: Any) -> list[dict[str, Any]]:
    problems = []
    if not isinstance(title, str) or not 3 <= len(title.strip()) <= 120:
        problems.append(Problem("title", "length", "Give a title of 3 to 120 characters."))
    if not isinstance(reason, str) or not 10 <= len(reason.strip()) <= deciding.LONGEST_REASON:
        problems.append(
            Problem("reason", "length", f"Say why in 10 to {deciding.LONGEST_REASON} characters.")
        )
    _raise_for([*problems, *check_items(items, system_facts.allowed())])
    return [with_defaults(item) for item in items]


def _raise_for(problems: Sequence[Problem]) -> None:
    if problems:
        raise InvalidInput(FieldProblem(*problem) for problem in problems)


def _team_for(by: User, items: Sequence[Item], wanted: Team | None) -> Team:
    mine = list(roles.teams_of(by))
    named = any(item["spec"].get("application") for item in items) or any(
        row.application for row in rules.targets(items)
    )
    if not mine and not named:
        message = (
            "You are in no team, and a request is a team's. An administrator adds people to teams under People; "
            "security operations have one of their own to ask for shared baselines."
        )
        raise InvalidInput([FieldProblem("team", "no_team", message)])
    team = rules.team_of(items) or (None if named else wanted)
    if team is None and not named and len(mine) == 1:
        team = mine[0]
    if team is None and not named:
        raise InvalidInput(
            [FieldProblem("team", "required", "You are in several teams; say for which one you ask.")]
        )
    if team is None or team not in mine:
        # the same words for a stranger's application and for none at all
        raise InvalidInput(
            [FieldProblem("items", "not_yours", "Ask for applications of one team that you are a member of.")]
        )
    return team


def _add_revision(request: ChangeRequest, *, by: User, items: Sequence[Item], note: str = "") -> Revision:
    content = canonical_json({"title": request.title, "reason": request.reason, "items": list(items)})
    number = request.revisions.count() + 1
    try:
        with transaction.atomic():
            revision = Revision.objects.create(
                request=request,
                number=number,
                content=content,
                digest=digest(content),
                author=by,
                created_at=clock.now(),
                note=note.strip(),
            )
    except IntegrityError as conflict:
        raise WrongState(
            f"{request.number} was edited by someone else. Reload the page and look again."
        ) from conflict
    ChangeRequest.objects.filter(pk=request.pk).update(current=revision)
    request.refresh_from_db()
    audit.record(
        "patching.changerequest.revised",
        request,
        by=by,
        team=request.team,
        reason=note,
        detail=_about(revision),
    )
    return revision


def _present(request: ChangeRequest) -> ChangeRequest:
    """Reckon who must decide, seal what they will see, and tell them."""
    items = contents.items_of(_current(request))
    needs = permissions.slots_needed(items)
    if missing := permissions.who_is_missing(request, needs):
        raise DomainError(
            f"Nobody can decide as {' and '.join(missing)} on this. "
            "An administrator can grant the role; who asks or edits cannot decide."
        )
    ChangeRequest.objects.filter(pk=request.pk).update(
        needs=needs, seal=sealing.seal_of(items), lapses_at=clock.now() + DECIDE_WITHIN
    )
    request.refresh_from_db()
    revision = _current(request)
    for slot in needs:
        outbox.tell_all(
            permissions.eligible(request, slot),
            event="request.waits",
            key=f"{request.pk}/{revision.number}",
            subject=f"{request.number} waits for your decision: {request.title}",
            body=f"{revision.author} asks for {request.team}: {request.reason}",
            url=request.address,
        )
    return request


def _after(request: ChangeRequest, outcome: str, *, by: User, reason: str) -> ChangeRequest:
    detail = _about(_current(request))
    if outcome == Outcome.APPROVE:
        move(request, State.APPROVED, by=by, detail=detail)
        effects.take(request)
        for other in effects.replaced_by(request):
            effects.inherit(request, other)
            move(
                locked(other),
                State.SUPERSEDED,
                by=by,
                reason=f"Replaced by {request.number}.",
                closed_at=clock.now(),
            )
    elif outcome == Outcome.REJECT:
        move(request, State.REJECTED, by=by, reason=reason, detail=detail, closed_at=clock.now())
    else:
        move(request, State.CHANGES_REQUESTED, by=by, reason=reason, detail=detail)
    said = {
        Outcome.APPROVE: ("approved", "All decisions are in. It is pushed to AWS within a minute."),
        Outcome.REJECT: ("rejected", f"{by} rejected it: {reason}"),
        Outcome.REQUEST_CHANGES: ("sent back", f"{by} asks for changes: {reason}"),
    }
    word, body = said[Outcome(outcome)]
    _tell_authors(request, word, body)
    return request


def _tell_authors(request: ChangeRequest, word: str, body: str) -> None:
    revision = _current(request)
    outbox.tell_all(
        User.objects.filter(pk__in=deciding.authors_of(request), is_active=True),
        event=f"request.{word.replace(' ', '_')}",
        key=f"{request.pk}/{revision.number}",
        subject=f"{request.number} was {word}: {request.title}",
        body=body,
        url=request.address,
    )


def _tell_deciders(request: ChangeRequest, word: str, body: str) -> None:
    told = {person for slot in request.needs for person in permissions.eligible(request, slot)}
    outbox.tell_all(
        sorted(told, key=lambda person: person.pk),
        event=f"request.{word}",
        key=str(request.pk),
        subject=f"{request.number} was {word}: {request.title}",
        body=body,
        url=request.address,
    )


def _look_again(request: ChangeRequest, revision: Revision) -> None:
    """What it touches may reach further than when it was submitted; then more have to decide, never fewer."""
    needs = permissions.slots_needed(contents.items_of(revision))
    if not set(needs) <= set(request.needs):
        request.needs = [slot for slot in permissions.SLOT_NAMES if slot in {*needs, *request.needs}]
        ChangeRequest.objects.filter(pk=request.pk).update(needs=request.needs)


def _raise_unless_possible(request: ChangeRequest, revision: Revision) -> None:
    """What was right when it was submitted may be taken, gone or full by now."""
    problems = rules.check(contents.items_of(revision), by=revision.author, team=request.team)
    if problems:
        said = _author_left(request, revision) or " ".join(
            dict.fromkeys(problem.message for problem in problems[:3])
        )
        raise DomainError(f"{request.number} can no longer take effect as it stands; ask for changes. {said}")


def _author_left(request: ChangeRequest, revision: Revision) -> str:
    """A revision asks for no more than who wrote it may ask for; "" while they are in the team."""
    if roles.is_member(revision.author, request.team):
        return ""
    return (
        f"{revision.author}, who wrote revision {revision.number}, is no longer in {request.team}: "
        "a member edits and submits it in their place."
    )


def _why_not(by: User, request: ChangeRequest) -> str:
    if by.pk in deciding.authors_of(request):
        return f"You asked for {request.number} or helped to write it; somebody else decides."
    if Decision.objects.filter(revision=request.current, decided_by=by).exists():
        return f"You have decided on this revision of {request.number} already."
    names = [permissions.called(slot) for slot in permissions.open_slots(request)]
    return f"{request.number} waits for {' and '.join(names) or 'nobody'}; that is not you."


def _current(request: ChangeRequest) -> Revision:
    if request.current is None:
        raise WrongState(f"{request.number} has no revision yet.")
    return request.current


def _about(revision: Revision) -> dict[str, Any]:
    return {"revision": revision.number, "digest": revision.digest}


def _word(request: ChangeRequest) -> str:
    return request.get_state_display().lower()
