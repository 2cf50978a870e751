"""What a push costs in AWS calls, against the fewest possible, and how it grows with what an account holds."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from patching.models import AccountRegion, MaintenanceWindow, PushRun, ResourceState
from patching.simulator.state import Node
from portal.governance import clock
from tests import asks, factories, people, pushing
from tests.pushing import approved, change, pushed
from tests.simulated_aws import RETAIL, SHARED, SimulatedAws

pytestmark = [pytest.mark.slow, pytest.mark.django_db]
REGIONS = ("eu-central-1", "eu-north-1", "eu-west-1", "eu-west-2", "eu-west-3")
ALMOST_EMPTY = (SHARED, "us-east-1")
WINDOWS, BASELINES, GROUPS = 30, 10, 50  # in each of ten account-regions: 300, 100 and 500 in all
ITEMS = 25  # of one request
WRITES_OF_A_WINDOW = 5  # made, put to rest, its target, its task, opened
WRITES_OF_A_CHANGE = 3
PAGES = 10  # of all lists of one look: windows, baselines, groups, tags, schedules and their group
GROWTH = 2.0  # a call in a full account-region may take so much longer than in an almost empty one


@pytest.fixture
def tell(capsys: pytest.CaptureFixture) -> Callable[[str], None]:
    def say(line: str) -> None:
        with capsys.disabled():
            print(f"\n{line}")  # noqa: T201

    return say


@pytest.fixture
def places(simulated_aws: SimulatedAws, settings: Any) -> list[AccountRegion]:
    """Two accounts in five Regions each, with fifty servers of payments in every one; and one that stays small."""
    settings.PUSH_SETTLE_SECONDS = 0
    for name in ("ines", "ivan", "clara", "omar", "rita"):
        people.person(name)
    sample = next(node for node in simulated_aws.world.nodes.values() if node.name == pushing.SERVERS[0])
    where = [*((account, region) for account in (RETAIL, SHARED) for region in REGIONS), ALMOST_EMPTY]
    nodes = [
        server(sample, account, region, number)
        for number, (account, region) in enumerate(place for place in where for _ in range(GROUPS))
    ]
    simulated_aws.reset_to(nodes)
    clock.set_to(simulated_aws.now)
    payments, rows = factories.application(), []
    for account_id, region in where:
        account = factories.account(account_id, account_id, external_id=simulated_aws.external_id(account_id))
        place = factories.account_region(account, region)
        factories.selector(payments, "dev", place)
        rows.append(place)
        for node in nodes:
            if (node.account, node.region) == (account_id, region):
                factories.instance(
                    payments, "dev", place, instance_id=node.instance_id, name=node.name, tags=dict(node.tags)
                )
    return rows


def server(sample: Node, account: str, region: str, number: int) -> Node:
    tags = {"Name": f"pay-{number}", "App": "payments", "Environment": "dev"}
    return replace(
        sample,
        instance_id=f"i-{number + 1:017x}",
        account=account,
        region=region,
        name=f"pay-{number}",
        tags=tags,
    )


def ask_for(place: AccountRegion, *, windows: int, baselines: int, groups: int) -> None:
    """So many of each, approved: a server in each group, and the servers shared out over the windows."""
    rita, servers = people.person("rita"), list(place.instances.order_by("instance_id")[:groups])
    prefix = f"pay-{place.pk}"
    where = {
        "account": place.account.account_id,
        "region": place.region,
        "application": "payments",
        "environment": "dev",
    }
    items = [
        pushing.baseline_item(f"{prefix}-base-{n}", {**pushing.EVERYTHING, "ApproveAfterDays": n})
        for n in range(baselines)
    ]
    for number, one in enumerate(servers):
        group = {
            "name": f"{prefix}-group-{number}",
            "baselines": {"WINDOWS": f"{prefix}-base-{number % baselines}"},
            "instances": [one.instance_id],
        }
        items.append(pushing.create("patch-group", {**where, **group}))
    for number in range(windows):
        name, schedule = f"{prefix}-window-{number}", f"cron({number} {number % 24} ? * SUN *)"
        items.append(asks.window_item(servers[number::windows], name=name, **where, schedule=schedule))
    for start in range(0, len(items), ITEMS):
        approved(rita, items[start : start + ITEMS])


def push_until_done(place: AccountRegion) -> list[PushRun]:
    """A pass gives up its worker after a while and goes on in the next."""
    runs: list[PushRun] = []
    while not runs or runs[-1].state != "succeeded":
        AccountRegion.objects.filter(pk=place.pk).update(backoff_until=None)
        place.refresh_from_db()
        runs.append(pushed(place))
        assert len(runs) < 10, runs[-1].error
    return runs


def fewest(*, windows: int, baselines: int, groups: int) -> int:
    """One call for each thing, and two tags an instance; the daily scan is one window more."""
    return baselines + groups + (windows + 1) * WRITES_OF_A_WINDOW + 2 * groups


def test_three_hundred_windows_a_hundred_baselines_and_five_hundred_groups(places, simulated_aws, tell):
    *large, small = places
    begun = time.perf_counter()
    for place in places:
        few = place == small
        ask_for(
            place,
            windows=2 if few else WINDOWS,
            baselines=1 if few else BASELINES,
            groups=4 if few else GROUPS,
        )
    tell(f"asked and approved: {time.perf_counter() - begun:.1f} s")
    each = {}
    for place in places:
        begun = time.perf_counter()
        runs = push_until_done(place)
        taken, writes = time.perf_counter() - begun, sum(run.writes for run in runs)
        reads = sum(run.reads for run in runs)
        each[place] = taken / (writes + reads)
        tell(f"{place}: {writes} writes, {reads} reads, {len(runs)} passes, {taken:.1f} s")
        wanted = {"windows": WINDOWS, "baselines": BASELINES, "groups": GROUPS}
        assert writes == (fewest(windows=2, baselines=1, groups=4) if place == small else fewest(**wanted))
    growth = max(each[place] for place in large) / each[small]
    tell(
        f"a call in a full account-region takes {growth:.2f} times one in an almost empty one (at most {GROWTH})"
    )
    assert ResourceState.objects.exclude(condition="in_sync").count() == 0
    assert growth <= GROWTH

    place = large[0]
    window = MaintenanceWindow.objects.filter(account_region=place)[7]
    approved(people.person("rita"), [change(window, "window", duration=6)])
    begun = time.perf_counter()
    run = pushed(place)
    tell(
        f"one window of {WINDOWS * len(large)} changed: {run.writes} writes (at most {WRITES_OF_A_CHANGE}), "
        f"{run.reads} reads, {time.perf_counter() - begun:.1f} s"
    )
    assert run.state == "succeeded"
    assert run.writes <= WRITES_OF_A_CHANGE
    # two looks, each its lists and the details of the one window: its mark, its target, its task twice
    assert run.reads <= 2 * (PAGES + 4)
