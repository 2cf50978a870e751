"""What else can patch an instance: others' windows and associations, and Patch Now once it has run."""

from datetime import timedelta

import pytest

from patching import other_ways, unmanaged
from patching.models import Scan, Unmanaged, Waiver
from patching.other_ways import Way
from patching.reaching import reach
from portal.governance import clock
from tests import factories

pytestmark = pytest.mark.django_db

INSTALL = {"Operation": ["Install"]}
SCAN = {"Operation": ["Scan"]}


@pytest.fixture
def node():
    made = factories.instance()
    made.tags = {**made.tags, "Role": "db"}
    made.save()
    return made


def window(
    node, *, key="tag:Role", values=("db",), document="AWS-RunPatchBaseline", parameters=None, enabled=True
):
    content = {
        "listed": {"Enabled": enabled},
        "targets": [{"Targets": [{"Key": key, "Values": list(values)}]}],
        "tasks": [
            {
                "TaskArn": document,
                "TaskInvocationParameters": {"RunCommand": {"Parameters": parameters or INSTALL}},
            }
        ],
    }
    return stranger(node, "window", "legacy-night", "mw-0abc", content)


def association(
    node, *, name="AWS-RunPatchBaselineAssociation", title="old-patching", parameters=None, **told
):
    reply = {"Name": name, "AssociationName": title, "Parameters": parameters or INSTALL, **told}
    return stranger(node, "association", title, "assoc-1", {"reply": reply})


def stranger(node, kind, name, aws_id, content):
    now = clock.now()
    return Unmanaged.objects.create(
        account_region=node.account_region,
        kind=kind,
        name=name,
        aws_id=aws_id,
        content=content,
        first_seen_at=now,
        last_seen_at=now,
    )


def ways_to(node):
    return other_ways.other_ways([node]).get(node.pk, [])


def test_a_window_of_others_that_installs_is_named(node):
    window(node)
    assert ways_to(node) == [Way("window", "legacy-night", "mw-0abc")]


@pytest.mark.parametrize(
    "changes",
    [
        {"values": ("web",)},
        {"parameters": SCAN},
        {"document": "AWS-RunShellScript"},
        {"enabled": False},
        {"key": "InstanceIds", "values": ("i-other",)},
    ],
    ids=["other instances", "scans only", "another document", "disabled", "other ids"],
)
def test_a_window_that_does_not_patch_it_is_not_named(node, changes):
    window(node, **changes)
    assert ways_to(node) == []


def test_a_window_whose_targets_cannot_be_told_may_patch_it(node):
    window(node, key="resource-groups:Name", values=("databases",))
    assert ways_to(node) == [Way("window", "legacy-night", "mw-0abc", certain=False)]


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        ({"Targets": [{"Key": "InstanceIds", "Values": ["*"]}]}, "association"),
        (
            {"Targets": [{"Key": "tag:Role", "Values": ["db"]}], "title": "AWSQuickSetup-PatchPolicy-7"},
            "patch policy",
        ),
    ],
    ids=["of all instances", "by tag"],
)
def test_associations_and_patch_policies_that_install_are_named(node, told, kind):
    association(node, **told)
    assert [way.kind for way in ways_to(node)] == [kind]


def test_an_association_of_one_other_node_or_that_scans_is_not_named(node):
    association(node, InstanceId="i-other")
    association_that_scans = {
        "Name": "AWS-RunPatchBaseline",
        "Parameters": SCAN,
        "InstanceId": node.instance_id,
    }
    stranger(node, "association", "scan", "assoc-2", {"reply": association_that_scans})
    assert ways_to(node) == []


def test_what_is_gone_from_aws_patches_nobody(node):
    row = window(node)
    Unmanaged.objects.filter(pk=row.pk).update(gone_at=clock.now())
    assert ways_to(node) == []


def test_the_reading_of_an_account_finds_associations_that_patch(retail, simulated_aws):
    node = factories.instance(where=retail)
    ssm = simulated_aws.client("ssm")
    everything = [{"Key": "InstanceIds", "Values": ["*"]}]
    ssm.create_association(Name="AWS-RunPatchBaseline", Targets=everything, Parameters=INSTALL)
    ssm.create_association(Name="AWS-GatherSoftwareInventory", Targets=everything)
    unmanaged.keep(node.account_region, reach(node.account_region), clock.now())

    (found,) = Unmanaged.objects.filter(kind="association")
    assert found.content["reply"]["Parameters"] == INSTALL
    assert [way.kind for way in ways_to(node)] == ["association"]


@pytest.mark.parametrize(
    ("hours", "operation", "named"),
    [(2, "Install", True), (2, "Scan", False), (-5, "Install", False), (30, "Install", False)],
    ids=["while it held", "a scan", "before", "after its end"],
)
def test_an_installation_while_the_instance_was_deferred_is_named(node, hours, operation, named):
    start = clock.now()
    waiver = Waiver.objects.create(
        instance=node,
        source="exemption:1",
        source_digest="d",
        starts_at=start,
        ends_at=start + timedelta(days=1),
    )
    ended = start + timedelta(hours=hours)
    Scan.objects.create(
        instance=node,
        operation=operation,
        started_at=ended - timedelta(minutes=20),
        ended_at=ended,
        pulled_at=ended,
        aws_baseline_id="pb-1",
        is_compliant=True,
    )

    found = other_ways.installed_all_the_same([waiver])

    assert [one.at for one in found] == ([ended] if named else [])
