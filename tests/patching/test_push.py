"""What was approved becomes what is in AWS, exactly once, whatever happens on the way."""

from collections import Counter
from datetime import timedelta

import pytest
from celery import current_app
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from patching import lease, progress, push, tasks, turns, workflow
from patching.aws import marks, session
from patching.models import (
    AccountRegion,
    ChangeRequest,
    MaintenanceWindow,
    Operation,
    PatchBaseline,
    PatchGroup,
    PushRun,
    ResourceState,
    Tombstone,
    Waiver,
)
from patching.specs import DAILY_SCAN, DEFERRED
from portal.governance import clock
from portal.governance.models import AuditEntry, Heartbeat, OutboxMessage
from tests import factories, pushing
from tests.pushing import approved, change, pushed, removal, resource, standing
from tests.simulated_aws import RETAIL


def windows(aws) -> dict[str, dict]:
    """Live windows by name; two of one name fail the test."""
    rows = aws.client("ssm").describe_maintenance_windows()["WindowIdentities"]
    assert [name for name, count in Counter(row["Name"] for row in rows).items() if count > 1] == []
    return {row["Name"]: row for row in rows}


def tags_of(aws, instance_id: str) -> dict[str, str]:
    filters = [{"Name": "resource-id", "Values": [instance_id]}]
    rows = aws.client("ec2").describe_tags(Filters=filters)["Tags"]
    return {row["Key"]: row["Value"] for row in rows}


def window_row() -> MaintenanceWindow:
    return MaintenanceWindow.objects.get(name="payments-dev")


# What a push does


def test_an_approved_request_becomes_what_is_in_aws(asked, retail, simulated_aws):
    run = pushed(retail)
    asked.refresh_from_db()
    assert (run.state, run.error) == ("succeeded", "")
    assert asked.state == "applied"
    assert set(standing().values()) == {"in_sync"}
    live = windows(simulated_aws)
    assert {name: row["Enabled"] for name, row in live.items()} == {"payments-dev": True, DAILY_SCAN: True}
    ssm, window_id = simulated_aws.client("ssm"), live["payments-dev"]["WindowId"]
    targets = ssm.describe_maintenance_window_targets(WindowId=window_id)["Targets"]
    assert [one["Targets"] for one in targets] == [
        [{"Key": "tag:MaintenanceWindow", "Values": ["payments-dev"]}]
    ]
    (task,) = ssm.describe_maintenance_window_tasks(WindowId=window_id)["Tasks"]
    assert task["TaskArn"] == "AWS-RunPatchBaseline"
    judge = ssm.get_patch_baseline_for_patch_group(PatchGroup="payments-dev", OperatingSystem="WINDOWS")
    assert judge["BaselineId"] == resource("baseline").aws_id
    for server in pushing.servers():
        tags = tags_of(simulated_aws, server.instance_id)
        assert (tags["PatchGroup"], tags["MaintenanceWindow"]) == ("payments-dev", "payments-dev")


def test_a_second_push_writes_nothing(asked, retail, simulated_aws):
    pushed(retail)
    before = len(simulated_aws.log())
    run = pushed(retail)
    assert (run.state, run.writes, run.plan) == ("succeeded", 0, [])
    assert len(simulated_aws.log()) == before
    assert not Operation.objects.exclude(state="done").exists()


def test_what_stands_as_it_should_costs_a_push_no_questions_of_its_own(asked, retail, simulated_aws, rita):
    def questions() -> int:
        pushed(retail)
        with CaptureQueriesContext(connection) as asked_for:
            assert pushed(retail).writes == 0
        return sum(
            "clockshift" not in one["sql"] for one in asked_for
        )  # the demo's clock is asked each second

    before, resources = questions(), ResourceState.objects.count()
    tasks = [{"name": f"Scan {number}", "kind": "scan"} for number in range(5)]
    approved(rita, [change(window_row(), "window", tasks=tasks)])
    assert questions() == before
    assert ResourceState.objects.filter(condition="in_sync").count() >= resources + 4


