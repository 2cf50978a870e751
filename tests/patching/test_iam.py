"""Policies allow what the adapters call, that and no more, and writing only where our mark or our two tags are."""

import json
from types import SimpleNamespace

import pytest
import yaml

from patching import iam
from patching.aws.baselines import Baselines

RETAIL = SimpleNamespace(
    account_id="211125483017",
    external_id="patchwarden-abc",
    role_name="PatchwardenRole",
    patch_group_tag="PatchGroup",
    window_tag="MaintenanceWindow",
)
HUB = "arn:aws:iam::111111111111:role/PatchwardenHub"


def statements():
    document = iam.permissions_policy(RETAIL, installation="patchwarden", restore_role="PatchwardenRestore")
    return {one["Sid"]: one for one in document["Statement"]}


def test_only_our_hub_with_the_accounts_own_external_id_is_trusted():
    (only,) = iam.trust_policy(RETAIL, HUB)["Statement"]
    assert only["Principal"] == {"AWS": HUB}
    assert only["Condition"] == {"StringEquals": {"sts:ExternalId": "patchwarden-abc"}}


def test_exactly_what_the_adapters_call_is_allowed_and_three_more_with_a_reason():
    allowed = {action for one in statements().values() for action in one["Action"]}
    assert allowed == iam.actions() | iam.BESIDES


@pytest.mark.parametrize("kinds", [(), ("security_hub",), ("compliance_items",), iam.MIRRORS])
def test_mirrors_are_allowed_only_when_switched_on_and_in_statements_of_their_own(kinds):
    document = iam.permissions_policy(
        RETAIL, installation="patchwarden", restore_role="PatchwardenRestore", mirrored=kinds
    )
    more = document["Statement"][len(statements()) :]
    assert {action for one in more for action in one["Action"]} == iam.mirror_actions(kinds)
    assert len(more) == len(kinds)
    assert all(resource.split(":")[4] == "211125483017" for one in more for resource in one["Resource"])


def test_no_action_is_a_pattern_and_no_statement_is_empty():
    assert all(one["Action"] for one in statements().values())
    assert not any("*" in action for one in statements().values() for action in one["Action"])


def test_writing_everywhere_is_only_creating_what_is_marked():
    everywhere = {sid for sid, one in statements().items() if one["Resource"] == ["*"]}
    assert everywhere == {"Read", "CreateMarked"}
    assert all(action.partition(":")[2].startswith(iam.READS) for action in statements()["Read"]["Action"])
    marked = {"StringEquals": {"aws:RequestTag/patchwarden:installation": "patchwarden"}}
    assert statements()["CreateMarked"]["Condition"] == marked


@pytest.mark.parametrize("sid", ["ChangeOurWindows", "ChangeOurBaselines"])
def test_windows_and_baselines_are_changed_only_where_they_carry_our_tag(sid):
    tag = {"StringEquals": {"aws:ResourceTag/patchwarden:installation": "patchwarden"}}
    assert statements()[sid]["Condition"] == tag


def test_what_is_in_a_window_is_changed_only_together_with_the_window():
    inside, windows = statements()["ChangeWhatIsInWindows"], statements()["ChangeOurWindows"]
    assert set(inside["Action"]) < set(windows["Action"])


def test_instances_get_our_two_tags_and_no_other():
    one = statements()["TagInstances"]
    assert one["Resource"] == ["arn:aws:ec2:*:211125483017:instance/*"]
    keys = {"aws:TagKeys": ["MaintenanceWindow", "PatchGroup"]}
    assert one["Condition"]["ForAllValues:StringEquals"] == keys
    assert one["Condition"]["Null"] == {"aws:TagKeys": "false"}


