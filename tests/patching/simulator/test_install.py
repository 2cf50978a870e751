"""What moto alone gets wrong of windows, baselines and groups, seen by running moto 5.2.5: one test for each."""

import pytest
from botocore.exceptions import ClientError

WINDOW = {
    "Name": "payments",
    "Schedule": "cron(0 2 ? * TUE#2 *)",
    "Duration": 4,
    "Cutoff": 1,
    "AllowUnassociatedTargets": False,
}
TARGET = {"ResourceType": "INSTANCE", "Targets": [{"Key": "tag:App", "Values": ["payments"]}]}
UNKNOWN = "00000000-0000-0000-0000-000000000000"
UNKNOWN_BASELINE = "pb-0123456789abcdef0"


@pytest.fixture
def ssm(simulated_aws):
    return simulated_aws.client("ssm")


@pytest.fixture
def window_id(ssm):
    return ssm.create_maintenance_window(**WINDOW)["WindowId"]


@pytest.fixture
def baseline_id(ssm):
    return ssm.create_patch_baseline(Name="payments-prod")["BaselineId"]


def names(ssm, **asked):
    return {one["BaselineName"] for one in ssm.describe_patch_baselines(**asked)["BaselineIdentities"]}


@pytest.mark.parametrize(
    "changes",
    [
        {"Schedule": "garbage"},
        {"Duration": 2, "Cutoff": 3},
        {"Duration": 99},
        {"Name": "two words"},
        {"ScheduleTimezone": "IST"},
    ],
    ids=["schedule", "cutoff", "duration", "name", "timezone"],
)
def test_moto_takes_any_window(ssm, changes):
    with pytest.raises(ClientError, match="ValidationException"):
        ssm.create_maintenance_window(**WINDOW | changes)


def test_moto_ignores_client_tokens(ssm):
    first = ssm.create_maintenance_window(**WINDOW, ClientToken="op-1")["WindowId"]

    assert ssm.create_maintenance_window(**WINDOW, ClientToken="op-1")["WindowId"] == first
    with pytest.raises(ClientError, match="IdempotentParameterMismatch"):
        ssm.create_maintenance_window(**WINDOW | {"Duration": 5}, ClientToken="op-1")


def test_moto_answers_everything_on_one_page(ssm):
    for number in range(12):
        ssm.create_maintenance_window(**WINDOW | {"Name": f"window-{number}"})

    page = ssm.describe_maintenance_windows(MaxResults=10)
    rest = ssm.describe_maintenance_windows(MaxResults=10, NextToken=page["NextToken"])

    assert [len(page["WindowIdentities"]), len(rest["WindowIdentities"])] == [10, 2]
    assert "NextToken" not in rest


def test_moto_ignores_the_filter_enabled_and_finds_no_target_by_any_filter(ssm, window_id):
    ssm.update_maintenance_window(WindowId=window_id, Enabled=False)
    on = ssm.create_maintenance_window(**WINDOW)["WindowId"]
    ssm.register_target_with_maintenance_window(WindowId=on, OwnerInformation="pw:1", **TARGET)

    enabled = ssm.describe_maintenance_windows(Filters=[{"Key": "Enabled", "Values": ["true"]}])
    found = ssm.describe_maintenance_window_targets(
        WindowId=on, Filters=[{"Key": "OwnerInformation", "Values": ["pw:1"]}]
    )

    assert [one["WindowId"] for one in enabled["WindowIdentities"]] == [on]
    assert len(found["Targets"]) == 1


def test_moto_enables_every_window_for_ever(ssm, window_id):
    ssm.update_maintenance_window(WindowId=window_id, Enabled=False)

    assert ssm.get_maintenance_window(WindowId=window_id)["Enabled"] is False


def test_moto_does_not_tell_the_dates_and_the_next_run(ssm, window_id):
    window = ssm.get_maintenance_window(WindowId=window_id)

    assert window["AllowUnassociatedTargets"] is False
    assert window["NextExecutionTime"] == "2026-06-09T02:00Z"
    assert {"CreatedDate", "ModifiedDate"} <= window.keys()


def test_moto_forgets_the_owner_information_of_targets(ssm, window_id):
    ssm.register_target_with_maintenance_window(WindowId=window_id, OwnerInformation="pw:1", **TARGET)

    assert (
        ssm.describe_maintenance_window_targets(WindowId=window_id)["Targets"][0]["OwnerInformation"]
        == "pw:1"
    )


def test_moto_breaks_over_unknown_targets_and_tasks(ssm, window_id):
    with pytest.raises(ClientError, match="DoesNotExistException"):
        ssm.deregister_target_from_maintenance_window(WindowId=window_id, WindowTargetId=UNKNOWN)
    with pytest.raises(ClientError, match="DoesNotExistException"):
        ssm.deregister_task_from_maintenance_window(WindowId=window_id, WindowTaskId=UNKNOWN)


def test_moto_breaks_over_unknown_baselines_and_refuses_unknown_windows(ssm):
    assert ssm.delete_patch_baseline(BaselineId=UNKNOWN_BASELINE)["BaselineId"] == UNKNOWN_BASELINE
    assert (
        ssm.delete_maintenance_window(WindowId="mw-0123456789abcdef0")["WindowId"] == "mw-0123456789abcdef0"
    )


def test_moto_says_nothing_of_what_it_deleted(ssm, window_id, baseline_id):
    target_id = ssm.register_target_with_maintenance_window(WindowId=window_id, **TARGET)["WindowTargetId"]

    gone = ssm.deregister_target_from_maintenance_window(WindowId=window_id, WindowTargetId=target_id)
    assert (gone["WindowId"], gone["WindowTargetId"]) == (window_id, target_id)
    assert ssm.delete_maintenance_window(WindowId=window_id)["WindowId"] == window_id
    assert ssm.delete_patch_baseline(BaselineId=baseline_id)["BaselineId"] == baseline_id


