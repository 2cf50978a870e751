"""The story of a patch exclusion: one patch stays off one node, everything else is installed, and it really ends."""

from datetime import UTC, datetime, timedelta

import pytest

from exemptions import ending, narrowing, workflow
from exemptions.models import Exemption
from patching import clones
from patching.models import ManagedInstance, PatchGroup, PushRun
from portal.governance import clock
from tests.exemptions import asks as exempt
from tests.simulated_aws import REGION, RETAIL

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

# prod is patched in the evening of the 20th of June 2026 and again on the 25th of July
AFTER_PROD = datetime(2026, 6, 21, 6, tzinfo=UTC)
EARLIER_END = datetime(2026, 6, 23, 12, tzinfo=UTC)
END = datetime(2026, 6, 25, 12, tzinfo=UTC)
# June's cumulative update of Windows Server 2022 and June's malicious software removal tool
UPDATE, REMOVAL_TOOL = "KB5094128", "KB890830"
AFTER_NEXT_PROD = datetime(2026, 7, 26, 6, tzinfo=UTC)


def test_one_patch_stays_off_one_node_until_the_end_and_the_rest_is_installed(at_work):
    node, other = two_nodes_of_one_group()
    group = group_of(node)

    exemption = excluded(at_work, node, [UPDATE], END)
    run = at_work.push()
    assert run.state == PushRun.State.SUCCEEDED
    assert states_of(exemption) == ["enforced"]
    side = clones.side_group(group.name, [UPDATE])
    assert (tag_of(at_work, node), tag_of(at_work, other)) == (side, group.name)
    judge = judge_of(at_work, side, node)
    assert (judge["RejectedPatches"], judge["RejectedPatchesAction"]) == ([UPDATE], "BLOCK")
    assert judge["ApprovalRules"] == judge_of(at_work, group.name, node)["ApprovalRules"]
    assert calls_in_order(
        at_work, "CreatePatchBaseline", "RegisterPatchBaselineForPatchGroup", "CreateSchedule"
    )
    assert at_work.push().writes == 0

    at_work.go_to(AFTER_PROD)
    assert UPDATE not in installed_on(at_work, node)
    assert UPDATE in installed_on(at_work, other)
    assert installed_on(at_work, other) - installed_on(at_work, node) == {UPDATE}

    at_work.aws.advance(to=END + timedelta(minutes=5))
    clock.set_to(END + timedelta(minutes=5))
    assert tag_of(at_work, node) == group.name
    assert workflow.effective_state(Exemption.objects.get(pk=exemption.pk)) == "expired"

    assert ending.settle() == 0
    assert at_work.push().state == PushRun.State.SUCCEEDED
    assert ending.settle() == 1
    assert side not in groups_in_aws(at_work)
    assert judge["BaselineId"] not in baselines_in_aws(at_work)
    assert at_work.push().writes == 0

    at_work.go_to(AFTER_NEXT_PROD)
    assert UPDATE in installed_on(at_work, node)


def test_two_that_overlap_end_one_after_the_other_in_aws_with_no_worker_running(at_work):
    node, _ = two_nodes_of_one_group()
    group = group_of(node)
    excluded(at_work, node, [UPDATE], EARLIER_END)
    excluded(at_work, node, [REMOVAL_TOOL], END)
    at_work.push()
    assert tag_of(at_work, node) == clones.side_group(group.name, [UPDATE, REMOVAL_TOOL])

    at_work.aws.advance(to=EARLIER_END + timedelta(minutes=5))
    assert tag_of(at_work, node) == clones.side_group(group.name, [REMOVAL_TOOL])
    assert judge_of(at_work, tag_of(at_work, node), node)["RejectedPatches"] == [REMOVAL_TOOL]
    at_work.aws.advance(to=END + timedelta(minutes=5))
    assert tag_of(at_work, node) == group.name

    clock.set_to(END + timedelta(minutes=5))
    ending.settle()
    assert at_work.push().state == PushRun.State.SUCCEEDED
    assert ending.settle() == 2
    assert [name for name in groups_in_aws(at_work) if "-without-" in name] == []


