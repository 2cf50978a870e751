"""The simulated AWS as a fixture: one server for the session, a new world for each test."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from urllib.request import Request, urlopen

import boto3
import pytest
from botocore.config import Config

from patching.aws import session
from patching.simulator import beginning, catalogue, clock
from patching.simulator.server import Front, Server
from patching.simulator.simulation import Simulation
from patching.simulator.state import START, Account, Node, World

HUB, RETAIL, SHARED = "111111111111", "211125483017", "334455667788"
REGION = "eu-central-1"


class SimulatedAws:
    """What a test may ask of the simulated AWS besides AWS's own calls."""

    def __init__(self) -> None:
        self.simulation = Simulation(beginning.new_world([]), catalogue=catalogue.load)
        self.server = Server(Front(self.simulation, beginning.fresh_world), port=0)
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
    simulated_aws_server.reset()
    session.forget()  # credentials of the world before
    yield simulated_aws_server
    assert simulated_aws_server.world.problems == [], (
        "a reply of the simulated AWS does not fit AWS's own model"
    )