def test_moto_cannot_tag_baselines(ssm):
    tag = {"Key": "patchwarden:uid", "Value": "7"}
    baseline_id = ssm.create_patch_baseline(Name="tagged", Tags=[tag])["BaselineId"]
    resource = {"ResourceType": "PatchBaseline", "ResourceId": baseline_id}

    ssm.add_tags_to_resource(**resource, Tags=[{"Key": "team", "Value": "payments"}])

    assert ssm.list_tags_for_resource(**resource)["TagList"] == [tag, {"Key": "team", "Value": "payments"}]


def test_moto_leaves_out_the_operating_system(ssm, baseline_id):
    assert ssm.get_patch_baseline(BaselineId=baseline_id)["OperatingSystem"] == "WINDOWS"


def test_moto_takes_a_prefix_for_the_whole_name(ssm, baseline_id):
    assert names(ssm, Filters=[{"Key": "NAME_PREFIX", "Values": ["payments"]}]) == {"payments-prod"}


def test_moto_has_no_baselines_of_aws_and_ignores_owner_and_system(ssm, baseline_id):
    assert names(ssm, Filters=[{"Key": "OWNER", "Values": ["Self"]}]) == {"payments-prod"}
    assert "payments-prod" not in names(ssm, Filters=[{"Key": "OWNER", "Values": ["AWS"]}])
    assert names(ssm, Filters=[{"Key": "OPERATING_SYSTEM", "Values": ["UBUNTU"]}]) == {
        "AWS-UbuntuDefaultPatchBaseline"
    }


def test_moto_takes_a_delay_and_a_date_together(ssm):
    rule = {
        "PatchFilterGroup": {"PatchFilters": [{"Key": "PRODUCT", "Values": ["*"]}]},
        "ApproveAfterDays": 7,
        "ApproveUntilDate": "2026-06-01",
    }
    with pytest.raises(ClientError, match="ValidationException"):
        ssm.create_patch_baseline(Name="both", ApprovalRules={"PatchRules": [rule]})


def test_moto_deletes_a_baseline_that_a_group_uses(ssm, baseline_id):
    ssm.register_patch_baseline_for_patch_group(BaselineId=baseline_id, PatchGroup="payments")

    with pytest.raises(ClientError, match="ResourceInUseException.*used for Patch Group: payments"):
        ssm.delete_patch_baseline(BaselineId=baseline_id)


def test_moto_lets_a_group_have_one_baseline_for_all_systems(ssm, baseline_id):
    linux = ssm.create_patch_baseline(Name="linux", OperatingSystem="UBUNTU")["BaselineId"]
    other = ssm.create_patch_baseline(Name="other")["BaselineId"]

    for one in (baseline_id, linux):
        ssm.register_patch_baseline_for_patch_group(BaselineId=one, PatchGroup="payments")

    assert len(ssm.describe_patch_groups()["Mappings"]) == 2
    with pytest.raises(ClientError, match="AlreadyExistsException.*Patch Group payments already has"):
        ssm.register_patch_baseline_for_patch_group(BaselineId=other, PatchGroup="payments")


def test_moto_keeps_a_baseline_that_was_deregistered(ssm, baseline_id):
    group = {"PatchGroup": "payments"}
    ssm.register_patch_baseline_for_patch_group(BaselineId=baseline_id, **group)
    ssm.deregister_patch_baseline_for_patch_group(BaselineId=baseline_id, **group)

    judging = ssm.get_patch_baseline_for_patch_group(**group, OperatingSystem="WINDOWS")["BaselineId"]
    assert ssm.get_patch_baseline(BaselineId=judging)["Name"] == "AWS-DefaultPatchBaseline"


@pytest.mark.parametrize(
    ("quota", "create"),
    [
        ("windows", lambda ssm, window_id, baseline_id: ssm.create_maintenance_window(**WINDOW)),
        ("baselines", lambda ssm, window_id, baseline_id: ssm.create_patch_baseline(Name="more")),
        (
            "targets-per-window",
            lambda ssm, window_id, baseline_id: ssm.register_target_with_maintenance_window(
                WindowId=window_id, **TARGET
            ),
        ),
        (
            "tasks-per-window",
            lambda ssm, window_id, baseline_id: ssm.register_task_with_maintenance_window(
                WindowId=window_id, TaskType="AUTOMATION", TaskArn="AWS-RestartEC2Instance"
            ),
        ),
        (
            "groups-per-baseline",
            lambda ssm, window_id, baseline_id: ssm.register_patch_baseline_for_patch_group(
                BaselineId=baseline_id, PatchGroup="payments"
            ),
        ),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_moto_knows_no_quota(simulated_aws, ssm, window_id, baseline_id, quota, create):
    simulated_aws.quota(quota, 0)

    with pytest.raises(ClientError, match="ResourceLimitExceededException"):
        create(ssm, window_id, baseline_id)


def test_moto_sends_commands_to_anybody_and_is_done_at_once(simulated_aws, ssm):
    node = next(
        one for one in simulated_aws.world.nodes.values() if one.account != "111111111111" and one.managed
    )
    here = simulated_aws.client("ssm", node.account, node.region)

    patching = {"DocumentName": "AWS-RunPatchBaseline", "Parameters": {"Operation": ["Scan"]}}
    with pytest.raises(ClientError, match="InvalidInstanceId"):
        here.send_command(InstanceIds=["i-0123456789abcdef0"], **patching)
    sent = here.send_command(InstanceIds=[node.instance_id], **patching)["Command"]

    assert (sent["Status"], sent["CompletedCount"]) == ("Pending", 0)
