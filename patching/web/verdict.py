"""What somebody is asked to decide, in sentences: what, why you, what follows, and who else. Reads only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from patching import permissions
from patching.impact import Impact
from patching.models import ChangeRequest, Decision
from patching.words import KINDS, counted, listed
from portal.governance import roles
from portal.governance.models import Outcome, User

_NAMED = 3  # people named for an open slot before the rest is counted


@dataclass(frozen=True)
class Slot:
    """One slot as the who-decides component takes it."""

    person: str
    role: str
    state: str
    about: str
    when: datetime | None = None
    reason: str = ""


@dataclass(frozen=True)
class Verdict:
    """The decision that one person may make now."""

    slot: str
    title: str
    progress: str
    consequence: str


def needs_of(request: ChangeRequest, items: Sequence[dict]) -> list[str]:
    """Slots of the current revision; before it is submitted, those that it would need."""
    return list(request.needs) or permissions.slots_needed(items)


def slots(request: ChangeRequest, user: User, needs: Sequence[str], why: str) -> list[Slot]:
    """Who decided and who is still to decide, in the order in which people look at them."""
    decisions = Decision.objects.filter(revision=request.current).select_related("decided_by", "on_behalf_of")
    number = request.current.number if request.current else 0
    made = {decision.slot: decision for decision in decisions}
    shown = []
    for slot in needs:
        role = permissions.SLOT_NAMES[slot]
        decision = made.get(slot)
        if decision is not None:
            role += f", for {decision.on_behalf_of}" if decision.on_behalf_of else ""
            shown.append(
                Slot(
                    "You" if decision.decided_by_id == user.pk else str(decision.decided_by),
                    role,
                    decision.outcome,
                    f"revision {number}",
                    decision.decided_at,
                    decision.reason,
                )
            )
        elif request.state in ChangeRequest.OPEN:
            people = list(permissions.eligible(request, slot))
            shown.append(
                Slot(
                    _people(people, user),
                    role,
                    "open" if people else "vacant",
                    f"Needed because it {why}" if people else "",
                )
            )
    return shown


def reason_for(impact: Impact) -> str:
    """What the decision table looked at, to stand behind "because it"."""
    order = ("baseline", "freeze", "occurrence", "window", "patch-group")
    kinds = [KINDS[kind].lower() for kind in order if impact.kinds.get(kind)]
    where = "production " if impact.touches_production else ""
    return f"touches {listed(f'{where}{kind}s' for kind in kinds)}"


def what(request: ChangeRequest, impact: Impact) -> str:
    """The act in one sentence."""
    where = listed(str(place) for place in impact.places)
    if len(impact.places) > _NAMED:
        where = f"{len(impact.places)} account-regions"
    verb = "removes" if set(impact.actions) == {"delete"} else "sets"
    about = counted(impact.reach, "instance")
    there = f" in {where}" if where else ""
    return f"{request.team} {verb} {impact.objects} for {about}{there}. {impact.news.capitalize()}."


def verdict(request: ChangeRequest, user: User, impact: Impact) -> Verdict | None:
    """The decision box, for somebody who may decide now."""
    slot = permissions.slot_for(user, request)
    if slot is None or request.current is None:
        return None
    made = Decision.objects.filter(revision=request.current, outcome=Outcome.APPROVE).count()
    left = permissions.open_slots(request)
    role = permissions.SLOT_NAMES[slot]
    if slot == permissions.CISO and (giver := roles.delegating_ciso(user)):
        role = f"delegate of {giver}, CISO"
    if slot == permissions.LEAD_OR_SECURITY:
        role = "team lead" if roles.is_lead(user, request.team) else "security operations"
    elif role != "CISO" and not role.startswith("delegate"):
        role = role.lower()
    others = [permissions.SLOT_NAMES[one] for one in left if one != slot]
    return Verdict(
        slot=slot,
        title=f"Your decision as {role}",
        progress=_progress(made, len(request.needs), others),
        consequence=_consequence(request, impact, others),
    )


def _progress(made: int, needed: int, others: Sequence[str]) -> str:
    if needed == 1:
        return "Yours is the only decision it needs"
    if not others:
        return f"{made} of {needed} decisions made, yours is left"
    return f"{made} of {needed} decisions made"


def _consequence(request: ChangeRequest, impact: Impact, others: Sequence[str]) -> str:
    number = sum(impact.kinds.values())
    many = f"{counted(number, 'object')} {'is' if number == 1 else 'are'}"
    if others:
        first = (
            f"If you approve, it still waits for {listed(_lower(one) for one in others)}; then {many} pushed."
        )
    else:
        first = f"If you approve, {many} pushed within a minute."
    undo = (
        f"{request.requested_by} or the lead of {request.team} can take it back until the push starts; "
        "after that a new request undoes it."
    )
    return f"{first} {undo}"


def _lower(name: str) -> str:
    return name if name.isupper() else name[:1].lower() + name[1:]


def _people(people: Sequence[User], user: User) -> str:
    names = ["You" if person.pk == user.pk else str(person) for person in people]
    names.sort(key=lambda name: (name != "You", name))
    if len(names) > _NAMED:
        names = [*names[: _NAMED - 1], f"{len(names) - _NAMED + 1} others"]
    return listed(names, "or")
