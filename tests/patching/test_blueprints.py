"""The HA Windows application of the source document, as items."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest

from patching import items, schedules
from patching.blueprints import PATCH_TUESDAY, Member, Monthly, Once, Stage, Weekly, ha_windows_application

JUNE = datetime(2026, 6, 1, tzinfo=UTC)


def members(per_zone=2):
    return [
        Member(f"i-{env_number}{zone_number}{number:015x}", env, f"eu-central-1{zone}")
        for env_number, env in enumerate(("dev", "test", "prod"))
        for zone_number, zone in enumerate("ab")
        for number in range(per_zone)
    ]


def wish(**changes):
    return ha_windows_application(
        application="payments",
        account="211125483017",
        region="eu-central-1",
        timezone="Europe/Berlin",
        **{"members": members(), **changes},
    )


def windows(wished):
    return {item["spec"]["name"]: item["spec"] for item in wished if item["kind"] == "window"}


def runs(window, count=12):
    found = schedules.next_runs(
        window["schedule"], timezone=window["timezone"], offset=window["offset"], start=JUNE, count=count
    )
    return [(start, start + timedelta(hours=window["duration"])) for start in found]


def test_it_is_three_groups_six_windows_and_three_baselines_that_can_be_asked_for():
    wished = wish()
    assert Counter(item["kind"] for item in wished) == {"baseline": 3, "patch-group": 3, "window": 6}
    assert items.check_items(wished) == []


def test_baselines_are_those_of_the_guide():
    rules = {
        item["spec"]["environment"]: [
            (rule["ApproveAfterDays"], rule["ComplianceLevel"])
            for rule in item["spec"]["definition"]["ApprovalRules"]["PatchRules"]
        ]
        for item in wish()
        if item["kind"] == "baseline"
    }
    assert rules == {
        "dev": [(0, "HIGH")],
        "test": [(0, "CRITICAL"), (7, "HIGH")],
        "prod": [(0, "CRITICAL"), (14, "HIGH")],
    }


def test_each_instance_is_in_one_group_and_in_the_window_of_its_zone():
    wished = wish()
    for kind in ("patch-group", "window"):
        named = [one for item in wished if item["kind"] == kind for one in item["spec"]["instances"]]
        assert sorted(named) == sorted(member.instance_id for member in members())
    zones = {member.instance_id: member.az for member in members()}
    for window in windows(wished).values():
        assert {zones[one] for one in window["instances"]} == {window["az"]}


@pytest.mark.parametrize("start_hour", [0, 2, 20, 23])
def test_zones_of_one_environment_are_never_open_together_and_the_first_comes_first(start_hour):
    wished = windows(wish(start_hour=start_hour))
    for env in ("dev", "test", "prod"):
        for first, second in zip(
            runs(wished[f"payments-{env}-a"]), runs(wished[f"payments-{env}-b"]), strict=True
        ):
            assert first[1] <= second[0] <= first[1] + timedelta(hours=1)


def test_each_environment_is_done_days_before_the_next_begins():
    wished = windows(wish())
    for earlier, later in (("dev", "test"), ("test", "prod")):
        before, after = runs(wished[f"payments-{earlier}-b"]), runs(wished[f"payments-{later}-a"])
        for (_, end), (start, _) in zip(before, after, strict=True):
            assert timedelta(days=2) < start - end < timedelta(days=8)


def test_the_latest_day_still_comes_every_month():
    latest = [Stage("dev", 1, 0), Stage("test", 4, 7), Stage("prod", PATCH_TUESDAY.latest, 14)]
    wished = windows(wish(stages=latest, start_hour=23))
    assert items.check_items(wish(stages=latest, start_hour=23)) == []
    months = [start.month for start, _ in runs(wished["payments-prod-b"], count=24)]
    assert len(months) == 24


def test_durations_follow_the_fleet():
    wished = windows(wish(members=members(per_zone=120)))
    assert {window["duration"] for window in wished.values()} == {6}


def test_a_snapshot_comes_before_the_installation():
    wished = wish(snapshot_document="AWS-CreateImage")
    assert items.check_items(wished) == []
    tasks = items.with_defaults(next(item for item in wished if item["kind"] == "window"))["spec"]["tasks"]
    assert [task["kind"] for task in sorted(tasks, key=lambda task: task["priority"])] == [
        "pre",
        "install",
        "scan",
    ]


def test_days_may_be_counted_from_another_day_of_the_month():
    """The first Saturday: dev the day after, production eleven days after."""
    wished = windows(wish(counted_from=Monthly(1, "SAT")))
    when = {name: (one["schedule"], one["offset"]) for name, one in wished.items()}
    assert when["payments-dev-a"] == ("cron(0 20 ? * SAT#1 *)", 1)
    assert when["payments-dev-b"] == ("cron(0 0 ? * SAT#1 *)", 2)
    assert when["payments-prod-a"] == ("cron(0 20 ? * SAT#2 *)", 4)


DAYS_APART = [Stage("dev", 0, 0), Stage("test", 2, 1), Stage("prod", 4, 2)]


def test_every_week_has_its_round_from_dev_to_production():
    wished = wish(counted_from=Weekly("THU"), stages=DAYS_APART, start_hour=22)
    assert items.check_items(wished) == []
    when = {name: (one["schedule"], one["offset"]) for name, one in windows(wished).items()}
    assert when["payments-dev-a"] == ("cron(0 22 ? * THU *)", 0)
    assert when["payments-dev-b"] == ("cron(0 2 ? * FRI *)", 0)
    assert when["payments-prod-b"] == ("cron(0 2 ? * TUE *)", 0)


def test_one_round_alone_names_its_days():
    wished = wish(counted_from=Once(date(2026, 6, 29)), stages=DAYS_APART, start_hour=22)
    assert items.check_items(wished) == []
    when = {name: (one["schedule"], one["offset"]) for name, one in windows(wished).items()}
    assert when["payments-dev-a"] == ("at(2026-06-29T22:00:00)", 0)
    assert when["payments-prod-b"] == ("at(2026-07-04T02:00:00)", 0)
