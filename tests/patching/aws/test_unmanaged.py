"""What is not ours is read as AWS tells of it, page by page, with the declared permissions and no others."""

import json
from types import SimpleNamespace

import pytest

from patching.aws.errors import AwsChanged
from patching.aws.marks import Mark
from patching.aws.unmanaged import Unmanaged


@pytest.fixture
def reader(simulated_aws):
    return Unmanaged(SimpleNamespace(ssm=simulated_aws.client("ssm")), "patchwarden")


def a_window(ssm, name="legacy-sunday", **more):
    window = ssm.create_maintenance_window(
        Name=name,
        Schedule="cron(0 2 ? * SUN *)",
        Duration=3,
        Cutoff=1,
        AllowUnassociatedTargets=True,
        **more,
    )["WindowId"]
    target = ssm.register_target_with_maintenance_window(
        WindowId=window, ResourceType="INSTANCE", Targets=[{"Key": "tag:Role", "Values": ["web"]}]
    )["WindowTargetId"]
    ssm.register_task_with_maintenance_window(
        WindowId=window,
        TaskArn="AWS-RunPatchBaseline",
        TaskType="RUN_COMMAND",
        Targets=[{"Key": "WindowTargetIds", "Values": [target]}],
        MaxConcurrency="2",
        MaxErrors="1",
        TaskInvocationParameters={"RunCommand": {"Parameters": {"Operation": ["Install"]}}},
    )
    return window


def test_a_window_comes_with_its_targets_and_whole_tasks(reader):
    window = a_window(reader.clients.ssm)
    row = reader.listed("window")[window]
    assert (row["Name"], row["Duration"], "NextExecutionTime" in row) == ("legacy-sunday", 3, False)
    told = reader.details("window", window)
    assert [one["Targets"] for one in told["targets"]] == [[{"Key": "tag:Role", "Values": ["web"]}]]
    (task,) = told["tasks"]
    assert task["TaskInvocationParameters"]["RunCommand"]["Parameters"] == {"Operation": ["Install"]}


def test_only_baselines_that_the_account_made_are_listed_with_their_rules(reader):
    made = reader.clients.ssm.create_patch_baseline(
        Name="legacy-win", OperatingSystem="WINDOWS", RejectedPatches=["KB5034441"]
    )["BaselineId"]
    assert set(reader.listed("baseline")) == {made}
    assert reader.details("baseline", made)["reply"]["RejectedPatches"] == ["KB5034441"]


def test_tags_say_whose_it_is(reader):
    mark = Mark("patchwarden", "u", 1).tags()
    ours = a_window(reader.clients.ssm, Tags=mark)
    theirs = a_window(reader.clients.ssm, "other", Tags=[{"Key": "Owner", "Value": "ops"}])
    assert reader.tags("window", ours)[1].uid == "u"
    assert reader.tags("window", theirs) == ({"Owner": "ops"}, None)
    with pytest.raises(AwsChanged):
        reader.tags("window", "mw-00000000000000000")


def test_lists_are_read_in_the_largest_pages(reader):
    for number in range(45):
        reader.clients.ssm.create_patch_baseline(Name=f"legacy-{number:03}", OperatingSystem="WINDOWS")
    pages = []
    reader.clients.ssm.meta.events.register(
        "before-call.ssm.DescribePatchBaselines", lambda params, **_: pages.append(params["body"])
    )
    assert len(reader.listed("baseline")) == 45
    assert [json.loads(body)["MaxResults"] for body in pages] == [100]


def test_it_asks_for_exactly_the_permissions_that_it_declares(reader):
    called = set()
    reader.clients.ssm.meta.events.register(
        "before-call.ssm", lambda model, **_: called.add(f"ssm:{model.name}")
    )
    window = a_window(reader.clients.ssm)
    made = reader.clients.ssm.create_patch_baseline(Name="legacy-win")["BaselineId"]
    everything = [{"Key": "InstanceIds", "Values": ["*"]}]
    told = reader.clients.ssm.create_association(Name="AWS-RunPatchBaseline", Targets=everything)
    patches = told["AssociationDescription"]["AssociationId"]
    called.clear()
    for kind, aws_id in (("window", window), ("baseline", made), ("association", patches)):
        reader.listed(kind)
        reader.tags(kind, aws_id)
        reader.details(kind, aws_id)
    assert called == set(Unmanaged.permissions)
