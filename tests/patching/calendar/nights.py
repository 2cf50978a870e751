"""Many approved windows as rows, without the road of a request each."""

from datetime import UTC, timedelta
from typing import Any

from patching.models import AccountRegion, Freeze, MaintenanceWindow, Occurrence, Revision, WindowHold
from portal.governance import clock
from portal.governance.canonical import digest_of
from tests import asks, factories, people

NIGHTS = ("SUN", "TUE", "WED", "THU", "SAT", "FRI", "MON")


def window(
    name: str = "payments-prod-a",
    env: str = "prod",
    *,
    application: str = "payments",
    team: str = "payments",
    place: AccountRegion | None = None,
    members: Any = (),
    **spec: Any,
) -> MaintenanceWindow:
    """One window, on Sundays at 02:00 in Berlin unless said otherwise, made thirty days ago."""
    of = factories.application(application, team)
    where = place or factories.account_region()
    item = asks.window_item(members, env, name=name, application=application, **spec)
    full = asks.with_defaults(item)["spec"]
    made_at = clock.now() - timedelta(days=30)
    return MaintenanceWindow.objects.create(
        name=name,
        spec=full,
        spec_digest=digest_of(full),
        revision=_revision(),
        application=of,
        environment=factories.environment(env),
        account_region=where,
        availability_zone=full["az"],
        created_at=made_at,
        changed_at=made_at,
    )


def _revision() -> Revision:
    """One for all of them: what was asked for is not what these tests are about."""
    known = Revision.objects.order_by("pk").first()
    return known or factories.revision(factories.change_request(people.person("rita")))


def many(number: int = 64, first: int = 0, **given: Any) -> list[MaintenanceWindow]:
    """Windows of eight applications over three environments, two zones, four hours and all nights of a month."""
    made = []
    for index in range(first, first + number):
        env = ("dev", "test", "prod")[index % 3]
        week = index // 3 % 4 + 1
        night = NIGHTS[index % 7]
        made.append(
            window(
                f"{APPLICATIONS[index % 8]}-{env}-{'ab'[index % 2]}{index:02}",
                env,
                application=APPLICATIONS[index % 8],
                az=f"eu-central-1{'ab'[index % 2]}",
                schedule=f"cron({15 * (index % 4)} {(20, 22, 0, 2)[index % 4]} ? * {night}#{week} *)",
                duration=3 + index % 4,
                **given,
            )
        )
    return made


APPLICATIONS = ("payments", "ledger", "identity", "intranet", "edge", "search", "claims", "reports")


def _governed(of: MaintenanceWindow, name: str, **spec: Any) -> dict[str, Any]:
    return {
        "name": name,
        "spec": spec,
        "spec_digest": digest_of(spec),
        "revision": of.revision,
        "application": of.application,
        "created_at": clock.now(),
        "changed_at": clock.now(),
    }


def freeze(
    of: MaintenanceWindow, starts_at: Any, ends_at: Any, name: str = "Quarter end", **fields: Any
) -> Freeze:
    """A freeze of the window's application, in every environment and place."""
    application = fields.get("application", of.application)
    environment = fields.get("environment")
    spec = {
        "name": name,
        "application": application.slug if application else "",
        "environment": environment.slug if environment else "",
        "account": "",
        "region": "",
        "starts_at": f"{starts_at.astimezone(UTC):%Y-%m-%dT%H:%M}",
        "ends_at": f"{ends_at.astimezone(UTC):%Y-%m-%dT%H:%M}",
        "timezone": "UTC",
        "reason": "The books are closed.",
    }
    given = {**_governed(of, name), "spec": spec, "starts_at": starts_at, "ends_at": ends_at, **fields}
    return Freeze.objects.create(**given)


def held(window: MaintenanceWindow, starts_at: Any, ends_at: Any, source: str = "freeze:1") -> WindowHold:
    return WindowHold.objects.create(
        window=window,
        source=source,
        source_digest="0" * 64,
        reason="Freeze Quarter end",
        starts_at=starts_at,
        ends_at=ends_at,
    )


def occurrence(
    of: MaintenanceWindow, run_at: Any, moved_to: Any = None, reason: str = "Launch"
) -> Occurrence:
    """One opening that is skipped, or moved, and why."""
    asked = factories.change_request(people.person("rita"), reason=reason)
    given = {**_governed(of, f"{of.name} {run_at:%Y-%m-%d}"), "revision": factories.revision(asked)}
    return Occurrence.objects.create(
        **given,
        environment=of.environment,
        window=of,
        account_region=of.account_region,
        run_at=run_at,
        moved_to=moved_to,
    )
