"""Who is here, with which roles and teams: verbs of administrators, each with its audit entry."""

import re
from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import Q
from django.urls import reverse

from portal.governance import audit, clock, outbox, roles
from portal.governance.errors import DomainError, FieldProblem, InvalidInput, NotAllowed
from portal.governance.models import ApiToken, Delegation, Membership, Role, RoleGrant, Team, User

# Who grants roles decides nothing, and who audits writes nothing
APART: dict[str, set[str]] = {
    Role.ADMINISTRATOR: {Role.CISO, Role.SECURITY_OPERATIONS, Role.AUDITOR, Role.OPERATOR},
    Role.AUDITOR: {Role.CISO, Role.SECURITY_OPERATIONS, Role.OPERATOR},
}
# Who leads a team decides for it
LEADS_NOTHING = {Role.ADMINISTRATOR, Role.AUDITOR}
# Who may look at people and their roles: those who grant, those who delegate, and those who audit both
SEES_PEOPLE = {Role.ADMINISTRATOR, Role.CISO, Role.AUDITOR}
USERNAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,39}", re.ASCII)


def may_see_people(user: User) -> bool:
    return bool(roles.roles_of(user) & SEES_PEOPLE)


def may_manage(user: User, person: User) -> bool:
    """Whether this administrator may change that person's roles, teams and access; nobody does their own."""
    return user != person and roles.has_role(user, Role.ADMINISTRATOR)


def may_delegate(user: User) -> bool:
    """A CISO in their own right; a delegate does not delegate on."""
    return RoleGrant.objects.filter(
        roles.in_force(clock.now()), user=user, user__is_active=True, role=Role.CISO
    ).exists()


@transaction.atomic
def hire(username: str, name: str, email: str, *, by: User | None) -> User:
    """Let somebody in, with no role, no team and no password.

    A mail tells them where to choose a password: that page sends the one-time link to their own mailbox, so
    neither an administrator nor the database ever holds what signs them in. Raises InvalidInput, NotAllowed.
    """
    _raise_unless_administrator(by)
    username, name, email = username.strip().lower(), " ".join(name.split()), email.strip()
    if problems := _problems_of(username, name, email):
        raise InvalidInput(problems)
    first, _, last = name.partition(" ")
    person = User.objects.create_user(username, email, password=None, first_name=first, last_name=last)
    audit.record("person.added", person, by=by, detail={"username": username, "email": email})
    _welcome(person)
    return person


@transaction.atomic
def deactivate(person: User, *, by: User | None) -> User:
    """Shut somebody out at once and for good: sessions, tokens and password die; roles and teams end.

    Raises NotAllowed, DomainError when they are out already.
    """
    _raise_unless_administrator(by, person)
    person = User.objects.select_for_update().get(pk=person.pk)
    if not person.is_active:
        raise DomainError(f"{person} is deactivated already.")
    at = clock.now()
    for given in RoleGrant.objects.filter(_not_over(at), user=person):
        _end(given, by=by)
    for delegation in Delegation.objects.filter(Q(giver=person) | Q(delegate=person), ends_at__gt=at):
        _end_delegation(delegation, by=by)
    for membership in Membership.objects.filter(user=person).select_related("team", "user"):
        _leave(membership, by=by)
    tokens = ApiToken.objects.filter(user=person)
    ended = sorted(token.token_key for token in tokens)
    tokens.delete()
    person.is_active = False
    person.set_unusable_password()  # every session is tied to the password it began with, so all of them end
    person.save(update_fields=["is_active", "password"])
    audit.record("person.deactivated", person, by=by, detail={"tokens": ended})
    return person


@transaction.atomic
def reactivate(person: User, *, by: User | None) -> User:
    """Let somebody in again as on their first day: no role, no team, no password. Raises NotAllowed, DomainError."""
    _raise_unless_administrator(by, person)
    person = User.objects.select_for_update().get(pk=person.pk)
    if person.is_active:
        raise DomainError(f"{person} is active already.")
    person.is_active = True
    person.save(update_fields=["is_active"])
    audit.record("person.reactivated", person, by=by)
    _welcome(person)
    return person


