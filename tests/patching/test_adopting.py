"""What somebody else made comes under management by request: marked as approved, then made what was asked for."""

from typing import Any

import pytest

from patching import pull, workflow
from patching.models import AccountRegion, Adoption, MaintenanceWindow, ResourceState, Unmanaged
from portal.governance import clock
from portal.governance.errors import DomainError, InvalidInput
from tests import asks, factories, people, pushing
from tests.pushing import approved, pushed
from tests.simulated_aws import RETAIL, SimulatedAws


@pytest.fixture
def theirs(retail: AccountRegion, simulated_aws: SimulatedAws) -> str:
    """A window that somebody made by hand, with a target and a task."""
    ssm = simulated_aws.client("ssm")
    window_id = ssm.create_maintenance_window(
        Name="legacy-patching", Schedule="rate(7 days)", Duration=3, Cutoff=1, AllowUnassociatedTargets=False
    )["WindowId"]
    target = ssm.register_target_with_maintenance_window(
        WindowId=window_id, ResourceType="INSTANCE", Targets=[{"Key": "tag:App", "Values": ["payments"]}]
    )["WindowTargetId"]
    ssm.register_task_with_maintenance_window(
        WindowId=window_id,
        TaskType="RUN_COMMAND",
        TaskArn="AWS-RunPatchBaseline",
        Targets=[{"Key": "WindowTargetIds", "Values": [target]}],
        MaxConcurrency="1",
        MaxErrors="1",
        TaskInvocationParameters={"RunCommand": {"Parameters": {"Operation": ["Install"]}}},
    )
    pull.pull(retail)
    return window_id


def adoption(**changes: Any) -> dict[str, Any]:
    found = Unmanaged.objects.get(kind="window")
    item = asks.window_item([pushing.servers()[0]], name="payments-dev", **changes)
    return {**item, "action": "adopt", "target": found.pk}


def held_by(aws: SimulatedAws, window_id: str) -> tuple[list[Any], list[Any]]:
    region = aws.world.region(RETAIL, "eu-central-1")
    return tuple(
        [one for one in rows.values() if one["WindowId"] == window_id]
        for rows in (region.targets, region.tasks)
    )


def test_what_a_stranger_left_in_it_goes_also_when_the_mark_was_refused_once(
    theirs, retail, simulated_aws, rita, settings
):
    settings.PUSH_MAX_DELETE_SHARE = 0.9
    request = approved(rita, [adoption()])
    simulated_aws.deny("AddTagsToResource")
    pushed(retail)
    simulated_aws.clear_faults("deny")
    for _ in range(4):
        ResourceState.objects.update(retry_at=None)
        pushed(retail)
    targets, tasks = held_by(simulated_aws, theirs)
    assert [one["Targets"][0]["Key"] for one in targets] == ["tag:MaintenanceWindow"]
    assert len(tasks) == 1
    request.refresh_from_db()
    assert request.state == "applied"


def test_it_is_marked_first_and_then_becomes_what_was_asked_for(theirs, retail, simulated_aws, rita):
    request = approved(rita, [adoption()])
    mark = len(simulated_aws.log())

    first = pushed(retail)

    assert [one["operation"] for one in simulated_aws.log()[mark:]][0] == "AddTagsToResource"
    assert first.state == "partial"
    assert len(held_by(simulated_aws, theirs)[0]) == 1  # nothing but the mark was written to it
    assert pushed(retail).state == "succeeded"
    window = simulated_aws.client("ssm").get_maintenance_window(WindowId=theirs)
    assert (window["Name"], window["Duration"], window["Enabled"]) == ("payments-dev", 4, True)
    targets, tasks = held_by(simulated_aws, theirs)
    assert [one["Targets"] for one in targets] == [
        [{"Key": "tag:MaintenanceWindow", "Values": ["payments-dev"]}]
    ]
    assert [one["Name"].split(".")[0] for one in tasks] == ["pw"]
    request.refresh_from_db()
    assert request.state == "applied"
    assert Adoption.objects.get().done_at is not None
    assert pushed(retail).writes == 0
    pull.pull(retail)
    assert not Unmanaged.objects.filter(aws_id=theirs, gone_at=None).exists()


