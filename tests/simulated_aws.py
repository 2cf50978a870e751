"""The simulated AWS as a fixture: one server for the session, a new world for each test."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from urllib.request import Request, urlopen

import boto3
import pytest
from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import EndpointConnectionError

from patching.aws import session
from patching.simulator import beginning, catalogue, clock
from patching.simulator.controls import CHOICES
from patching.simulator.server import Front, Server
from patching.simulator.simulation import Simulation
from patching.simulator.state import START, Account, Node, World

HUB, RETAIL, SHARED = "111111111111", "211125483017", "334455667788"
REGION = "eu-central-1"


class SimulatedAws:
    """What a test may ask of the simulated AWS besides AWS's own calls."""

    def __init__(self) -> None:
        self.simulation = Simulation(beginning.new_world([]), catalogue=catalogue.load)
        front = Front(self.simulation, beginning.fresh_world)
        self.doors = front.doors
        self.server = Server(front, port=0)
        self.url = self.server.url

    @property
    def world(self) -> World:
        return self.simulation.world

    @property
    def now(self) -> datetime:
        return self.world.now

    def reset(self, *, fleet: str = "demo", start: datetime = START) -> None:
        """A new world: the make-believe company, or its accounts without an instance ("empty")."""
        nodes = beginning.nodes_at(START) if fleet == "demo" else []
        self.simulation.reset(beginning.new_world(nodes, start))

    def reset_to(
        self, nodes: list[Node], *, start: datetime = START, accounts: list[Account] | None = None
    ) -> None:
        """A new world with these nodes only."""
        self.simulation.reset(beginning.new_world(nodes, start, accounts))

    def advance(self, *, to: datetime | None = None, by: timedelta | None = None) -> list[dict[str, Any]]:
        """Let time pass; returns the window executions that ended or began on the way."""
        with self.simulation.lock:
            return clock.advance(self.simulation, to or self.now + (by or timedelta()))

    def log(self, *operations: str) -> list[dict[str, Any]]:
        """Mutating calls in order, of all operations or of the named ones."""
        return [entry for entry in self.world.log if not operations or entry["operation"] in operations]

    def inject(self, kind: str, **fault: Any) -> None:
        """Break the next call: inject("lost-reply", operation="CreateMaintenanceWindow")."""
        self.door("inject", {"kind": kind, **fault})

    # What goes wrong

    def throttle(self, **fault: Any) -> None:
        """Throttle the next call, a share of the calls, all for a while, or what is above a rate.

        throttle(operation="GetPatchBaseline"), throttle(share=0.5, seconds=300), throttle(reads_per_second=20).
        """
        limited = {"reads_per_second", "writes_per_second"} & fault.keys()
        self.inject("rate-limit" if limited else "throttle", **fault)

    def lag(self, seconds: float, **filters: Any) -> None:
        """From now on lists show a change only so many real seconds after it; pass_real_time() lets them pass."""
        self.inject("lag", seconds=seconds, **filters)

    def deny_role(self, account: str, **fault: Any) -> None:
        """The account's role lets nobody in any more. Sessions that were given out go on until they expire."""
        self.inject("deny-role", account=account, **fault)

    def deny(self, *operations: str, **filters: Any) -> None:
        """These operations are no longer allowed to anybody: deny("CreateTags", account=RETAIL)."""
        self.inject("deny", operation=list(operations), **filters)

    def expire_credentials(self, account: str | None = None) -> None:
        """Sessions given out until now are over, though their holders think otherwise."""
        self.inject("expire-credentials", **({"account": account} if account else {}))

    def down(self, **filters: Any) -> None:
        """AWS does not answer any more: at all, or in one account, region or service."""
        self.inject("down", **filters)

    def up(self) -> None:
        self.clear_faults("down")

    def clear_faults(self, kind: str | None = None) -> None:
        self.door("clear", {"kind": kind} if kind else {})

    # What AWS does not say, and what it counts

    def variant(self, **variants: Any) -> None:
        """Take a way that AWS may take: variant(unknown_window="does-not-exist", list_lag=5)."""
        self.door("variant", {name.replace("_", "-"): value for name, value in variants.items()})

    def page_size(self, size: int | None, *, token_seconds: float | None = None) -> None:
        """No page of any listing is larger than this; a NextToken is good for so long."""
        self.door("paging", {"page_size": size, "token_seconds": token_seconds})

    def quota(self, name: str, limit: int, account: str | None = None, region: str = REGION) -> None:
        """quota("windows", 3): at most so many in each account and region, or in one."""
        place = {"account": account, "region": region} if account else {}
        self.door("quota", {"name": name, "limit": limit, **place})

    def pass_real_time(self, seconds: float) -> None:
        """Real time, which lags, rates and tokens go by; the virtual clock stands still."""
        self.door("real-time", {"seconds": seconds})

    def calls(self, *operations: str, reset: bool = False) -> dict[str, int]:
        """How often each operation was called, refusals and reads too: {"ssm:GetPatchBaseline": 3}."""
        counted = self.door("calls", {} if reset else None)
        return {name: n for name, n in counted.items() if not operations or name.split(":")[1] in operations}

    # What others do

    def edit(self, kind: str, key: str, account: str = RETAIL, region: str = REGION, **changes: Any) -> Any:
        """Somebody changes a row as AWS holds it: edit("window", window_id, Duration=2); None takes away."""
        place = {"account": account, "region": region}
        return self.door("edit", {"kind": kind, "id": key, "changes": changes, **place})

    def delete(self, kind: str, key: str, account: str = RETAIL, region: str = REGION) -> None:
        """Somebody deletes a window, target, task, baseline, group or schedule ("group/name")."""
        self.door("delete", {"kind": kind, "id": key, "account": account, "region": region})

    def retag(
        self, kind: str, key: str, tags: dict[str, str | None], account: str = RETAIL, region: str = REGION
    ) -> None:
        """Somebody tags a window, baseline or instance anew; None takes a tag away."""
        self.door("tags", {"kind": kind, "id": key, "tags": tags, "account": account, "region": region})

    def untag(self, kind: str, key: str, *names: str, account: str = RETAIL, region: str = REGION) -> None:
        self.retag(kind, key, dict.fromkeys(names), account, region)

    def somebody_calls(
        self,
        operation: str,
        service: str = "ssm",
        account: str = RETAIL,
        region: str = REGION,
        **request: Any,
    ) -> Any:
        """A call by somebody else, which is not in the log: somebody_calls("CreatePatchBaseline", Name="x")."""
        place = {"account": account, "region": region}
        return self.door("call", {"service": service, "operation": operation, "request": request, **place})

    def add_instance(self, account: str = RETAIL, region: str = REGION, **members: Any) -> str:
        """An instance comes up: add_instance(name="new", tags={…}) or add_instance(like=instance_id)."""
        place = {} if "like" in members else {"account": account, "region": region}
        return str(self.door("instance", {**place, **members})["instance_id"])

    def terminate_instance(self, instance_id: str) -> None:
        self.door("terminate", {"instance_id": instance_id})

    def release(self, patch_id: str, os: str = "WINDOWS", **members: Any) -> None:
        """A vendor releases a patch now, or at `released`: release("KB5099999", products=["WindowsServer2022"])."""
        self.door("release", {"products": ["WindowsServer2022"], **members, "id": patch_id, "os": os})

    def resource_group(
        self, name: str, query: dict[str, Any] | None, account: str = RETAIL, region: str = REGION
    ) -> None:
        """resource_group("web", {"TagFilters": [{"Key": "App", "Values": ["claims-web"]}]})."""
        place = {"account": account, "region": region}
        self.door("resource-group", {"name": name, "query": query, **place})

    def door(self, name: str, body: dict[str, Any] | None = None) -> Any:
        """Open one of the `/_sim/` doors over HTTP."""
        data = None if body is None else json.dumps(body).encode()
        with urlopen(Request(f"{self.url}/_sim/{name}", data=data)) as reply:
            return json.load(reply)

    def external_id(self, account: str) -> str:
        return self.world.accounts[account].external_id

    def client(self, service: str, account: str = RETAIL, region: str = REGION, **config: Any) -> Any:
        """A plain boto3 client inside an account, as anybody could make one; retries off unless asked for."""
        keys: dict[str, str] = {"aws_access_key_id": "AKIAHUB", "aws_secret_access_key": "hub"}
        config = {"retries": {"total_max_attempts": 1}, **config}
        place: dict[str, Any] = {"endpoint_url": self.url, "region_name": region, "config": Config(**config)}
        if account != HUB:
            role = boto3.client("sts", **place, **keys).assume_role(
                RoleArn=f"arn:aws:iam::{account}:role/{self.world.accounts[account].role}",
                RoleSessionName="test",
                ExternalId=self.external_id(account),
            )["Credentials"]
            keys = {
                "aws_access_key_id": role["AccessKeyId"],
                "aws_secret_access_key": role["SecretAccessKey"],
                "aws_session_token": role["SessionToken"],
            }
        return boto3.client(service, **place, **keys)


