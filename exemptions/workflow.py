"""The verbs of an exemption: draft, attach, revise, submit, decide, withdraw, revoke. It ends in waivers."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError, transaction

from exemptions import asked, documents, exploited, letters, overlaps, permissions, shrinking
from exemptions.asked import Ask, ask_of, content_of
from exemptions.facts import facts_of
from exemptions.models import Decision, Document, Exemption, Revision
from exemptions.waiving import end_waivers, waive
from patching.models import Application
from portal.governance import audit, clock, conversation, deciding, outbox, roles
from portal.governance.canonical import canonical_json, digest
from portal.governance.errors import (
    DomainError,
    FieldProblem,
    InvalidInput,
    NotAllowed,
    StaleRevision,
    WrongState,
)
from portal.governance.models import Outcome, User
from portal.governance.states import locked, move

State = Exemption.State
DECIDE_WITHIN = timedelta(days=14)


@transaction.atomic
def draft(*, by: User, application: Application, renews: Exemption | None = None, **words: Any) -> Exemption:
    """Write down what is asked for, in the words of ``asked.Ask``: instances of one application, until when, why.

    ``renews`` is set by ``renewing.renew`` alone. Raises NotAllowed, InvalidInput with every bad field.
    """
    ask = Ask.of(**words)
    _raise_unless_member(by, application)
    raise_for(problems_of(ask, application, renews))
    exemption = Exemption.objects.create(
        **ask.columns(),
        team=application.team,
        application=application,
        requested_by=by,
        renews=renews,
        renewal=renews.renewal + 1 if renews else 0,
        created_at=clock.now(),
    )
    exemption.instances.set(ask.instances)
    if renews is not None:
        documents.carry_over(renews, exemption, asked.evidence_in_force(ask))
    return add_revision(exemption, ask.content(application), by=by)


@transaction.atomic
def revise(
    exemption: Exemption, *, by: User, note: str = "", based_on: int | None = None, **words: Any
) -> Exemption:
    """Replace what is asked for by a new revision; what was said of the earlier one no longer counts.

    ``words`` as for ``draft``; ``based_on`` is the revision that was read before: StaleRevision when there is a
    later one by now. What an accepted counter-offer made a condition stays one.
    """
    exemption = _editable(exemption, by)
    if based_on is not None and based_on != current_of(exemption).number:
        raise StaleRevision(
            f"{exemption.number} was changed while you edited revision {based_on}: "
            f"now it is revision {current_of(exemption).number}. Read it, then edit again."
        )
    agreed = content_of(current_of(exemption)).get("conditions", ())
    ask = Ask.of(**{**words, "conditions": agreed})
    _raise_unless_member(by, exemption.application)
    raise_for(problems_of(ask, exemption.application, exemption.renews))
    exemption = rewrite(exemption, ask, by=by, note=note)
    if exemption.state != State.SUBMITTED:
        return exemption
    raise_for(_unanswered(exemption))
    return present(exemption)


def rewrite(exemption: Exemption, ask: Ask, *, by: User, note: str) -> Exemption:
    """The row and a new revision as asked, checks done; inside the verb's transaction."""
    Exemption.objects.filter(pk=exemption.pk).update(**ask.columns())
    exemption.instances.set(ask.instances)
    return add_revision(exemption, ask.content(exemption.application), by=by, note=note)


@transaction.atomic
def attach(exemption: Exemption, upload: UploadedFile, *, by: User) -> Document:
    """Add a document as evidence; it becomes part of a new revision. Raises InvalidInput for a file not allowed."""
    exemption = _editable(exemption, by)
    if exemption.state == State.SUBMITTED:
        raise WrongState(f"{exemption.number} is being decided; documents are added before it is submitted.")
    document = documents.store(exemption, upload, by=by)
    audit.record(
        "exemptions.document.added",
        exemption,
        by=by,
        team=exemption.team,
        detail={"name": document.name, "sha256": document.sha256},
    )
    add_revision(exemption, content_of(current_of(exemption)), by=by, note=f"Added {document.name}.")
    return document