def test_a_window_rests_until_it_is_complete(asked, retail, simulated_aws):
    pushed(retail)
    window_id = windows(simulated_aws)["payments-dev"]["WindowId"]
    steps = []
    for entry in simulated_aws.log():
        request = entry["request"]
        if window_id in (request.get("WindowId"), "") or request.get("Name") == "payments-dev":
            steps.append(entry["operation"] + {True: " on", False: " off"}.get(request.get("Enabled"), ""))
    assert steps == [
        "CreateMaintenanceWindow",
        "UpdateMaintenanceWindow off",
        "RegisterTargetWithMaintenanceWindow",
        "RegisterTaskWithMaintenanceWindow",
        "UpdateMaintenanceWindow on",
    ]


def test_every_write_was_written_down_with_its_token_before(asked, retail, simulated_aws):
    pushed(retail)
    written = {str(operation.uid): operation.request for operation in Operation.objects.all()}
    with_token = [one for one in simulated_aws.log() if one["request"].get("ClientToken")]
    assert len(with_token) == 7  # a baseline, two windows, two targets, two tasks
    for entry in with_token:
        assert written[entry["request"]["ClientToken"]] == entry["request"]
    assert Operation.objects.count() == len(simulated_aws.log())


@pytest.mark.django_db(transaction=True)
def test_no_transaction_is_open_while_aws_is_asked(asked, retail):
    open_ones = []
    clients = session.clients(retail)
    for client in (clients.ssm, clients.ec2, clients.scheduler):
        client.meta.events.register(
            "before-call", lambda model, **_: open_ones.append((model.name, connection.in_atomic_block))
        )
    pushed(retail)
    assert len(open_ones) > 30
    assert [name for name, inside in open_ones if inside] == []


def test_nothing_is_written_before_it_is_approved(retail, simulated_aws, rita):
    pushing.asks.submitted(rita, pushing.small_items())
    assert pushed(retail).state == "succeeded"
    assert simulated_aws.log() == []


def test_the_gate_stops_a_push_whose_request_is_no_longer_what_was_approved(
    asked, retail, simulated_aws, meanwhile
):
    def changed_since():
        MaintenanceWindow.objects.update(spec={**window_row().spec, "duration": 6})

    meanwhile("plan-written", 1, changed_since)
    assert pushed(retail).state == "partial"
    assert "payments-dev" not in windows(simulated_aws)
    assert "What was approved has changed" in resource("window", label="payments-dev").condition_text


def test_a_request_taken_back_on_the_way_closes_the_gate(asked, retail, simulated_aws, meanwhile):
    meanwhile("plan-written", 1, lambda: ChangeRequest.objects.update(state="withdrawn"))
    pushed(retail)
    # the daily scan is policy, not part of the request
    assert {
        entry["request"].get("Name", DAILY_SCAN) for entry in simulated_aws.log("CreateMaintenanceWindow")
    } == {DAILY_SCAN}
    assert simulated_aws.log("CreatePatchBaseline", "CreateTags") == []
    assert "No valid decision" in resource("baseline").condition_text


# Changes and removals


@pytest.mark.slow
def test_a_changed_baseline_is_changed_in_place(asked, retail, simulated_aws, rita):
    pushed(retail)
    before = resource("baseline").aws_id
    row = PatchBaseline.objects.get()
    rule = {**pushing.EVERYTHING, "ApproveAfterDays": 7}
    definition = {**row.spec["definition"], "ApprovalRules": {"PatchRules": [rule]}}
    request = approved(rita, [change(row, "baseline", definition=definition)])
    run = pushed(retail)
    assert [step["action"] for step in run.plan] == ["update"]
    live = simulated_aws.client("ssm").get_patch_baseline(BaselineId=before)
    assert live["ApprovalRules"]["PatchRules"][0]["ApproveAfterDays"] == 7
    request.refresh_from_db()
    assert (request.state, resource("baseline").aws_id) == ("applied", before)


@pytest.mark.slow
def test_a_new_task_comes_in_while_the_window_rests(asked, retail, simulated_aws, rita):
    pushed(retail)
    tasks_now = [
        *window_row().spec["tasks"],
        {
            "name": "Check",
            "kind": "post",
            "document": "AWS-RunPowerShellScript",
            "parameters": {"commands": ["Get-Service payments"]},
        },
    ]
    approved(rita, [change(window_row(), "window", tasks=tasks_now)])
    mark = len(simulated_aws.log())
    assert pushed(retail).state == "succeeded"
    assert [entry["operation"] for entry in simulated_aws.log()[mark:]] == [
        "UpdateMaintenanceWindow",
        "RegisterTaskWithMaintenanceWindow",
        "UpdateMaintenanceWindow",
    ]
    assert windows(simulated_aws)["payments-dev"]["Enabled"]


