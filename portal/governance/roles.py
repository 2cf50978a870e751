"""Who holds which role now. Roles are rows with dates; being a superuser is not a role."""

from collections.abc import Collection
from datetime import datetime

from django.db.models import Q, QuerySet

from portal.governance import clock
from portal.governance.models import Delegation, Membership, Role, RoleGrant, Team, User

READS_ALL = (Role.SECURITY_OPERATIONS, Role.CISO, Role.AUDITOR, Role.OPERATOR)


def in_force(at: datetime) -> Q:
    """Rows with ``starts_at``/``ends_at`` that hold at a moment; an open end holds for ever."""
    return Q(starts_at__lte=at) & (Q(ends_at=None) | Q(ends_at__gt=at))


def roles_of(user: User) -> frozenset[str]:
    """The roles a person holds now; ``ciso`` also for a dated delegate of a CISO."""
    if not user.is_authenticated or not user.is_active:
        return frozenset()
    at = clock.now()
    held = set(RoleGrant.objects.filter(in_force(at), user=user).values_list("role", flat=True))
    if delegating_ciso(user) is not None:
        held.add(Role.CISO)
    return frozenset(held)


def has_role(user: User, role: str) -> bool:
    return role in roles_of(user)


def delegating_ciso(user: User) -> User | None:
    """The CISO for whom this person may decide now, if any; whoever is CISO themselves decides as such."""
    at = clock.now()
    grants = RoleGrant.objects.filter(in_force(at), role=Role.CISO).values("user")
    held = Delegation.objects.filter(in_force(at), delegate=user, giver__is_active=True, giver__in=grants)
    delegation = held.exclude(delegate__in=grants).select_related("giver").order_by("pk").first()
    return delegation.giver if delegation else None


def reads_all(user: User) -> bool:
    """Roles whose work needs the whole picture; an administrator grants roles and sees no team's data."""
    return bool(roles_of(user) & set(READS_ALL))


def holders(role: str, *, not_for: Collection[int] = (), in_person: bool = False) -> QuerySet[User]:
    """Active people who hold a role now, delegates of a CISO included, unless the CISO is one of ``not_for``.

    ``in_person`` leaves all delegates out.
    """
    at = clock.now()
    grants = RoleGrant.objects.filter(in_force(at), role=role).values("user")
    who = Q(pk__in=grants)
    if role == Role.CISO and not in_person:
        givers = User.objects.filter(is_active=True, pk__in=grants).exclude(pk__in=not_for)
        who |= Q(pk__in=Delegation.objects.filter(in_force(at), giver__in=givers).values("delegate"))
    return User.objects.filter(who, is_active=True)


def teams_of(user: User) -> QuerySet[Team]:
    return Team.objects.filter(memberships__user=user) if user.is_active else Team.objects.none()


def is_member(user: User, team: Team) -> bool:
    return user.is_active and Membership.objects.filter(user=user, team=team).exists()


def is_lead(user: User, team: Team) -> bool:
    return user.is_active and Membership.objects.filter(user=user, team=team, is_lead=True).exists()


def leads_of(team: Team) -> QuerySet[User]:
    return User.objects.filter(memberships__team=team, memberships__is_lead=True, is_active=True)
