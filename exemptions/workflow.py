"""The verbs of an exemption: draft, attach, revise, submit, decide, withdraw, revoke. It ends in waivers."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from exemptions import documents, permissions
from exemptions.models import Decision, Document, Exemption, Revision
from patching import effects
from patching.models import Application, MaintenanceWindow, ManagedInstance, Waiver
from patching.specs import Key
from portal.governance import audit, clock, deciding, outbox, roles
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
MOST_INSTANCES = 50


@transaction.atomic
def draft(
    *,
    by: User,
    title: str,
    reason: str,
    compensating_controls: str,
    application: Application,
    instances: Sequence[ManagedInstance],
    ends_at: datetime,
) -> Exemption:
    """Write down what is asked for: these instances of one application stay out of their window until then."""
    content = _checked(by, title, reason, compensating_controls, application, instances, ends_at)
    exemption = Exemption.objects.create(
        title=title.strip(),
        team=application.team,
        application=application,
        requested_by=by,
        ends_at=ends_at,
        created_at=clock.now(),
    )
    exemption.instances.set(instances)
    return _add_revision(exemption, content, by=by)


@transaction.atomic
def revise(
    exemption: Exemption,
    *,
    by: User,
    title: str,
    reason: str,
    compensating_controls: str,
    instances: Sequence[ManagedInstance],
    ends_at: datetime,
    note: str = "",
    based_on: int | None = None,
) -> Exemption:
    """Replace what is asked for by a new revision; what was said of the earlier one no longer counts.

    ``based_on`` is the revision that was read before; StaleRevision when there is a later one by now.
    """
    exemption = _editable(exemption, by)
    if based_on is not None and based_on != _current(exemption).number:
        raise StaleRevision(
            f"{exemption.number} was changed while you edited revision {based_on}: "
            f"now it is revision {_current(exemption).number}. Read it, then edit again."
        )
    content = _checked(by, title, reason, compensating_controls, exemption.application, instances, ends_at)
    Exemption.objects.filter(pk=exemption.pk).update(title=title.strip(), ends_at=ends_at)
    exemption.instances.set(instances)
    exemption = _add_revision(exemption, content, by=by, note=note)
    return _present(exemption) if exemption.state == State.SUBMITTED else exemption


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
    _add_revision(exemption, _content(_current(exemption)), by=by, note=f"Added {document.name}.")
    return document


@transaction.atomic
def submit(exemption: Exemption, *, by: User) -> Exemption:
    """Put it before the CISO. It needs at least one document."""
    exemption = locked(exemption)
    if exemption.state not in (State.DRAFT, State.CHANGES_REQUESTED):
        raise WrongState(f"{exemption.number} is {_word(exemption)}; it cannot be submitted.")
    if not roles.is_member(by, exemption.team):
        raise NotAllowed(f"Only members of {exemption.team} submit {exemption.number}.")
    revision = _current(exemption)
    if revision.decisions.filter(closes=True).exists():
        raise DomainError("Change what was asked for first, then submit it again.")
    if not exemption.documents.exists():
        message = "Attach a document that justifies the exemption, such as the vendor's statement as a PDF."
        raise InvalidInput([FieldProblem("documents", "required", message)])
    _raise_for(_standing_problems(exemption))
    move(exemption, State.SUBMITTED, by=by, detail=_about(revision), submitted_at=clock.now())
    return _present(exemption)


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
    current = _current(exemption)
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
    if outcome == Outcome.APPROVE:
        _raise_for(_standing_problems(exemption))
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
    detail = {**_about(current), "slot": slot, "outcome": outcome}
    action = f"exemptions.exemption.decision.{outcome}"
    audit.record(action, exemption, by=by, team=exemption.team, reason=word.reason, detail=detail)
    return _after(exemption, outcome, by=by, reason=word.reason) if last else exemption


@transaction.atomic
def withdraw(exemption: Exemption, *, by: User, reason: str = "") -> Exemption:
    """Take back what nobody has decided yet."""
    exemption = locked(exemption)
    if not permissions.may_withdraw(by, exemption):
        raise NotAllowed(f"Only {exemption.requested_by} or the lead of {exemption.team} withdraws it.")
    return move(exemption, State.WITHDRAWN, by=by, reason=reason.strip(), closed_at=clock.now())


@transaction.atomic
def revoke(exemption: Exemption, *, by: User, reason: str) -> Exemption:
    """End an approved exemption now: its instances go back to their window at the next push."""
    exemption = locked(exemption)
    if not permissions.may_revoke(by, exemption):
        raise NotAllowed(f"The CISO, security operations or {exemption.team} end {exemption.number}.")
    if effective_state(exemption) not in ("active", "expiring"):
        raise WrongState(f"{exemption.number} is {effective_state(exemption)}; there is nothing to end.")
    if not reason.strip():
        raise InvalidInput([FieldProblem("reason", "required", "Say why it ends before its date.")])
    move(exemption, State.REVOKED, by=by, reason=reason.strip(), closed_at=clock.now())
    end_waivers(exemption)
    _tell_authors(exemption, "revoked", f"{by} ended it: {reason.strip()}. Patching starts again.")
    return exemption


def end_waivers(exemption: Exemption) -> None:
    """Close its waivers, let their way back leave AWS, and want a push. Safe to repeat."""
    now, places = clock.now(), set()
    running = waivers_of(exemption).filter(ended_at=None)
    for waiver in running.select_related("instance__account_region__account"):
        place = waiver.instance.account_region
        Waiver.objects.filter(pk=waiver.pk, ended_at=None).update(ended_at=now)
        others = Waiver.objects.in_force(now).filter(instance=waiver.instance)
        if not others.exists():
            key = Key("schedule", f"{waiver.instance.instance_id}:{place.account.window_tag}")
            source = {"kind": "waiver", "id": str(waiver.pk), "digest": waiver.source_digest}
            effects.allow_removal(place, key, source)
        places.add(place)
    effects.want_push(places, f"end of {exemption.number}")


def waivers_of(exemption: Exemption) -> QuerySet[Waiver]:
    """The waivers that this exemption's approval wrote."""
    return Waiver.objects.filter(source=_source(exemption))


