"""The only maker of clients: one role per account, short sessions, timeouts, our name in the user agent."""

import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import botocore.session
from botocore import xform_name
from botocore.config import Config
from botocore.loaders import create_loader

from patching.aws.errors import THROTTLED, AwsDenied, translated
from patching.aws.marks import Call

SESSION_SECONDS = 900
FRESH_FOR_SECONDS = 400  # longer than a whole pass may take
CONFIG = Config(
    connect_timeout=5,
    read_timeout=30,
    retries={"mode": "standard", "total_max_attempts": 3},
    user_agent_extra="patchwarden",
)


READS = ("Describe", "Get", "List")
THROTTLED_TRIES, THROTTLED_PAUSE, THROTTLED_LONGEST = 8, 0.2, 5.0  # how often, and seconds
Pace = Callable[[bool], None]  # returns when a request may leave; True means that it writes


class Account(Protocol):
    account_id: str
    role_name: str
    external_id: str


class Place(Protocol):
    """What we need to know of an account-region."""

    region: str

    @property
    def account(self) -> Account: ...


@dataclass(frozen=True)
class Clients:
    """The clients of one account in one region, under the role we assumed there."""

    account_id: str
    region: str
    partition: str
    caller_arn: str  # who we are there, by GetCallerIdentity
    # a client of a service, made when it is first asked
    make: Callable[[str], Any] = field(repr=False, compare=False)

    @cached_property
    def ssm(self) -> Any:
        return self.make("ssm")

    @cached_property
    def ec2(self) -> Any:
        return self.make("ec2")

    @cached_property
    def scheduler(self) -> Any:
        return self.make("scheduler")

    @cached_property
    def securityhub(self) -> Any:
        return self.make("securityhub")

    def send(self, call: Call) -> dict[str, Any]:
        """Send one write exactly as it was written down."""
        client = getattr(self, call.service)
        with translated(call.operation):
            reply: dict[str, Any] = getattr(client, xform_name(call.operation))(**call.request)
        return reply

    def role_arn(self, role_name: str) -> str:
        return f"arn:{self.partition}:iam::{self.account_id}:role/{role_name}"


# reading them takes longer than all the calls of a quiet pass
_descriptions = create_loader()
_lock = threading.Lock()
_kept: dict[tuple[str, ...], tuple[float, Clients]] = {}
_tally: ContextVar[Counter[str] | None] = ContextVar("aws_calls", default=None)
_before_read: ContextVar[Callable[[], None] | None] = ContextVar("before_aws_read", default=None)


@contextmanager
def counted(before_read: Callable[[], None] | None = None) -> Iterator[Counter[str]]:
    """Counts what leaves for AWS inside, repeats included, as ``ssm:DescribeMaintenanceWindows``.

    ``before_read`` is called before each read leaves; what it raises, the reader gets.
    """
    calls: Counter[str] = Counter()
    tally, watch = _tally.set(calls), _before_read.set(before_read)
    try:
        yield calls
    finally:
        _before_read.reset(watch)
        _tally.reset(tally)


def is_read(operation: str) -> bool:
    return operation.startswith(READS)


def clients(place: Place, pace: Pace | None = None) -> Clients:
    """Clients for an account-region, kept while their session is fresh. Raises AwsDenied or AwsBusy."""
    key = _key(place)
    with _lock:
        until, kept = _kept.get(key, (0.0, None))
    if kept is not None and until > time.monotonic():
        return kept
    made = _assume(place, pace)
    with _lock:
        _kept[key] = (time.monotonic() + SESSION_SECONDS - FRESH_FOR_SECONDS, made)
    return made


def forget(place: Place | None = None) -> None:
    """Drop kept sessions, of one account-region or all, so that the next question assumes its role anew."""
    with _lock:
        if place is None:
            _kept.clear()
        else:
            _kept.pop(_key(place), None)


def own(service: str) -> Any:
    """A client of the role that this process itself runs as, for what lies in our own account."""
    return _session().create_client(service, config=CONFIG)


def _key(place: Place) -> tuple[str, ...]:
    account = place.account
    endpoint = os.environ.get("AWS_ENDPOINT_URL", "")
    return account.account_id, place.region, account.role_name, account.external_id, endpoint


def _assume(place: Place, pace: Pace | None) -> Clients:
    account, core = place.account, _session()
    partition = core.get_partition_for_region(place.region)
    with translated(f"Assuming {account.role_name} in {account.account_id}"):
        sts = core.create_client("sts", region_name=place.region, config=CONFIG)
        credentials = sts.assume_role(
            RoleArn=f"arn:{partition}:iam::{account.account_id}:role/{account.role_name}",
            RoleSessionName="patchwarden",
            ExternalId=account.external_id,
            DurationSeconds=SESSION_SECONDS,
        )["Credentials"]
        keys = {
            "aws_access_key_id": credentials["AccessKeyId"],
            "aws_secret_access_key": credentials["SecretAccessKey"],
            "aws_session_token": credentials["SessionToken"],
        }

        def client(service: str) -> Any:
            made = core.create_client(service, region_name=place.region, config=CONFIG, **keys)
            made.meta.events.register("before-send", _toll(pace))
            made.meta.events.register_first(f"needs-retry.{service}", _once_more)
            return made

        identity = client("sts").get_caller_identity()
        landed = identity["Account"]
        if landed != account.account_id:
            raise AwsDenied(
                "WrongAccount", f"The role led into account {landed}, not into {account.account_id}."
            )
        return Clients(
            account_id=account.account_id,
            region=place.region,
            partition=partition,
            caller_arn=identity["Arn"],
            make=client,
        )


def _toll(pace: Pace | None) -> Callable[..., None]:
    """What botocore calls before each request that leaves, its own repeats included."""

    def before_send(event_name: str, **_: Any) -> None:
        service, operation = event_name.split(".")[1:]
        calls = _tally.get()
        if calls is not None:
            calls[f"{service}:{operation}"] += 1
        before_read = _before_read.get()
        if before_read is not None and is_read(operation):
            before_read()
        if pace is not None and service != "sts":
            pace(not is_read(operation))

    return before_send


def _once_more(
    response: tuple[Any, dict[str, Any]] | None = None, attempts: int = 1, **_: Any
) -> float | None:
    """Seconds until a throttled call is sent again; None leaves it to botocore.

    What was throttled was not done, so it may be repeated whatever it was.
    """
    code = response[1].get("Error", {}).get("Code") if response else ""
    if code not in THROTTLED or attempts >= THROTTLED_TRIES:
        return None
    longest = min(THROTTLED_LONGEST, THROTTLED_PAUSE * 2**attempts)
    return random.uniform(0, longest)  # noqa: S311 - spreads load, guards nothing


def _session() -> botocore.session.Session:
    """A session of our own (boto3's default one is not for threads) that shares AWS's service descriptions."""
    core = botocore.session.Session()
    core.register_component("data_loader", _descriptions)
    return core