@transaction.atomic
def submit(exemption: Exemption, *, by: User) -> Exemption:
    """Put it before the CISO. It needs at least one document, every answer, and no other one that covers it."""
    exemption = locked(exemption)
    if exemption.state not in (State.DRAFT, State.CHANGES_REQUESTED):
        raise WrongState(f"{exemption.number} is {_word(exemption)}; it cannot be submitted.")
    if not roles.is_member(by, exemption.team):
        raise NotAllowed(f"Only members of {exemption.team} submit {exemption.number}.")
    revision = current_of(exemption)
    if revision.decisions.filter(closes=True).exists():
        raise DomainError("Change what was asked for first, then submit it again.")
    if not exemption.documents.exists():
        message = "Attach a document that justifies the exemption, such as the vendor's statement as a PDF."
        raise InvalidInput([FieldProblem("documents", "required", message)])
    ask = ask_of(exemption)
    raise_for([*_unanswered(exemption), *problems_of(ask, exemption.application, exemption.renews)])
    move(exemption, State.SUBMITTED, by=by, detail=about(revision), submitted_at=clock.now())
    return present(exemption)


def approve(exemption: Exemption, **decision: Any) -> Exemption:
    """Give one slot's approval; with the last one the waivers are in force. Arguments as ``decide``."""
    return decide(exemption, outcome=Outcome.APPROVE, **decision)


def reject(exemption: Exemption, **decision: Any) -> Exemption:
    """Refuse it for good, with a reason. Arguments as ``decide``."""
    return decide(exemption, outcome=Outcome.REJECT, **decision)


def request_changes(exemption: Exemption, **decision: Any) -> Exemption:
    """Send it back with what has to change. Arguments as ``decide``."""
    return decide(exemption, outcome=Outcome.REQUEST_CHANGES, **decision)


@transaction.atomic
def decide(
    exemption: Exemption,
    *,
    outcome: str,
    by: User,
    revision: int,
    digest: str,
    signed_in_at: datetime | None,
    reason: str = "",
) -> Exemption:
    """One person's word on one revision, named by number and digest as they read it.

    Raises WrongState, StaleRevision, NotAllowed, SignInAgain, InvalidInput as change requests do.
    """
    exemption = locked(exemption)
    slot = slot_of_decider(exemption, by, revision, digest)
    current = current_of(exemption)
    if outcome == Outcome.APPROVE:
        conversation.raise_if_blocked(exemption)
        raise_for(standing_problems(exemption))
        exemption = _look_again(exemption)
    last = outcome != Outcome.APPROVE or permissions.open_slots(exemption) == [slot]
    word = deciding.write_down(
        Decision,
        current,
        label=exemption.number,
        slot=slot,
        outcome=outcome,
        reason=reason,
        by=by,
        on_behalf_of=roles.delegating_ciso(by) if slot == permissions.CISO else None,
        requested_by=exemption.requested_by,
        signed_in_at=signed_in_at,
        closes=last,
    )
    detail = {**about(current), "slot": slot, "outcome": outcome}
    action = f"exemptions.exemption.decision.{outcome}"
    audit.record(action, exemption, by=by, team=exemption.team, reason=word.reason, detail=detail)
    return _after(exemption, outcome, by=by, reason=word.reason) if last else exemption


def slot_of_decider(exemption: Exemption, by: User, revision: int, digest: str) -> str:
    """The slot that somebody's word fills now, on the revision that they read; the row is locked.

    Raises WrongState, NotAllowed, StaleRevision.
    """
    current = current_of(exemption)
    if exemption.state != State.SUBMITTED:
        closed = deciding.closing_word(current)
        raise WrongState(f"{exemption.number} is {_word(exemption)}; it does not wait for decisions.{closed}")
    if effective_state(exemption) == "lapsed":
        raise WrongState(
            f"{exemption.number} lapsed undecided on {exemption.lapses_at:%d %b %Y}; "
            f"{exemption.team} can edit it to ask again."
        )
    slot = permissions.slot_for(by, exemption)
    if slot is None:
        raise NotAllowed(_why_not(by, exemption))
    deciding.raise_unless_current(exemption.number, current, revision, digest)
    return slot


@transaction.atomic
def withdraw(exemption: Exemption, *, by: User, reason: str = "") -> Exemption:
    """Take back what nobody has decided yet."""
    exemption = locked(exemption)
    if not permissions.may_withdraw(by, exemption):
        raise NotAllowed(f"Only {exemption.requested_by} or the lead of {exemption.team} withdraws it.")
    return move(exemption, State.WITHDRAWN, by=by, reason=reason.strip(), closed_at=clock.now())


