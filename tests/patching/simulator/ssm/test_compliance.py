from datetime import UTC, datetime, timedelta

import pytest

from patching.simulator import catalogue, fleet
from patching.simulator.beginning import new_world
from patching.simulator.errors import Fault
from patching.simulator.patching_night import patch
from patching.simulator.ssm.compliance import Compliance
from patching.simulator.state import START
from patching.simulator.validation import shaped_reply

MAY, JUNE = "KB5087545", "KB5094128"
WINDOWS_RULES = {
    "Name": "Windows-Prod",
    "OperatingSystem": "WINDOWS",
    "ApprovalRules": {
        "PatchRules": [
            {
                "PatchFilterGroup": {
                    "PatchFilters": [{"Key": "CLASSIFICATION", "Values": ["SecurityUpdates"]}]
                },
                "ApproveAfterDays": 7,
                "ComplianceLevel": "CRITICAL",
            }
        ]
    },
}


@pytest.fixture
def retail() -> Compliance:
    """The retail account on the first morning, after a scan by AWS's default baselines."""
    world = new_world(fleet.demo_company())
    corner = Compliance(world, fleet.RETAIL, fleet.REGION)
    defaults = {
        node.os: (baseline["BaselineId"], baseline)
        for node in world.nodes.values()
        if (baseline := corner.judge_of(node))
    }
    fleet.first_scan(world.nodes.values(), catalogue.load(), START - timedelta(days=1), defaults)
    return corner


@pytest.fixture
def ids(retail) -> dict[str, str]:
    return {node.name: node.instance_id for node in retail.world.nodes.values()}


def scanned_as_group(corner: Compliance, group: str, count: int) -> None:
    for node in [node for node in corner.managed_nodes() if node.os == "WINDOWS"][:count]:
        patch(
            node,
            operation="Scan",
            baseline=WINDOWS_RULES,
            baseline_id="pb-0123456789abcdef0",
            catalogue=catalogue.load(),
            at=START,
            snapshot_id="5a8e2b1c-0000-4000-8000-000000000000",
            patch_group=group,
        )


def problems(operation: str, reply: dict) -> list[str]:
    return shaped_reply("ssm", operation, reply)[1]


def test_states_tell_of_nodes_that_were_scanned_and_of_no_others(retail, ids):
    asked = [ids["pay-prod-a-01"], ids["lake-prod-b-04"], "i-0ffffffffffffffff"]

    reply = retail.describe_instance_patch_states({"InstanceIds": asked})

    assert [row["InstanceId"] for row in reply["InstancePatchStates"]] == [ids["pay-prod-a-01"]]
    assert reply["InstancePatchStates"][0]["MissingCount"] == 1
    assert problems("DescribeInstancePatchStates", reply) == []


def test_another_accounts_nodes_are_not_told_of(retail, ids):
    shared = Compliance(retail.world, fleet.SHARED, fleet.REGION)

    assert (
        shared.describe_instance_patch_states({"InstanceIds": [ids["pay-prod-a-01"]]})["InstancePatchStates"]
        == []
    )


def test_states_of_a_group_come_five_at_a_time(retail):
    scanned_as_group(retail, "pay", 7)

    first = retail.describe_instance_patch_states_for_patch_group({"PatchGroup": "pay", "MaxResults": 50})
    rest = retail.describe_instance_patch_states_for_patch_group(
        {"PatchGroup": "pay", "NextToken": first["NextToken"]}
    )

    assert (len(first["InstancePatchStates"]), len(rest["InstancePatchStates"])) == (5, 2)
    assert rest["NextToken"] is None
    assert problems("DescribeInstancePatchStatesForPatchGroup", first) == []


@pytest.mark.parametrize(
    ("operator", "value", "found"), [("Equal", "1", 3), ("GreaterThan", "0", 3), ("LessThan", "1", 0)]
)
def test_states_of_a_group_can_be_filtered_by_their_counts(retail, operator, value, found):
    scanned_as_group(retail, "pay", 3)

    reply = retail.describe_instance_patch_states_for_patch_group(
        {"PatchGroup": "pay", "Filters": [{"Key": "MissingCount", "Values": [value], "Type": operator}]}
    )

    assert len(reply["InstancePatchStates"]) == found


def test_the_state_of_a_group_adds_up(retail):
    scanned_as_group(retail, "pay", 4)

    reply = retail.describe_patch_group_state({"PatchGroup": "pay"})

    assert reply["Instances"] == 4
    assert reply["InstancesWithMissingPatches"] == reply["InstancesWithCriticalNonCompliantPatches"] == 3
    assert problems("DescribePatchGroupState", reply) == []


def test_patches_of_a_node_use_the_words_of_the_wire(retail, ids):
    reply = retail.describe_instance_patches({"InstanceId": ids["pay-prod-a-01"], "MaxResults": 50})

    by_kb = {row["KBId"]: row for row in reply["Patches"]}
    assert by_kb[MAY]["State"] == "Missing"
    assert by_kb[MAY]["InstalledTime"].startswith("1970-01-01")
    assert "CVE-" in by_kb[MAY]["CVEIds"]
    assert problems("DescribeInstancePatches", reply) == []


@pytest.mark.parametrize("word", ["Missing", "MISSING"])
def test_patches_of_a_node_can_be_filtered(retail, ids, word):
    reply = retail.describe_instance_patches(
        {
            "InstanceId": ids["lake-prod-a-01"],
            "Filters": [{"Key": "State", "Values": [word]}],
            "MaxResults": 10,
        }
    )

    assert len(reply["Patches"]) == 9
    assert {row["State"] for row in reply["Patches"]} == {"Missing"}