def test_revoking_one_of_two_keeps_the_other(at_work):
    node, other = two_nodes_of_one_group()
    revoked = excluded(at_work, node, [UPDATE], END)
    kept = excluded(at_work, node, [REMOVAL_TOOL], END)
    at_work.push()

    workflow.revoke(revoked, by=at_work.people["clara"], reason="The vendor's fix is out.")
    run = at_work.push()

    assert run.state == PushRun.State.SUCCEEDED
    assert tag_of(at_work, node) == clones.side_group(group_of(node).name, [REMOVAL_TOOL])
    assert states_of(kept) == ["enforced"]
    assert ending.settle() == 1
    assert [name for name in groups_in_aws(at_work) if "-without-" in name] == [tag_of(at_work, node)]
    assert at_work.push().writes == 0


def test_narrowed_to_one_of_two_patches_the_other_may_be_installed(at_work):
    node, _ = two_nodes_of_one_group()
    exemption = excluded(at_work, node, [UPDATE, REMOVAL_TOOL], END)
    at_work.push()

    narrowing.narrow(exemption, by=at_work.people["rita"], patches=[UPDATE], reason="The tool is fine.")
    run = at_work.push()

    side = clones.side_group(group_of(node).name, [UPDATE])
    assert run.state == PushRun.State.SUCCEEDED
    assert tag_of(at_work, node) == side
    assert judge_of(at_work, side, node)["RejectedPatches"] == [UPDATE]
    assert [name for name in groups_in_aws(at_work) if "-without-" in name] == [side]
    assert states_of(exemption) == ["enforced"]
    assert at_work.push().writes == 0


def test_while_the_side_groups_baseline_cannot_be_made_no_node_moves_there(at_work):
    node, other = two_nodes_of_one_group()
    exemption = excluded(at_work, node, [UPDATE], END)
    at_work.aws.deny("RegisterPatchBaselineForPatchGroup")

    at_work.push()

    assert tag_of(at_work, node) == group_of(node).name
    assert states_of(exemption) == ["failed"]
    at_work.aws.clear_faults()
    at_work.push()


def excluded(company, node, patches, ends_at):
    rita = company.people["rita"]
    wish = exempt.wish([node], kind="patch_exclusion", patches=patches, ends_at=ends_at)
    exemption = workflow.draft(by=rita, application=node.application, **wish)
    workflow.attach(exemption, exempt.document(), by=rita)
    return exempt.decided(workflow.submit(exemption, by=rita))


def two_nodes_of_one_group():
    """Two production servers of payments in one patch group."""
    mine = ManagedInstance.objects.present().filter(
        application__slug="payments", environment__slug="prod", ping_status="Online", auto_scaling_group=""
    )
    return mine.filter(availability_zone=mine.first().availability_zone).order_by("pk")[:2]


def group_of(node):
    groups = PatchGroup.objects.live().filter(account_region=node.account_region)
    return next(one for one in groups if node.instance_id in one.spec["instances"])


def states_of(exemption):
    return [one["state"] for one in ending.enforcement_of(exemption)]


def tag_of(company, node):
    key = node.account_region.account.patch_group_tag
    filters = [{"Name": "resource-id", "Values": [node.instance_id]}, {"Name": "key", "Values": [key]}]
    (tag,) = company.aws.client("ec2", RETAIL, REGION).describe_tags(Filters=filters)["Tags"]
    return tag["Value"]


def judge_of(company, group, node):
    ssm = company.ssm()
    found = ssm.get_patch_baseline_for_patch_group(PatchGroup=group, OperatingSystem=node.operating_system)
    return ssm.get_patch_baseline(BaselineId=found["BaselineId"])


def groups_in_aws(company):
    return {one["PatchGroup"] for one in company.ssm().describe_patch_groups()["Mappings"]}


def baselines_in_aws(company):
    return {one["BaselineId"] for one in company.ssm().describe_patch_baselines()["BaselineIdentities"]}


def installed_on(company, node):
    pages = company.ssm().get_paginator("describe_instance_patches").paginate(InstanceId=node.instance_id)
    return {one["KBId"] for page in pages for one in page["Patches"] if one["State"] == "Installed"}


def calls_in_order(company, *operations):
    """Whether the last call of each stands in AWS's log in this order, and before the tag that needs them."""
    last = {call["operation"]: at for at, call in enumerate(company.aws.log(*operations, "CreateTags"))}
    places = [last[operation] for operation in (*operations, "CreateTags")]
    return places == sorted(places)
