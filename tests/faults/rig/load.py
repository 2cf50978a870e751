"""A company that never stops changing its mind: places, cells of instances in them, and approved edits of each."""

import random
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from urllib.error import HTTPError

from patching.models import (
    AccountRegion,
    ChangeRequest,
    MaintenanceWindow,
    ManagedInstance,
    PatchGroup,
    Waiver,
)
from patching.simulator.state import Node
from portal.governance import clock
from portal.governance.errors import DomainError
from portal.governance.models import User
from tests import asks, factories, people, pushing
from tests.faults.rig import oracle
from tests.simulated_aws import RETAIL, SHARED, SimulatedAws

PLACES = (
    (RETAIL, "Retail", "eu-central-1"),
    (SHARED, "Shared", "eu-central-1"),
    (RETAIL, "Retail", "us-east-1"),
)
IN_A_CELL = 2  # instances
BASELINES = ("calm", "strict")  # in each place its own two
SCAN = {"name": "Scan", "kind": "scan", "max_concurrency": "50%", "max_errors": "100%"}
INSTALL = {"name": "Install", "kind": "install"}


@dataclass
class Company:
    """Some account-regions, each with cells: two instances, a group and a window of their own."""

    aws: SimulatedAws
    places: list[AccountRegion]
    cells: list["Cell"]
    rita: User
    asked: list[ChangeRequest] = field(default_factory=list)

    def ask(self, items: list[dict[str, Any]]) -> ChangeRequest:
        """A request with every decision it needs."""
        request = pushing.approved(self.rita, items)
        self.asked.append(request)
        return request

    def offer_baselines(self) -> None:
        for place in self.places:
            mine = [_baseline(place, name) for name in BASELINES]
            self.ask([pushing.baseline_item(name, _rule(days)) for days, name in enumerate(mine)])

    def begin(self) -> None:
        """Everything is asked for the first time: one request a place."""
        self.offer_baselines()
        for place in self.places:
            items = [item for cell in self.cells if cell.place == place for item in cell.items()]
            self.ask(items)

    def edit(self, chance: random.Random) -> str:
        """One approved edit of one cell; returns what it was, "" when it came too late or too early."""
        cell = chance.choice(self.cells)
        name, items = chance.choice(EDITS)(cell, chance)
        if not items:
            return ""
        try:
            self.ask(items)
        except DomainError:
            return ""  # an earlier edit of the same row is still on its way
        return name


@dataclass(frozen=True)
class Cell:
    place: AccountRegion
    name: str
    instances: list[str]

    def where(self) -> dict[str, str]:
        return {
            "account": self.place.account.account_id,
            "region": self.place.region,
            "application": "payments",
            "environment": "dev",
        }

    def items(self, baseline: str = "") -> list[dict[str, Any]]:
        """A group and a window for it; its baseline is another item's."""
        judge = {"WINDOWS": baseline or _baseline(self.place, BASELINES[0])}
        group = {"name": self.name, "baselines": judge, "instances": self.instances}
        return [pushing.create("patch-group", {**self.where(), **group}), self.window_item()]

    def defer(self) -> Waiver:
        """An exemption for one of its instances, as the approval of one leaves it."""
        instance = ManagedInstance.objects.get(instance_id=self.instances[0])
        return Waiver.objects.create(
            instance=instance,
            source=f"exemption:{instance.pk}",
            source_digest="d" * 64,
            restores_to=f"{self.name}-window",
            starts_at=clock.now(),
            ends_at=clock.now() + timedelta(days=3),
        )

    def window_item(self, duration: int = 4) -> dict[str, Any]:
        members = list(ManagedInstance.objects.filter(instance_id__in=self.instances).order_by("instance_id"))
        return asks.window_item(
            members, name=f"{self.name}-window", **self.where(), duration=duration, tasks=[INSTALL, SCAN]
        )

    def window(self) -> MaintenanceWindow | None:
        return MaintenanceWindow.objects.live().filter(name=f"{self.name}-window").first()

    def group(self) -> PatchGroup | None:
        return PatchGroup.objects.live().filter(name=self.name).first()


def _other_hours(cell: Cell, chance: random.Random) -> tuple[str, list[dict[str, Any]]]:
    window = cell.window()
    spec = {"duration": chance.randint(3, 8), "schedule": f"cron(0 {chance.randint(0, 23)} ? * SUN *)"}
    return "other hours", [pushing.change(window, "window", **spec)] if window else []


def _other_tasks(cell: Cell, chance: random.Random) -> tuple[str, list[dict[str, Any]]]:
    window = cell.window()
    tasks = [INSTALL] if window and len(window.spec["tasks"]) == 2 else [INSTALL, SCAN]
    return "other tasks", [pushing.change(window, "window", tasks=tasks)] if window else []


