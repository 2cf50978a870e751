"""The cast as fixtures: people with their teams and roles, made straight from rows."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from allauth.account.internal.flows.login import record_authentication
from django.conf import settings
from django.contrib.auth import login
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpRequest
from django.test import Client
from rest_framework.test import APIClient

from portal.governance.models import ApiToken, Delegation, Membership, Role, RoleGrant, Team, User

# roles hold whatever the clock of a test says; tests about their dates make rows of their own
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
FAR_AHEAD = datetime(2100, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Part:
    """What somebody plays: their name, and a role or a team."""

    name: str
    role: str | None = None
    team: str | None = None
    leads: bool = False


TEAMS = {"payments": "Payments Platform", "analytics": "Analytics"}
CAST = {
    "rita": Part("Rita Braun", team="payments"),
    "omar": Part("Omar Haddad", team="payments", leads=True),
    "ines": Part("Ines Duarte", role=Role.SECURITY_OPERATIONS),
    "ivan": Part("Ivan Petrov", role=Role.SECURITY_OPERATIONS),
    "clara": Part("Clara Weiss", role=Role.CISO),
    "dora": Part("Dora Lindqvist"),
    "axel": Part("Axel Nowak", role=Role.AUDITOR),
    "opal": Part("Opal Mensah", role=Role.OPERATOR),
    "adam": Part("Adam Keller", role=Role.ADMINISTRATOR),
    "noor": Part("Noor Rahman", team="analytics", leads=True),
}


def team(slug: str) -> Team:
    return Team.objects.get_or_create(slug=slug, defaults={"name": TEAMS.get(slug, slug.title())})[0]


def person(username: str) -> User:
    """One of the cast as they stand in the story, made when first asked for."""
    part = CAST[username]
    known = User.objects.filter(username=username).first()
    if known is not None:
        return known
    first, last = part.name.split()
    user = User.objects.create_user(
        username, f"{username}@example.com", "correct horse battery", first_name=first, last_name=last
    )
    if part.team:
        Membership.objects.create(team=team(part.team), user=user, is_lead=part.leads)
    if part.role:
        RoleGrant.objects.create(user=user, role=part.role, starts_at=LONG_AGO)
    if username == "dora":
        Delegation.objects.create(giver=person("clara"), delegate=user, starts_at=LONG_AGO, ends_at=FAR_AHEAD)
    return user


def signed_in(user: User) -> Client:
    """A browser in which this person has just proved who they are."""
    client = Client()
    request = HttpRequest()
    request.session = SessionStore()
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    record_authentication(request, user, method="password", username=user.username)
    request.session.save()
    client.cookies[settings.SESSION_COOKIE_NAME] = request.session.session_key
    return client


def api_client(user: User, *scopes: str) -> APIClient:
    """A caller with a token of this person; all scopes unless some are named."""
    _, text = ApiToken.objects.create(
        user, expiry=timedelta(hours=1), name="tests", scopes=list(scopes or ApiToken.Scope.values)
    )
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {text}")
    return client


@pytest.fixture
def rita(db: None) -> User:
    """Asks; a member of the team Payments Platform."""
    return person("rita")


@pytest.fixture
def omar(db: None) -> User:
    """Leads the team Payments Platform."""
    return person("omar")


@pytest.fixture
def ines(db: None) -> User:
    """Security operations."""
    return person("ines")


@pytest.fixture
def ivan(db: None) -> User:
    """Security operations, the second pair of eyes."""
    return person("ivan")


@pytest.fixture
def clara(db: None) -> User:
    """CISO."""
    return person("clara")


@pytest.fixture
def dora(db: None) -> User:
    """Clara's dated delegate."""
    return person("dora")


@pytest.fixture
def axel(db: None) -> User:
    """Governance and audit: reads all, writes nothing."""
    return person("axel")


@pytest.fixture
def opal(db: None) -> User:
    """Operator."""
    return person("opal")


@pytest.fixture
def adam(db: None) -> User:
    """Administrator: grants roles, decides nothing."""
    return person("adam")


@pytest.fixture
def noor(db: None) -> User:
    """A stranger with a team of her own."""
    return person("noor")


@pytest.fixture
def cast(db: None) -> dict[str, User]:
    """Everybody, by user name."""
    return {username: person(username) for username in CAST}


@pytest.fixture
def browse() -> Callable[[User], Client]:
    """``browse(rita)``: a test client in which rita has just signed in."""
    return signed_in


@pytest.fixture
def call_api() -> Callable[..., APIClient]:
    """``call_api(rita, "read")``: an API client with a token of hers."""
    return api_client
