"""Who decides an exemption, and whose word one waits for. Rules only, no writes."""

from collections.abc import Iterable
from datetime import timedelta

from django.db.models import QuerySet

from exemptions.models import Decision, Exemption
from patching.models import ManagedInstance, PatchFinding
from portal.governance import roles
from portal.governance.models import Outcome, Role, User

CISO = "ciso"
SECURITY = "security_operations"
SLOT_NAMES = {CISO: "CISO", SECURITY: "Security operations"}
ROLE_OF = {CISO: Role.CISO, SECURITY: Role.SECURITY_OPERATIONS}
LONG = timedelta(days=30)


def slots_needed(instances: Iterable[ManagedInstance], lasts: timedelta) -> list[str]:
    """The CISO or a delegate, always; for a long or risky one security operations beside them."""
    return [CISO, SECURITY] if lasts > LONG or is_high_risk(instances) else [CISO]


def is_high_risk(instances: Iterable[ManagedInstance]) -> bool:
    """Leaves a production instance without a patch that is rated critical."""
    production = [one.pk for one in instances if one.environment and one.environment.is_production]
    return PatchFinding.objects.open().filter(instance__in=production, severity__iexact="critical").exists()


def authors_of(exemption: Exemption) -> set[int]:
    """Everyone who asked for it or helped to write any revision or add a document."""
    return {
        exemption.requested_by_id,
        *exemption.revisions.values_list("author", flat=True),
        *exemption.documents.values_list("added_by", flat=True),
    }


def eligible(exemption: Exemption, slot: str) -> QuerySet[User]:
    """People who may fill a slot."""
    return roles.holders(ROLE_OF[slot]).exclude(pk__in=authors_of(exemption)).distinct()


def open_slots(exemption: Exemption) -> list[str]:
    """Slots of the current revision that nobody has approved yet."""
    approved = Decision.objects.filter(revision=exemption.current, outcome=Outcome.APPROVE)
    filled = set(approved.values_list("slot", flat=True))
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
    """Submitted exemptions that wait for this person's word."""
    submitted = Exemption.objects.visible_to(user).filter(state=Exemption.State.SUBMITTED)
    mine = [one.pk for one in submitted.select_related("team", "current") if slot_for(user, one)]
    return Exemption.objects.filter(pk__in=mine)


def is_decided(exemption: Exemption) -> bool:
    """Whether every slot that the current revision needed was approved."""
    return bool(exemption.needs) and not open_slots(exemption)


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
