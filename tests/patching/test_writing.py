"""Before each write the rest is as it must be: no group between two baselines under an open window, no half a move."""

from datetime import timedelta

import pytest

from patching import openings
from patching.models import AccountRegion, MaintenanceWindow, PatchGroup, ResourceState
from portal.governance import clock
from tests import asks, pushing
from tests.patching.test_freezing import freeze_item, opening_item
from tests.pushing import approved, change, pushed, removal, resource
from tests.simulated_aws import RETAIL

pytestmark = pytest.mark.django_db
SWAP = ["DeregisterPatchBaselineForPatchGroup", "RegisterPatchBaselineForPatchGroup"]


@pytest.fixture
def stands(asked, retail, settings):
    """The small request, in AWS."""
    settings.PUSH_MAX_DELETE_SHARE = 0.9
    assert pushed(retail).state == "succeeded"
    return retail


def another_baseline():
    strict = pushing.baseline_item("payments-strict")
    return [strict, change(PatchGroup.objects.get(), "patch-group", baselines={"WINDOWS": "payments-strict"})]


def written(aws, since):
    return [one["operation"] for one in aws.log()[since:]]


def swapped(aws, since):
    return [one for one in written(aws, since) if one in SWAP]


def enabled(aws, name):
    rows = aws.client("ssm").describe_maintenance_windows()["WindowIdentities"]
    return next(row["Enabled"] for row in rows if row["Name"] == name)


def tags_of(aws, server):
    filters = [{"Name": "resource-id", "Values": [server.instance_id]}]
    rows = aws.client("ec2").describe_tags(Filters=filters)["Tags"]
    return {row["Key"]: row["Value"] for row in rows}


def run_of(aws, window_id):
    """A run of a window that is under way."""
    run = {
        "WindowId": window_id,
        "WindowExecutionId": "11111111-2222-3333-4444-555555555555",
        "Status": "IN_PROGRESS",
        "StartTime": f"{aws.now:%Y-%m-%dT%H:%M:%SZ}",
        "Tasks": [],
    }
    aws.world.region(RETAIL, "eu-central-1").executions.append(run)
    return run


# A group changes its baseline


def test_no_baseline_is_taken_from_under_the_run_of_an_extra_window(stands, simulated_aws, rita):
    window = MaintenanceWindow.objects.get()
    (run_at,) = openings.next_starts(window.spec, start=clock.now(), count=1, since=window.created_at)
    moved = (clock.now() + timedelta(hours=2)).replace(minute=0, second=0, microsecond=0)
    approved(rita, [opening_item(window, run_at=run_at.isoformat(), moved_to=moved.isoformat())])
    pushed(stands)
    simulated_aws.advance(to=moved + timedelta(minutes=3))
    clock.set_to(simulated_aws.now)
    approved(rita, another_baseline())
    before = len(simulated_aws.log())

    assert pushed(stands).state == "partial"

    assert swapped(simulated_aws, before) == []
    assert "Waits until the run of" in resource("registration").condition_text


def test_no_baseline_is_taken_from_under_the_run_of_a_window_that_instances_are_about_to_leave(
    stands, simulated_aws, rita
):
    run = run_of(simulated_aws, resource("window", label="payments-dev").aws_id)
    other = asks.window_item(pushing.servers(), name="payments-dev-b")
    approved(rita, [other, removal(MaintenanceWindow.objects.get(), "window"), *another_baseline()])
    before = len(simulated_aws.log())
    pushed(stands)
    assert swapped(simulated_aws, before) == []

    run["Status"] = "SUCCESS"
    pushing.pushed(stands)

    assert swapped(simulated_aws, before) == SWAP


def test_a_window_that_somebody_enabled_is_not_taken_for_the_one_that_we_shut(stands, simulated_aws, rita):
    AccountRegion.objects.update(drift_policy="report")
    starts, ends = clock.now() + timedelta(hours=1), clock.now() + timedelta(days=3)
    approved(rita, [freeze_item(starts_at=f"{starts:%Y-%m-%dT%H:%M}", ends_at=f"{ends:%Y-%m-%dT%H:%M}")])
    clock.set_to(starts + timedelta(minutes=5))
    simulated_aws.advance(to=clock.now())
    pushed(stands)
    assert not enabled(simulated_aws, "payments-dev")
    window_id = resource("window", label="payments-dev").aws_id
    simulated_aws.client("ssm").update_maintenance_window(WindowId=window_id, Enabled=True)
    approved(rita, another_baseline())
    before = len(simulated_aws.log())

    pushed(stands)

    assert swapped(simulated_aws, before) == []
    assert resource("registration").condition_text == "Waits until payments-dev is disabled."


