import json
from datetime import timedelta

import pytest
from botocore.exceptions import ClientError

from patching.simulator import beginning, syncing
from patching.simulator.simulation import Simulation
from patching.simulator.store import Store
from tests.simulated_aws import HUB, REGION, RETAIL

BUCKET = "inventory-of-all"
DESTINATION = {"BucketName": BUCKET, "Prefix": "ssm", "SyncFormat": "JsonSerDe", "Region": REGION}
SOURCE = {"SourceType": "SingleAccountMultiRegions", "SourceRegions": [REGION]}


@pytest.fixture
def ssm(simulated_aws):
    return simulated_aws.client("ssm")


@pytest.fixture
def s3(simulated_aws):
    """The bucket is the hub's; any account may write into it."""
    s3 = simulated_aws.client("s3", HUB)
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    return s3


@pytest.fixture
def node(simulated_aws):
    return next(
        one
        for one in simulated_aws.world.nodes_in(RETAIL, REGION)
        if one.last_run
        and one.ping_status == "Online"
        and not one.install_fails
        and one.last_run["MissingCount"]
    )


def key(node, kind):
    place = f"accountid={node.account}/region={node.region}/resourcetype=ManagedInstanceInventory"
    return f"ssm/{kind}/{place}/{node.instance_id}.json"


def rows(s3, node, kind):
    body = s3.get_object(Bucket=BUCKET, Key=key(node, kind))["Body"].read().decode()
    return [json.loads(line) for line in body.splitlines()]


def refused(call, **request):
    with pytest.raises(ClientError) as refusal:
        call(**request)
    return refusal.value.response["Error"]["Code"]


def test_everything_known_is_written_at_once_in_awss_layout(simulated_aws, ssm, s3, node):
    ssm.create_resource_data_sync(SyncName="all", S3Destination=DESTINATION)

    (information,) = rows(s3, node, "AWS:InstanceInformation")
    assert information["PlatformName"] == node.platform_name
    assert information["resourceId"] == node.instance_id
    assert len(rows(s3, node, "AWS:ComplianceItem")) == len(node.findings)
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix="ssm/AWS:PatchSummary/")
    written = {one["Key"].rsplit("/", 1)[-1] for page in pages for one in page["Contents"]}
    managed = [one for one in simulated_aws.world.nodes_in(RETAIL, REGION) if one.managed]
    assert written == {f"{one.instance_id}.json" for one in managed}
    (sync,) = ssm.list_resource_data_sync()["ResourceDataSyncItems"]
    assert (sync["SyncType"], sync["LastStatus"]) == ("SyncToDestination", "Successful")


def test_a_run_and_an_inventory_write_a_nodes_files_over(simulated_aws, ssm, s3, node):
    ssm.create_resource_data_sync(SyncName="all", S3Destination=DESTINATION)
    assert int(rows(s3, node, "AWS:PatchSummary")[0]["MissingCount"]) > 0

    ssm.send_command(
        DocumentName="AWS-RunPatchBaseline",
        InstanceIds=[node.instance_id],
        Parameters={"Operation": ["Install"]},
    )
    simulated_aws.advance(by=timedelta(hours=1))
    rack = {"TypeName": "Custom:Rack", "SchemaVersion": "1.0", "CaptureTime": "2026-06-01T05:00:00Z"}
    ssm.put_inventory(InstanceId=node.instance_id, Items=[rack | {"Content": [{"Place": "A7"}]}])

    (summary,) = rows(s3, node, "AWS:PatchSummary")
    assert (summary["Operation"], summary["MissingCount"]) == ("Install", "0")
    assert rows(s3, node, "Custom:Rack")[0]["Place"] == "A7"


def test_a_bucket_that_goes_away_is_told_and_stops_nothing(simulated_aws, ssm, s3, node):
    ssm.create_resource_data_sync(SyncName="all", S3Destination=DESTINATION)
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
        s3.delete_objects(
            Bucket=BUCKET, Delete={"Objects": [{"Key": one["Key"]} for one in page["Contents"]]}
        )
    s3.delete_bucket(Bucket=BUCKET)

    ssm.send_command(
        DocumentName="AWS-RunPatchBaseline",
        InstanceIds=[node.instance_id],
        Parameters={"Operation": ["Scan"]},
    )
    simulated_aws.advance(by=timedelta(hours=1))

    (sync,) = ssm.list_resource_data_sync()["ResourceDataSyncItems"]
    assert sync["LastStatus"] == "Failed"
    assert BUCKET in sync["LastSyncStatusMessage"]


def test_there_are_five_at_most_and_each_name_once(ssm, s3):
    for number in range(5):
        ssm.create_resource_data_sync(SyncName=f"sync-{number}", S3Destination=DESTINATION)

    create = ssm.create_resource_data_sync
    code = refused(create, SyncName="sync-1", S3Destination=DESTINATION)
    assert code == "ResourceDataSyncAlreadyExistsException"
    code = refused(create, SyncName="sixth", S3Destination=DESTINATION)
    assert code == "ResourceDataSyncCountExceededException"

    ssm.delete_resource_data_sync(SyncName="sync-1")
    create(SyncName="sixth", S3Destination=DESTINATION)
    assert refused(ssm.delete_resource_data_sync, SyncName="sync-1") == "ResourceDataSyncNotFoundException"


def test_sources_can_be_changed_and_destinations_not(ssm, s3):
    ssm.create_resource_data_sync(SyncName="explorer", SyncType="SyncFromSource", SyncSource=SOURCE)
    ssm.create_resource_data_sync(SyncName="bucket", S3Destination=DESTINATION)
    more = SOURCE | {"SourceRegions": [REGION, "us-east-1"]}

    ssm.update_resource_data_sync(SyncName="explorer", SyncType="SyncFromSource", SyncSource=more)

    (found,) = ssm.list_resource_data_sync(SyncType="SyncFromSource")["ResourceDataSyncItems"]
    assert found["SyncSource"]["SourceRegions"] == more["SourceRegions"]
    code = refused(
        ssm.update_resource_data_sync, SyncName="bucket", SyncType="SyncToDestination", SyncSource=more
    )
    assert code == "ResourceDataSyncInvalidConfigurationException"


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"S3Destination": DESTINATION | {"BucketName": "nowhere-at-all"}},
        {"SyncType": "SyncFromSource"},
        {"SyncType": "SyncSideways"},
    ],
)
def test_what_makes_no_sense_is_refused(ssm, s3, asked):
    code = refused(ssm.create_resource_data_sync, SyncName="odd", **asked)

    assert code == "ResourceDataSyncInvalidConfigurationException"


def test_after_a_restart_the_bucket_is_made_and_filled_again(tmp_path, simulated_aws, ssm, s3, node):
    ssm.create_resource_data_sync(SyncName="all", S3Destination=DESTINATION)
    store = Store(tmp_path)
    simulated_aws.world.mark_all_changed()
    store.save(simulated_aws.world)
    again = Simulation(beginning.fresh_world({"fleet": "empty"}))
    again.reset(Store(tmp_path).load())
    assert syncing.owner_of(BUCKET) is None

    syncing.fill_again(again.world)

    assert syncing.owner_of(BUCKET) == HUB
    assert len(rows(s3, node, "AWS:ComplianceItem")) == len(node.findings)