def test_patches_of_an_unknown_node_and_by_an_unknown_filter_are_refused(retail, ids):
    with pytest.raises(Fault) as unknown:
        retail.describe_instance_patches({"InstanceId": ids["lake-prod-b-04"]})
    with pytest.raises(Fault) as filtered:
        retail.describe_instance_patches({"InstanceId": ids["pay-prod-a-01"], "Filters": [{"Key": "Colour"}]})

    assert (unknown.value.code, filtered.value.code) == ("InvalidInstanceId", "InvalidFilter")


def test_compliance_items_say_which_patch_is_open_and_by_which_baseline(retail, ids):
    reply = retail.list_compliance_items(
        {
            "ResourceIds": [ids["pay-prod-a-01"]],
            "ResourceTypes": ["ManagedInstance"],
            "Filters": [{"Key": "Status", "Values": ["NON_COMPLIANT"], "Type": "EQUAL"}],
        }
    )

    [item] = reply["ComplianceItems"]
    assert (item["Id"], item["Details"]["PatchState"]) == (MAY, "Missing")
    assert item["Details"]["PatchBaselineId"].startswith("arn:aws:ssm:eu-central-1:")
    assert problems("ListComplianceItems", reply) == []


def test_what_does_not_apply_is_neither_compliant_nor_not(retail, ids):
    reply = retail.list_compliance_items({"ResourceIds": [ids["pay-prod-a-01"]], "MaxResults": 50})

    states = {item["Details"]["PatchState"]: item["Status"] for item in reply["ComplianceItems"]}
    assert states == {
        "Missing": "NON_COMPLIANT",
        "Installed": "COMPLIANT",
        "InstalledOther": "COMPLIANT",
        "NotApplicable": "",
    }
    assert problems("ListComplianceItems", reply) == []


def test_compliance_items_of_strangers_are_refused(retail):
    with pytest.raises(Fault) as resource:
        retail.list_compliance_items({"ResourceIds": ["i-0ffffffffffffffff"]})
    with pytest.raises(Fault) as kind:
        retail.list_compliance_items({"ResourceTypes": ["Toaster"]})

    assert (resource.value.code, kind.value.code) == ("InvalidResourceId", "InvalidResourceType")


def test_summaries_count_nodes_and_agree_with_their_rows(retail):
    scanned_as_group(retail, "pay", 4)

    rows = retail.list_resource_compliance_summaries({"MaxResults": 50})
    total = retail.list_compliance_summaries({})

    bad = [row for row in rows["ResourceComplianceSummaryItems"] if row["Status"] == "NON_COMPLIANT"]
    [summary] = total["ComplianceSummaryItems"]
    assert summary["NonCompliantSummary"]["NonCompliantCount"] == len(bad) > 20
    assert summary["NonCompliantSummary"]["SeveritySummary"]["CriticalCount"] == 3
    assert (
        problems("ListResourceComplianceSummaries", rows) == problems("ListComplianceSummaries", total) == []
    )


def test_available_patches_follow_the_clock(retail):
    wanted = {"Filters": [{"Key": "PRODUCT", "Values": ["WindowsServer2022"]}]}

    before = retail.describe_available_patches(wanted)
    retail.world.now = datetime(2026, 6, 10, tzinfo=UTC)
    after = retail.describe_available_patches(wanted)

    assert [row["KbNumber"] for row in before["Patches"]] == [MAY, "KB890830"]
    assert [row["KbNumber"] for row in after["Patches"]] == [JUNE, "KB890830"]
    assert problems("DescribeAvailablePatches", after) == []


def test_effective_patches_tell_what_is_approved_and_what_waits(retail):
    baseline_id = retail.create_patch_baseline(WINDOWS_RULES)["BaselineId"]
    retail.world.now = datetime(2026, 6, 10, tzinfo=UTC)

    waiting = retail.describe_effective_patches_for_patch_baseline({"BaselineId": baseline_id})
    retail.world.now = datetime(2026, 6, 17, tzinfo=UTC)
    approved = retail.describe_effective_patches_for_patch_baseline({"BaselineId": baseline_id})

    def status(reply):
        return {row["Patch"]["KbNumber"]: row["PatchStatus"] for row in reply["EffectivePatches"]}[JUNE]

    assert status(waiting)["DeploymentStatus"] == "PENDING_APPROVAL"
    assert status(approved) == {
        "DeploymentStatus": "APPROVED",
        "ComplianceLevel": "CRITICAL",
        "ApprovalDate": "2026-06-16T17:00:00Z",
    }
    assert problems("DescribeEffectivePatchesForPatchBaseline", approved) == []


def test_a_rejected_patch_is_shown_as_such(retail):
    baseline_id = retail.create_patch_baseline({**WINDOWS_RULES, "RejectedPatches": [MAY]})["BaselineId"]

    reply = retail.describe_effective_patches_for_patch_baseline({"BaselineId": baseline_id})

    words = {
        row["Patch"]["KbNumber"]: row["PatchStatus"]["DeploymentStatus"] for row in reply["EffectivePatches"]
    }
    assert words[MAY] == "EXPLICIT_REJECTED"


def test_effective_patches_are_for_windows_only(retail):
    linux = retail.default_for("UBUNTU")

    with pytest.raises(Fault) as refused:
        retail.describe_effective_patches_for_patch_baseline({"BaselineId": linux})

    assert refused.value.code == "UnsupportedOperatingSystem"


def test_patch_properties_name_the_words_of_filters(retail):
    reply = retail.describe_patch_properties({"OperatingSystem": "WINDOWS", "Property": "MSRC_SEVERITY"})

    assert [row["Name"] for row in reply["Properties"]][0] == "Critical"
    assert problems("DescribePatchProperties", reply) == []