def judge(aws):
    ssm = aws.client("ssm")
    reply = ssm.get_patch_baseline_for_patch_group(PatchGroup="payments-dev", OperatingSystem="WINDOWS")
    return ssm.get_patch_baseline(BaselineId=reply["BaselineId"])["Name"]


def test_a_group_keeps_its_baseline_where_the_new_one_serves_as_many_as_it_may(stands, simulated_aws, rita):
    approved(rita, another_baseline())
    AccountRegion.objects.update(quotas={"groups": 0})
    stands.refresh_from_db()
    before = len(simulated_aws.log())
    pushed(stands)
    assert swapped(simulated_aws, before) == []
    assert judge(simulated_aws) == "payments-dev-win"
    assert "AWS allows 0" in resource("registration").condition_text


def test_a_group_gets_its_baseline_back_where_aws_refuses_the_new_one(stands, simulated_aws, rita):
    approved(rita, another_baseline())
    simulated_aws.inject(
        "error",
        operation="RegisterPatchBaselineForPatchGroup",
        code="ResourceLimitExceededException",
        message="No more.",
        count=1,
    )
    pushed(stands)
    assert judge(simulated_aws) == "payments-dev-win"
    assert not enabled(simulated_aws, "payments-dev")


# A window opens


@pytest.mark.parametrize("again", [0, 6])
def test_a_window_stays_shut_while_a_task_is_in_it_whose_removal_was_decided(
    stands, simulated_aws, rita, again
):
    window = MaintenanceWindow.objects.get()
    two = [{"name": "Install", "kind": "install"}, {"name": "Scan", "kind": "scan"}]
    approved(rita, [change(window, "window", tasks=two)])
    pushed(stands)
    window.refresh_from_db()
    approved(rita, [change(window, "window", tasks=window.spec["tasks"][:1])])
    simulated_aws.deny("DeregisterTaskFromMaintenanceWindow")
    for _ in range(1 + again):
        pushing.pushed(stands)
    assert not enabled(simulated_aws, "payments-dev")


# An instance moves


def test_an_instance_enters_no_window_while_its_group_is_somebody_elses(asked, retail, simulated_aws):
    one, other = pushing.servers()
    tag = [{"Key": "PatchGroup", "Value": "somebody-elses"}]
    simulated_aws.client("ec2").create_tags(Resources=[one.instance_id], Tags=tag)

    pushed(retail)

    assert "MaintenanceWindow" not in tags_of(simulated_aws, one)
    assert tags_of(simulated_aws, other)["MaintenanceWindow"] == "payments-dev"
    waits = ResourceState.objects.get(kind="tag", key=f"{one.instance_id}:MaintenanceWindow")
    assert waits.condition_text.startswith("Waits for")


def test_a_tag_that_leaves_again_gets_back_what_stood_there_this_time(retail, simulated_aws, rita, settings):
    settings.PUSH_MAX_DELETE_SHARE = 0.9
    server = pushing.servers()[0]

    def outside(value):
        tag = [{"Key": "MaintenanceWindow", "Value": value}]
        simulated_aws.client("ec2").create_tags(Resources=[server.instance_id], Tags=tag)
        server.refresh_from_db()
        server.tags["MaintenanceWindow"] = value
        server.save()

    outside("legacy")
    approved(rita, pushing.small_items())
    for value in ("legacy", "finance"):
        pushed(retail)
        assert tags_of(simulated_aws, server)["MaintenanceWindow"] == "payments-dev"
        approved(rita, [removal(MaintenanceWindow.objects.live().get(), "window")])
        pushed(retail)
        assert tags_of(simulated_aws, server)["MaintenanceWindow"] == value
        assert pushed(retail).writes == 0
        if value == "legacy":
            outside("finance")
            approved(rita, [asks.window_item(pushing.servers())])