@transaction.atomic
def revoke(exemption: Exemption, *, by: User, reason: str) -> Exemption:
    """End an approved exemption now: its instances go back to their window or group at the next push."""
    exemption = locked(exemption)
    if not permissions.may_revoke(by, exemption):
        raise NotAllowed(f"The CISO, security operations or {exemption.team} end {exemption.number}.")
    if effective_state(exemption) not in ("active", "expiring"):
        raise WrongState(f"{exemption.number} is {effective_state(exemption)}; there is nothing to end.")
    if not reason.strip():
        raise InvalidInput([FieldProblem("reason", "required", "Say why it ends before its date.")])
    move(exemption, State.REVOKED, by=by, reason=reason.strip(), closed_at=clock.now())
    end_waivers(exemption)
    tell_authors(
        exemption, "revoked", f"{by} ended it: {reason.strip().rstrip('.')}. {letters.ends(exemption)}"
    )
    return exemption


def effective_state(exemption: Exemption) -> str:
    """The state as people meet it now, dates included."""
    return exemption.state_at(clock.now())


def _raise_unless_member(by: User, application: Application) -> None:
    if not roles.is_member(by, application.team):
        raise NotAllowed(f"Only members of {application.team} ask for exemptions of {application}.")


def standing_problems(exemption: Exemption) -> list[FieldProblem]:
    """What has come in the way since it was written: time has passed, instances have gone or left their window."""
    ask = ask_of(exemption)
    return [*problems_of(ask, exemption.application, exemption.renews), *exploited.problems(ask)]


def problems_of(ask: Ask, application: Application, renews: Exemption | None) -> list[FieldProblem]:
    """What is wrong with it in itself, and as a renewal."""
    found = asked.problems(ask, application)
    return [*found, *shrinking.problems(ask, renews, asked.limit_of(ask))]


def _unanswered(exemption: Exemption) -> list[FieldProblem]:
    """What keeps it from those who decide: an open question, evidence that is not there, another one like it."""
    ask = ask_of(exemption)
    attached = set(exemption.documents.values_list("name", flat=True))
    shown = shrinking.missing_evidence(ask, exemption)
    if exemption.renews_id is None:
        shown = asked.evidence_problems(ask, attached)
    return [
        *asked.missing_answers(ask),
        *exploited.problems(ask),
        *shown,
        *overlaps.duplicate_problems(exemption),
    ]


def raise_for(problems: Iterable[FieldProblem]) -> None:
    if problems := list(problems):
        raise InvalidInput(problems)


def _editable(exemption: Exemption, by: User) -> Exemption:
    exemption = locked(exemption)
    if exemption.state not in Exemption.OPEN:
        raise WrongState(f"{exemption.number} is {_word(exemption)}; only an open one can be edited.")
    if not permissions.may_edit(by, exemption):
        raise NotAllowed(
            f"Only members of {exemption.team} who have not decided on it edit {exemption.number}."
        )
    return exemption


def sealed(exemption: Exemption, content: Mapping[str, Any]) -> str:
    """The canonical JSON of a revision with this content and the documents that are attached now."""
    evidence = [{"name": one.name, "sha256": one.sha256} for one in exemption.documents.all()]
    return canonical_json({**content, "documents": evidence})


def add_revision(exemption: Exemption, content: Mapping[str, Any], *, by: User, note: str = "") -> Exemption:
    text = sealed(exemption, content)
    try:
        with transaction.atomic():
            revision = Revision.objects.create(
                exemption=exemption,
                number=exemption.revisions.count() + 1,
                content=text,
                digest=digest(text),
                author=by,
                created_at=clock.now(),
                note=note.strip(),
            )
    except IntegrityError as conflict:
        raise WrongState(
            f"{exemption.number} was edited by someone else. Reload and look again."
        ) from conflict
    Exemption.objects.filter(pk=exemption.pk).update(current=revision)
    exemption.refresh_from_db()
    audit.record(
        "exemptions.exemption.revised",
        exemption,
        by=by,
        team=exemption.team,
        reason=note,
        detail=about(revision),
    )
    return exemption


