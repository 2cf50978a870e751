from datetime import UTC, datetime, timedelta

import boto3
import pytest
from botocore.exceptions import ClientError

from patching.simulator.state import iso
from tests.simulated_aws import HUB, RETAIL, SHARED


def role(account, name="PatchwardenRole"):
    return {"RoleArn": f"arn:aws:iam::{account}:role/{name}", "RoleSessionName": "pw-op-1"}


def test_boto3_finds_the_simulated_aws_by_itself_as_the_hub(simulated_aws):
    assert boto3.client("sts").get_caller_identity()["Account"] == HUB


def test_an_assumed_role_is_in_its_own_account(simulated_aws):
    identity = simulated_aws.client("sts", RETAIL).get_caller_identity()

    assert identity["Account"] == RETAIL
    assert identity["Arn"] == f"arn:aws:sts::{RETAIL}:assumed-role/PatchwardenRole/test"


@pytest.mark.parametrize(
    "asked",
    [
        {**role(RETAIL)},
        {**role(RETAIL), "ExternalId": "wrong"},
        {**role(RETAIL, "AdminRole")},
        {**role(RETAIL, "PatchwardenRestore")},
        {**role(HUB, "")},
        {**role("999999999999")},
    ],
    ids=[
        "no external id",
        "wrong external id",
        "no such role",
        "the scheduler's role",
        "hub",
        "no such account",
    ],
)
def test_nobody_else_gets_in(simulated_aws, asked):
    with pytest.raises(ClientError, match="AccessDenied") as refused:
        boto3.client("sts").assume_role(**asked)
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_the_external_id_of_another_account_does_not_help(simulated_aws):
    with pytest.raises(ClientError, match="AccessDenied"):
        boto3.client("sts").assume_role(**role(RETAIL), ExternalId=simulated_aws.external_id(SHARED))


def test_sessions_end(simulated_aws):
    ssm = simulated_aws.client("ssm", RETAIL)
    for session in simulated_aws.world.sessions.values():
        session["expires"] = iso(datetime.now(UTC) - timedelta(seconds=1))

    with pytest.raises(ClientError, match="ExpiredTokenException"):
        ssm.describe_maintenance_windows()


def test_keys_that_were_never_given_out_open_nothing(simulated_aws):
    stranger = boto3.client(
        "ssm",
        aws_access_key_id="ASIA0000000000000000",
        aws_secret_access_key="made up",
        aws_session_token="made up",
    )

    with pytest.raises(ClientError, match="UnrecognizedClientException"):
        stranger.describe_maintenance_windows()
