"""What people say about a request or an exemption: comments, blocking ones until they are resolved, private notes.

A thing to talk about has ``team``, ``state``, ``current``, ``revisions``, ``comments``, ``number``, ``title`` and
``address``, and its manager knows ``visible_to``.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet

from portal.governance import audit, clock, outbox, roles
from portal.governance.canonical import digest
from portal.governance.deciding import authors_of
from portal.governance.errors import DomainError, FieldProblem, InvalidInput, NotAllowed, WrongState
from portal.governance.models import AbstractComment, Role, User
from portal.governance.states import locked

Thing = Any
LONGEST = 4000
DISCUSSION = "?tab=discussion#discussion"  # after the address of a thing
MOST_MENTIONED = 10
WRITE_NOTES = frozenset({Role.SECURITY_OPERATIONS, Role.CISO})
READ_NOTES = WRITE_NOTES | {Role.AUDITOR}
SPEAK = WRITE_NOTES | {Role.OPERATOR}  # beside the members of the team; auditors read all and write nothing
DECIDE_NOTHING = frozenset({Role.ADMINISTRATOR, Role.AUDITOR})
MENTION = re.compile(r"(?<![\w.@+-])@(\w[\w.@+-]*)")


@dataclass(frozen=True)
class Voice:
    """What one person may do in one conversation now."""

    user: User
    speaks: bool
    blocks: bool
    notes: bool
    reads_notes: bool
    decides: bool  # and so resolves what others wrote

    def may_resolve(self, comment: AbstractComment) -> bool:
        """Whoever wrote it, and whoever decides and is no author; a closed conversation is left as it is."""
        waits = comment.is_blocking and comment.resolved_at is None
        return waits and self.speaks and (self.decides or comment.author_id == self.user.pk)


def voice_of(thing: Thing, user: User) -> Voice:
    """What this person may do here. Private notes are for security operations, CISO and auditors alone."""
    held = roles.roles_of(user)
    speaks = not is_closed(thing) and (bool(held & SPEAK) or roles.is_member(user, thing.team))
    decides = speaks and _decides(thing, user, held)
    return Voice(
        user=user,
        speaks=speaks,
        blocks=decides and thing.state in thing.OPEN,
        notes=speaks and bool(held & WRITE_NOTES),
        reads_notes=bool(held & READ_NOTES),
        decides=decides,
    )


def is_closed(thing: Thing) -> bool:
    """Nothing can become of it any more, so nothing more is said about it."""
    return not thing.TRANSITIONS[thing.state]


@transaction.atomic
def say(thing: Thing, *, by: User, text: str, blocking: bool = False, private: bool = False) -> Any:
    """Add a comment of 1 to 4000 characters; ``@username`` in it mentions somebody.

    A blocking one holds up every approval until it is resolved. A private one is read by security operations, CISO and
    auditors on the page and by the API, and nowhere else. Raises NotAllowed, WrongState, InvalidInput.
    """
    thing = locked(thing)
    _raise_unless_may_say(thing, by, blocking=blocking, private=private)
    text = text.replace("\r\n", "\n").strip()
    if not 1 <= len(text) <= LONGEST:
        message = f"Write 1 to {LONGEST} characters, such as “Which driver stops after the update?”"
        raise InvalidInput([FieldProblem("text", "length", message)])
    mentioned = _mentioned(thing, text, private)
    comment = thing.comments.create(
        author=by,
        at=clock.now(),
        about_revision=thing.current.number,
        text=text,
        is_blocking=blocking,
        is_private=private,
    )
    comment.mentioned.set(mentioned)
    _write_down(thing, comment, by)
    _tell_of(thing, comment, mentioned)
    return comment


@transaction.atomic
def resolve(thing: Thing, comment: AbstractComment, *, by: User) -> Any:
    """Say that a blocking comment is answered. Raises WrongState, NotAllowed."""
    thing = locked(thing)
    comment = thing.comments.select_related("author", "resolved_by").get(pk=comment.pk)
    if not comment.is_blocking:
        raise WrongState("Only a comment that blocks approval is resolved; this one blocks nothing.")
    if comment.resolved_at is not None:
        raise WrongState(
            f"{comment.resolved_by} resolved it already, on {comment.resolved_at:%d %b %Y, %H:%M} UTC."
        )
    if is_closed(thing):
        raise WrongState(f"{thing.number} is {_word(thing)}; its conversation is closed.")
    if not _sees(thing, by) or not voice_of(thing, by).may_resolve(comment):
        raise NotAllowed(
            f"{comment.author} resolves it, or somebody who decides and did not write {thing.number}."
        )
    thing.comments.filter(pk=comment.pk).update(resolved_at=clock.now(), resolved_by=by)
    comment.refresh_from_db()
    audit.record(
        f"{thing._meta.label_lower}.comment.resolved",
        thing,
        by=by,
        team=thing.team,
        detail={"comment": comment.pk, "of": str(comment.author)},
    )
    _tell_resolved(thing, comment, by)
    return comment


def visible_comments(thing: Thing, user: User) -> QuerySet[Any]:
    """What was said, oldest first, private notes only for those who may read them."""
    said = thing.comments.select_related("author", "resolved_by").prefetch_related("mentioned")
    return said if roles.roles_of(user) & READ_NOTES else said.filter(is_private=False)


def open_blocking(thing: Thing) -> QuerySet[Any]:
    """Comments that hold up its approval, oldest first."""
    return thing.comments.filter(is_blocking=True, resolved_at=None).select_related("author")


def raise_if_blocked(thing: Thing) -> None:
    """Raises DomainError while a blocking comment is open. Call it with the thing locked, before it is approved."""
    people = list(dict.fromkeys(str(comment.author) for comment in open_blocking(thing)))
    if people:
        raise DomainError(
            f"{thing.number} cannot be approved while blocking comments are open: by {' and '.join(people)}. "
            "Whoever wrote one resolves it, or somebody else who decides."
        )


def _decides(thing: Thing, user: User, held: Iterable[str]) -> bool:
    """Security operations, CISO or delegate, lead of the team; never an author, nor a delegate of one."""
    authors = authors_of(thing)
    if user.pk in authors:
        return False
    held = set(held)
    giver = roles.delegating_ciso(user)
    if giver is not None and giver.pk in authors:
        held.discard(Role.CISO)
    if held & WRITE_NOTES:
        return True
    return not held & DECIDE_NOTHING and roles.is_lead(user, thing.team)


def _raise_unless_may_say(thing: Thing, by: User, *, blocking: bool, private: bool) -> None:
    if is_closed(thing):
        raise WrongState(f"{thing.number} is {_word(thing)}; its conversation is closed.")
    voice = voice_of(thing, by)
    if not voice.speaks or not _sees(thing, by):
        raise NotAllowed(f"{thing.team} and those who decide talk about {thing.number}; auditors read along.")
    if private and not voice.notes:
        raise NotAllowed("Security operations and the CISO write private notes.")
    if blocking and private:
        message = "A private note blocks nothing: the team has to read what it shall answer."
        raise InvalidInput([FieldProblem("private", "conflict", message)])
    if blocking and not voice.decides:
        raise NotAllowed(
            f"Security operations, the CISO and the team's lead block an approval, and nobody who wrote {thing.number}."
        )
    if blocking and not voice.blocks:
        raise WrongState(f"{thing.number} is {_word(thing)}; there is no approval left to block.")


def _sees(thing: Thing, person: User) -> bool:
    return type(thing)._default_manager.visible_to(person).filter(pk=thing.pk).exists()


def _reads(thing: Thing, person: User, private: bool) -> bool:
    return _sees(thing, person) and (not private or bool(roles.roles_of(person) & READ_NOTES))


def _mentioned(thing: Thing, text: str, private: bool) -> list[User]:
    """The people whom a text names. Raises InvalidInput with everyone who may not read it."""
    names = list(dict.fromkeys(name.rstrip(".@+-").lower() for name in MENTION.findall(text)))
    if len(names) > MOST_MENTIONED:
        message = f"Mention {MOST_MENTIONED} people at most; this names {len(names)}."
        raise InvalidInput([FieldProblem("text", "mentions", message)])
    known = Q(pk__in=[])
    for name in names:
        known |= Q(username__iexact=name)
    people = {one.username.lower(): one for one in User.objects.filter(known, is_active=True)}
    readers = {name: one for name, one in people.items() if _reads(thing, one, private)}
    what = "this private note" if private else thing.number
    # the same words for a stranger and for nobody at all
    strangers = [
        f"@{name} is nobody who may read {what}. Leave the @ out if you mean no person."
        for name in names
        if name not in readers
    ]
    if strangers:
        raise InvalidInput(FieldProblem("text", "mentions", message) for message in strangers)
    return list(readers.values())


def _write_down(thing: Thing, comment: AbstractComment, by: User) -> None:
    """That something was said; of a private note neither its words nor whom it names, nor a digest to guess them by."""
    kind = "private" if comment.is_private else "blocking" if comment.is_blocking else "said"
    detail: dict[str, Any] = {"comment": comment.pk, "revision": comment.about_revision}
    if not comment.is_private:
        detail["digest"] = digest(comment.text)
    audit.record(f"{thing._meta.label_lower}.comment.{kind}", thing, by=by, team=thing.team, detail=detail)


def _tell_of(thing: Thing, comment: AbstractComment, mentioned: Iterable[User]) -> None:
    """Mail to whoever is mentioned, and of what is no private note to all who took part, once each."""
    named = {person.pk: person for person in mentioned}
    told = dict(named)
    if not comment.is_private:
        told |= {person.pk: person for person in _taking_part(thing)}
    did = "blocks the approval of" if comment.is_blocking else "commented on"
    body = "You are mentioned in a private note; read it on the page." if comment.is_private else comment.text
    for person in told.values():
        if person.pk != comment.author_id and (person.pk in named or _sees(thing, person)):
            what = "mentions you on" if person.pk in named else did
            _mail(thing, comment, person, "said", f"{comment.author} {what}", body)


def _tell_resolved(thing: Thing, comment: AbstractComment, by: User) -> None:
    people = User.objects.filter(pk__in={comment.author_id, *authors_of(thing)} - {by.pk}, is_active=True)
    body = f"{by} resolved what {comment.author} wrote: {comment.text}"
    for person in people:
        if _sees(thing, person):
            _mail(thing, comment, person, "resolved", f"{by} resolved a blocking comment on", body)


def _taking_part(thing: Thing) -> QuerySet[User]:
    """Who asked or wrote, who decided on any revision, and who commented in the open."""
    pairs = thing.revisions.values_list("author", "decisions__decided_by")
    spoke = thing.comments.filter(is_private=False).values_list("author", flat=True)
    people = {thing.requested_by_id, *spoke, *(one for pair in pairs for one in pair if one)}
    return User.objects.filter(pk__in=people, is_active=True)


def _mail(thing: Thing, comment: AbstractComment, person: User, event: str, did: str, body: str) -> None:
    outbox.tell(
        person,
        event=f"comment.{event}",
        key=f"{thing._meta.label_lower}/{comment.pk}",
        subject=f"{did} {thing.number}: {thing.title}",
        body=body,
        url=thing.address + DISCUSSION,
    )


def _word(thing: Thing) -> str:
    return str(thing.get_state_display()).lower()
