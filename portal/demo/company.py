"""The demo company as the portal knows it on its first day: people, environments, accounts, applications."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from django.db import transaction

from patching.models import AccountRegion, Application, AwsAccount, Environment, Selector
from portal.demo.cast import CAST
from portal.governance import audit, clock
from portal.governance.models import Delegation, Membership, Role, RoleGrant, Team, User

TEAMS = {
    "payments": "Payments Platform",
    "claims": "Claims",
    "analytics": "Analytics",
    "security": "Security Operations",
}
# security operations ask for baselines that all teams share as a team of their own
MEMBERS = {
    "rita": ("payments", False),
    "omar": ("payments", True),
    "noor": ("analytics", True),
    "ines": ("security", False),
    "ivan": ("security", False),
}
ROLES = {
    "ines": Role.SECURITY_OPERATIONS,
    "ivan": Role.SECURITY_OPERATIONS,
    "clara": Role.CISO,
    "axel": Role.AUDITOR,
    "opal": Role.OPERATOR,
    "adam": Role.ADMINISTRATOR,
}
DELEGATION = timedelta(days=90)
ENVIRONMENTS = (("dev", "Development"), ("test", "Test"), ("prod", "Production"))
RETAIL, SHARED = "211125483017", "334455667788"
REGION = "eu-central-1"

# application: its team, and the account of each environment
APPLICATIONS = {
    "payments": ("payments", {"dev": RETAIL, "test": RETAIL, "prod": RETAIL}),
    "claims-web": ("claims", {"dev": SHARED, "test": RETAIL, "prod": RETAIL}),
    "data-lake": ("analytics", {"dev": SHARED, "test": SHARED, "prod": RETAIL}),
}


def is_founded() -> bool:
    return Team.objects.exists()


@transaction.atomic
def found(simulated_accounts: Iterable[Mapping[str, Any]]) -> None:
    """Fill an empty portal; all of it or nothing."""
    _hire()
    _register(simulated_accounts)
    for rank, (slug, name) in enumerate(ENVIRONMENTS, start=1):
        Environment.objects.create(slug=slug, name=name, rank=rank, is_production=slug == "prod")
    for slug, (team, homes) in APPLICATIONS.items():
        _hand_over(slug, Team.objects.get(slug=team), homes)


def _hire() -> None:
    teams = {slug: Team.objects.create(slug=slug, name=name) for slug, name in TEAMS.items()}
    people = {}
    for member in CAST:
        first, last = member.name.split()
        person = User.objects.create_user(member.username, member.email, first_name=first, last_name=last)
        people[member.username] = person
        if member.username in MEMBERS:
            team, leads = MEMBERS[member.username]
            Membership.objects.create(team=teams[team], user=person, is_lead=leads)
    at = clock.now()
    for username, role in ROLES.items():
        grant = RoleGrant.objects.create(user=people[username], role=role, starts_at=at)
        detail = {"person": username, "role": role}
        audit.record("role.granted", grant, by=None, reason="The demo company was founded.", detail=detail)
    clara, dora = people["clara"], people["dora"]
    delegation = Delegation.objects.create(giver=clara, delegate=dora, starts_at=at, ends_at=at + DELEGATION)
    audit.record(
        "role.delegated", delegation, by=clara, reason="For the days I am away.", detail={"to": dora.username}
    )


def _register(simulated_accounts: Iterable[Mapping[str, Any]]) -> None:
    """Accounts that have a role to assume; the hub, where the portal itself lives, has none."""
    for simulated in simulated_accounts:
        if not simulated["role"]:
            continue
        account = AwsAccount.objects.create(
            account_id=simulated["account"],
            name=simulated["name"],
            role_name=simulated["role"],
            external_id=simulated["external_id"],
        )
        audit.record("account.registered", account, by=None, reason="The demo company was founded.")
        for region in simulated["regions"]:
            AccountRegion.objects.create(account=account, region=region)


def _hand_over(slug: str, team: Team, homes: Mapping[str, str]) -> None:
    application = Application.objects.create(slug=slug, name=slug, team=team)
    audit.record("application.added", application, by=None, team=team, reason="The demo company was founded.")
    for environment, account in homes.items():
        Selector.objects.create(
            application=application,
            environment=Environment.objects.get(slug=environment),
            account_region=AccountRegion.objects.get(account__account_id=account, region=REGION),
            tags={"App": slug, "Environment": environment},
        )
