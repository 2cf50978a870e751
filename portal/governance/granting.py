"""Who gets which role and joins which team: verbs of administrators, each with its audit entry."""

from datetime import datetime, timedelta

from django.db import transaction

from portal.governance import audit, clock, roles
from portal.governance.errors import FieldProblem, InvalidInput, NotAllowed
from portal.governance.models import Delegation, Membership, Role, RoleGrant, Team, User

# Who grants roles decides nothing, and who audits writes nothing
APART: dict[str, set[str]] = {
    Role.ADMINISTRATOR: {Role.CISO, Role.SECURITY_OPERATIONS, Role.AUDITOR, Role.OPERATOR},
    Role.AUDITOR: {Role.CISO, Role.SECURITY_OPERATIONS, Role.OPERATOR},
}


@transaction.atomic
def grant(person: User, role: str, *, by: User | None, ends_at: datetime | None = None) -> RoleGrant:
    """Give somebody a role until a moment, or for good. ``by=None`` is the command line of the installation.

    Raises NotAllowed for anyone but another administrator, InvalidInput for roles that must not meet.
    """
    _raise_unless_administrator(by, person)
    if role not in Role.values:
        raise InvalidInput([FieldProblem("role", "choice", f"Use one of {', '.join(Role.values)}.")])
    if ends_at is not None and ends_at <= clock.now():
        raise InvalidInput(
            [FieldProblem("ends_at", "past", "The end must be ahead; leave it empty for no end.")]
        )
    held = roles.roles_of(person)
    if clash := sorted(
        other for other in held if other in APART.get(Role(role), set()) or role in APART.get(other, set())
    ):
        words = " and ".join(Role(one).label for one in (role, clash[0]))
        raise InvalidInput([FieldProblem("role", "apart", f"{words} are kept apart: one checks the other.")])
    if role in held and roles.delegating_ciso(person) is None:
        raise InvalidInput([FieldProblem("role", "double", f"{person} is {Role(role).label} already.")])
    made = RoleGrant.objects.create(
        user=person, role=role, granted_by=by, starts_at=clock.now(), ends_at=ends_at
    )
    audit.record("role.granted", made, by=by, detail={"person": person.username, "role": role})
    return made


@transaction.atomic
def end(given: RoleGrant, *, by: User | None) -> None:
    """Take a role away from now on."""
    _raise_unless_administrator(by, given.user)
    ended_at = max(clock.now(), given.starts_at + timedelta(microseconds=1))
    RoleGrant.objects.filter(pk=given.pk).update(ends_at=ended_at)
    audit.record("role.ended", given, by=by, detail={"person": given.user.username, "role": given.role})


@transaction.atomic
def join(person: User, team: Team, *, by: User | None, is_lead: bool = False) -> Membership:
    """Make somebody a member of a team, or change whether they lead it."""
    _raise_unless_administrator(by, person)
    membership, _ = Membership.objects.update_or_create(team=team, user=person, defaults={"is_lead": is_lead})
    detail = {"person": person.username, "lead": is_lead}
    audit.record("team.joined", membership, by=by, team=team, detail=detail)
    return membership


@transaction.atomic
def leave(membership: Membership, *, by: User | None) -> None:
    """Take somebody out of a team."""
    _raise_unless_administrator(by, membership.user)
    detail = {"person": membership.user.username}
    audit.record("team.left", membership, by=by, team=membership.team, detail=detail)
    membership.delete()


@transaction.atomic
def delegate(to: User, *, by: User, starts_at: datetime, ends_at: datetime) -> Delegation:
    """A CISO lets somebody else decide between two dates. Raises NotAllowed, InvalidInput."""
    if not RoleGrant.objects.filter(roles.in_force(clock.now()), user=by, role=Role.CISO).exists():
        raise NotAllowed("Only a CISO delegates a CISO's decisions, and a delegate does not delegate on.")
    if to == by or not to.is_active or roles.roles_of(to) & {Role.ADMINISTRATOR, Role.AUDITOR}:
        message = "Delegate to somebody else who neither administers nor audits."
        raise InvalidInput([FieldProblem("to", "choice", message)])
    if not clock.now() < ends_at or starts_at >= ends_at:
        raise InvalidInput(
            [FieldProblem("ends_at", "order", "The end must be ahead and come after the start.")]
        )
    made = Delegation.objects.create(giver=by, delegate=to, starts_at=starts_at, ends_at=ends_at)
    audit.record("role.delegated", made, by=by, detail={"to": to.username, "until": ends_at.isoformat()})
    return made


def _raise_unless_administrator(by: User | None, person: User) -> None:
    if by is None:
        return
    if not roles.has_role(by, Role.ADMINISTRATOR):
        raise NotAllowed("Only administrators grant roles and teams.")
    if by == person:
        raise NotAllowed("Nobody changes their own roles or teams; ask another administrator.")
