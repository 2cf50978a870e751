"""What AWS holds is said as a request would ask for it, or it is said why not."""

import pytest

from patching import from_aws
from patching.desired import _task as compiled
from patching.specs import TaskSpec, WindowSpec, to_plain

WINDOW = WindowSpec(
    name="legacy",
    description="",
    schedule="cron(0 2 ? * SUN *)",
    timezone="UTC",
    offset=0,
    duration=4,
    cutoff=1,
    start_date="2026-07-01T00:00:00Z",
    end_date="",
    enabled=True,
)


def a_task(document="AWS-RunPatchBaseline", priority=10, **parameters):
    return to_plain(
        TaskSpec(
            window="w",
            targets=frozenset({"t"}),
            label="Install",
            task_type="RUN_COMMAND",
            document=document,
            priority=priority,
            max_concurrency="2",
            max_errors="1",
            cutoff_behavior="CANCEL_TASK",
            parameters=tuple(sorted((name, tuple(values)) for name, values in parameters.items())),
        )
    )


def test_a_window_keeps_the_day_of_a_date_and_not_that_it_is_enabled():
    found = from_aws.window_fields(to_plain(WINDOW))
    assert (found["start_date"], found["end_date"], "enabled" in found) == ("2026-07-01", "", False)


def test_a_task_comes_back_as_the_very_same_spec():
    plain = a_task(Operation=["Install"], RebootOption=["NoReboot"])
    asked = from_aws.task(plain, "Install")
    assert (asked["kind"], asked["reboot"], asked["parameters"]) == ("install", "NoReboot", {})
    assert to_plain(compiled("w", "t", asked)) == plain


@pytest.mark.parametrize(("priority", "kind"), [(1, "pre"), (20, "post")])
def test_another_document_stands_before_or_after_patching_by_its_priority(priority, kind):
    assert from_aws.task(a_task("Take-Snapshot", priority, Wait=["yes"]), "x")["kind"] == kind


@pytest.mark.parametrize(("operation", "kind"), [("Install", "install"), ("Scan", "scan")])
def test_somebody_s_own_document_patches_where_it_is_told_what_aws_s_is_told(operation, kind):
    plain = a_task("Payments-Patch", 30, Operation=[operation], RebootOption=["NoReboot"], Wait=["yes"])
    asked = from_aws.task(plain, "Install")
    assert (asked["kind"], asked["parameters"]) == (kind, {"Wait": ["yes"]})
    assert to_plain(compiled("w", "t", asked)) == plain


@pytest.mark.parametrize(
    ("plain", "words"),
    [
        ({**a_task(), "task_type": "LAMBDA"}, "no Systems Manager document"),
        (a_task(Operation=["Rollback"]), "neither installs nor scans"),
        (a_task(Operation=[]), "neither installs nor scans"),
    ],
)
def test_what_patchwarden_does_not_run_is_refused(plain, words):
    with pytest.raises(from_aws.CannotBeAskedForError, match=words):
        from_aws.task(plain, "x")


def a_reply(**changes):
    """What GetMaintenanceWindowTask says."""
    given = {
        "WindowId": "mw-1",
        "WindowTaskId": "t-1",
        "TaskArn": "AWS-RunPatchBaseline",
        "TaskType": "RUN_COMMAND",
        "Targets": [{"Key": "WindowTargetIds", "Values": ["target-1"]}],
        "Priority": 10,
        "MaxConcurrency": "2",
        "MaxErrors": "1",
        "TaskInvocationParameters": {"RunCommand": {"Parameters": {"Operation": ["Install"]}}},
    }
    return {**given, **changes}


LISTED = {
    "Name": "legacy-sunday",
    "Schedule": "cron(0 2 ? * SUN *)",
    "Duration": 3,
    "Cutoff": 1,
    "Enabled": True,
}


def test_somebody_elses_window_is_said_as_a_request_would_ask_for_it():
    found = from_aws.window_as_found({"listed": LISTED, "tasks": [a_reply(), a_reply(Name="Install")]})
    assert (found.spec["name"], found.spec["duration"], found.spec["timezone"]) == ("legacy-sunday", 3, "UTC")
    assert [one["name"] for one in found.spec["tasks"]] == ["Install", "Install 2"]
    assert found.spec["tasks"][0]["kind"] == "install"
    assert found.left_out == ()


def test_a_task_that_no_request_can_say_is_named_as_left_out():
    lambda_ = a_reply(TaskArn="arn:aws:lambda:eu-central-1:1:function:x", TaskType="LAMBDA")
    found = from_aws.window_as_found({"listed": LISTED, "tasks": [lambda_, a_reply()]})
    assert [one["name"] for one in found.spec["tasks"]] == ["Install"]
    assert "function:x (lambda) is no Systems Manager document" in found.left_out[0]


def test_two_long_names_stay_two_and_within_the_limit():
    found = from_aws.window_as_found({"listed": LISTED, "tasks": [a_reply(Name="x" * 90)] * 2})
    first, second = (one["name"] for one in found.spec["tasks"])
    assert (len(first), len(second), first != second) == (60, 60, True)


def test_somebody_elses_baseline_keeps_its_rules():
    reply = {
        "BaselineId": "pb-1",
        "Name": "legacy-win",
        "OperatingSystem": "WINDOWS",
        "RejectedPatches": ["KB5034441"],
        "PatchGroups": ["web"],
        "CreatedDate": "2026-01-01",
    }
    found = from_aws.baseline_as_found({"reply": reply})
    assert found.spec == {
        "name": "legacy-win",
        "definition": {"OperatingSystem": "WINDOWS", "RejectedPatches": ["KB5034441"]},
    }
