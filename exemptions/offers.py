"""The counter-offer: a decider's yes to less than was asked. It takes effect when the team accepts it."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from exemptions import permissions, workflow
from exemptions.asked import Ask, ask_of
from exemptions.models import Decision, Exemption, Offer
from patching.models import ManagedInstance
from portal.governance import audit, clock, conversation, deciding, outbox, roles
from portal.governance.canonical import digest as digest_of_text
from portal.governance.errors import FieldProblem, InvalidInput, NotAllowed, WrongState
from portal.governance.models import Outcome, User
from portal.governance.states import locked, move

State = Exemption.State
ANSWER_WITHIN = timedelta(days=14)
LONGEST_CONDITION = 500
MOST_CONDITIONS = 10


@transaction.atomic
def counter_offer(
    exemption: Exemption,
    *,
    by: User,
    revision: int,
    digest: str,
    signed_in_at: datetime | None,
    reason: str,
    ends_at: datetime | None = None,
    instances: Sequence[ManagedInstance] | None = None,
    patches: Sequence[str] | None = None,
    condition: str = "",
) -> Exemption:
    """Offer less than was asked: an earlier end, some of the instances or patches, a condition. None keeps as asked.

    It closes the revision like a request for changes; the approval comes with ``accept``. Raises what
    ``workflow.decide`` raises, and InvalidInput with a problem for each part that is not less.
    """
    exemption = locked(exemption)
    slot = workflow.slot_of_decider(exemption, by, revision, digest)
    current, now = workflow.current_of(exemption), clock.now()
    on_behalf_of = _for_whom(slot, by)
    ask, offered = _offered(exemption, ends_at, instances, patches, condition.strip())
    workflow.raise_for([*_problems(exemption, ask, offered, condition.strip()), *_unexplained(reason)])
    word = deciding.write_down(
        Decision,
        current,
        label=exemption.number,
        slot=slot,
        outcome=Outcome.REQUEST_CHANGES,
        reason=reason,
        by=by,
        on_behalf_of=on_behalf_of,
        requested_by=exemption.requested_by,
        signed_in_at=signed_in_at,
        closes=True,
    )
    content = workflow.sealed(exemption, offered.content(exemption.application))
    offer = Offer.objects.create(
        revision=current,
        slot=slot,
        content=content,
        digest=digest_of_text(content),
        condition=condition.strip(),
        reason=word.reason,
        offered_by=by,
        on_behalf_of=on_behalf_of,
        signed_in_at=signed_in_at,
        offered_at=now,
        lapses_at=min(now + ANSWER_WITHIN, offered.ends_at),
    )
    detail = {**workflow.about(current), "slot": slot, "offered": offer.digest}
    _record("offered", exemption, by=by, reason=word.reason, detail=detail)
    move(exemption, State.CHANGES_REQUESTED, by=by, reason=word.reason, detail=workflow.about(current))
    body = (
        f"{by} offers less than was asked, until {offered.ends_at:%d %b %Y %H:%M} UTC: {word.reason} "
        f"It takes effect when {exemption.team} accepts it, until {offer.lapses_at:%d %b %Y %H:%M} UTC."
    )
    workflow.tell_authors(exemption, "answered with an offer", body)
    return exemption


@transaction.atomic
def accept(exemption: Exemption, *, by: User) -> Exemption:
    """Take the offer as it stands: a new revision with exactly its content, which carries the approval of who offered.

    With the last slot filled it is approved at once. Raises WrongState when there is no offer to accept any more,
    NotAllowed for who is not of the team or made the offer, InvalidInput for what has come in the way meanwhile.
    """
    exemption, offer = _answerable(exemption, by)
    now = clock.now()
    if offer.lapses_at <= now:
        raise WrongState(
            f"The offer on {exemption.number} was open until {offer.lapses_at:%d %b %Y %H:%M} UTC. "
            "Edit the exemption and submit it to ask again."
        )
    conversation.raise_if_blocked(exemption)
    ask = ask_from(exemption, offer)
    workflow.raise_for(workflow.problems_of(ask, exemption.application, exemption.renews))
    note = f"Accepted the offer of {offer.offered_by}."
    exemption = workflow.rewrite(exemption, ask, by=by, note=note)
    current = workflow.current_of(exemption)
    if current.digest != offer.digest:
        raise WrongState(f"{exemption.number} is not what the offer was made on any more.")
    _raise_unless_still_deciding(exemption, offer)
    Offer.objects.filter(pk=offer.pk).update(answered_at=now, answered_by=by, accepted=current)
    _record(
        "offer.accepted", exemption, by=by, detail={**workflow.about(current), "from": str(offer.offered_by)}
    )
    move(exemption, State.SUBMITTED, by=by, detail=workflow.about(current), submitted_at=now)
    exemption = workflow.present(exemption, filled=offer.slot)
    return _approve_as_offered(exemption, offer)


@transaction.atomic
def decline(exemption: Exemption, *, by: User, reason: str) -> Exemption:
    """Say no to the offer, and why; the exemption can be edited and submitted again. Raises as ``accept`` does."""
    exemption, offer = _answerable(exemption, by)
    reason = reason.strip()
    if not reason:
        message = "Say why, such as “the fix needs three weeks”: who made the offer reads it."
        raise InvalidInput([FieldProblem("reason", "required", message)])
    deciding.raise_for_reason(Outcome.REJECT, reason)
    Offer.objects.filter(pk=offer.pk).update(answered_at=clock.now(), answered_by=by)
    _record("offer.declined", exemption, by=by, reason=reason, detail=workflow.about(offer.revision))
    outbox.tell(
        offer.offered_by,
        event="exemption.offer_declined",
        key=str(offer.pk),
        subject=f"Your offer on {exemption.number} was declined: {exemption.title}",
        body=f"{by} declined it: {reason}",
        url=exemption.address,
    )
    return exemption


def open_offer(exemption: Exemption) -> Offer | None:
    """The offer that the team may answer: on the current revision, not answered; perhaps lapsed, see ``lapses_at``."""
    if exemption.state != State.CHANGES_REQUESTED:
        return None
    offers = Offer.objects.filter(revision=exemption.current_id, answered_at=None)
    return offers.select_related("offered_by", "on_behalf_of", "revision").first()


def may_answer(user: User, exemption: Exemption, offer: Offer) -> bool:
    """Members of the team, but never who made the offer or has decided on this exemption."""
    return user.pk != offer.offered_by_id and permissions.may_edit(user, exemption)


def ask_from(exemption: Exemption, offer: Offer) -> Ask:
    """What was offered, as an ask again: the current revision with the offer's scope, end and conditions."""
    content = json.loads(offer.content)
    kept = set(content["instances"])
    whole = ask_of(exemption)
    return ask_of(
        exemption,
        instances=[one for one in whole.instances if one.instance_id in kept],
        patches=content["patches"],
        ends_at=datetime.fromisoformat(content["ends_at"]),
        conditions=content["conditions"],
    )