def effective_state(exemption: Exemption) -> str:
    """The state as people meet it now, dates included."""
    return exemption.state_at(clock.now())


def content_of(revision: Revision) -> dict[str, Any]:
    """Title, reason, controls, instances, end and documents of a revision."""
    return dict(json.loads(revision.content))


def _checked(
    by: User,
    title: str,
    reason: str,
    controls: str,
    application: Application,
    instances: Sequence[ManagedInstance],
    ends_at: datetime,
) -> dict[str, Any]:
    if not roles.is_member(by, application.team):
        raise NotAllowed(f"Only members of {application.team} ask for exemptions of {application}.")
    problems = []
    for field, text, shortest, longest in (
        ("title", title, 3, 120),
        ("reason", reason, 20, 4000),
        ("compensating_controls", controls, 10, 4000),
    ):
        if not shortest <= len(text.strip()) <= longest:
            problems.append(FieldProblem(field, "length", f"Give {shortest} to {longest} characters."))
    problems += _date_problems(ends_at)
    problems += _instance_problems(application, instances)
    _raise_for(problems)
    return {
        "kind": Exemption.Kind.NODE_DEFERRAL.value,
        "title": title.strip(),
        "reason": reason.strip(),
        "compensating_controls": controls.strip(),
        "application": application.slug,
        "instances": sorted({one.instance_id for one in instances}),
        "ends_at": ends_at.isoformat(),
    }


def _date_problems(ends_at: datetime) -> list[FieldProblem]:
    now, longest = clock.now(), timedelta(days=settings.EXEMPTION_LONGEST_DAYS)
    if ends_at <= now + timedelta(hours=1):
        return [FieldProblem("ends_at", "past", "The end must be at least an hour ahead.")]
    if ends_at > now + longest:
        message = f"An exemption lasts {longest.days} days at most, to {now + longest:%d %b %Y}. Renew it if need be."
        return [FieldProblem("ends_at", "too_long", message)]
    return []


def _standing_problems(exemption: Exemption) -> list[FieldProblem]:
    """What has come in the way since it was written: time has passed, instances have gone or left their window."""
    instances = list(exemption.instances.select_related("account_region__account"))
    return [*_date_problems(exemption.ends_at), *_instance_problems(exemption.application, instances)]


def _instance_problems(application: Application, instances: Sequence[ManagedInstance]) -> list[FieldProblem]:
    if not 1 <= len({one.pk for one in instances}) <= MOST_INSTANCES:
        return [FieldProblem("instances", "length", f"Name 1 to {MOST_INSTANCES} instances.")]
    problems, windows = [], windows_of(instances)
    for instance in instances:
        if instance.application_id != application.pk or instance.gone_at:
            message = f"{instance.instance_id} is not an instance of {application}."
            problems.append(FieldProblem("instances", "unknown", message))
        elif instance.pk not in windows:
            message = (
                f"{instance} is in no maintenance window of ours, so there is nothing to keep it out of."
            )
            problems.append(FieldProblem("instances", "no_window", message))
    return problems


def windows_of(instances: Iterable[ManagedInstance]) -> dict[int, MaintenanceWindow]:
    """The live window in which each instance is patched, by the instance's primary key."""
    wanted = {(one.account_region_id, one.instance_id): one.pk for one in instances}
    windows = MaintenanceWindow.objects.live().filter(account_region__in={place for place, _ in wanted})
    return {
        wanted[window.account_region_id, instance_id]: window
        for window in windows
        for instance_id in window.spec["instances"]
        if (window.account_region_id, instance_id) in wanted
    }


