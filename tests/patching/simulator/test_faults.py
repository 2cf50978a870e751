import json
from datetime import UTC, datetime, timedelta
from urllib.error import HTTPError

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from tests.simulated_aws import RETAIL, SHARED

WINDOW = {
    "Name": "payments-prod-a",
    "Schedule": "cron(0 2 ? * TUE#2 *)",
    "Duration": 4,
    "Cutoff": 1,
    "AllowUnassociatedTargets": False,
}


@pytest.fixture
def ssm(simulated_aws):
    return simulated_aws.client("ssm")


def outcomes(client, operation, times):
    """The error code of each call, or "" where it was answered."""
    found = []
    for _ in range(times):
        try:
            getattr(client, operation)()
            found.append("")
        except ClientError as refused:
            found.append(refused.response["Error"]["Code"])
    return found


def test_a_share_of_the_calls_is_throttled_and_the_same_seed_hits_the_same_ones(simulated_aws, ssm):
    def drawn(seed):
        simulated_aws.throttle(share=0.5, seed=seed)
        found = outcomes(ssm, "describe_maintenance_windows", 20)
        simulated_aws.clear_faults()
        return found

    first = drawn(7)

    assert set(first) == {"", "ThrottlingException"}
    assert drawn(7) == first
    assert drawn(8) != first


def test_throttling_ends_after_its_seconds_of_real_time(simulated_aws, ssm):
    simulated_aws.throttle(seconds=300)
    assert outcomes(ssm, "describe_maintenance_windows", 3) == ["ThrottlingException"] * 3

    simulated_aws.advance(by=timedelta(hours=1))
    assert outcomes(ssm, "describe_maintenance_windows", 1) == ["ThrottlingException"]
    simulated_aws.pass_real_time(300)

    assert outcomes(ssm, "describe_maintenance_windows", 1) == [""]


def test_a_rate_limit_is_a_bucket_for_reads_and_one_for_writes_of_each_account(simulated_aws, ssm):
    simulated_aws.throttle(reads_per_second=0.001, writes_per_second=0.001, burst=2, account=RETAIL)

    assert outcomes(ssm, "describe_maintenance_windows", 3) == ["", "", "ThrottlingException"]
    assert ssm.create_maintenance_window(**WINDOW)["WindowId"]
    assert outcomes(simulated_aws.client("ssm", SHARED), "describe_maintenance_windows", 3) == ["", "", ""]

    simulated_aws.pass_real_time(1000)
    assert outcomes(ssm, "describe_maintenance_windows", 2) == ["", "ThrottlingException"]


def test_a_rate_may_bind_writes_alone(simulated_aws, ssm):
    simulated_aws.throttle(writes_per_second=0.001)

    assert outcomes(ssm, "describe_maintenance_windows", 5) == [""] * 5
    ssm.create_maintenance_window(**WINDOW)
    with pytest.raises(ClientError, match="Rate exceeded"):
        ssm.create_maintenance_window(**WINDOW)


def test_the_first_reply_of_each_operation_is_lost(simulated_aws, ssm):
    simulated_aws.inject("lost-reply", first_of_each=True, mutating=True)
    asked = {**WINDOW, "ClientToken": "op-1"}

    ssm.describe_maintenance_windows()
    with pytest.raises(ConnectionClosedError):
        ssm.create_maintenance_window(**asked)
    window_id = ssm.create_maintenance_window(**asked)["WindowId"]
    with pytest.raises(ConnectionClosedError):
        ssm.delete_maintenance_window(WindowId=window_id)
    ssm.delete_maintenance_window(WindowId=window_id)

    assert [entry["operation"] for entry in simulated_aws.log()] == [
        "CreateMaintenanceWindow",
        "CreateMaintenanceWindow",
        "DeleteMaintenanceWindow",
        "DeleteMaintenanceWindow",
    ]


def test_a_share_of_the_replies_is_lost(simulated_aws, ssm):
    simulated_aws.inject("lost-reply", share=0.5, operation="CreatePatchBaseline")
    lost = 0
    for number in range(20):
        try:
            ssm.create_patch_baseline(Name=f"baseline-{number}")
        except ConnectionClosedError:
            lost += 1

    assert 0 < lost < 20
    assert len(simulated_aws.log("CreatePatchBaseline")) == 20


def test_a_slow_reply_comes_after_the_deed(simulated_aws):
    hasty = simulated_aws.client("ssm", read_timeout=0.2)
    simulated_aws.inject("slow-reply", seconds=1, operation="CreateMaintenanceWindow")

    with pytest.raises(ReadTimeoutError):
        hasty.create_maintenance_window(**WINDOW)

    assert len(simulated_aws.log("CreateMaintenanceWindow")) == 1


