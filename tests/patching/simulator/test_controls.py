import json
from urllib.error import HTTPError

import pytest
from botocore.exceptions import ClientError

from patching.simulator import beginning
from patching.simulator.store import Store
from tests.simulated_aws import REGION, RETAIL, SHARED

WINDOW = {
    "Name": "payments-prod-a",
    "Schedule": "cron(0 2 ? * TUE#2 *)",
    "Duration": 4,
    "Cutoff": 1,
    "AllowUnassociatedTargets": False,
}
TARGET = {"ResourceType": "INSTANCE", "Targets": [{"Key": "tag-key", "Values": ["PatchGroup"]}]}
UNKNOWN_WINDOW, UNKNOWN_BASELINE = "mw-0123456789abcdef0", "pb-0123456789abcdef0"


@pytest.fixture
def ssm(simulated_aws):
    return simulated_aws.client("ssm")


def test_deleting_what_is_unknown_may_be_an_error(simulated_aws, ssm):
    assert ssm.delete_maintenance_window(WindowId=UNKNOWN_WINDOW)["WindowId"] == UNKNOWN_WINDOW
    assert ssm.delete_patch_baseline(BaselineId=UNKNOWN_BASELINE)["BaselineId"] == UNKNOWN_BASELINE

    simulated_aws.variant(unknown_window="does-not-exist", unknown_baseline="does-not-exist")

    with pytest.raises(ClientError, match="DoesNotExistException"):
        ssm.delete_maintenance_window(WindowId=UNKNOWN_WINDOW)
    with pytest.raises(ClientError, match="DoesNotExistException"):
        ssm.delete_patch_baseline(BaselineId=UNKNOWN_BASELINE)


def test_deregistering_what_is_not_registered_may_be_an_error(simulated_aws, ssm):
    asked = {"BaselineId": ssm.create_patch_baseline(Name="own")["BaselineId"], "PatchGroup": "payments"}
    assert ssm.deregister_patch_baseline_for_patch_group(**asked)["PatchGroup"] == "payments"

    simulated_aws.variant(unregistered_group="does-not-exist")

    with pytest.raises(ClientError, match="DoesNotExistException"):
        ssm.deregister_patch_baseline_for_patch_group(**asked)


def test_the_token_of_something_deleted_gives_the_dead_id_or_makes_a_new_one(simulated_aws, ssm):
    first = ssm.create_maintenance_window(**WINDOW, ClientToken="op-1")["WindowId"]
    ssm.delete_maintenance_window(WindowId=first)
    assert ssm.create_maintenance_window(**WINDOW, ClientToken="op-1")["WindowId"] == first

    simulated_aws.variant(token_of_deleted="new")

    second = ssm.create_maintenance_window(**WINDOW, ClientToken="op-1")["WindowId"]
    assert second != first
    assert ssm.create_maintenance_window(**WINDOW, ClientToken="op-1")["WindowId"] == second


def test_a_schedules_token_counts_while_the_schedule_is_there(simulated_aws):
    scheduler = simulated_aws.client("scheduler")
    simulated_aws.variant(token_of_deleted="new")

    first = scheduler.create_schedule_group(Name="one", ClientToken="op-1")
    again = scheduler.create_schedule_group(Name="one", ClientToken="op-1")

    assert first["ScheduleGroupArn"] == again["ScheduleGroupArn"]


def test_tokens_are_forgotten_after_their_time(simulated_aws, ssm):
    simulated_aws.variant(token_memory=60)
    first = ssm.create_patch_baseline(Name="one", ClientToken="op-1")["BaselineId"]

    simulated_aws.pass_real_time(59)
    assert ssm.create_patch_baseline(Name="one", ClientToken="op-1")["BaselineId"] == first
    simulated_aws.pass_real_time(2)

    assert ssm.create_patch_baseline(Name="other", ClientToken="op-1")["BaselineId"] != first


def test_a_window_that_was_just_made_may_not_be_known_to_its_children_yet(simulated_aws, ssm):
    simulated_aws.variant(read_after_create=3)
    window_id = ssm.create_maintenance_window(**WINDOW)["WindowId"]

    assert ssm.get_maintenance_window(WindowId=window_id)["Name"] == "payments-prod-a"
    with pytest.raises(ClientError, match="DoesNotExistException"):
        ssm.register_target_with_maintenance_window(WindowId=window_id, **TARGET)
    with pytest.raises(ClientError, match="DoesNotExistException"):
        ssm.register_task_with_maintenance_window(
            WindowId=window_id, TaskType="AUTOMATION", TaskArn="AWS-RestartEC2Instance"
        )
    simulated_aws.pass_real_time(3)

    assert ssm.register_target_with_maintenance_window(WindowId=window_id, **TARGET)["WindowTargetId"]


