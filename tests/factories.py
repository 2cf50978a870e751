"""Small makers of rows: each takes only what the test is about and fills in the rest."""

from datetime import timedelta
from itertools import count
from typing import Any

from patching.models import (
    AccountRegion,
    Application,
    AwsAccount,
    ChangeRequest,
    Environment,
    ManagedInstance,
    Revision,
    Selector,
)
from portal.governance import clock
from portal.governance.canonical import canonical_json, digest
from portal.governance.models import User
from tests import people

ENVIRONMENTS = {"dev": ("Development", 1), "test": ("Test", 2), "prod": ("Production", 3)}
RETAIL = ("211125483017", "Retail")

_numbers = count(1)


def environment(slug: str = "prod") -> Environment:
    name, rank = ENVIRONMENTS[slug]
    return Environment.objects.get_or_create(
        slug=slug, defaults={"name": name, "rank": rank, "is_production": slug == "prod"}
    )[0]


def account(account_id: str = RETAIL[0], name: str = RETAIL[1], **fields: Any) -> AwsAccount:
    return AwsAccount.objects.get_or_create(
        account_id=account_id, defaults={"name": name, "external_id": f"tests-{account_id}", **fields}
    )[0]


def account_region(
    of: AwsAccount | None = None, region: str = "eu-central-1", **fields: Any
) -> AccountRegion:
    return AccountRegion.objects.get_or_create(account=of or account(), region=region, defaults=fields)[0]


def application(slug: str = "payments", team: str = "payments") -> Application:
    return Application.objects.get_or_create(
        slug=slug, defaults={"name": slug.replace("-", " ").title(), "team": people.team(team)}
    )[0]


def selector(of: Application, env: str = "prod", where: AccountRegion | None = None) -> Selector:
    """These instances are this application's: by the tags App and Environment."""
    return Selector.objects.get_or_create(
        account_region=where or account_region(),
        tags={"App": of.slug, "Environment": env},
        defaults={"application": of, "environment": environment(env)},
    )[0]


def payments() -> Application:
    """The application of the story: owned by Payments Platform, in dev, test and prod of Retail."""
    made = application()
    for env in ENVIRONMENTS:
        selector(made, env)
    return made


def instance(
    of: Application | None = None, env: str = "prod", where: AccountRegion | None = None, **fields: Any
) -> ManagedInstance:
    """One running Windows server of an application, managed and online."""
    number = next(_numbers)
    of = of or application()
    at = clock.now()
    given = {
        "account_region": where or account_region(),
        "instance_id": f"i-{number:017x}",
        "name": f"{of.slug}-{env}-{number}",
        "application": of,
        "environment": environment(env),
        "tags": {"App": of.slug, "Environment": env},
        "availability_zone": "eu-central-1a" if number % 2 else "eu-central-1b",
        "instance_type": "m6i.large",
        "operating_system": "WINDOWS",
        "platform_name": "Microsoft Windows Server 2022 Datacenter",
        "platform_version": "10.0.20348",
        "is_managed": True,
        "ping_status": "Online",
        "agent_version": "3.3.2299.0",
        "last_ping_at": at,
        "first_seen_at": at,
        "last_seen_at": at,
        **fields,
    }
    return ManagedInstance.objects.create(**given)


def change_request(
    by: User, *, title: str = "Patch payments on Sundays", team: str = "payments", **fields: Any
) -> ChangeRequest:
    """A request as rows alone: no revision, no audit. For tests of what lies below the workflow."""
    given = {
        "title": title,
        "reason": "It has to be patched.",
        "team": people.team(team),
        "requested_by": by,
        "created_at": clock.now(),
        "lapses_at": clock.now() + timedelta(days=14),
        **fields,
    }
    return ChangeRequest.objects.create(**given)


def revision(
    of: ChangeRequest, items: list[dict[str, Any]] | None = None, by: User | None = None
) -> Revision:
    """The next version of a request, made its current one."""
    content = canonical_json({"title": of.title, "reason": of.reason, "items": items or []})
    made = Revision.objects.create(
        request=of,
        number=of.revisions.count() + 1,
        content=content,
        digest=digest(content),
        author=by or of.requested_by,
        created_at=clock.now(),
    )
    ChangeRequest.objects.filter(pk=of.pk).update(current=made)
    of.current = made
    return made
