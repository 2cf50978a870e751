"""Runs of windows are read once they are over, instance by instance, and twice is as good as once."""

from datetime import timedelta

import pytest

from patching import executions
from patching.aws.executions import FoundTask
from patching.models import ResourceState, RunOutcome, WindowRun
from portal.governance import clock
from tests import window_nights
from tests.window_nights import NEXT, OPENS


def told(run):
    """(instance's name, task) → status."""
    return {(one.instance.name, one.task): one.status for one in run.outcomes.select_related("instance")}


def everything():
    models = (WindowRun, RunOutcome)
    return [list(model.objects.order_by("pk").values()) for model in models]


def node(aws, name):
    return next(one for one in aws.world.nodes.values() if one.name == name)


def test_a_run_is_kept_with_what_became_of_each_instance(retail, simulated_aws):
    window = window_nights.window_in_aws(retail)
    run = window_nights.night(retail, simulated_aws)
    assert (run.window, run.status, run.started_at) == (window, "SUCCESS", OPENS)
    assert run.ended_at > run.started_at
    assert told(run) == {
        ("pay-dev-a-01", "Install"): "SUCCESS",
        ("pay-dev-b-01", "Install"): "SUCCESS",
    }
    assert {one.task_kind for one in run.outcomes.all()} == {"install"}
    assert all(one.ended_at > one.started_at >= OPENS for one in run.outcomes.all())


def test_the_daily_scan_is_kept_without_a_window(retail, simulated_aws):
    window_nights.window_in_aws(retail)
    window_nights.night(retail, simulated_aws)
    scans = WindowRun.objects.filter(window=None)
    assert scans
    assert {one.status for one in scans.latest("started_at").outcomes.all()} == {"SUCCESS"}


def test_reading_twice_changes_nothing_and_asks_no_more_than_the_list(retail, simulated_aws):
    window_nights.window_in_aws(retail)
    window_nights.night(retail, simulated_aws)
    before = everything()
    simulated_aws.calls(reset=True)
    window_nights.read(retail)
    assert everything() == before
    calls = simulated_aws.calls()
    assert calls["ssm:DescribeMaintenanceWindowExecutions"] == 2
    assert "ssm:DescribeMaintenanceWindowExecutionTasks" not in calls


def test_a_run_that_goes_on_is_read_again_until_it_has_ended(retail, simulated_aws):
    window_nights.window_in_aws(retail)
    run = window_nights.night(retail, simulated_aws, OPENS + timedelta(minutes=1))
    assert (run.status, run.ended_at) == ("IN_PROGRESS", None)
    assert "NOT_STARTED" not in told(run).values()
    run = window_nights.night(retail, simulated_aws)
    assert (run.status, WindowRun.objects.exclude(window=None).count()) == ("SUCCESS", 1)
    assert executions.settled().filter(pk=run.pk).exists()


def test_an_earlier_reading_that_comes_late_overwrites_nothing(retail, simulated_aws):
    window_nights.window_in_aws(retail)
    window_nights.night(retail, simulated_aws, OPENS + timedelta(minutes=1))
    WindowRun.objects.update(read_at=clock.now() + timedelta(hours=1), status="READ LATER")
    window_nights.read(retail)
    assert set(WindowRun.objects.exclude(window=None).values_list("status", flat=True)) == {"READ LATER"}


def test_small_pages_give_the_same(retail, simulated_aws):
    window_nights.window_in_aws(retail)
    simulated_aws.page_size(1)
    run = window_nights.night(retail, simulated_aws)
    assert len(told(run)) == 2


def test_an_instance_whose_turn_never_came_is_not_started(retail, simulated_aws):
    window_nights.window_in_aws(
        retail,
        duration=2,
        tasks=[{"name": "Install", "kind": "install", "max_concurrency": "1"}],
    )
    slow = node(simulated_aws, "pay-dev-a-01")
    simulated_aws.door("node", {"instance_id": slow.instance_id, "ping_status": "ConnectionLost"})
    run = window_nights.night(retail, simulated_aws)
    statuses = {one.instance.name: (one.status, one.status_details) for one in run.outcomes.all()}
    assert statuses["pay-dev-a-01"] == ("NOT_STARTED", executions.OFFLINE)


