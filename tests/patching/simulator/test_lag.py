from datetime import timedelta

import pytest

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


def listed(ssm):
    return {one["Name"]: one["Duration"] for one in ssm.describe_maintenance_windows()["WindowIdentities"]}


def test_lists_show_what_is_new_changed_and_deleted_only_later_while_get_shows_it(simulated_aws, ssm):
    old = ssm.create_maintenance_window(**WINDOW | {"Name": "old"})["WindowId"]
    simulated_aws.lag(5)

    new = ssm.create_maintenance_window(**WINDOW | {"Name": "new"})["WindowId"]
    assert ssm.get_maintenance_window(WindowId=new)["Name"] == "new"
    assert listed(ssm) == {"old": 4}

    simulated_aws.pass_real_time(4)
    ssm.update_maintenance_window(WindowId=old, Duration=6)
    simulated_aws.pass_real_time(2)
    assert listed(ssm) == {"old": 4, "new": 4}
    assert ssm.get_maintenance_window(WindowId=old)["Duration"] == 6

    simulated_aws.pass_real_time(5)
    ssm.delete_maintenance_window(WindowId=old)
    assert listed(ssm) == {"old": 6, "new": 4}
    simulated_aws.pass_real_time(6)
    assert listed(ssm) == {"new": 4}


def test_tags_schedules_and_instances_lag_too(simulated_aws):
    ec2, scheduler = simulated_aws.client("ec2"), simulated_aws.client("scheduler")
    node = simulated_aws.world.nodes_in(RETAIL, "eu-central-1")[0]
    simulated_aws.lag(5)

    ec2.create_tags(Resources=[node.instance_id], Tags=[{"Key": "pw", "Value": "1"}])
    scheduler.create_schedule_group(Name="patchwarden")
    added = simulated_aws.add_instance(name="new")

    def seen():
        tags = ec2.describe_tags(Filters=[{"Name": "key", "Values": ["pw"]}])["Tags"]
        groups = [one["Name"] for one in scheduler.list_schedule_groups()["ScheduleGroups"]]
        ids = [row["Instances"][0]["InstanceId"] for row in ec2.describe_instances()["Reservations"]]
        return len(tags), "patchwarden" in groups, added in ids

    assert seen() == (0, False, False)
    simulated_aws.pass_real_time(6)
    assert seen() == (1, True, True)


def test_the_virtual_clock_does_not_shorten_the_lag(simulated_aws, ssm):
    simulated_aws.lag(5)
    ssm.create_maintenance_window(**WINDOW)

    simulated_aws.advance(by=timedelta(hours=1))

    assert listed(ssm) == {}


def test_a_lag_may_be_aimed_and_is_no_matter_of_another_account(simulated_aws, ssm):
    simulated_aws.lag(5, operation="DescribePatchBaselines", account=SHARED)

    ssm.create_maintenance_window(**WINDOW)

    assert listed(ssm) == {"payments-prod-a": 4}


def test_the_variant_lags_every_list(simulated_aws, ssm):
    simulated_aws.variant(list_lag=5)

    ssm.create_maintenance_window(**WINDOW)

    assert listed(ssm) == {}
    simulated_aws.pass_real_time(5)
    assert listed(ssm) == {"payments-prod-a": 4}


def test_a_list_that_lags_changes_nothing(simulated_aws):
    ec2 = simulated_aws.client("ec2")
    node = simulated_aws.world.nodes_in(RETAIL, "eu-central-1")[0]
    simulated_aws.lag(5)
    ec2.create_tags(Resources=[node.instance_id], Tags=[{"Key": "pw", "Value": "1"}])

    ec2.describe_instances()
    ec2.create_tags(Resources=[node.instance_id], Tags=[{"Key": "pw", "Value": "2"}])

    assert simulated_aws.world.nodes[node.instance_id].tags["pw"] == "2"
