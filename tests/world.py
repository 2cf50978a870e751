"""One small world for the route table: an object of every kind that an address can name, all of the team payments."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction

from exemptions import reviewing, workflow
from exemptions.models import Document, Exemption, Review
from patching import desired, openings, run_reviews
from patching.calendar import feeds
from patching.cataloguing import import_file
from patching.models import (
    AccountRegion,
    ChangeRequest,
    Drift,
    Freeze,
    MaintenanceWindow,
    ManagedInstance,
    Occurrence,
    Patch,
    PatchBaseline,
    PatchFinding,
    PatchGroup,
    ResourceState,
    Scan,
    Selector,
    Unmanaged,
    WindowRun,
)
from patching.specs import Key, to_plain
from portal.governance import audit, clock, conversation
from portal.governance.models import ApiToken, AuditEntry, Delegation, Membership, RoleGrant, User
from tests import asks, factories, people
from tests.exemptions import asks as exempt
from tests.patching.api import fleet
from tests.patching.catalogue import files

ROLES = ("rita", "omar", "ines", "clara", "axel", "opal", "adam", "noor")


@dataclass
class World:
    """Who is there, in which session, and the key of each sample by name."""

    cast: dict[str, User]
    sessions: dict[str, str]
    samples: dict[str, Any]

    def reading(self, sample: str) -> dict[str, Any]:
        """What a decision on this sample names."""
        model = Exemption if "exemption" in sample else ChangeRequest
        current = model._default_manager.get(pk=self.samples[sample]).current
        return {"revision": current.number, "digest": current.digest, "reason": "As agreed."}


def build() -> World:
    cast = {name: people.person(name) for name in people.CAST}
    samples: dict[str, Any] = {**_requests(cast), **_exemptions(cast), **_patching(), **_governance(cast)}
    sessions = {
        name: people.signed_in(cast[name]).cookies[settings.SESSION_COOKIE_NAME].value for name in ROLES
    }
    return World(cast, sessions, samples)


def _requests(cast: dict[str, User]) -> dict[str, Any]:
    """Decided, drafted, submitted and failed requests, about different windows."""
    instances = asks.fleet()
    decided = asks.submitted(cast["rita"], asks.ha_items(instances))
    asks.approve(decided, *(cast[name] for name in ("omar", "ivan", "clara")))
    spare = factories.instance(factories.application(), "prod")
    shut = _shut(cast)
    items = [asks.window_item([spare], "prod", name="payments-spare")]
    failed = asks.drafted(cast["rita"], items)
    ChangeRequest.objects.filter(pk=failed.pk).update(state=ChangeRequest.State.FAILED)
    draft = asks.drafted(cast["rita"], items)
    return {
        "approved request": decided.pk,
        "draft request": draft.pk,
        "request comment": _blocking(draft, cast),
        "submitted request": asks.submitted(cast["rita"], items).pk,
        "failed request": failed.pk,
        **shut,
        "instance": instances[0].pk,
        "window": MaintenanceWindow.objects.get(name="payments-prod-a").pk,
        "patch group": PatchGroup.objects.get(name="payments-prod").pk,
        "baseline": PatchBaseline.objects.get(name="payments-prod-win").pk,
    }


def _shut(cast: dict[str, User]) -> dict[str, Any]:
    """A freeze of payments test that lies ahead, and a skipped opening of a window of test."""
    window = MaintenanceWindow.objects.get(name="payments-test-a")
    run_at = openings.next_starts(window.spec, start=clock.now(), count=1, since=window.created_at)[0]
    where = {"application": "payments", "environment": "test"}
    freeze = {
        **where,
        "name": "Closing",
        "starts_at": f"{run_at + timedelta(days=1):%Y-%m-%dT%H:%M}",
        "ends_at": f"{run_at + timedelta(days=3):%Y-%m-%dT%H:%M}",
        "timezone": "UTC",
        "reason": "The books are closed.",
    }
    place = {name: window.spec[name] for name in ("account", "region")}
    opening = {**where, **place, "window": window.name, "run_at": f"{run_at:%Y-%m-%dT%H:%M:%SZ}"}
    items = [
        {"action": "create", "kind": kind, "target": None, "spec": spec}
        for kind, spec in (("freeze", freeze), ("occurrence", opening))
    ]
    asks.in_effect(cast["rita"], items, cast["omar"])
    return {"freeze": Freeze.objects.get().pk, "occurrence": Occurrence.objects.get().pk}


def _exemptions(cast: dict[str, User]) -> dict[str, Any]:
    """Drafted with a document, submitted, and in force."""
    of = list(MaintenanceWindow.objects.get(name="payments-prod-a").spec["instances"])
    instances = list(ManagedInstance.objects.filter(instance_id__in=of))
    longer = clock.now() + timedelta(days=20)  # what is no longer than another one is refused as a duplicate
    draft = exempt.drafted(cast["rita"], instances, ends_at=longer)
    workflow.attach(draft, exempt.document(), by=cast["rita"])
    approved = exempt.approved(cast["rita"], instances)
    review = reviewing.raise_for(approved, Review.Cause.CATALOGUE, "KB5039227", "KB5039227 was recalled.")
    assert review is not None
    return {
        "draft exemption": draft.pk,
        "exemption comment": _blocking(draft, cast),
        "submitted exemption": exempt.submitted(cast["rita"], instances).pk,
        "approved exemption": approved.pk,
        "review": review.pk,
        "document": Document.objects.get(exemption=draft).pk,
    }


def _blocking(thing: Any, cast: dict[str, User]) -> int:
    return conversation.say(thing, by=cast["ivan"], text="Name a rollback first.", blocking=True).pk


def _patching() -> dict[str, Any]:
    scan = fleet.scanned(ManagedInstance.objects.order_by("pk")[0], "Critical")
    place = factories.account_region()
    return {
        "scan": Scan.objects.get(pk=scan.pk).pk,
        "finding": PatchFinding.objects.get().pk,
        **_catalogue(),
        "account region": place.pk,
        "account": place.account_id,
        "push run": fleet.run(place).pk,
        "drift": _drift(place).pk,
        "unmanaged": _unmanaged(place).pk,
        **_runs(place),
        "resource": ResourceState.objects.get(condition="parked").pk,
        "application": factories.application().pk,
        "selector": Selector.objects.filter(application__slug="payments").order_by("pk")[0].pk,
    }


def _catalogue() -> dict[str, Any]:
    """One patch and the CVE that it fixes, known to be exploited, read from files."""
    for name in ("windows-kbs", "kev"):
        import_file(files.ALL[name], name=name, format_name=name, by=None)
    return {"patch": Patch.objects.get(ref="KB5039217").pk, "cve": "CVE-2026-1001"}


def _drift(place: AccountRegion) -> Drift:
    """The window payments-prod-a was made longer outside, and one of its tasks is parked."""
    window = MaintenanceWindow.objects.get(name="payments-prod-a")
    made = {
        "account_region": place,
        "uid": str(window.uid),
        "sources": [{"kind": "revision", "id": str(window.revision_id), "digest": window.revision.digest}],
        "changed_at": clock.now(),
    }
    key = str(window.uid)
    ResourceState.objects.create(
        kind="task", key=f"{key}:Install", label="payments-prod-a: Install", condition="parked", **made
    )
    state = ResourceState.objects.create(
        kind="window", key=key, label=window.name, condition="drifted", **made
    )
    spec = desired.now_for(place)[Key("window", key)].spec
    return Drift.objects.create(
        resource=state,
        live={**to_plain(spec), "duration": 9},
        live_digest="seen",
        changes=[{"field": "duration", "live": "9", "desired": "4"}],
        found_at=clock.now(),
    )


def _unmanaged(place: AccountRegion) -> Unmanaged:
    """A window that somebody made by hand for what payments runs in production."""
    targets = [
        {
            "Targets": [
                {"Key": "tag:App", "Values": ["payments"]},
                {"Key": "tag:Environment", "Values": ["prod"]},
            ]
        }
    ]
    listed = {
        "WindowId": "mw-1",
        "Name": "legacy",
        "Schedule": "rate(7 days)",
        "Duration": 3,
        "Cutoff": 1,
        "Enabled": True,
    }
    return Unmanaged.objects.create(
        account_region=place,
        kind="window",
        aws_id="mw-1",
        name="legacy",
        content={"listed": listed, "targets": targets, "tasks": [], "tags": {}},
        first_seen_at=clock.now(),
        last_seen_at=clock.now(),
    )


def _runs(place: AccountRegion) -> dict[str, Any]:
    """A run of payments-prod-a that nobody has judged, and a failure of payments-prod-b."""
    at = clock.now()
    made = []
    for name in ("payments-prod-a", "payments-prod-b"):
        window = MaintenanceWindow.objects.get(name=name)
        run = WindowRun.objects.create(
            account_region=place,
            window=window,
            aws_window_id=name,
            execution_id=name,
            status="SUCCESS",
            started_at=at - timedelta(hours=3),
            ended_at=at - timedelta(hours=1),
            read_at=at,
        )
        made.append(run)
    failure = run_reviews.report_problem(made[1], by=people.person("rita"), reason="Checkout is down.")
    return {"window run": made[0].pk, "failure": failure.pk}


def _governance(cast: dict[str, User]) -> dict[str, Any]:
    with transaction.atomic():
        audit.record("account.registered", factories.account(), by=None, team=people.team("payments"))
    token, _ = ApiToken.objects.create(cast["rita"], name="nightly export", scopes=["read"])
    feed, secret = feeds.make(label="Wall screen", by=cast["rita"], team=people.team("payments"))
    return {
        "audit entry": AuditEntry.objects.latest("seq").pk,
        "token": token.token_key,
        "feed": feed.pk,
        "feed secret": secret,
        "rita": cast["rita"].pk,
        "ivan": cast["ivan"].pk,
        "delegation": Delegation.objects.get().pk,
        "membership": Membership.objects.get(user=cast["rita"]).pk,
        "role": RoleGrant.objects.get(user=cast["ivan"]).pk,
    }