def test_an_instance_that_lost_its_tag_is_not_started(retail, simulated_aws):
    window_nights.window_in_aws(retail)
    lost = node(simulated_aws, "pay-dev-b-01")
    simulated_aws.door(
        "tags",
        {
            "kind": "instance",
            "account": retail.account.account_id,
            "region": retail.region,
            "id": lost.instance_id,
            "tags": {"MaintenanceWindow": None},
        },
    )
    run = window_nights.night(retail, simulated_aws)
    assert told(run) == {
        ("pay-dev-a-01", "Install"): "SUCCESS",
        ("pay-dev-b-01", "Install"): "NOT_STARTED",
    }


def test_a_run_is_told_to_be_skipped_and_has_no_outcomes(retail, simulated_aws):
    window_nights.window_in_aws(retail)
    run = window_nights.night(retail, simulated_aws)
    found = executions.FoundRun(run.aws_window_id, "skipped", "SKIPPED_OVERLAPPING", NEXT, NEXT)
    executions._write(retail, run.window, found, [], clock.now())
    skipped = WindowRun.objects.get(execution_id="skipped")
    assert (skipped.status, skipped.outcomes.count()) == ("SKIPPED_OVERLAPPING", 0)


def test_automations_are_looked_into_for_each_instance(retail, simulated_aws):
    task = {"name": "AMS", "kind": "install", "type": "AUTOMATION"}
    task |= {
        "document": "AWSManagedServices-PatchInstance",
        "parameters": {"InstanceId": ["{{TARGET_ID}}"]},
    }
    window_nights.window_in_aws(retail, tasks=[task])
    run = window_nights.night(retail, simulated_aws)
    assert told(run) == {("pay-dev-a-01", "AMS"): "SUCCESS", ("pay-dev-b-01", "AMS"): "SUCCESS"}


def test_somebody_elses_windows_are_not_asked_about(retail, simulated_aws):
    simulated_aws.somebody_calls(
        "CreateMaintenanceWindow",
        Name="legacy",
        Schedule="cron(0 2 ? * SUN *)",
        Duration=3,
        Cutoff=1,
        AllowUnassociatedTargets=True,
        ClientToken="x",
    )
    window_nights.go_to(simulated_aws, OPENS + timedelta(hours=6))
    simulated_aws.calls(reset=True)
    window_nights.read(retail)
    assert not WindowRun.objects.exists()
    assert "ssm:DescribeMaintenanceWindowExecutions" not in simulated_aws.calls()


def test_a_window_that_is_gone_is_no_error(retail, simulated_aws):
    window_nights.window_in_aws(retail)
    window_id = ResourceState.objects.get(kind="window", label="payments-dev").aws_id
    simulated_aws.delete("window", window_id)
    window_nights.read(retail)
    assert not WindowRun.objects.exists()


@pytest.mark.parametrize(
    ("operations", "names"),
    [
        (("Install", "Scan"), ["Patch", "Look"]),
        (("Scan", "Install"), ["Look", "Patch"]),
        (("", ""), ["Patch", "Look"]),
        (("Install", "Install"), ["Patch", "Look"]),
    ],
)
def test_tasks_get_their_names_by_document_and_operation(operations, names):
    asked = [
        {"name": "Look", "kind": "scan", "priority": 2, "document": "AWS-RunPatchBaseline"},
        {"name": "Patch", "kind": "install", "priority": 1, "document": "AWS-RunPatchBaseline"},
    ]
    found = [FoundTask("AWS-RunPatchBaseline", "SUCCESS", operation=one) for one in operations]
    assert [name for name, _, _ in executions.named_tasks(asked, found)] == names


def test_a_task_that_nobody_asked_for_is_named_by_its_document():
    found = [FoundTask("AWS-RunShellScript", "SUCCESS")] * 2
    named = executions.named_tasks([], found)
    assert [name for name, _, _ in named] == ["AWS-RunShellScript", "AWS-RunShellScript (2)"]
