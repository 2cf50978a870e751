"""Who holds which role now. Roles are rows with dates; being a superuser is not a role."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse

from portal.governance import clock
from portal.governance.models import Delegation, Membership, Role, RoleGrant, Team, User

READS_ALL = (Role.SECURITY_OPERATIONS, Role.CISO, Role.AUDITOR, Role.OPERATOR)
READS_ONLY = ("GET", "HEAD")

# by person, while one page is put together or one request's rules are checked; None everywhere else
_asked: ContextVar[dict[int, frozenset[str]] | None] = ContextVar("roles asked for this page", default=None)


def middleware(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """A page that is only read asks once who holds what; whatever writes asks each time, under its locks."""

    def answer(request: HttpRequest) -> HttpResponse:
        if request.method not in READS_ONLY:
            return get_response(request)
        with asked_once():
            return get_response(request)

    return answer


@contextmanager
def asked_once() -> Iterator[None]:
    """Inside, who holds what is asked of the database once for each person."""
    token = _asked.set({}) if _asked.get() is None else None
    try:
        yield
    finally:
        if token is not None:
            _asked.reset(token)


def in_force(at: datetime) -> Q:
    """Rows with ``starts_at``/``ends_at`` that hold at a moment; an open end holds for ever."""
    return Q(starts_at__lte=at) & (Q(ends_at=None) | Q(ends_at__gt=at))


def roles_of(user: User) -> frozenset[str]:
    """The roles a person holds now; ``ciso`` also for a dated delegate of a CISO."""
    if not user.is_authenticated or not user.is_active:
        return frozenset()
    asked = _asked.get()
    if asked is None:
        return _roles_now(user)
    if user.pk not in asked:
        asked[user.pk] = _roles_now(user)
    return asked[user.pk]


def _roles_now(user: User) -> frozenset[str]:
    held = set(RoleGrant.objects.filter(in_force(clock.now()), user=user).values_list("role", flat=True))
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