@transaction.atomic
def add_team(slug: str, name: str, *, by: User | None) -> Team:
    """Found a team, empty yet. Raises InvalidInput, NotAllowed."""
    _raise_unless_administrator(by)
    slug, name = slug.strip(), " ".join(name.split())
    problems = []
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{1,39}", slug, re.ASCII):
        message = "Use 2–40 lower-case letters, digits and -, such as payments."
        problems.append(FieldProblem("slug", "format", message))
    elif Team.objects.filter(slug=slug).exists():
        problems.append(FieldProblem("slug", "taken", f"There is a team “{slug}” already."))
    if not 1 <= len(name) <= 80:
        problems.append(FieldProblem("name", "length", "Give the team a name of 1 to 80 characters."))
    if problems:
        raise InvalidInput(problems)
    team = Team.objects.create(slug=slug, name=name)
    audit.record("team.added", team, by=by, team=team)
    return team


@transaction.atomic
def grant(person: User, role: str, *, by: User | None, ends_at: datetime | None = None) -> RoleGrant:
    """Give somebody a role until a moment, or for good. ``by=None`` is the command line of the installation.

    Raises NotAllowed for anyone but another administrator, InvalidInput for roles that must not meet.
    """
    _raise_unless_administrator(by, person)
    person = _locked(person)
    _raise_unless_active(person)
    if role not in Role.values:
        raise InvalidInput([FieldProblem("role", "choice", f"Use one of {', '.join(Role.values)}.")])
    if ends_at is not None and ends_at <= clock.now():
        raise InvalidInput(
            [FieldProblem("ends_at", "past", "The end must be ahead; leave it empty for no end.")]
        )
    promised = _held_or_promised(person)
    if clash := sorted(
        other
        for other in promised
        if other in APART.get(Role(role), set()) or role in APART.get(Role(other), set())
    ):
        words = " and ".join(Role(one).label for one in (role, clash[0]))
        raise InvalidInput([FieldProblem("role", "apart", f"{words} are kept apart: one checks the other.")])
    if role in LEADS_NOTHING and (
        led := Team.objects.filter(memberships__user=person, memberships__is_lead=True)
    ):
        message = f"{person} leads {led[0]} and decides for it. Make somebody else its lead first."
        raise InvalidInput([FieldProblem("role", "apart", message)])
    if role in roles.roles_of(person) and roles.delegating_ciso(person) is None:
        raise InvalidInput([FieldProblem("role", "double", f"{person} is {Role(role).label} already.")])
    made = RoleGrant.objects.create(
        user=person, role=role, granted_by=by, starts_at=clock.now(), ends_at=ends_at
    )
    audit.record("role.granted", made, by=by, detail={"person": person.username, "role": role})
    return made


@transaction.atomic
def end(given: RoleGrant, *, by: User | None) -> None:
    """Take a role away from now on. Raises NotAllowed, DomainError when it is over already."""
    _raise_unless_administrator(by, given.user)
    if given.ends_at is not None and given.ends_at <= clock.now():
        raise DomainError(f"{given} has ended already.")
    _end(given, by=by)


@transaction.atomic
def join(person: User, team: Team, *, by: User | None, is_lead: bool = False) -> Membership:
    """Make somebody a member of a team, or change whether they lead it.

    Raises NotAllowed, and InvalidInput for a lead who administers or audits, now or from a day that is set.
    """
    _raise_unless_administrator(by, person)
    person = _locked(person)
    _raise_unless_active(person)
    if is_lead and (clash := sorted(_held_or_promised(person) & LEADS_NOTHING)):
        message = f"{person} is {Role(clash[0]).label}, and a lead decides. Let them join as a member."
        raise InvalidInput([FieldProblem("is_lead", "apart", message)])
    membership, _ = Membership.objects.update_or_create(team=team, user=person, defaults={"is_lead": is_lead})
    detail = {"person": person.username, "lead": is_lead}
    audit.record("team.joined", membership, by=by, team=team, detail=detail)
    return membership


@transaction.atomic
def leave(membership: Membership, *, by: User | None) -> None:
    """Take somebody out of a team."""
    _raise_unless_administrator(by, membership.user)
    _leave(membership, by=by)


@transaction.atomic
def delegate(to: User, *, by: User, starts_at: datetime, ends_at: datetime) -> Delegation:
    """A CISO lets somebody else decide between two dates. Raises NotAllowed, InvalidInput."""
    if not may_delegate(by):
        raise NotAllowed("Only a CISO delegates a CISO's decisions, and a delegate does not delegate on.")
    to = _locked(to)
    if to == by or not to.is_active or _held_or_promised(to) & {Role.ADMINISTRATOR, Role.AUDITOR}:
        message = "Delegate to somebody else who neither administers nor audits."
        raise InvalidInput([FieldProblem("to", "choice", message)])
    if not clock.now() < ends_at or starts_at >= ends_at:
        raise InvalidInput(
            [FieldProblem("ends_at", "order", "The end must be ahead and come after the start.")]
        )
    made = Delegation.objects.create(giver=by, delegate=to, starts_at=starts_at, ends_at=ends_at)
    audit.record("role.delegated", made, by=by, detail={"to": to.username, "until": ends_at.isoformat()})
    return made


