"""The only maker of clients: one role per account, short sessions, timeouts, our name in the user agent."""

import os
import threading
import time
from dataclasses import dataclass
from typing import Any, Protocol

import botocore.session
from botocore import xform_name
from botocore.config import Config
from botocore.loaders import create_loader

from patching.aws.errors import AwsDenied, translated
from patching.aws.marks import Call

SESSION_SECONDS = 900
FRESH_FOR_SECONDS = 400  # longer than a whole pass may take
CONFIG = Config(
    connect_timeout=5,
    read_timeout=30,
    retries={"mode": "standard", "total_max_attempts": 3},
    user_agent_extra="patchwarden",
)


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
    ssm: Any
    ec2: Any
    scheduler: Any

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


def clients(place: Place) -> Clients:
    """Clients for an account-region, kept while their session is fresh. Raises AwsDenied or AwsBusy."""
    account = place.account
    key = (
        account.account_id,
        place.region,
        account.role_name,
        account.external_id,
        os.environ.get("AWS_ENDPOINT_URL", ""),
    )
    with _lock:
        until, kept = _kept.get(key, (0.0, None))
    if kept is not None and until > time.monotonic():
        return kept
    made = _assume(place)
    with _lock:
        _kept[key] = (time.monotonic() + SESSION_SECONDS - FRESH_FOR_SECONDS, made)
    return made


def forget() -> None:
    """Drop every kept session, so that the next question assumes its role anew."""
    with _lock:
        _kept.clear()


def _assume(place: Place) -> Clients:
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
            return core.create_client(service, region_name=place.region, config=CONFIG, **keys)

        landed = client("sts").get_caller_identity()["Account"]
        if landed != account.account_id:
            raise AwsDenied(
                "WrongAccount", f"The role led into account {landed}, not into {account.account_id}."
            )
        return Clients(
            account_id=account.account_id,
            region=place.region,
            partition=partition,
            ssm=client("ssm"),
            ec2=client("ec2"),
            scheduler=client("scheduler"),
        )


def _session() -> botocore.session.Session:
    """A session of our own (boto3's default one is not for threads) that shares AWS's service descriptions."""
    core = botocore.session.Session()
    core.register_component("data_loader", _descriptions)
    return core