def _offered(
    exemption: Exemption,
    ends_at: datetime | None,
    instances: Sequence[ManagedInstance] | None,
    patches: Sequence[str] | None,
    condition: str,
) -> tuple[Ask, Ask]:
    """What was asked, and what is offered instead."""
    ask = ask_of(exemption)
    changes: dict[str, Any] = {"ends_at": ends_at, "instances": instances, "patches": patches}
    changes = {name: value for name, value in changes.items() if value is not None}
    if condition:
        changes["conditions"] = [*ask.conditions, condition]
    return ask, ask_of(exemption, **changes)


def _problems(exemption: Exemption, ask: Ask, offered: Ask, condition: str) -> list[FieldProblem]:
    """Where the offer is not less than what was asked, and what is wrong with it otherwise."""
    found = _not_less(ask, offered)
    if len(condition) > LONGEST_CONDITION:
        found.append(FieldProblem("condition", "length", f"At most {LONGEST_CONDITION} characters."))
    if len(offered.conditions) > MOST_CONDITIONS:
        found.append(FieldProblem("condition", "too_many", f"At most {MOST_CONDITIONS} conditions in all."))
    if found:
        return found
    application = exemption.application
    if offered.content(application) == ask.content(application):
        message = "Offer less than was asked: an earlier end, fewer instances or patches, or a condition."
        return [FieldProblem("condition", "same", message)]
    return workflow.problems_of(offered, application, exemption.renews)