def present(exemption: Exemption, *, filled: str = "") -> Exemption:
    """Reckon who must decide and tell them, but for the slot that is ``filled`` at once; that one is kept."""
    reckoned = _needs(exemption)
    needs = [slot for slot in permissions.SLOT_NAMES if slot in reckoned or slot == filled]
    if missing := permissions.who_is_missing(exemption, needs):
        raise DomainError(
            f"Nobody can decide as {' and '.join(missing)} on this. "
            "An administrator can grant the role; who asks, edits or adds a document cannot decide."
        )
    Exemption.objects.filter(pk=exemption.pk).update(
        needs=needs, lapses_at=min(clock.now() + DECIDE_WITHIN, exemption.ends_at)
    )
    exemption.refresh_from_db()
    _ask(exemption, [slot for slot in needs if slot != filled])
    return exemption


def _needs(exemption: Exemption) -> list[str]:
    instances = exemption.instances.select_related("environment")
    override = content_of(current_of(exemption)).get("exploited_override", "")
    return permissions.slots_needed(
        instances, exemption.ends_at - clock.now(), exemption.renewal, exploited=bool(override)
    )


def _look_again(exemption: Exemption) -> Exemption:
    """A critical patch may have come out since it was submitted: then more people have to agree."""
    added = [slot for slot in _needs(exemption) if slot not in exemption.needs]
    if added:
        needs = [slot for slot in permissions.SLOT_NAMES if slot in {*exemption.needs, *added}]
        Exemption.objects.filter(pk=exemption.pk).update(needs=needs)
        exemption.refresh_from_db()
        _ask(exemption, added)
    return exemption


def _ask(exemption: Exemption, slots: Iterable[str]) -> None:
    for slot in slots:
        outbox.tell_all(
            permissions.eligible(exemption, slot),
            event="exemption.waits",
            key=f"{exemption.pk}/{current_of(exemption).number}",
            subject=f"{exemption.number} waits for your decision: {exemption.title}",
            body=f"{exemption.requested_by} asks to {letters.asks(exemption)}.",
            url=exemption.address,
        )


def _after(exemption: Exemption, outcome: str, *, by: User, reason: str) -> Exemption:
    detail = about(current_of(exemption))
    if outcome == Outcome.APPROVE:
        take_effect(exemption, by=by)
    elif outcome == Outcome.REJECT:
        move(exemption, State.REJECTED, by=by, reason=reason, detail=detail, closed_at=clock.now())
        tell_authors(exemption, "rejected", f"{by} rejected it: {reason}")
    else:
        move(exemption, State.CHANGES_REQUESTED, by=by, reason=reason, detail=detail)
        tell_authors(exemption, "sent back", f"{by} asks for changes: {reason}")
    return exemption


def take_effect(exemption: Exemption, *, by: User) -> None:
    """The last approval is in: its waivers are in force from now on. Inside the verb's transaction."""
    detail = about(current_of(exemption))
    now, facts = clock.now(), facts_of(exemption)
    move(exemption, State.APPROVED, by=by, detail=detail, approved_at=now, approved_facts=facts)
    waive(exemption)
    tell_authors(exemption, "approved", letters.allows(exemption))


def tell_authors(exemption: Exemption, word: str, body: str) -> None:
    outbox.tell_all(
        User.objects.filter(pk__in=permissions.authors_of(exemption), is_active=True),
        event=f"exemption.{word.replace(' ', '_')}",
        key=f"{exemption.pk}/{current_of(exemption).number}",
        subject=f"{exemption.number} was {word}: {exemption.title}",
        body=body,
        url=exemption.address,
    )


def _why_not(by: User, exemption: Exemption) -> str:
    if by.pk in permissions.authors_of(exemption):
        return f"You asked for {exemption.number} or helped to write it; somebody else decides."
    if Decision.objects.filter(revision=exemption.current, decided_by=by).exists():
        return f"You have decided on this revision of {exemption.number} already."
    names = [permissions.slot_name(exemption, slot) for slot in permissions.open_slots(exemption)]
    return f"{exemption.number} waits for {' and '.join(names) or 'nobody'}; that is not you."


def current_of(exemption: Exemption) -> Revision:
    if exemption.current is None:
        raise WrongState(f"{exemption.number} has no revision yet.")
    return exemption.current


def about(revision: Revision) -> dict[str, Any]:
    return {"revision": revision.number, "digest": revision.digest}


def _word(exemption: Exemption) -> str:
    return exemption.get_state_display().lower()