@transaction.atomic
def end_delegation(delegation: Delegation, *, by: User) -> None:
    """Take a delegation back from now on: its giver, or another CISO. Raises NotAllowed, DomainError."""
    if by != delegation.giver and not may_delegate(by):
        raise NotAllowed("Only the CISO who delegated, or another CISO, ends a delegation.")
    if delegation.ends_at <= clock.now():
        raise DomainError(f"The delegation of {delegation} has ended already.")
    _end_delegation(delegation, by=by)


def _not_over(at: datetime) -> Q:
    """Grants that hold now or will."""
    return Q(ends_at=None) | Q(ends_at__gt=at)


def _locked(person: User) -> User:
    """One after the other: two roles that must not meet are not given side by side."""
    return User.objects.select_for_update().get(pk=person.pk)


def _held_or_promised(person: User) -> set[str]:
    """Roles that somebody has or will have by what is written down today, by their own grant or by delegation."""
    at = clock.now()
    promised = set(RoleGrant.objects.filter(_not_over(at), user=person).values_list("role", flat=True))
    if Delegation.objects.filter(delegate=person, ends_at__gt=at).exists():
        promised.add(Role.CISO)
    return promised


def _ended_at(starts_at: datetime) -> datetime:
    """Now; what has not begun ends as it begins."""
    return max(clock.now(), starts_at + timedelta(microseconds=1))


def _end(given: RoleGrant, *, by: User | None) -> None:
    RoleGrant.objects.filter(pk=given.pk).update(ends_at=_ended_at(given.starts_at))
    audit.record("role.ended", given, by=by, detail={"person": given.user.username, "role": given.role})


def _end_delegation(delegation: Delegation, *, by: User | None) -> None:
    Delegation.objects.filter(pk=delegation.pk).update(ends_at=_ended_at(delegation.starts_at))
    audit.record("role.delegation_ended", delegation, by=by, detail={"to": delegation.delegate.username})


def _leave(membership: Membership, *, by: User | None) -> None:
    detail = {"person": membership.user.username}
    audit.record("team.left", membership, by=by, team=membership.team, detail=detail)
    membership.delete()


def _problems_of(username: str, name: str, email: str) -> list[FieldProblem]:
    """What stands against letting this person in."""
    problems = []
    if not USERNAME.fullmatch(username):
        message = "Use 2–40 lower-case letters, digits, dots, - and _, such as r.braun."
        problems.append(FieldProblem("username", "format", message))
    elif User.objects.filter(username__iexact=username).exists():
        problems.append(FieldProblem("username", "taken", f"There is somebody called {username} already."))
    if not 1 <= len(name) <= 100:
        problems.append(FieldProblem("name", "length", "Give a name of 1 to 100 characters."))
    try:
        validate_email(email)
    except ValidationError:
        message = "Give an e-mail address such as rita.braun@example.com."
        problems.append(FieldProblem("email", "format", message))
    else:
        if User.objects.filter(email__iexact=email).exists():
            # the link that sets a password goes to the address, so it may lead to one person only
            problems.append(FieldProblem("email", "taken", f"Somebody has the address {email} already."))
    return problems


def _welcome(person: User) -> None:
    outbox.tell(
        person,
        event="person.welcome",
        key=clock.real_now().isoformat(),
        subject="You can use Patchwarden now",
        body=(
            f"Hello {person},\n\nyou can sign in to Patchwarden as {person.username}. Choose a password first: "
            f"give the address {person.email} on the page below, and a link that works once is sent to you. "
            "Where your organisation has single sign-on, use that instead."
        ),
        url=reverse("account_reset_password"),
    )


def _raise_unless_active(person: User) -> None:
    if not person.is_active:
        raise DomainError(f"{person} is deactivated; let them in again first.")


def _raise_unless_administrator(by: User | None, person: User | None = None) -> None:
    if by is None:
        return
    if not roles.has_role(by, Role.ADMINISTRATOR):
        raise NotAllowed("Only administrators let people in and grant roles and teams.")
    if by == person:
        raise NotAllowed("Nobody changes their own roles, teams or access; ask another administrator.")
