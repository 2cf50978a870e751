"""Who we turn out to be in an account: the role assumed once, with nothing kept. Needs no permission there."""

import botocore.session
from botocore.config import Config

from patching.aws.errors import translated
from patching.aws.session import SESSION_SECONDS, Place

# somebody waits for the answer in front of a page
CONFIG = Config(
    connect_timeout=3,
    read_timeout=8,
    retries={"mode": "standard", "total_max_attempts": 2},
    user_agent_extra="patchwarden",
)
TASK = "Assuming the role"


def role_arn(place: Place) -> str:
    """The role that we ask for, in the partition of its Region."""
    partition = botocore.session.Session().get_partition_for_region(place.region)
    return f"arn:{partition}:iam::{place.account.account_id}:role/{place.account.role_name}"


def caller(place: Place) -> tuple[str, str]:
    """The account id and ARN that GetCallerIdentity names after AssumeRole. Raises AwsError and its kin."""
    core = botocore.session.Session()
    with translated(TASK):
        hub = core.create_client("sts", region_name=place.region, config=CONFIG)
        credentials = hub.assume_role(
            RoleArn=role_arn(place),
            RoleSessionName="patchwarden",
            ExternalId=place.account.external_id,
            DurationSeconds=SESSION_SECONDS,
        )["Credentials"]
        there = core.create_client(
            "sts",
            region_name=place.region,
            config=CONFIG,
            aws_access_key_id=credentials["AccessKeyId"],
            aws_secret_access_key=credentials["SecretAccessKey"],
            aws_session_token=credentials["SessionToken"],
        )
        found = there.get_caller_identity()
    return found["Account"], found["Arn"]
