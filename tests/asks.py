"""Ready-made wishes: items of change requests as people would send them, and a request brought to a state."""

from collections.abc import Sequence
from typing import Any

from patching import effects, sealing, workflow
from patching.blueprints import Member, ha_windows_application
from patching.items import with_defaults
from patching.models import ChangeRequest, Decision, ManagedInstance
from patching.permissions import slots_needed
from portal.governance import clock
from portal.governance.models import Outcome, User
from tests import factories

TITLE = "HA Windows application: payments"
REASON = "Patch payments by zone and environment, as the patching guide asks."


def fleet(per_zone: int = 1) -> list[ManagedInstance]:
    """Payments in dev, test and prod over two zones."""
    payments = factories.payments()
    return [
        factories.instance(payments, env, availability_zone=f"eu-central-1{zone}")
        for env in factories.ENVIRONMENTS
        for zone in "ab"
        for _ in range(per_zone)
    ]


def ha_items(instances: Sequence[ManagedInstance]) -> list[dict[str, Any]]:
    """The HA Windows application of the source document for these instances."""
    members = [
        Member(one.instance_id, one.environment.slug, one.availability_zone)
        for one in instances
        if one.environment
    ]
    return ha_windows_application(
        application="payments",
        account=factories.RETAIL[0],
        region="eu-central-1",
        timezone="Europe/Berlin",
        members=members,
    )


def window_item(members: Sequence[ManagedInstance], env: str = "dev", **changes: Any) -> dict[str, Any]:
    """One window for these instances."""
    spec = {
        "name": f"payments-{env}",
        "account": factories.RETAIL[0],
        "region": "eu-central-1",
        "application": "payments",
        "environment": env,
        "schedule": "cron(0 2 ? * SUN *)",
        "timezone": "Europe/Berlin",
        "duration": 4,
        "cutoff": 1,
        "tasks": [{"name": "Install", "kind": "install"}],
        "instances": [one.instance_id for one in members],
        **changes,
    }
    return {"action": "create", "kind": "window", "target": None, "spec": spec}


def drafted(by: User, items: Sequence[dict[str, Any]]) -> ChangeRequest:
    return workflow.draft(by=by, title=TITLE, reason=REASON, items=items)


def submitted(by: User, items: Sequence[dict[str, Any]]) -> ChangeRequest:
    return workflow.submit(drafted(by, items), by=by)


def approve(request: ChangeRequest, *people: User) -> ChangeRequest:
    """Each of these people reads the current revision and approves it."""
    for person in people:
        request.refresh_from_db()
        assert request.current is not None
        request = workflow.approve(request, by=person, **reading(request))
    return request


def in_effect(by: User, items: Sequence[dict[str, Any]], *deciders: User) -> ChangeRequest:
    """A request that these people have approved, as rows: what stands behind it is there, its road was not walked.

    For tests of what happens to windows and groups that are there, many of which need one.
    """
    items = [with_defaults(item) for item in items]
    request = factories.change_request(
        by, state=ChangeRequest.State.APPROVED, needs=slots_needed(items), seal=sealing.seal_of(items)
    )
    revision = factories.revision(request, items)
    assert len(request.needs) == len(deciders), f"It needs the word of {request.needs}."
    for number, (slot, person) in enumerate(zip(request.needs, deciders, strict=True), start=1):
        Decision.objects.create(
            revision=revision,
            slot=slot,
            outcome=Outcome.APPROVE,
            digest=revision.digest,
            decided_by=person,
            requested_by=by,
            decided_at=clock.now(),
            closes=number == len(request.needs),
        )
    effects.take(request)
    return request


def reading(request: ChangeRequest) -> dict[str, Any]:
    """What somebody sends who has just read the current revision, freshly signed in."""
    assert request.current is not None
    return {
        "revision": request.current.number,
        "digest": request.current.digest,
        "signed_in_at": clock.real_now(),
    }