def test_a_removed_window_is_disabled_first_and_gives_its_tags_back(
    asked, retail, simulated_aws, rita, settings
):
    settings.PUSH_MAX_DELETE_SHARE = 0.8
    server = pushing.servers()[0]
    simulated_aws.client("ec2").create_tags(
        Resources=[server.instance_id], Tags=[{"Key": "MaintenanceWindow", "Value": ""}]
    )
    pushed(retail)
    window_id = windows(simulated_aws)["payments-dev"]["WindowId"]
    request = approved(rita, [removal(window_row(), "window")])
    mark = len(simulated_aws.log())
    run = pushed(retail)
    assert (run.state, run.error) == ("succeeded", "")
    about = [one for one in simulated_aws.log()[mark:] if one["request"].get("WindowId") == window_id]
    assert [one["operation"] for one in about] == [
        "UpdateMaintenanceWindow",
        "DeregisterTaskFromMaintenanceWindow",
        "DeregisterTargetFromMaintenanceWindow",
        "DeleteMaintenanceWindow",
    ]
    assert set(windows(simulated_aws)) == {DAILY_SCAN}
    with_earlier, without = (tags_of(simulated_aws, one.instance_id) for one in pushing.servers())
    assert with_earlier["MaintenanceWindow"] == ""
    assert "MaintenanceWindow" not in without
    request.refresh_from_db()
    assert request.state == "applied"
    assert not Tombstone.objects.filter(buried_at=None).exists()


def test_what_nobody_decided_to_remove_is_reported_and_left_alone(asked, retail, simulated_aws):
    pushed(retail)
    MaintenanceWindow.objects.update(retired_at=clock.now())
    mark = len(simulated_aws.log())
    run = pushed(retail)
    assert len(simulated_aws.log()) == mark
    assert "orphan" in {step["action"] for step in run.plan}
    assert "payments-dev" in windows(simulated_aws)
    assert "left alone" in resource("window", label="payments-dev").condition_text


def test_a_plan_that_takes_too_much_away_refuses_itself(asked, retail, simulated_aws, rita):
    pushed(retail)
    mark = len(simulated_aws.log())
    request = approved(
        rita,
        [
            removal(window_row(), "window"),
            removal(PatchGroup.objects.get(), "patch-group"),
            removal(PatchBaseline.objects.get(), "baseline"),
        ],
    )
    run = pushed(retail)
    assert run.state == "refused"
    assert "delete or disable 12 of 12" in run.error
    assert len(simulated_aws.log()) == mark
    request.refresh_from_db()
    assert request.state == "failed"
    assert request.outcome_note.endswith(run.error)


def test_a_group_changes_its_baseline_only_while_its_window_rests(asked, retail, simulated_aws, rita):
    pushed(retail)
    old = resource("baseline").aws_id
    items = [
        pushing.baseline_item("payments-strict"),
        change(PatchGroup.objects.get(), "patch-group", baselines={"WINDOWS": "payments-strict"}),
    ]
    approved(rita, items)
    mark = len(simulated_aws.log())
    run = pushed(retail)
    assert (run.state, run.error) == ("succeeded", "")
    assert [entry["operation"] for entry in simulated_aws.log()[mark:]] == [
        "UpdateMaintenanceWindow",
        "CreatePatchBaseline",
        "DeregisterPatchBaselineForPatchGroup",
        "RegisterPatchBaselineForPatchGroup",
        "DeletePatchBaseline",
        "UpdateMaintenanceWindow",
    ]
    judge = simulated_aws.client("ssm").get_patch_baseline_for_patch_group(
        PatchGroup="payments-dev", OperatingSystem="WINDOWS"
    )
    assert judge["BaselineId"] not in ("", old)
    assert windows(simulated_aws)["payments-dev"]["Enabled"]