def _raise_for(problems: Iterable[FieldProblem]) -> None:
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


def _content(revision: Revision) -> dict[str, Any]:
    return {name: value for name, value in content_of(revision).items() if name != "documents"}


def _add_revision(exemption: Exemption, content: Mapping[str, Any], *, by: User, note: str = "") -> Exemption:
    evidence = [{"name": one.name, "sha256": one.sha256} for one in exemption.documents.all()]
    text = canonical_json({**content, "documents": evidence})
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
        detail=_about(revision),
    )
    return exemption


def _present(exemption: Exemption) -> Exemption:
    """Reckon who must decide and tell them."""
    needs = _needs(exemption)
    if missing := permissions.who_is_missing(exemption, needs):
        raise DomainError(
            f"Nobody can decide as {' and '.join(missing)} on this. "
            "An administrator can grant the role; who asks, edits or adds a document cannot decide."
        )
    Exemption.objects.filter(pk=exemption.pk).update(
        needs=needs, lapses_at=min(clock.now() + DECIDE_WITHIN, exemption.ends_at)
    )
    exemption.refresh_from_db()
    _ask(exemption, needs)
    return exemption


def _needs(exemption: Exemption) -> list[str]:
    instances = exemption.instances.select_related("environment")
    return permissions.slots_needed(instances, exemption.ends_at - clock.now())


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
        for person in permissions.eligible(exemption, slot):
            outbox.tell(
                person,
                event="exemption.waits",
                key=f"{exemption.pk}/{_current(exemption).number}",
                subject=f"{exemption.number} waits for your decision: {exemption.title}",
                body=f"{exemption.requested_by} asks to leave {exemption.instances.count()} instances of "
                f"{exemption.application} unpatched until {exemption.ends_at:%d %b %Y %H:%M} UTC.",
                url=_url(exemption),
            )


def _after(exemption: Exemption, outcome: str, *, by: User, reason: str) -> Exemption:
    detail = _about(_current(exemption))
    if outcome == Outcome.APPROVE:
        move(exemption, State.APPROVED, by=by, detail=detail, approved_at=clock.now())
        _waive(exemption)
        body = f"Patching of its instances pauses until {exemption.ends_at:%d %b %Y %H:%M} UTC and then starts again."
        _tell_authors(exemption, "approved", body)
    elif outcome == Outcome.REJECT:
        move(exemption, State.REJECTED, by=by, reason=reason, detail=detail, closed_at=clock.now())
        _tell_authors(exemption, "rejected", f"{by} rejected it: {reason}")
    else:
        move(exemption, State.CHANGES_REQUESTED, by=by, reason=reason, detail=detail)
        _tell_authors(exemption, "sent back", f"{by} asks for changes: {reason}")
    return exemption


def _waive(exemption: Exemption) -> None:
    now, places = clock.now(), set()
    instances = list(exemption.instances.select_related("account_region__account"))
    windows = windows_of(instances)
    for instance in instances:
        Waiver.objects.create(
            instance=instance,
            source=_source(exemption),
            source_digest=_current(exemption).digest,
            restores_to=windows[instance.pk].name,
            starts_at=now,
            ends_at=exemption.ends_at,
        )
        places.add(instance.account_region)
    effects.want_push(places, f"approval of {exemption.number}")


def _tell_authors(exemption: Exemption, word: str, body: str) -> None:
    for person in User.objects.filter(pk__in=permissions.authors_of(exemption), is_active=True):
        outbox.tell(
            person,
            event=f"exemption.{word.replace(' ', '_')}",
            key=f"{exemption.pk}/{_current(exemption).number}",
            subject=f"{exemption.number} was {word}: {exemption.title}",
            body=body,
            url=_url(exemption),
        )


def _why_not(by: User, exemption: Exemption) -> str:
    if by.pk in permissions.authors_of(exemption):
        return f"You asked for {exemption.number} or helped to write it; somebody else decides."
    if Decision.objects.filter(revision=exemption.current, decided_by=by).exists():
        return f"You have decided on this revision of {exemption.number} already."
    names = [permissions.SLOT_NAMES[slot] for slot in permissions.open_slots(exemption)]
    return f"{exemption.number} waits for {' and '.join(names) or 'nobody'}; that is not you."


def _current(exemption: Exemption) -> Revision:
    if exemption.current is None:
        raise WrongState(f"{exemption.number} has no revision yet.")
    return exemption.current


def _source(exemption: Exemption) -> str:
    return f"exemption:{exemption.pk}"


def _about(revision: Revision) -> dict[str, Any]:
    return {"revision": revision.number, "digest": revision.digest}


def _word(exemption: Exemption) -> str:
    return exemption.get_state_display().lower()


def _url(exemption: Exemption) -> str:
    return f"/exemptions/{exemption.pk}/"