def test_what_changed_since_the_approval_is_not_touched(theirs, retail, simulated_aws, rita):
    request = approved(rita, [adoption()])
    simulated_aws.edit("window", theirs, Duration=9)
    mark = [one["operation"] for one in simulated_aws.log()]

    run = pushed(retail)

    after = [one["operation"] for one in simulated_aws.log()][len(mark) :]
    assert "AddTagsToResource" not in after
    assert any("changed in AWS since its adoption was approved" in one["reason"] for one in run.plan)
    request.refresh_from_db()
    assert request.state in ("pushing", "partially_applied", "failed")


def test_taking_the_request_back_takes_the_leave_back(theirs, retail, simulated_aws, rita):
    request = approved(rita, [adoption()])
    workflow.withdraw(request, by=rita)

    pushed(retail)

    assert not Adoption.objects.exists()
    assert simulated_aws.log("AddTagsToResource") == []
    assert not MaintenanceWindow.objects.live().exists()
    assert len(held_by(simulated_aws, theirs)[0]) == 1


def test_a_baseline_is_adopted_with_the_groups_that_use_it(retail, simulated_aws, rita):
    ssm = simulated_aws.client("ssm")
    item = pushing.baseline_item("legacy-win")
    baseline_id = ssm.create_patch_baseline(
        Name="legacy-win",
        OperatingSystem="WINDOWS",
        ApprovalRules=item["spec"]["definition"]["ApprovalRules"],
    )["BaselineId"]
    pull.pull(retail)
    found = Unmanaged.objects.get(kind="baseline")
    approved(rita, [{**item, "action": "adopt", "target": found.pk}, pushing.group_item("legacy-win")])

    pushed(retail)

    assert pushed(retail).state == "succeeded"
    assert simulated_aws.log("CreatePatchBaseline")[1:] == []  # the one made by hand, above
    group = ssm.get_patch_baseline_for_patch_group(PatchGroup="payments-dev")
    assert group["BaselineId"] == baseline_id


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ({"target": 4711}, "There is no window outside Patchwarden's management with the id 4711."),
        ({"target": None}, "Name the id of what is to be adopted"),
        ({"kind": "patch-group"}, "A patch group is not adopted by itself"),
    ],
)
def test_what_cannot_be_adopted_is_said_with_the_field(theirs, rita, item, message):
    with pytest.raises(InvalidInput) as refused:
        asks.drafted(rita, [{**adoption(), **item}])
    assert message in str([problem.message for problem in refused.value.problems])


def test_it_has_to_stay_where_it_is(theirs, retail, simulated_aws):
    factories.account_region(retail.account, "eu-west-1")
    spec = {**adoption()["spec"], "region": "eu-west-1"}
    with pytest.raises(InvalidInput) as refused:
        asks.drafted(people.person("rita"), [{**adoption(), "spec": spec}])
    assert "elsewhere" in {problem.code for problem in refused.value.problems}


def test_what_reaches_production_needs_the_words_that_production_needs(theirs, retail, simulated_aws, rita):
    one = pushing.servers()[1]
    type(one).objects.filter(pk=one.pk).update(environment=factories.environment("prod"))
    request = asks.submitted(rita, [adoption()])
    assert set(request.needs) == {"team_lead", "security_operations"}


def test_the_id_of_what_is_adopted_hides_no_window_of_ours(theirs, retail, simulated_aws, rita):
    approved(rita, [asks.window_item([pushing.servers()[0]], name="payments-first")])
    Unmanaged.objects.filter(kind="window").update(id=MaintenanceWindow.objects.get().pk)
    with pytest.raises(InvalidInput) as refused:
        asks.drafted(rita, [adoption()])
    assert "already in payments-first" in str([problem.message for problem in refused.value.problems])


def test_after_a_change_outside_the_way_on_is_to_remove_and_to_ask_anew(theirs, retail, simulated_aws, rita):
    approved(rita, [adoption()])
    simulated_aws.edit("window", theirs, Duration=9)
    pushed(retail)
    approved(rita, [pushing.removal(MaintenanceWindow.objects.live().get(), "window")])
    pushed(retail)
    pull.pull(retail)
    again = approved(rita, [adoption()])
    for _ in range(3):
        pushed(retail)
    again.refresh_from_db()
    assert again.state == "applied"
    assert simulated_aws.client("ssm").get_maintenance_window(WindowId=theirs)["Duration"] == 4


def test_what_is_gone_at_the_last_word_is_not_made_anew(theirs, retail, simulated_aws, rita):
    request = asks.submitted(rita, [adoption()])
    Unmanaged.objects.update(gone_at=clock.now())
    with pytest.raises(DomainError):
        asks.approve(request, people.person("omar"))
    assert not MaintenanceWindow.objects.exists()