@pytest.mark.slow
def test_a_baseline_is_not_taken_from_under_a_run(asked, retail, simulated_aws, rita):
    pushed(retail)
    window_id = resource("window", label="payments-dev").aws_id
    region = simulated_aws.world.region(RETAIL, "eu-central-1")
    region.executions.append(
        {
            "WindowId": window_id,
            "WindowExecutionId": "11111111-2222-3333-4444-555555555555",
            "Status": "IN_PROGRESS",
            "StartTime": simulated_aws.now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "Tasks": [],
        }
    )
    approved(
        rita,
        [
            pushing.baseline_item("payments-strict"),
            change(PatchGroup.objects.get(), "patch-group", baselines={"WINDOWS": "payments-strict"}),
        ],
    )
    mark = len(simulated_aws.log())
    run = pushed(retail)
    assert run.state == "partial"
    assert [entry["operation"] for entry in simulated_aws.log()[mark:]] == ["CreatePatchBaseline"]
    assert "Waits until the run of payments-dev has ended" in resource("registration").condition_text
    assert windows(simulated_aws)["payments-dev"]["Enabled"]
    retail.refresh_from_db()
    assert retail.push_done < retail.push_wanted


# What happens outside


def test_what_was_deleted_outside_comes_back_once(asked, retail, simulated_aws):
    pushed(retail)
    state = resource("window", label="payments-dev")
    simulated_aws.client("ssm").delete_maintenance_window(WindowId=state.aws_id)
    run = pushed(retail)
    assert (run.state, run.error) == ("succeeded", "")
    again = resource("window", label="payments-dev")
    assert again.incarnation == state.incarnation + 1
    assert windows(simulated_aws)["payments-dev"]["WindowId"] == again.aws_id != state.aws_id
    entry = AuditEntry.objects.get(action="patching.resourcestate.missing", object_id=str(state.pk))
    assert state.aws_id in entry.reason
    assert pushed(retail).writes == 0


def test_what_was_edited_outside_is_told_and_restored(asked, retail, simulated_aws):
    pushed(retail)
    window_id = resource("window", label="payments-dev").aws_id
    simulated_aws.client("ssm").update_maintenance_window(WindowId=window_id, Duration=9, Enabled=False)
    run = pushed(retail)
    (update, enable) = run.plan
    assert update["changes"] == [{"field": "duration", "live": "9", "desired": "4"}]
    assert (update["reason"], enable["reason"]) == ("Changed outside Patchwarden",) * 2
    assert AuditEntry.objects.filter(action="patching.resourcestate.drifted").exists()
    live = windows(simulated_aws)["payments-dev"]
    assert (live["Duration"], live["Enabled"]) == (4, True)


def test_what_lost_its_mark_is_left_alone(asked, retail, simulated_aws):
    pushed(retail)
    window_id = resource("window", label="payments-dev").aws_id
    simulated_aws.client("ssm").remove_tags_from_resource(
        ResourceType="MaintenanceWindow", ResourceId=window_id, TagKeys=[marks.RESOURCE]
    )
    mark = len(simulated_aws.log())
    run = pushed(retail)
    assert run.state == "partial"
    assert len(simulated_aws.log()) == mark
    assert "no longer carries our mark" in resource("window", label="payments-dev").condition_text


@pytest.mark.slow
def test_a_window_of_somebody_else_with_our_name_is_not_touched(asked, retail, simulated_aws):
    theirs = simulated_aws.client("ssm").create_maintenance_window(
        Name="payments-dev", Schedule="rate(7 days)", Duration=2, Cutoff=0, AllowUnassociatedTargets=True
    )["WindowId"]
    mark = len(simulated_aws.log())
    assert pushed(retail).state == "succeeded"
    assert [one for one in simulated_aws.log()[mark:] if one["request"].get("WindowId") == theirs] == []


@pytest.mark.slow
def test_a_second_one_of_ours_is_put_to_rest_and_reported(asked, retail, simulated_aws):
    pushed(retail)
    state = resource("window", label="payments-dev")
    twin = simulated_aws.client("ssm").create_maintenance_window(
        Name="payments-dev",
        Schedule="rate(7 days)",
        Duration=2,
        Cutoff=0,
        AllowUnassociatedTargets=False,
        Tags=marks.Mark("patchwarden", state.uid, 1).tags(),
    )["WindowId"]
    pushed(retail)
    live = simulated_aws.client("ssm").describe_maintenance_windows()["WindowIdentities"]
    assert {row["WindowId"]: row["Enabled"] for row in live if row["Name"] == "payments-dev"} == {
        state.aws_id: True,
        twin: False,
    }
    state.refresh_from_db()
    assert state.condition == "failed"
    assert f"Remove {twin} by hand" in state.condition_text