def _not_less(ask: Ask, offered: Ask) -> list[FieldProblem]:
    found = []
    if offered.ends_at > ask.ends_at:
        message = f"It was asked until {ask.ends_at:%d %b %Y %H:%M} UTC; an offer ends no later."
        found.append(FieldProblem("ends_at", "later", message))
    if more := {
        one.pk: one for one in offered.instances if one.pk not in {each.pk for each in ask.instances}
    }:
        names = ", ".join(str(one) for one in more.values())
        found.append(FieldProblem("instances", "more", f"{names}: not asked for, so not to be offered."))
    if more_patches := [one for one in offered.patches if one not in ask.patches]:
        message = f"{', '.join(more_patches)}: not asked for, so not to be offered."
        found.append(FieldProblem("patches", "more", message))
    return found


def _unexplained(reason: str) -> list[FieldProblem]:
    if reason.strip():
        return []
    return [FieldProblem("reason", "required", "Say why less, so that the team can weigh it.")]


def _answerable(exemption: Exemption, by: User) -> tuple[Exemption, Offer]:
    exemption = locked(exemption)
    offer = open_offer(exemption)
    if offer is None:
        raise WrongState(f"There is no offer on {exemption.number} to answer.")
    if not may_answer(by, exemption, offer):
        raise NotAllowed(
            f"Members of {exemption.team} who have not decided on {exemption.number} answer the offer."
        )
    return exemption, offer


def _raise_unless_still_deciding(exemption: Exemption, offer: Offer) -> None:
    """Whoever made the offer must still be the one who may fill the slot, for the same CISO as then."""
    still = permissions.eligible(exemption, offer.slot).filter(pk=offer.offered_by_id).exists()
    if not still or _for_whom(offer.slot, offer.offered_by) != offer.on_behalf_of:
        raise WrongState(
            f"{offer.offered_by} may no longer decide {exemption.number} as "
            f"{permissions.SLOT_NAMES[offer.slot]}. Edit the exemption and submit it to ask again."
        )


def _approve_as_offered(exemption: Exemption, offer: Offer) -> Exemption:
    """The word of who made the offer, on the revision that is exactly what they offered."""
    current = workflow.current_of(exemption)
    last = permissions.open_slots(exemption) == [offer.slot]
    deciding.write_down_agreed(
        Decision,
        current,
        label=exemption.number,
        slot=offer.slot,
        reason=offer.reason,
        by=offer.offered_by,
        on_behalf_of=offer.on_behalf_of,
        requested_by=exemption.requested_by,
        signed_in_at=offer.signed_in_at,
        closes=last,
    )
    detail = {**workflow.about(current), "slot": offer.slot, "outcome": Outcome.APPROVE, "offer": offer.pk}
    _record("decision.approve", exemption, by=offer.offered_by, reason=offer.reason, detail=detail)
    if last:
        workflow.take_effect(exemption, by=offer.offered_by)
    return exemption


def _for_whom(slot: str, by: User) -> User | None:
    return roles.delegating_ciso(by) if slot == permissions.CISO else None


def _record(action: str, exemption: Exemption, *, by: User, detail: dict[str, Any], reason: str = "") -> None:
    audit.record(
        f"exemptions.exemption.{action}", exemption, by=by, team=exemption.team, reason=reason, detail=detail
    )
