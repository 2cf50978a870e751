from datetime import UTC, datetime

import pytest
from botocore.exceptions import ClientError

WINDOW = {
    "Name": "payments-prod-a",
    "Schedule": "cron(0 2 ? * TUE#2 *)",
    "Duration": 4,
    "Cutoff": 1,
    "AllowUnassociatedTargets": False,
}


@pytest.fixture
def ssm(simulated_aws_variants):
    return simulated_aws_variants.client("ssm")


def create(ssm, **changes):
    return ssm.create_maintenance_window(**WINDOW | changes)["WindowId"]


def test_a_window_is_read_back_as_it_was_made(ssm):
    asked = {**WINDOW, "Description": "ours", "ScheduleOffset": 2, "EndDate": "2027-01-01T00:00:00Z"}

    window = ssm.get_maintenance_window(WindowId=create(ssm, **asked))

    assert {name: window[name] for name in asked} == asked
    assert window["Enabled"] is True
    assert window["CreatedDate"] == window["ModifiedDate"] == datetime(2026, 6, 1, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "expected"),
    [("UTC", "2026-06-09T02:00Z"), ("Europe/London", "2026-06-09T02:00+01:00")],
)
def test_the_next_execution_has_no_seconds_and_the_windows_own_offset(ssm, zone, expected):
    window_id = create(ssm, ScheduleTimezone=zone)

    assert ssm.get_maintenance_window(WindowId=window_id)["NextExecutionTime"] == expected


@pytest.mark.parametrize("changes", [{"Enabled": False}, {"EndDate": "2026-06-02T00:00:00Z"}])
def test_a_window_that_will_not_run_has_no_next_execution(ssm, changes):
    window_id = create(ssm)
    ssm.update_maintenance_window(WindowId=window_id, **changes)

    assert "NextExecutionTime" not in ssm.get_maintenance_window(WindowId=window_id)
    assert ssm.describe_maintenance_window_schedule(WindowId=window_id)["ScheduledWindowExecutions"] == []


@pytest.mark.parametrize(
    "changes",
    [
        {"Schedule": "cron(0 2 * * *)"},
        {"Schedule": "rate(1 minute)"},
        {"ScheduleTimezone": "IST"},
        {"Schedule": "rate(7 days)", "ScheduleOffset": 2},
        {"Duration": 2, "Cutoff": 2},
        {"StartDate": "tomorrow"},
    ],
)
def test_aws_refuses_what_botocore_lets_pass(ssm, changes):
    with pytest.raises(ClientError, match="ValidationException"):
        create(ssm, **changes)
    assert ssm.describe_maintenance_windows()["WindowIdentities"] == []


def test_an_update_leaves_alone_what_it_does_not_name(ssm):
    window_id = create(ssm, Description="ours")

    reply = ssm.update_maintenance_window(WindowId=window_id, Enabled=False)

    assert (reply["Description"], reply["Enabled"], reply["Duration"]) == ("ours", False, 4)


def test_replace_clears_what_it_does_not_name(ssm):
    window_id = create(ssm, Description="ours", EndDate="2027-01-01T00:00:00Z")

    with pytest.raises(ClientError, match="Name must be given"):
        ssm.update_maintenance_window(WindowId=window_id, Replace=True, Duration=3)
    ssm.update_maintenance_window(WindowId=window_id, Replace=True, **WINDOW)

    window = ssm.get_maintenance_window(WindowId=window_id)
    assert "Description" not in window
    assert "EndDate" not in window


def test_a_window_whose_time_is_over_can_still_be_switched_off(simulated_aws, ssm):
    window_id = create(ssm, Schedule="at(2026-06-02T00:00:00)")
    simulated_aws.advance(to=datetime(2026, 6, 3, tzinfo=UTC))

    assert ssm.update_maintenance_window(WindowId=window_id, Enabled=False)["Enabled"] is False


def test_the_same_token_makes_one_window(ssm):
    first = create(ssm, ClientToken="op-1")

    assert create(ssm, ClientToken="op-1") == first
    assert create(ssm, ClientToken="op-2") != first
    with pytest.raises(ClientError, match="IdempotentParameterMismatch"):
        create(ssm, ClientToken="op-1", Duration=5)


def test_deleting_takes_targets_and_tasks_along(ssm):
    window_id = create(ssm)
    ssm.register_target_with_maintenance_window(
        WindowId=window_id, ResourceType="INSTANCE", Targets=[{"Key": "tag-key", "Values": ["PatchGroup"]}]
    )

    assert ssm.delete_maintenance_window(WindowId=window_id)["WindowId"] == window_id

    with pytest.raises(ClientError, match="DoesNotExistException"):
        ssm.describe_maintenance_window_targets(WindowId=window_id)


def test_an_hour_of_cutoff_in_two_hours_is_what_aws_does_not_say(simulated_aws_variants, ssm):
    strict = simulated_aws_variants.world.controls.choice("cutoff") == "an-hour-less"

    if strict:
        with pytest.raises(ClientError, match=r"Cuttoff was 1 but must be smaller than 1 \(Duration - 1 \)"):
            create(ssm, Duration=2, Cutoff=1)
    else:
        assert create(ssm, Duration=2, Cutoff=1)
    with pytest.raises(ClientError, match="Cuttoff was 2"):
        create(ssm, Duration=2, Cutoff=2)


def test_lists_are_paged_and_filtered(ssm):
    for number in range(12):
        create(ssm, Name=f"window-{number}")
    off = create(ssm, Name="window-off")
    ssm.update_maintenance_window(WindowId=off, Enabled=False)

    pages = list(
        ssm.get_paginator("describe_maintenance_windows").paginate(PaginationConfig={"PageSize": 10})
    )
    assert [len(page["WindowIdentities"]) for page in pages] == [10, 3]

    def found(key, value):
        filters = [{"Key": key, "Values": [value]}]
        return [one["Name"] for one in ssm.describe_maintenance_windows(Filters=filters)["WindowIdentities"]]

    assert found("Name", "window-7") == ["window-7"]
    assert found("Enabled", "false") == ["window-off"]
    with pytest.raises(ClientError, match="InvalidNextToken"):
        ssm.describe_maintenance_windows(NextToken="from-elsewhere")


def test_the_fifty_first_window_is_one_too_many(ssm):
    for number in range(50):
        create(ssm, Name=f"window-{number}")

    with pytest.raises(ClientError, match="ResourceLimitExceededException"):
        create(ssm)


def test_the_schedule_ahead_is_told_in_order(ssm):
    create(ssm, Name="weekly", Schedule="cron(0 3 ? * SUN *)")
    create(ssm, Name="monthly", Schedule="cron(0 2 ? * TUE#2 *)")

    reply = ssm.describe_maintenance_window_schedule(
        Filters=[{"Key": "ScheduledBefore", "Values": ["2026-06-15T00:00:00Z"]}]
    )

    assert [(one["Name"], one["ExecutionTime"]) for one in reply["ScheduledWindowExecutions"]] == [
        ("weekly", "2026-06-07T03:00Z"),
        ("monthly", "2026-06-09T02:00Z"),
        ("weekly", "2026-06-14T03:00Z"),
    ]
