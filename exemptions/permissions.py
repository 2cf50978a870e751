"""Who decides an exemption, and whose word one waits for. Rules only, no writes."""

from collections.abc import Iterable
from datetime import timedelta

from django.db.models import QuerySet

from exemptions.models import Decision, Exemption
from patching.models import ManagedInstance, PatchFinding
from portal.governance import clock, deciding, roles
from portal.governance.models import Outcome, Role, User

CISO = "ciso"
SECURITY = "security_operations"
SLOT_NAMES = {CISO: "CISO", SECURITY: "Security operations"}
ROLE_OF = {CISO: Role.CISO, SECURITY: Role.SECURITY_OPERATIONS}
LONG = timedelta(days=30)

# What an exemption is → whose word it needs. The floor below which no setting goes.
DECISION_TABLE = {
    "any": {CISO},
    "longer than 30 days": {CISO, SECURITY},
    "high risk": {CISO, SECURITY},
    "known exploited": {CISO, SECURITY},
    "first renewal": {CISO, SECURITY},
    "later renewal": {CISO, SECURITY},
}
IN_PERSON_FROM = 2  # from this renewal on no delegate decides for the CISO


def slots_needed(
    instances: Iterable[ManagedInstance], lasts: timedelta, renewal: int = 0, *, exploited: bool = False
) -> list[str]:
    """The CISO or a delegate, always; for a long, risky or renewed one security operations beside them.

    ``exploited``: it says why something known to be exploited may stay open.
    """
    needed = set(DECISION_TABLE["any"])
    if renewal:
        needed |= DECISION_TABLE["first renewal" if renewal < IN_PERSON_FROM else "later renewal"]
    if exploited:
        needed |= DECISION_TABLE["known exploited"]
    if lasts > LONG:
        needed |= DECISION_TABLE["longer than 30 days"]
    if is_high_risk(instances):
        needed |= DECISION_TABLE["high risk"]
    return [slot for slot in SLOT_NAMES if slot in needed]


def is_high_risk(instances: Iterable[ManagedInstance]) -> bool:
    """Leaves a production instance without a patch that is rated critical."""
    production = [one.pk for one in instances if one.environment and one.environment.is_production]
    return PatchFinding.objects.open().filter(instance__in=production, severity__iexact="critical").exists()


def who_is_missing(exemption: Exemption, needs: Iterable[str]) -> list[str]:
    """Slots that cannot all be filled by different people who are no authors, in words."""
    choices = {slot: set(eligible(exemption, slot).values_list("pk", flat=True)) for slot in needs}
    empty = [slot for slot, people in choices.items() if not people]
    if not empty and len(set().union(*choices.values())) < len(choices):
        empty = list(choices)[1:]  # one and the same person would have to give both words
    return [slot_name(exemption, slot) for slot in empty]


def slot_name(exemption: Exemption, slot: str) -> str:
    """A slot in words, with whether a delegate of the CISO will do."""
    return f"{SLOT_NAMES[slot]} in person" if slot == CISO and _in_person(exemption) else SLOT_NAMES[slot]


def _in_person(exemption: Exemption) -> bool:
    return exemption.renewal >= IN_PERSON_FROM


def authors_of(exemption: Exemption) -> set[int]:
    """Everyone who asked for it or helped to write any revision or add a document."""
    return {*deciding.authors_of(exemption), *exemption.documents.values_list("added_by", flat=True)}


def eligible(exemption: Exemption, slot: str) -> QuerySet[User]:
    """People who may fill a slot; a delegate does not decide for a CISO who is an author, nor a later renewal."""
    authors = authors_of(exemption)
    people = roles.holders(ROLE_OF[slot], not_for=authors, in_person=_in_person(exemption))
    return people.exclude(pk__in=authors).distinct()


def open_slots(exemption: Exemption) -> list[str]:
    """Slots of the current revision that nobody has approved yet."""
    words = exemption.current.decisions.all() if exemption.current else ()
    filled = {word.slot for word in words if word.outcome == Outcome.APPROVE}
    return [slot for slot in exemption.needs if slot not in filled]


def slot_for(user: User, exemption: Exemption) -> str | None:
    """The open slot that this person would fill now, or None."""
    if not user.is_authenticated or exemption.state != Exemption.State.SUBMITTED:
        return None
    if Decision.objects.filter(revision=exemption.current, decided_by=user).exists():
        return None
    return next(
        (slot for slot in open_slots(exemption) if eligible(exemption, slot).filter(pk=user.pk).exists()),
        None,
    )


def waiting_for(user: User) -> QuerySet[Exemption]:
    """Submitted exemptions that wait for this person's word and have not lapsed."""
    held = roles.roles_of(user)
    mine = {slot for slot, role in ROLE_OF.items() if role in held}
    if not mine:
        return Exemption.objects.none()
    submitted = (
        Exemption.objects.filter(state=Exemption.State.SUBMITTED, lapses_at__gt=clock.now())
        .exclude(requested_by=user)
        .exclude(revisions__author=user)
        .exclude(documents__added_by=user)
        .exclude(current__decisions__decided_by=user)
        .select_related("current")
        .prefetch_related("current__decisions")
    )
    giver = roles.delegating_ciso(user)
    waiting = [
        one.pk
        for one in submitted
        if (mine - {CISO} if giver and (_in_person(one) or giver.pk in authors_of(one)) else mine)
        & set(open_slots(one))
    ]
    return Exemption.objects.filter(pk__in=waiting)


def who_answers(exemption: Exemption) -> list[User]:
    """Who hears of its end: who asked, or the team's leads once they have left, and the backup."""
    team, owner, backup = exemption.team, exemption.requested_by, exemption.backup
    people = [owner] if roles.is_member(owner, team) else list(roles.leads_of(team))
    if backup and backup not in people and roles.is_member(backup, team):
        people.append(backup)
    return people


def renewal_of(exemption: Exemption) -> Exemption | None:
    """The renewal that was asked for and has not come to nothing."""
    came_to_nothing = (Exemption.State.WITHDRAWN, Exemption.State.REJECTED)
    return exemption.renewals.exclude(state__in=came_to_nothing).first()


def may_edit(user: User, exemption: Exemption) -> bool:
    """Members of the team that asks, as long as they have not decided on it."""
    decided = Decision.objects.filter(revision__exemption=exemption, decided_by=user).exists()
    return roles.is_member(user, exemption.team) and not decided


def may_withdraw(user: User, exemption: Exemption) -> bool:
    """Who asked, and the lead of the team."""
    return user.pk == exemption.requested_by_id or roles.is_lead(user, exemption.team)


def may_revoke(user: User, exemption: Exemption) -> bool:
    """A CISO or delegate, security operations, and whoever may withdraw it: ending early is never a risk."""
    held = roles.roles_of(user)
    return bool(held & {Role.CISO, Role.SECURITY_OPERATIONS}) or may_withdraw(user, exemption)