def test_a_tag_that_somebody_else_wrote_is_not_overwritten(asked, retail, simulated_aws):
    pushed(retail)
    server = pushing.servers()[0].instance_id
    simulated_aws.client("ec2").create_tags(
        Resources=[server], Tags=[{"Key": "PatchGroup", "Value": "somebody-elses"}]
    )
    run = pushed(retail)
    assert (run.state, run.writes) == ("partial", 0)
    state = resource("tag", key=f"{server}:PatchGroup")
    assert state.condition == "drifted"
    assert "changed outside to “somebody-elses”" in state.condition_text
    assert tags_of(simulated_aws, server)["PatchGroup"] == "somebody-elses"


# Answers that never come, and refusals


def test_a_lost_answer_makes_no_second_window(asked, retail, simulated_aws):
    simulated_aws.inject("lost-reply", operation="CreateMaintenanceWindow", count=3)
    run = pushed(retail)
    assert run.state in ("partial", "failed")
    simulated_aws.inject("forget-tokens")
    assert Operation.objects.filter(state="intent").count() == 1
    run = pushed(retail)
    assert (run.state, run.error) == ("succeeded", "")
    assert len(windows(simulated_aws)) == 2
    assert not Operation.objects.filter(state="intent").exists()


@pytest.mark.slow
def test_a_write_that_never_arrived_is_repeated_as_it_was_after_a_while(
    asked, retail, simulated_aws, settings
):
    settings.PUSH_SETTLE_SECONDS = 60
    simulated_aws.inject("cut", operation="CreateMaintenanceWindow", count=3)
    pushed(retail)
    (open_one,) = Operation.objects.filter(state="intent")
    run = pushed(retail)
    assert run.state == "partial"
    assert "AWS may still show it" in ResourceState.objects.get(pk=open_one.resource_id).condition_text
    open_one.refresh_from_db()
    assert (open_one.state, open_one.attempts) == ("intent", 1)
    Operation.objects.update(intent_at=F("intent_at") - timedelta(seconds=61))
    assert pushed(retail).state == "succeeded"
    open_one.refresh_from_db()
    assert (open_one.state, open_one.attempts) == ("done", 2)
    sent = [one["request"]["ClientToken"] for one in simulated_aws.log("CreateMaintenanceWindow")]
    assert sent.count(str(open_one.uid)) == 1
    assert len(sent) == 2


@pytest.mark.slow
def test_a_spent_token_leads_to_a_new_life(asked, retail, simulated_aws):
    simulated_aws.inject("error", operation="CreateMaintenanceWindow", code="IdempotentParameterMismatch")
    assert pushed(retail).state == "partial"
    assert pushed(retail).state == "succeeded"
    assert sorted(ResourceState.objects.filter(kind="window").values_list("incarnation", flat=True)) == [1, 2]


@pytest.mark.slow
def test_what_a_comparison_began_goes_on_when_the_pause_is_over(asked, retail, simulated_aws):
    pushed(retail)
    AccountRegion.objects.update(next_push_at=clock.now() - timedelta(seconds=1))
    ssm, window_id = simulated_aws.client("ssm"), windows(simulated_aws)["payments-dev"]["WindowId"]
    (task,) = ssm.describe_maintenance_window_tasks(WindowId=window_id)["Tasks"]
    simulated_aws.delete("task", task["WindowTaskId"])
    simulated_aws.inject("throttle", operation="RegisterTaskWithMaintenanceWindow", count=8)
    assert push.push(retail, trigger="tick").state in ("failed", "partial")
    assert not windows(simulated_aws)["payments-dev"]["Enabled"]

    AccountRegion.objects.update(backoff_until=clock.real_now() - timedelta(seconds=1))

    assert retail in turns.due()