@pytest.fixture(scope="session")
def simulated_aws_server() -> Iterator[SimulatedAws]:
    aws = SimulatedAws()
    aws.server.start()
    yield aws
    aws.server.stop()


@pytest.fixture
def simulated_aws(
    simulated_aws_server: SimulatedAws, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SimulatedAws]:
    """The make-believe company on its first morning. boto3 finds it by itself, as the hub account."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", simulated_aws_server.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAHUB")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hub")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.setattr(session, "THROTTLED_PAUSE", 0.001)  # nobody waits for a simulated AWS to calm down
    simulated_aws_server.reset()
    session.forget()  # credentials of the world before
    yield simulated_aws_server
    assert simulated_aws_server.world.problems == [], (
        "a reply of the simulated AWS does not fit AWS's own model"
    )


@pytest.fixture
def silent_aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """AWS that nobody is to ask: every call breaks, and one that was tried fails the test."""
    asked: list[str] = []

    def refuse(client: Any, operation: str, request: Any) -> Any:
        asked.append(f"{client.meta.service_model.service_name}:{operation}")
        raise EndpointConnectionError(endpoint_url=client.meta.endpoint_url)

    monkeypatch.setattr(BaseClient, "_make_api_call", refuse)
    yield asked
    assert asked == []


@pytest.fixture(params=["as we expect", "the other way"])
def simulated_aws_variants(simulated_aws: SimulatedAws, request: pytest.FixtureRequest) -> SimulatedAws:
    """The simulated AWS twice: as we expect AWS to be, and the other way wherever AWS does not say."""
    if request.param == "the other way":
        simulated_aws.door("variant", {name: choices[1] for name, choices in CHOICES.items()})
    return simulated_aws