def test_a_fault_may_be_aimed_at_several_operations_of_one_service(simulated_aws, ssm):
    simulated_aws.inject(
        "error", count=2, service="ssm", operation=["GetPatchBaseline", "DescribePatchGroups"]
    )

    assert outcomes(ssm, "describe_maintenance_windows", 1) == [""]
    assert outcomes(ssm, "describe_patch_groups", 1) == ["InternalServerError"]


def test_a_denied_role_lets_nobody_in_and_one_that_is_in_stays(simulated_aws, ssm):
    simulated_aws.deny_role(RETAIL)

    with pytest.raises(ClientError, match="AccessDenied"):
        simulated_aws.client("ssm", RETAIL)
    assert simulated_aws.client("sts", SHARED).get_caller_identity()["Account"] == SHARED
    assert outcomes(ssm, "describe_maintenance_windows", 1) == [""]

    simulated_aws.clear_faults("deny-role")
    assert simulated_aws.client("sts", RETAIL).get_caller_identity()["Account"] == RETAIL


@pytest.mark.parametrize(
    ("service", "operation", "code"),
    [
        ("ssm", "describe_maintenance_windows", "AccessDeniedException"),
        ("ec2", "describe_instances", "UnauthorizedOperation"),
    ],
)
def test_denied_operations_are_refused_in_the_words_of_the_service(simulated_aws, service, operation, code):
    client = simulated_aws.client(service)
    simulated_aws.deny("DescribeMaintenanceWindows", "DescribeInstances", account=RETAIL)

    assert outcomes(client, operation, 2) == [code, code]
    assert outcomes(simulated_aws.client(service, SHARED), operation, 1) == [""]


def test_what_is_denied_is_denied_to_a_schedule_too(simulated_aws):
    node = simulated_aws.world.nodes_in(RETAIL, "eu-central-1")[0]
    simulated_aws.client("scheduler").create_schedule(
        Name="restore",
        ScheduleExpression="at(2026-06-02T00:00:00)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={
            "Arn": "arn:aws:scheduler:::aws-sdk:ec2:createTags",
            "RoleArn": f"arn:aws:iam::{RETAIL}:role/PatchwardenRestore",
            "Input": f'{{"Resources": ["{node.instance_id}"], "Tags": [{{"Key": "a", "Value": "b"}}]}}',
        },
    )
    simulated_aws.deny("CreateTags")

    simulated_aws.advance(to=datetime(2026, 6, 3, tzinfo=UTC))

    assert "a" not in node.tags
    assert "not authorized" in simulated_aws.log("ScheduleFailed")[0]["request"]["because"]


def test_expired_credentials_are_told_apart_from_strange_ones(simulated_aws, ssm):
    shared = simulated_aws.client("ssm", SHARED)

    simulated_aws.expire_credentials(RETAIL)

    assert outcomes(ssm, "describe_maintenance_windows", 1) == ["ExpiredTokenException"]
    assert outcomes(shared, "describe_maintenance_windows", 1) == [""]


def test_aws_as_a_whole_can_be_down(simulated_aws, ssm):
    simulated_aws.down()
    s3 = boto3.client("s3", config=Config(retries={"total_max_attempts": 1}))

    for call in (ssm.describe_maintenance_windows, s3.list_buckets):
        with pytest.raises(ConnectionClosedError):
            call()

    simulated_aws.up()
    assert outcomes(ssm, "describe_maintenance_windows", 1) == [""]


def test_one_account_can_be_down_alone(simulated_aws, ssm):
    shared = simulated_aws.client("ssm", SHARED)
    simulated_aws.down(account=RETAIL)

    with pytest.raises(ConnectionClosedError):
        ssm.describe_maintenance_windows()
    assert outcomes(shared, "describe_maintenance_windows", 1) == [""]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"kind": "throttle", "share": 2}, "share must be between 0 and 1"),
        ({"kind": "throttle", "count": "many"}, "count must be a number"),
        ({"kind": "lag"}, 'needs "seconds"'),
        ({"kind": "rate-limit"}, 'needs "reads_per_second"'),
        ({"kind": "fire"}, "kind must be one of"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(simulated_aws, fault, words):
    with pytest.raises(HTTPError) as refused:
        simulated_aws.door("inject", fault)
    assert words in json.load(refused.value)["error"]


def test_faults_are_kept_with_the_world_and_listed(simulated_aws):
    simulated_aws.throttle(share=0.25, operation="GetPatchBaseline")
    simulated_aws.lag(5)

    assert [fault["kind"] for fault in simulated_aws.door("faults")] == ["throttle", "lag"]
    assert simulated_aws.door("clear", {"kind": "lag"}) == {"cleared": 1}
    assert [fault["kind"] for fault in simulated_aws.door("faults")] == ["throttle"]
