import json

import pytest
from botocore.exceptions import ClientError

from tests.simulated_aws import RETAIL, SHARED

ROLE = f"arn:aws:iam::{RETAIL}:role/PatchwardenRestore"
SCHEDULE = {
    "Name": "restore-1",
    "GroupName": "patchwarden",
    "ScheduleExpression": "at(2026-06-20T00:00:00)",
    "FlexibleTimeWindow": {"Mode": "OFF"},
    "Target": {
        "Arn": "arn:aws:scheduler:::aws-sdk:ec2:createTags",
        "RoleArn": ROLE,
        "Input": json.dumps({"Resources": ["i-1"], "Tags": [{"Key": "a", "Value": "b"}]}),
    },
    "ActionAfterCompletion": "DELETE",
}
PLACE = {"Name": "restore-1", "GroupName": "patchwarden"}


@pytest.fixture
def scheduler(simulated_aws):
    client = simulated_aws.client("scheduler")
    client.create_schedule_group(Name="patchwarden", Tags=[{"Key": "patchwarden:owner", "Value": "yes"}])
    return client


def test_a_schedule_is_read_back_as_it_was_made(scheduler):
    arn = scheduler.create_schedule(**SCHEDULE)["ScheduleArn"]

    read = scheduler.get_schedule(**PLACE)

    assert read["Arn"] == arn
    assert {name: read[name] for name in SCHEDULE if name != "Target"} == {
        name: SCHEDULE[name] for name in SCHEDULE if name != "Target"
    }
    assert SCHEDULE["Target"].items() <= read["Target"].items()
    assert (read["State"], read["ScheduleExpressionTimezone"]) == ("ENABLED", "UTC")


def test_a_name_is_taken_once_but_the_same_token_is_the_same_call(scheduler):
    first = scheduler.create_schedule(**SCHEDULE, ClientToken="op-1")["ScheduleArn"]

    assert scheduler.create_schedule(**SCHEDULE, ClientToken="op-1")["ScheduleArn"] == first
    for token in ("op-2", "op-1"):
        with pytest.raises(ClientError, match="ConflictException"):
            scheduler.create_schedule(**SCHEDULE, Description="other", ClientToken=token)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ScheduleExpression": "at(tomorrow)"}, "Invalid Schedule Expression"),
        ({"ScheduleExpression": "at(2026-05-31T00:00:00)"}, "in the past"),
        ({"FlexibleTimeWindow": {"Mode": "FLEXIBLE"}}, "MaximumWindowInMinutes"),
        ({"Target": SCHEDULE["Target"] | {"RoleArn": ROLE.replace("Restore", "Role")}}, "assume the role"),
        ({"Target": SCHEDULE["Target"] | {"RoleArn": ROLE.replace(RETAIL, SHARED)}}, "assume the role"),
        ({"GroupName": "nowhere"}, "ResourceNotFoundException"),
        ({"Name": "two words"}, "ValidationException"),
    ],
)
def test_a_schedule_that_aws_would_refuse_is_refused(scheduler, changes, words):
    with pytest.raises(ClientError, match=words):
        scheduler.create_schedule(**SCHEDULE | changes)


def test_an_update_replaces_everything(scheduler):
    scheduler.create_schedule(**SCHEDULE, Description="first")

    scheduler.update_schedule(
        **SCHEDULE | {"ScheduleExpression": "at(2026-07-01T00:00:00)", "State": "DISABLED"}
    )

    read = scheduler.get_schedule(**PLACE)
    assert (read["ScheduleExpression"], read["State"]) == ("at(2026-07-01T00:00:00)", "DISABLED")
    assert "Description" not in read


def test_schedules_are_listed_by_group_prefix_and_state(scheduler):
    for number in (1, 2, 3):
        scheduler.create_schedule(**SCHEDULE | {"Name": f"restore-{number}"})

    def found(**asked):
        return [one["Name"] for one in scheduler.list_schedules(**asked)["Schedules"]]

    assert found(GroupName="patchwarden", NamePrefix="restore") == ["restore-1", "restore-2", "restore-3"]
    assert found(GroupName="default") == []
    assert found(State="DISABLED") == []
    pages = scheduler.get_paginator("list_schedules").paginate(PaginationConfig={"PageSize": 2})
    assert [len(page["Schedules"]) for page in pages] == [2, 1]


def test_groups_carry_tags_and_take_their_schedules_along(scheduler):
    scheduler.create_schedule(**SCHEDULE)
    arn = scheduler.get_schedule_group(Name="patchwarden")["Arn"]

    scheduler.tag_resource(ResourceArn=arn, Tags=[{"Key": "uid", "Value": "7"}])
    scheduler.untag_resource(ResourceArn=arn, TagKeys=["patchwarden:owner"])
    assert scheduler.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "uid", "Value": "7"}]
    assert [one["Name"] for one in scheduler.list_schedule_groups()["ScheduleGroups"]] == [
        "default",
        "patchwarden",
    ]

    scheduler.delete_schedule_group(Name="patchwarden")
    for gone in (
        lambda: scheduler.get_schedule(**PLACE),
        lambda: scheduler.list_tags_for_resource(ResourceArn=arn),
    ):
        with pytest.raises(ClientError, match="ResourceNotFoundException"):
            gone()


def test_a_deleted_schedule_is_gone(scheduler):
    scheduler.create_schedule(**SCHEDULE)

    scheduler.delete_schedule(**PLACE)

    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        scheduler.delete_schedule(**PLACE)