def test_busy_aws_is_left_in_peace_for_a_while(asked, retail, simulated_aws, monkeypatch):
    monkeypatch.setattr(session, "THROTTLED_PAUSE", 0.001)
    tries = session.THROTTLED_TRIES
    simulated_aws.inject("throttle", operation="RegisterTargetWithMaintenanceWindow", count=tries)
    run = pushed(retail)
    retail.refresh_from_db()
    assert run.error_code == "ThrottlingException"
    assert retail.backoff_until > clock.real_now()
    assert retail.push_done < retail.push_wanted
    assert retail not in turns.due()
    assert "AWS is busy" in retail.last_error


def test_one_refusal_does_not_stop_the_others(asked, retail, simulated_aws, opal):
    message = "The document is not known."
    simulated_aws.inject(
        "error",
        operation="RegisterTaskWithMaintenanceWindow",
        code="ValidationException",
        message=message,
        count=2,
    )
    run = pushed(retail)
    asked.refresh_from_db()
    assert (run.state, asked.state) == ("partial", "partially_applied")
    assert message in resource("task", label="payments-dev: Install").condition_text
    assert message in asked.outcome_note
    assert {name: row["Enabled"] for name, row in windows(simulated_aws).items()} == {
        "payments-dev": False,
        DAILY_SCAN: False,
    }
    assert "Waits for payments-dev: Install" in resource("window", label="payments-dev").condition_text
    assert resource("baseline").condition == "in_sync"
    retail.refresh_from_db()
    assert retail.push_done == retail.push_wanted
    assert pushed(retail).writes == 0  # the same answer is not asked for again at once
    workflow.retry(asked, by=opal)
    assert pushed(retail).state == "succeeded"
    asked.refresh_from_db()
    assert asked.state == "applied"


def test_a_revoked_role_is_told_and_heals_by_itself(asked, retail, simulated_aws):
    right = retail.account.external_id
    type(retail.account).objects.update(external_id="wrong-external-id")
    run = pushed(retail)
    retail.refresh_from_db()
    assert (run.state, run.error_code, run.writes) == ("failed", "AccessDenied", 0)
    assert "Assuming PatchwardenRole" in retail.last_error
    type(retail.account).objects.update(external_id=right)
    assert pushed(retail).state == "succeeded"
    retail.refresh_from_db()
    assert (retail.last_error, retail.failures, retail.backoff_until) == ("", 0, None)


# One at a time, and what outlives a worker


def test_two_workers_do_not_push_the_same_place(asked, retail, simulated_aws):
    held = lease.take(retail)
    assert push.push(retail, trigger="second") is None
    lease.release(held)
    assert pushed(retail).state == "succeeded"


def test_a_worker_that_lost_its_lease_writes_nothing_more(asked, retail, simulated_aws, meanwhile):
    def somebody_takes_over():
        AccountRegion.objects.update(lease_until=None)
        assert lease.take(retail) is not None

    meanwhile("call-returned", 1, somebody_takes_over)
    run = pushed(retail)
    assert run.state == "running"  # whoever took over closes it
    assert Operation.objects.filter(state="intent").count() == 1
    assert len(simulated_aws.log()) == 1


@pytest.mark.slow
def test_the_run_of_a_lost_worker_is_closed_by_the_next(asked, retail, simulated_aws):
    lost = PushRun.objects.create(
        account_region=retail, trigger="tick", generation=1, fence=1, started_at=clock.now()
    )
    assert pushed(retail).state == "succeeded"
    lost.refresh_from_db()
    assert (lost.state, lost.error_code) == ("abandoned", "worker_lost")


def test_a_fault_of_our_own_ends_the_run_and_frees_the_place(asked, retail, meanwhile):
    def fall_over():
        raise KeyError("a mistake of ours")

    meanwhile("plan-written", 1, fall_over)
    with pytest.raises(KeyError):
        pushed(retail)
    retail.refresh_from_db()
    assert (PushRun.objects.get().state, PushRun.objects.get().error_code) == ("failed", "internal")
    assert (retail.lease_until, retail.failures) == (None, 1)
    assert retail.backoff_until > clock.real_now()


# Exemptions