def test_a_delay_and_a_date_may_go_together(simulated_aws, ssm):
    rule = {
        "PatchFilterGroup": {"PatchFilters": [{"Key": "PRODUCT", "Values": ["*"]}]},
        "ApproveAfterDays": 7,
        "ApproveUntilDate": "2026-06-01",
    }
    with pytest.raises(ClientError, match="both ApproveAfterDays and ApproveUntilDate"):
        ssm.create_patch_baseline(Name="both", ApprovalRules={"PatchRules": [rule]})

    simulated_aws.variant(delay_and_date="accepted")

    assert ssm.create_patch_baseline(Name="both", ApprovalRules={"PatchRules": [rule]})["BaselineId"]


def test_a_rule_may_have_four_filters_or_five(simulated_aws, ssm):
    filters = [{"Key": key, "Values": ["*"]} for key in ("PRODUCT", "CLASSIFICATION", "MSRC_SEVERITY")]
    filters += [{"Key": "PATCH_SET", "Values": ["OS"]}, {"Key": "PRODUCT_FAMILY", "Values": ["Windows"]}]

    def create(count):
        rule = {"PatchFilterGroup": {"PatchFilters": filters[:count]}, "ApproveAfterDays": 0}
        return ssm.create_patch_baseline(Name="rules", ApprovalRules={"PatchRules": [rule]})["BaselineId"]

    assert create(5)
    simulated_aws.variant(rule_filters="four")

    assert create(4)
    with pytest.raises(ClientError, match="length less than or equal to 4"):
        create(5)


@pytest.mark.parametrize(
    "asked",
    [{"colour": "red"}, {"unknown-window": "perhaps"}, {"list-lag": "for-ever"}, {"token-memory": -1}],
)
def test_a_variant_that_there_is_not_is_refused(simulated_aws, asked):
    with pytest.raises(HTTPError) as refused:
        simulated_aws.door("variant", asked)
    assert json.load(refused.value)["error"]


def test_every_variant_and_its_way_is_told(simulated_aws):
    simulated_aws.variant(unknown_window="does-not-exist", list_lag=5)

    told = simulated_aws.door("variant")

    assert (told["unknown-window"], told["list-lag"], told["token-memory"]) == (
        "does-not-exist",
        5,
        "for-ever",
    )


@pytest.mark.parametrize("name", ["windows", "baselines"])
def test_a_quota_can_be_set_for_all_or_for_one_account_and_region(simulated_aws, name):
    def create(client, number):
        if name == "windows":
            return client.create_maintenance_window(**WINDOW | {"Name": f"window-{number}"})
        return client.create_patch_baseline(Name=f"baseline-{number}")

    ssm, shared = simulated_aws.client("ssm"), simulated_aws.client("ssm", SHARED)
    simulated_aws.quota(name, 1)
    simulated_aws.quota(name, 2, RETAIL)
    create(ssm, 1)
    create(ssm, 2)
    create(shared, 1)

    for client in (ssm, shared):
        with pytest.raises(ClientError, match="ResourceLimitExceededException"):
            create(client, 3)


def test_quotas_are_those_of_aws_until_a_door_sets_them(simulated_aws):
    documented = {
        "windows": 50,
        "tasks-per-window": 20,
        "targets-per-window": 100,
        "baselines": 50,
        "groups-per-baseline": 25,
        "concurrent-windows": 5,
    }
    quota = simulated_aws.world.controls.quota

    assert {name: quota(RETAIL, REGION, name) for name in documented} == documented


@pytest.mark.parametrize(
    "asked",
    [{"name": "colours", "limit": 1}, {"name": "windows"}, {"name": "windows", "limit": 1, "account": "1"}],
)
def test_a_quota_that_there_is_not_is_refused(simulated_aws, asked):
    with pytest.raises(HTTPError) as refused:
        simulated_aws.door("quota", asked)
    assert json.load(refused.value)["error"]


def test_what_the_doors_set_outlives_a_restart(tmp_path):
    world = beginning.fresh_world({"fleet": "empty"})
    world.controls.choose("unknown-window", "does-not-exist")
    world.controls.set_quota("windows", 3)
    world.controls.page_size = 4
    Store(tmp_path).save(world)

    again = Store(tmp_path).load()

    assert again.controls == world.controls
