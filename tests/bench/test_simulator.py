"""How the simulated AWS answers ten thousand instances: over HTTP, from a process of its own that keeps its state.

Figures of one machine say little about another, so what is held is the ratio to a small fleet in the same run.
"""

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.simulated_aws import REGION, RETAIL

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parent.parent.parent
SMALL, LARGE = 500, 10_000
IDS_AT_ONCE = 50  # as many as DescribeInstancePatchStates takes
AT_MOST_SECONDS = 20
AT_MOST_RATIO = 1.5


class Fleet:
    """A running simulated AWS with so many instances in one account and region."""

    def __init__(self, url: str) -> None:
        self.url = url
        role = self.client("sts", "AKIAHUB", "hub").assume_role(
            RoleArn=f"arn:aws:iam::{RETAIL}:role/PatchwardenRole",
            RoleSessionName="bench",
            ExternalId="pw-demo-retail-6d0c41f2a97e",
        )["Credentials"]
        keys = role["AccessKeyId"], role["SecretAccessKey"], role["SessionToken"]
        self.ec2, self.ssm = self.client("ec2", *keys), self.client("ssm", *keys)
        self.ec2.describe_instances(MaxResults=5)
        self.ssm.describe_instance_information(MaxResults=5)

    def client(self, service: str, *keys: str) -> Any:
        config = Config(retries={"total_max_attempts": 1})
        return boto3.client(service, REGION, None, True, None, self.url, *keys, config=config)

    def instance_ids(self) -> list[str]:
        """All of them, a thousand a page."""
        pages = self.ec2.get_paginator("describe_instances").paginate(PaginationConfig={"PageSize": 1000})
        return [
            one["InstanceId"] for page in pages for row in page["Reservations"] for one in row["Instances"]
        ]

    def pages(self, operation: str) -> Iterator[float]:
        """The seconds of each page of fifty."""
        pages = iter(
            (self.ec2 if operation == "describe_instances" else self.ssm)
            .get_paginator(operation)
            .paginate(PaginationConfig={"PageSize": IDS_AT_ONCE})
        )
        while True:
            begun = time.perf_counter()
            if next(pages, None) is None:
                return
            yield time.perf_counter() - begun

    def patch_states(self, ids: list[str]) -> Iterator[float]:
        """The seconds of each call for fifty ids."""
        for start in range(0, len(ids), IDS_AT_ONCE):
            begun = time.perf_counter()
            reply = self.ssm.describe_instance_patch_states(
                InstanceIds=ids[start : start + IDS_AT_ONCE], MaxResults=100
            )
            yield time.perf_counter() - begun
            assert len(reply["InstancePatchStates"]) == IDS_AT_ONCE

    def tagging(self, instance_id: str, times: int) -> Iterator[float]:
        """The seconds of changing calls, each on disk before it is answered."""
        for number in range(times):
            begun = time.perf_counter()
            self.ec2.create_tags(Resources=[instance_id], Tags=[{"Key": "bench", "Value": str(number)}])
            yield time.perf_counter() - begun


@contextmanager
def running(count: int, state: Path) -> Iterator[Fleet]:
    command = [sys.executable, "-m", "patching.simulator", "--port", "0", "--state", str(state)]
    process = subprocess.Popen([*command, "--fleet", str(count)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield Fleet(process.stdout.readline().split()[-1])
    finally:
        process.kill()
        process.wait()
        process.stdout and process.stdout.close()


@pytest.fixture(scope="module")
def fleets(tmp_path_factory) -> Iterator[tuple[Fleet, Fleet]]:
    """A small one and a large one at once, so that both meet the same weather."""
    with (
        running(SMALL, tmp_path_factory.mktemp("small")) as small,
        running(LARGE, tmp_path_factory.mktemp("large")) as large,
    ):
        yield small, large


def test_ten_thousand_instances_are_paged_through_in_time(fleets, capsys):
    _, large = fleets
    begun = time.perf_counter()

    ids = large.instance_ids()
    instances = time.perf_counter() - begun
    information = sum(large.pages("describe_instance_information"))
    states = sum(large.patch_states(ids))

    total = instances + information + states
    say(
        capsys,
        f"{len(ids)} instances: DescribeInstances {instances:.1f} s, DescribeInstanceInformation {information:.1f} s, "
        f"DescribeInstancePatchStates {states:.1f} s; together {total:.1f} s (at most {AT_MOST_SECONDS} s)",
    )
    assert len(ids) == LARGE
    assert total <= AT_MOST_SECONDS


@pytest.mark.parametrize("operation", ["describe_instances", "describe_instance_information"])
def test_a_page_costs_what_is_on_it(fleets, capsys, operation):
    small, large = ([*fleet.pages(operation)] for fleet in fleets)

    assert len(large) == LARGE // IDS_AT_ONCE
    compare(capsys, f"{operation}, a page of {IDS_AT_ONCE}", small, large)


def test_patch_states_cost_what_is_asked_for(fleets, capsys):
    small, large = ([*fleet.patch_states(fleet.instance_ids()[:SMALL])] for fleet in fleets)

    compare(capsys, f"describe_instance_patch_states, {IDS_AT_ONCE} ids", small, large)


def test_a_changing_call_costs_what_it_changes(fleets, capsys):
    small, large = ([*fleet.tagging(fleet.instance_ids()[0], times=60)] for fleet in fleets)

    compare(capsys, "create_tags, kept on disk", small, large)


def compare(capsys: Any, what: str, small: list[float], large: list[float]) -> None:
    usual, much = statistics.median(small) * 1000, statistics.median(large) * 1000
    say(
        capsys,
        f"{what}: {usual:.1f} ms of {SMALL} instances, {much:.1f} ms of {LARGE}: "
        f"{much / usual:.2f} times (at most {AT_MOST_RATIO})",
    )
    assert much <= usual * AT_MOST_RATIO


def say(capsys: Any, line: str) -> None:
    with capsys.disabled():
        print(f"\n{line}")  # noqa: T201