def deferral(days: int = 3) -> Waiver:
    server = pushing.servers()[0]
    return Waiver.objects.create(
        instance=server,
        source="exemption:1",
        source_digest="d" * 64,
        restores_to="payments-dev",
        starts_at=clock.now(),
        ends_at=clock.now() + timedelta(days=days),
    )


def test_the_way_back_stands_before_an_instance_leaves_its_window(asked, retail, simulated_aws):
    pushed(retail)
    waiver = deferral()
    mark = len(simulated_aws.log())
    assert pushed(retail).state == "succeeded"
    assert [entry["operation"] for entry in simulated_aws.log()[mark:]] == [
        "CreateScheduleGroup",
        "CreateSchedule",
        "CreateTags",
    ]
    instance_id = waiver.instance.instance_id
    assert tags_of(simulated_aws, instance_id)["MaintenanceWindow"] == DEFERRED
    retail.refresh_from_db()
    assert retail.next_push_at <= waiver.ends_at
    simulated_aws.advance(to=waiver.ends_at + timedelta(minutes=1))  # the portal sleeps; AWS acts alone
    assert tags_of(simulated_aws, instance_id)["MaintenanceWindow"] == "payments-dev"
    clock.set_to(simulated_aws.now)
    session.forget()
    run = pushed(retail)
    assert (run.state, run.writes) == ("succeeded", 0)
    assert resource("schedule").condition == "removed"


@pytest.mark.slow
def test_without_a_way_back_the_instance_stays_in_its_window(asked, retail, simulated_aws):
    pushed(retail)
    waiver = deferral()
    simulated_aws.inject("error", operation="CreateSchedule", code="ValidationException", message="No.")
    assert pushed(retail).state == "partial"
    assert tags_of(simulated_aws, waiver.instance.instance_id)["MaintenanceWindow"] == "payments-dev"
    assert (
        "Waits for" in resource("tag", key=f"{waiver.instance.instance_id}:MaintenanceWindow").condition_text
    )


# When to come back


def test_the_tick_wakes_for_what_is_due_and_leaves_a_heartbeat(
    asked, retail, monkeypatch, django_capture_on_commit_callbacks
):
    woken = []
    monkeypatch.setattr(current_app, "send_task", lambda name, args, **_: woken.append((name, *args)))
    with django_capture_on_commit_callbacks(execute=True):
        tasks.tick()
    assert woken == [
        ("patching.push_account_region", retail.pk, "tick"),
        ("patching.pull_account_region", retail.pk),
    ]
    assert Heartbeat.objects.get(name="tick").at <= clock.real_now()


def test_a_hundred_nudges_more_write_nothing_more(asked, retail, simulated_aws):
    tasks.push_account_region(retail.pk)
    before, runs = len(simulated_aws.log()), PushRun.objects.count()
    assert before > 0
    for _ in range(100):
        tasks.push_account_region(retail.pk)
    assert len(simulated_aws.log()) == before
    assert PushRun.objects.count() == runs


def test_whoever_asked_is_told_of_the_end(asked, retail, rita):
    pushed(retail)
    progress.settle(retail)  # once more, as after a crash
    assert OutboxMessage.objects.filter(recipient=rita, event="request.applied").count() == 1


def test_a_request_without_effect_in_aws_is_applied_by_the_tick(retail, rita):
    request = approved(rita, [pushing.baseline_item("payments-unused")])
    progress.settle_idle()
    request.refresh_from_db()
    assert (request.state, request.outcome_note) == ("applied", "Nothing had to change in AWS.")


def test_removing_what_never_came_to_aws_is_applied_without_a_write(asked, retail, simulated_aws, rita):
    ChangeRequest.objects.filter(pk=asked.pk).update(state="applied")
    request = approved(rita, [removal(window_row(), "window")])
    progress.settle_idle()
    request.refresh_from_db()
    assert request.state == "applied"
    assert simulated_aws.log() == []


def test_a_request_is_stale_when_what_it_rests_on_has_moved(retail, simulated_aws, rita):
    more = [factories.instance(factories.application(), "dev", retail) for _ in range(6)]
    request = approved(rita, pushing.small_items())
    for server in more:
        server.gone_at = clock.now()
        server.save()
    pushed(retail)
    request.refresh_from_db()
    assert request.state == "stale"
    assert "6 instances are gone" in request.outcome_note
    assert simulated_aws.log() == []
