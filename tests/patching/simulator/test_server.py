import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from tests.simulated_aws import HUB, RETAIL, SHARED

WINDOW = {
    "Name": "payments-prod-a",
    "Schedule": "cron(0 2 ? * TUE#2 *)",
    "ScheduleTimezone": "Europe/London",
    "Duration": 4,
    "Cutoff": 1,
    "AllowUnassociatedTargets": False,
}


def names(client):
    return [window["Name"] for window in client.describe_maintenance_windows()["WindowIdentities"]]


def test_each_account_and_region_has_a_state_of_its_own(simulated_aws):
    simulated_aws.client("ssm", RETAIL).create_maintenance_window(**WINDOW)

    assert names(simulated_aws.client("ssm", RETAIL)) == ["payments-prod-a"]
    assert names(simulated_aws.client("ssm", RETAIL, "us-east-1")) == []
    assert names(simulated_aws.client("ssm", SHARED)) == []
    assert names(simulated_aws.client("ssm", HUB)) == []


def test_a_lost_reply_is_a_call_that_was_done(simulated_aws):
    ssm = simulated_aws.client("ssm")
    simulated_aws.inject("lost-reply", operation="CreateMaintenanceWindow")

    with pytest.raises(ConnectionClosedError):
        ssm.create_maintenance_window(**WINDOW, ClientToken="first")

    again = ssm.create_maintenance_window(**WINDOW, ClientToken="first")["WindowId"]
    assert names(ssm) == ["payments-prod-a"]
    assert ssm.get_maintenance_window(WindowId=again)["Name"] == "payments-prod-a"


def test_a_cut_connection_is_a_call_that_was_not_done(simulated_aws):
    ssm = simulated_aws.client("ssm")
    simulated_aws.inject("cut", operation="CreateMaintenanceWindow")

    with pytest.raises(ConnectionClosedError):
        ssm.create_maintenance_window(**WINDOW)

    assert names(ssm) == []
    assert simulated_aws.log() == []


@pytest.mark.parametrize(
    ("service", "operation", "code"),
    [
        ("ssm", "describe_maintenance_windows", "ThrottlingException"),
        ("scheduler", "list_schedules", "ThrottlingException"),
        ("ec2", "describe_instances", "RequestLimitExceeded"),
    ],
)
def test_throttling_comes_in_the_words_of_the_service(simulated_aws, service, operation, code):
    client = simulated_aws.client(service)
    simulated_aws.inject("throttle", count=2, account=RETAIL)

    for _ in range(2):
        with pytest.raises(ClientError) as refused:
            getattr(client, operation)()
        assert refused.value.response["Error"]["Code"] == code
    assert getattr(client, operation)()["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_what_is_not_simulated_says_so(simulated_aws):
    with pytest.raises(ClientError, match="Not simulated"):
        simulated_aws.client("ssm").describe_ops_items()


def test_every_reply_has_a_request_id_of_its_own(simulated_aws):
    ssm = simulated_aws.client("ssm")

    ids = {ssm.describe_maintenance_windows()["ResponseMetadata"]["RequestId"] for _ in range(3)}

    assert len(ids) == 3
