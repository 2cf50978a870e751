import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def ssm(simulated_aws_variants):
    return simulated_aws_variants.client("ssm")


def baseline(ssm, name, operating_system="WINDOWS"):
    return ssm.create_patch_baseline(Name=name, OperatingSystem=operating_system)["BaselineId"]


def test_a_group_has_one_baseline_for_each_operating_system(ssm):
    windows, other, linux = baseline(ssm, "windows"), baseline(ssm, "other"), baseline(ssm, "linux", "UBUNTU")

    for baseline_id in (windows, windows, linux):
        ssm.register_patch_baseline_for_patch_group(BaselineId=baseline_id, PatchGroup="payments")
    with pytest.raises(ClientError, match="AlreadyExistsException"):
        ssm.register_patch_baseline_for_patch_group(BaselineId=other, PatchGroup="payments")

    mappings = ssm.describe_patch_groups()["Mappings"]
    assert {one["BaselineIdentity"]["BaselineId"] for one in mappings} == {windows, linux}
    assert ssm.get_patch_baseline(BaselineId=linux)["PatchGroups"] == ["payments"]


def test_a_group_without_a_baseline_falls_to_the_default(ssm):
    own = baseline(ssm, "windows")
    group = {"PatchGroup": "payments"}

    ssm.register_patch_baseline_for_patch_group(BaselineId=own, **group)
    assert ssm.get_patch_baseline_for_patch_group(**group)["BaselineId"] == own

    ssm.deregister_patch_baseline_for_patch_group(BaselineId=own, **group)
    assert ssm.get_patch_baseline_for_patch_group(**group, OperatingSystem="UBUNTU")["BaselineId"].startswith(
        "arn:"
    )
    assert ssm.get_patch_baseline_for_patch_group(**group)["BaselineId"].startswith("arn:")
    assert ssm.describe_patch_groups()["Mappings"] == []


def test_a_baseline_serves_twenty_five_groups(ssm):
    own = baseline(ssm, "windows")
    for number in range(25):
        ssm.register_patch_baseline_for_patch_group(BaselineId=own, PatchGroup=f"group-{number}")

    with pytest.raises(ClientError, match="ResourceLimitExceededException"):
        ssm.register_patch_baseline_for_patch_group(BaselineId=own, PatchGroup="one-more")


def test_an_unknown_baseline_cannot_be_deregistered(ssm):
    with pytest.raises(ClientError, match="Patch Baseline to be retrieved does not exist"):
        ssm.deregister_patch_baseline_for_patch_group(
            BaselineId="pb-0123456789abcdef0", PatchGroup="payments"
        )


def test_an_unknown_baseline_cannot_be_registered(ssm):
    with pytest.raises(ClientError, match="DoesNotExistException"):
        ssm.register_patch_baseline_for_patch_group(BaselineId="pb-0123456789abcdef0", PatchGroup="payments")
