from datetime import timedelta

import pytest
from botocore.exceptions import ClientError

from tests.simulated_aws import REGION, RETAIL, SHARED

TAGS = [{"ResourceType": "snapshot", "Tags": [{"Key": "for", "Value": "patching"}]}]


@pytest.fixture
def ec2(simulated_aws):
    return simulated_aws.client("ec2")


@pytest.fixture
def node(simulated_aws):
    return simulated_aws.world.nodes_in(RETAIL, REGION)[0]


@pytest.fixture
def volume_id(ec2, node):
    (instance,) = ec2.describe_instances(InstanceIds=[node.instance_id])["Reservations"][0]["Instances"]
    return next(
        one["Ebs"]["VolumeId"]
        for one in instance["BlockDeviceMappings"]
        if one["DeviceName"] == instance["RootDeviceName"]
    )


def test_every_instance_has_a_root_volume_and_those_for_data_one_more(ec2, simulated_aws):
    volumes = [one for page in ec2.get_paginator("describe_volumes").paginate() for one in page["Volumes"]]

    attached = [one["Attachments"][0]["InstanceId"] for one in volumes]
    for node in simulated_aws.world.nodes_in(RETAIL, REGION):
        assert attached.count(node.instance_id) == (2 if node.instance_type.startswith("r") else 1)
    assert len({one["VolumeId"] for one in volumes}) == len(volumes)


def test_volumes_are_found_by_their_instance(ec2, node, volume_id):
    filters = [{"Name": "attachment.instance-id", "Values": [node.instance_id]}]

    assert [one["VolumeId"] for one in ec2.describe_volumes(Filters=filters)["Volumes"]] == [volume_id]
    (volume,) = ec2.describe_volumes(VolumeIds=[volume_id])["Volumes"]
    assert (volume["State"], volume["AvailabilityZone"]) == ("in-use", node.az)


def test_a_snapshot_takes_a_while_and_is_kept(ec2, simulated_aws, volume_id):
    begun = ec2.create_snapshot(VolumeId=volume_id, Description="before patching", TagSpecifications=TAGS)
    asked = {"SnapshotIds": [begun["SnapshotId"]]}

    (pending,) = ec2.describe_snapshots(**asked)["Snapshots"]
    simulated_aws.advance(by=timedelta(minutes=10))
    (done,) = ec2.describe_snapshots(**asked)["Snapshots"]

    assert begun["State"] == pending["State"] == "pending"
    assert (done["State"], done["Progress"]) == ("completed", "100%")
    assert done["CompletionTime"] - done["StartTime"] == timedelta(minutes=4)
    assert done["Tags"] == TAGS[0]["Tags"]


def test_snapshots_are_found_by_what_is_known_of_them(ec2, volume_id):
    one = ec2.create_snapshot(VolumeId=volume_id, TagSpecifications=TAGS)["SnapshotId"]
    two = ec2.create_snapshot(VolumeId=volume_id)["SnapshotId"]

    def found(*filters, **more):
        rows = ec2.describe_snapshots(Filters=[{"Name": n, "Values": [v]} for n, v in filters], **more)
        return [row["SnapshotId"] for row in rows["Snapshots"]]

    assert found(("volume-id", volume_id)) == [one, two]
    assert found(("tag:for", "patch*")) == [one]
    assert found(("status", "completed")) == []
    assert found(OwnerIds=["self"]) == [one, two]
    assert found(OwnerIds=[SHARED]) == []

    ec2.delete_snapshot(SnapshotId=one)
    assert found() == [two]


def test_snapshots_and_volumes_take_tags(ec2, volume_id):
    snapshot_id = ec2.create_snapshot(VolumeId=volume_id)["SnapshotId"]

    ec2.create_tags(Resources=[snapshot_id, volume_id], Tags=[{"Key": "a", "Value": "b"}, {"Key": "c"}])
    ec2.delete_tags(Resources=[snapshot_id, volume_id], Tags=[{"Key": "c"}])

    tags = [{"Key": "a", "Value": "b"}]
    assert ec2.describe_volumes(VolumeIds=[volume_id])["Volumes"][0]["Tags"] == tags
    assert ec2.describe_snapshots(SnapshotIds=[snapshot_id])["Snapshots"][0]["Tags"] == tags


def test_a_volume_made_by_hand_lives_with_moto(ec2):
    made = ec2.create_volume(AvailabilityZone=f"{REGION}a", Size=8)["VolumeId"]

    assert ec2.describe_volumes(VolumeIds=[made])["Volumes"][0]["Size"] == 8
    assert ec2.create_snapshot(VolumeId=made)["VolumeId"] == made


def test_another_accounts_volume_is_not_there(simulated_aws, volume_id):
    elsewhere = simulated_aws.client("ec2", SHARED)

    with pytest.raises(ClientError, match="InvalidVolume.NotFound"):
        elsewhere.describe_volumes(VolumeIds=[volume_id])
    with pytest.raises(ClientError, match="InvalidSnapshot.NotFound"):
        elsewhere.describe_snapshots(SnapshotIds=["snap-0123456789abcdef0"])