def _other_baseline(cell: Cell, chance: random.Random) -> tuple[str, list[dict[str, Any]]]:
    group = cell.group()
    if group is None:
        return "", []
    both = [_baseline(cell.place, name) for name in BASELINES]
    other = next(name for name in both if name != group.spec["baselines"]["WINDOWS"])
    return "other baseline", [pushing.change(group, "patch-group", baselines={"WINDOWS": other})]


def _no_window_or_a_new_one(cell: Cell, chance: random.Random) -> tuple[str, list[dict[str, Any]]]:
    window = cell.window()
    if window is None:
        return "new window", [cell.window_item(chance.randint(3, 8))]
    return "window removed", [pushing.removal(window, "window")]


def change_baseline(cell: Cell) -> list[dict[str, Any]]:
    """The items that give a cell the other baseline."""
    return _other_baseline(cell, random.Random())[1]


EDITS = (_other_hours, _other_hours, _other_tasks, _other_baseline, _no_window_or_a_new_one)


def company(aws: SimulatedAws, *, cells: int, places: int = len(PLACES)) -> Company:
    """In the simulated AWS and in the portal, with one clock for both; and something foreign in every place."""
    for name in ("ines", "ivan", "clara", "omar", "rita"):
        people.person(name)
    sample = next(node for node in aws.world.nodes.values() if node.name == pushing.SERVERS[0])
    chosen = PLACES[:places]
    nodes = [
        _node(sample, account, region, number)
        for number, (account, _, region) in enumerate(
            place for place in chosen for _ in range(cells * IN_A_CELL)
        )
    ]
    aws.reset_to(nodes)
    clock.set_to(aws.now)
    made, found = [], []
    for account_id, name, region in chosen:
        account = factories.account(account_id, name, external_id=aws.external_id(account_id))
        place = factories.account_region(account, region)
        application = factories.application()
        factories.selector(application, "dev", place)
        mine = [node for node in nodes if (node.account, node.region) == (account_id, region)]
        for node in mine:
            factories.instance(
                application,
                "dev",
                place,
                instance_id=node.instance_id,
                name=node.name,
                tags=dict(node.tags),
                availability_zone=node.az,
            )
        made.append(place)
        for number in range(cells):
            ids = [node.instance_id for node in mine[number * IN_A_CELL : (number + 1) * IN_A_CELL]]
            found.append(Cell(place, f"{name.lower()}-{region[:2]}-{number}", sorted(ids)))
        _leave_something_foreign(aws, account_id, region)
    return Company(aws, made, found, people.person("rita"))


def delete_behind_our_back(aws: SimulatedAws, chance: random.Random) -> str:
    """Take one marked object out of AWS, as somebody with the console would; returns its kind."""
    with aws.simulation.lock:
        region = chance.choice(list(aws.world.regions.values()))
        kind = chance.choice(("window", "target", "task"))
        windows = [name.partition("/")[2] for name, tags in region.tags.items() if oracle.MARK in tags]
        rows = {"target": region.targets, "task": region.tasks}.get(kind, {})
        marked = sorted(rows or [one for one in windows if one in region.windows])
    if not marked:
        return ""
    try:
        aws.delete(kind, chance.choice(marked), region.account, region.region)
    except HTTPError:
        return ""  # a worker was faster
    return kind


def _node(sample: Node, account: str, region: str, number: int) -> Node:
    return replace(
        sample,
        instance_id=f"i-{number + 1:017x}",
        account=account,
        region=region,
        name=f"pay-{number}",
        az=f"{region}{'ab'[number % 2]}",
        tags={"Name": f"pay-{number}", "App": "payments", "Environment": "dev"},
        installed={},
        failed={},
        findings=[],
    )


def _leave_something_foreign(aws: SimulatedAws, account: str, region: str) -> None:
    window = {"Name": "theirs", "Schedule": "rate(7 days)", "Duration": 3, "Cutoff": 1}
    for operation, request in (
        ("CreateMaintenanceWindow", {**window, "AllowUnassociatedTargets": True}),
        ("CreatePatchBaseline", {"Name": "theirs", "OperatingSystem": "WINDOWS"}),
    ):
        aws.somebody_calls(operation, account=account, region=region, **request)


def _baseline(place: AccountRegion, name: str) -> str:
    return f"{name}-{place.account.name.lower()}-{place.region}"


def _rule(days: int) -> dict[str, Any]:
    return {**pushing.EVERYTHING, "ApproveAfterDays": days}
