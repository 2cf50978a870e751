import uuid

import pytest
from botocore.exceptions import ClientError

from patching.simulator import catalogue
from tests.simulated_aws import REGION, RETAIL


@pytest.fixture
def ssm(simulated_aws):
    return simulated_aws.client("ssm")


def available(ssm, **filters):
    asked = [{"Key": key, "Values": values} for key, values in filters.items()]
    pages = ssm.get_paginator("describe_available_patches").paginate(Filters=asked)
    return [patch for page in pages for patch in page["Patches"]]


@pytest.mark.parametrize(
    ("product", "vendor"),
    [
        ("AmazonLinux2023", "Amazon.com"),
        ("RedhatEnterpriseLinux9.7", "Red Hat"),
        ("Ubuntu22.04", "Ubuntu"),
        ("WindowsServer2022", "Microsoft"),
    ],
)
def test_every_product_of_the_catalogue_has_patches(simulated_aws, ssm, product, vendor):
    patches = available(ssm, PRODUCT=[product])

    assert {(one["Product"], one["Vendor"]) for one in patches} == {(product, vendor)}
    if vendor != "Microsoft":
        assert len(patches) == len(catalogue.load().of_product(product, simulated_aws.now))


def test_without_a_product_they_are_windows(ssm):
    assert {one["ProductFamily"] for one in available(ssm)} == {"Windows"}


def test_packages_are_found_by_their_advisories(ssm):
    one = available(ssm, PRODUCT=["AmazonLinux2023"])[0]
    by_advisory = available(ssm, PRODUCT=["AmazonLinux2023"], ADVISORY_ID=one["AdvisoryIds"])
    by_cve = available(ssm, PRODUCT=["AmazonLinux2023"], CVE_ID=one["CVEIds"][:1])

    assert one in by_advisory
    assert one in by_cve
    assert {one["Severity"] for one in available(ssm, PRODUCT=["AmazonLinux2023"], SEVERITY=["Low"])} == {
        "Low"
    }
    assert available(ssm, PATCH_SET=["APPLICATION"]) == []


def test_a_node_gets_a_snapshot_of_its_baseline(simulated_aws, ssm):
    node = next(one for one in simulated_aws.world.nodes_in(RETAIL, REGION) if one.managed)
    asked = {"InstanceId": node.instance_id, "SnapshotId": str(uuid.uuid4())}

    snapshot = ssm.get_deployable_patch_snapshot_for_instance(**asked)

    assert snapshot["Product"] == node.product
    assert snapshot["SnapshotDownloadUrl"].endswith(asked["SnapshotId"])
    with pytest.raises(ClientError, match="not a managed instance"):
        ssm.get_deployable_patch_snapshot_for_instance(**asked | {"InstanceId": "i-0123456789abcdef0"})
