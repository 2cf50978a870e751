import pytest
from botocore.exceptions import ClientError

CRITICAL_NOW = {
    "PatchFilterGroup": {"PatchFilters": [{"Key": "MSRC_SEVERITY", "Values": ["Critical"]}]},
    "ApproveAfterDays": 0,
}


@pytest.fixture
def ssm(simulated_aws_variants):
    return simulated_aws_variants.client("ssm")


def create(ssm, **changes):
    asked = {"Name": "payments-prod", "ApprovalRules": {"PatchRules": [CRITICAL_NOW]}, **changes}
    return ssm.create_patch_baseline(**asked)["BaselineId"]


def test_what_was_not_said_is_filled_in_as_aws_does(ssm):
    baseline = ssm.get_patch_baseline(BaselineId=create(ssm))

    assert baseline["OperatingSystem"] == "WINDOWS"
    assert baseline["RejectedPatchesAction"] == "ALLOW_AS_DEPENDENCY"
    assert baseline["ApprovalRules"]["PatchRules"] == [
        {**CRITICAL_NOW, "ComplianceLevel": "UNSPECIFIED", "EnableNonSecurity": False}
    ]
    assert (baseline["ApprovedPatches"], baseline["RejectedPatches"], baseline["Sources"]) == ([], [], [])


def test_a_rule_has_a_delay_or_a_date(ssm):
    rule = {"PatchFilterGroup": CRITICAL_NOW["PatchFilterGroup"]}

    with pytest.raises(ClientError, match="needs ApproveAfterDays or ApproveUntilDate"):
        create(ssm, ApprovalRules={"PatchRules": [rule]})
    dated = {**rule, "ApproveUntilDate": "2026-06-01"}
    assert create(ssm, ApprovalRules={"PatchRules": [dated]})


def test_ubuntu_rules_need_no_delay(ssm):
    rule = {"PatchFilterGroup": {"PatchFilters": [{"Key": "PRIORITY", "Values": ["Required"]}]}}

    baseline_id = create(ssm, OperatingSystem="UBUNTU", ApprovalRules={"PatchRules": [rule]})

    assert ssm.get_patch_baseline(BaselineId=baseline_id)["OperatingSystem"] == "UBUNTU"


def test_update_and_replace_differ(ssm):
    baseline_id = create(
        ssm, Description="ours", RejectedPatches=["KB5000001"], RejectedPatchesAction="BLOCK"
    )

    updated = ssm.update_patch_baseline(BaselineId=baseline_id, ApprovedPatches=["KB5000002"])
    assert (updated["RejectedPatches"], updated["ApprovedPatches"]) == (["KB5000001"], ["KB5000002"])

    replaced = ssm.update_patch_baseline(BaselineId=baseline_id, Name="fresh", Replace=True)
    assert (replaced["RejectedPatches"], replaced["ApprovalRules"]["PatchRules"]) == ([], [])
    assert "Description" not in replaced


def test_a_baseline_in_use_is_not_deleted(ssm):
    baseline_id = create(ssm)
    ssm.register_patch_baseline_for_patch_group(BaselineId=baseline_id, PatchGroup="payments-prod")

    with pytest.raises(ClientError, match="used for Patch Group: payments-prod"):
        ssm.delete_patch_baseline(BaselineId=baseline_id)
    ssm.deregister_patch_baseline_for_patch_group(BaselineId=baseline_id, PatchGroup="payments-prod")

    assert ssm.delete_patch_baseline(BaselineId=baseline_id)["BaselineId"] == baseline_id
    with pytest.raises(ClientError, match="DoesNotExistException"):
        ssm.get_patch_baseline(BaselineId=baseline_id)


def test_the_default_is_awss_until_one_is_registered(ssm):
    before = ssm.get_default_patch_baseline(OperatingSystem="WINDOWS")["BaselineId"]
    assert before.startswith("arn:aws:ssm:eu-central-1:")
    assert ssm.get_patch_baseline(BaselineId=before)["Name"] == "AWS-DefaultPatchBaseline"

    own = create(ssm)
    ssm.register_default_patch_baseline(BaselineId=own)
    assert ssm.get_default_patch_baseline()["BaselineId"] == own
    with pytest.raises(ClientError, match="ResourceInUseException"):
        ssm.delete_patch_baseline(BaselineId=own)

    ssm.register_default_patch_baseline(BaselineId=before)
    assert ssm.get_default_patch_baseline()["BaselineId"] == before


def test_lists_know_whose_baseline_it_is(ssm):
    own = create(ssm)

    def found(key, value):
        filters = [{"Key": key, "Values": [value]}]
        reply = ssm.describe_patch_baselines(Filters=filters, MaxResults=100)
        return {one["BaselineId"] for one in reply["BaselineIdentities"]}

    assert found("OWNER", "Self") == {own}
    assert len(found("OWNER", "AWS")) == 15
    assert found("NAME_PREFIX", "payments") == {own}
    assert own in found("OPERATING_SYSTEM", "WINDOWS")


def test_the_fifty_first_baseline_is_one_too_many(ssm):
    for number in range(50):
        create(ssm, Name=f"baseline-{number}")

    with pytest.raises(ClientError, match="ResourceLimitExceededException"):
        create(ssm)