def test_the_one_role_goes_to_the_scheduler_alone():
    one = statements()["LetTheWayBackRun"]
    assert one["Resource"] == ["arn:aws:iam::211125483017:role/PatchwardenRestore"]
    assert one["Condition"] == {"StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}}


def test_the_way_back_tags_instances_enables_our_windows_and_does_nothing_else():
    tags, windows = iam.restore_policy(RETAIL, installation="patchwarden")["Statement"]
    assert tags["Action"] == ["ec2:CreateTags", "ec2:DeleteTags"]
    assert windows["Action"] == ["ssm:UpdateMaintenanceWindow"]
    assert windows["Condition"]["StringEquals"] == {"aws:ResourceTag/patchwarden:installation": "patchwarden"}
    (trusted,) = iam.restore_trust_policy(RETAIL)["Statement"]
    assert trusted["Principal"] == {"Service": "scheduler.amazonaws.com"}
    assert trusted["Condition"]["StringEquals"]["aws:SourceAccount"] == "211125483017"


def test_arns_are_of_the_hubs_partition():
    assert iam.partition_of("arn:aws-cn:iam::111111111111:role/Hub") == "aws-cn"
    document = iam.permissions_policy(RETAIL, installation="x", restore_role="R", partition="aws-cn")
    arns = [arn for one in document["Statement"] for arn in one["Resource"] if arn != "*"]
    assert all(arn.startswith("arn:aws-cn:") for arn in arns)


def test_a_new_action_without_a_statement_is_refused(monkeypatch):
    monkeypatch.setattr(Baselines, "permissions", (*Baselines.permissions, "ssm:SendCommand"))
    with pytest.raises(ValueError, match="ssm:SendCommand"):
        statements()


# The template. Names and types are those of CloudFormation's resource specification of AWS::IAM::Role


def template():
    return iam.template(RETAIL, HUB, installation="patchwarden", restore_role="PatchwardenRestore")


def test_the_template_holds_both_roles_with_exactly_the_policies_of_the_page():
    first, second = (one["Properties"] for one in template()["Resources"].values())
    assert [first["RoleName"], second["RoleName"]] == ["PatchwardenRole", "PatchwardenRestore"]
    assert first["AssumeRolePolicyDocument"] == iam.trust_policy(RETAIL, HUB)
    permissions = iam.permissions_policy(
        RETAIL, installation="patchwarden", restore_role="PatchwardenRestore"
    )
    assert [one["PolicyDocument"] for one in first["Policies"]] == [permissions]
    assert second["AssumeRolePolicyDocument"] == iam.restore_trust_policy(RETAIL)
    assert [one["PolicyDocument"] for one in second["Policies"]] == [
        iam.restore_policy(RETAIL, installation="patchwarden")
    ]


def test_the_template_keeps_to_what_cloudformation_and_iam_take():
    document = template()
    assert set(document) <= {"AWSTemplateFormatVersion", "Description", "Rules", "Resources", "Outputs"}
    assert document["AWSTemplateFormatVersion"] == "2010-09-09"
    assert len(iam.as_text(document, "json")) < 51_200  # the longest that CreateStack takes as text
    for name, one in document["Resources"].items():
        assert name.isalnum()
        assert (set(one), one["Type"]) == ({"Type", "Properties"}, "AWS::IAM::Role")
        said = one["Properties"]
        assert set(said) == {
            "RoleName",
            "Description",
            "MaxSessionDuration",
            "AssumeRolePolicyDocument",
            "Policies",
        }
        assert len(said["Description"]) <= 1000
        assert 3600 <= said["MaxSessionDuration"] <= 43200
        trusted = json.dumps(said["AssumeRolePolicyDocument"], separators=(",", ":"))
        allowed = json.dumps(said["Policies"], separators=(",", ":"))
        assert len(trusted) <= 2048
        assert len(allowed) <= 10_240  # all inline policies of a role together, spaces not counted
    for one in document["Outputs"].values():
        role, attribute = one["Value"]["Fn::GetAtt"]
        assert (role in document["Resources"], attribute) == (True, "Arn")


def test_the_template_is_for_one_account_alone():
    (only,) = template()["Rules"]["RightAccount"]["Assertions"]
    assert only["Assert"] == {"Fn::Equals": [{"Ref": "AWS::AccountId"}, "211125483017"]}


def test_the_template_reads_the_same_in_both_languages():
    document = template()
    assert yaml.safe_load(iam.as_text(document, "yaml")) == document
    assert json.loads(iam.as_text(document, "json")) == document
    assert "&id" not in iam.as_text(document, "yaml")
