import pytest
from botocore.exceptions import ClientError

MARK = {"Key": "patchwarden:uid", "Value": "7f1"}


def tags(ssm, **resource):
    return {tag["Key"]: tag["Value"] for tag in ssm.list_tags_for_resource(**resource)["TagList"]}


def test_windows_and_baselines_can_be_tagged_as_they_are_made_and_later(simulated_aws):
    ssm = simulated_aws.client("ssm")
    window_id = ssm.create_maintenance_window(
        Name="one",
        Schedule="rate(7 days)",
        Duration=2,
        Cutoff=0,
        AllowUnassociatedTargets=False,
        Tags=[MARK],
    )["WindowId"]
    baseline_id = ssm.create_patch_baseline(Name="one", Tags=[MARK])["BaselineId"]

    for resource in (
        {"ResourceType": "MaintenanceWindow", "ResourceId": window_id},
        {"ResourceType": "PatchBaseline", "ResourceId": baseline_id},
    ):
        assert tags(ssm, **resource) == {"patchwarden:uid": "7f1"}
        ssm.add_tags_to_resource(**resource, Tags=[{"Key": "owner", "Value": "payments"}])
        ssm.remove_tags_from_resource(**resource, TagKeys=["patchwarden:uid", "never there"])
        assert tags(ssm, **resource) == {"owner": "payments"}


def test_what_does_not_exist_cannot_be_tagged(simulated_aws):
    with pytest.raises(ClientError, match="InvalidResourceId"):
        simulated_aws.client("ssm").add_tags_to_resource(
            ResourceType="MaintenanceWindow", ResourceId="mw-0123456789abcdef0", Tags=[MARK]
        )


def test_parameters_and_their_tags_stay_with_moto(simulated_aws):
    ssm = simulated_aws.client("ssm")
    ssm.put_parameter(Name="/colour", Value="red", Type="String")
    ssm.add_tags_to_resource(ResourceType="Parameter", ResourceId="/colour", Tags=[MARK])

    assert tags(ssm, ResourceType="Parameter", ResourceId="/colour") == {"patchwarden:uid": "7f1"}
