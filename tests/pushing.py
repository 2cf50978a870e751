"""What tests of the push stand on: a place with two servers, a small approved request, and a push."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import pytest

from patching import desired, permissions, push, writing
from patching.models import AccountRegion, ChangeRequest, ManagedInstance, PushRun, ResourceState
from patching.specs import to_plain
from portal.governance import clock
from portal.governance.models import User
from tests import asks, factories, people
from tests.simulated_aws import RETAIL, SimulatedAws

SERVERS = ("pay-dev-a-01", "pay-dev-b-01")
EVERYTHING = {
    "PatchFilterGroup": {"PatchFilters": [{"Key": "PRODUCT", "Values": ["*"]}]},
    "ApproveAfterDays": 0,
}


@pytest.fixture
def retail(db: None, simulated_aws: SimulatedAws, settings: Any) -> AccountRegion:
    """Retail in eu-central-1 with two development servers of payments, one in each zone."""
    settings.PUSH_SETTLE_SECONDS = 0
    for name in ("ines", "ivan", "clara", "omar", "rita"):
        people.person(name)
    return place_with(simulated_aws, *SERVERS)


@pytest.fixture
def asked(retail: AccountRegion) -> ChangeRequest:
    """Rita's request for a baseline, a group and a window for the two, decided by everyone it needs."""
    return approved(people.person("rita"), small_items())


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """``meanwhile("call-returned", 2, deed)``: do something the second time that a push comes by there."""

    def arrange(place: str, number: int, deed: Callable[[], object]) -> None:
        passed = iter(range(1, 10_000))

        def crashpoint(name: str) -> None:
            if name == place and next(passed) == number:
                deed()

        monkeypatch.setattr(writing, "crashpoint", crashpoint)
        monkeypatch.setattr(push, "crashpoint", crashpoint)

    return arrange


def place_with(aws: SimulatedAws, *names: str) -> AccountRegion:
    """The account-region with these servers of payments, in AWS and in the inventory."""
    nodes = [node for node in aws.world.nodes.values() if node.name in names]
    aws.reset_to(nodes)
    clock.set_to(aws.now)
    place = factories.account_region(factories.account(external_id=aws.external_id(RETAIL)))
    payments = factories.payments()
    for node in nodes:
        factories.instance(
            payments,
            node.tags["Environment"],
            place,
            instance_id=node.instance_id,
            name=node.name,
            tags=dict(node.tags),
            availability_zone=node.az,
        )
    return place


def in_aws(place: AccountRegion, *, since: datetime | None = None) -> list[ResourceState]:
    """Everything that is approved for a place, as if a push had made it there."""
    return ResourceState.objects.bulk_create(
        ResourceState(
            account_region=place,
            kind=key.kind,
            key=key.name,
            label=one.label,
            uid=one.uid,
            aws_id=f"aws-{one.uid[:12]}",
            applied=to_plain(one.spec),
            sources=[source._asdict() for source in one.sources],
            condition=ResourceState.Condition.IN_SYNC,
            changed_at=since or clock.now(),
        )
        for key, one in desired.now_for(place).items()
    )


def servers() -> list[ManagedInstance]:
    return list(ManagedInstance.objects.order_by("name"))


def create(kind: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"action": "create", "kind": kind, "target": None, "spec": spec}


def baseline_item(name: str = "payments-dev-win", *rules: dict[str, Any], **changes: Any) -> dict[str, Any]:
    definition = {"OperatingSystem": "WINDOWS", "ApprovalRules": {"PatchRules": list(rules) or [EVERYTHING]}}
    spec = {"name": name, "application": "payments", "environment": "dev", "definition": definition}
    return create("baseline", {**spec, **changes})


def group_item(baseline: str = "payments-dev-win", **changes: Any) -> dict[str, Any]:
    spec = {
        "name": "payments-dev",
        "account": RETAIL,
        "region": "eu-central-1",
        "application": "payments",
        "environment": "dev",
        "baselines": {"WINDOWS": baseline},
        "instances": [server.instance_id for server in servers()],
    }
    return create("patch-group", {**spec, **changes})


def small_items() -> list[dict[str, Any]]:
    return [baseline_item(), group_item(), asks.window_item(servers())]


def change(row: Any, kind: str, **changes: Any) -> dict[str, Any]:
    """An item that changes some fields of what a row holds."""
    return {"action": "change", "kind": kind, "target": row.pk, "spec": {**row.spec, **changes}}


def removal(row: Any, kind: str) -> dict[str, Any]:
    return {"action": "delete", "kind": kind, "target": row.pk, "spec": {}}


def approved(by: User, items: Sequence[dict[str, Any]]) -> ChangeRequest:
    """A request that got every decision it needs."""
    request = asks.submitted(by, items)
    while slots := permissions.open_slots(request):
        request = asks.approve(request, permissions.eligible(request, slots[0])[0])
    assert request.state == "approved"
    return request


def pushed(place: AccountRegion, *, trigger: str = "test") -> PushRun:
    run = push.push(place, trigger=trigger)
    assert run is not None
    return run


def resource(kind: str, **lookup: Any) -> ResourceState:
    return ResourceState.objects.get(kind=kind, **lookup)


def standing() -> dict[str, str]:
    """How everything of ours stands, by kind and label."""
    return {f"{state.kind} {state.label}": state.condition for state in ResourceState.objects.all()}


def is_all_in_sync() -> bool:
    return set(standing().values()) <= {"in_sync", "removed"}
