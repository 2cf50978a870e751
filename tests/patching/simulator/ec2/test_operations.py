import pytest
from botocore.exceptions import ClientError

from tests.simulated_aws import RETAIL, SHARED


def instances(client, **request):
    pages = client.get_paginator("describe_instances").paginate(**request)
    return [one for page in pages for reservation in page["Reservations"] for one in reservation["Instances"]]


def tag(name, *values):
    return {"Name": f"tag:{name}", "Values": list(values)}


def test_the_whole_fleet_is_there_each_in_its_account(simulated_aws):
    retail = instances(simulated_aws.client("ec2", RETAIL), PaginationConfig={"PageSize": 10})
    shared = instances(simulated_aws.client("ec2", SHARED))

    assert {one["InstanceId"] for one in retail + shared} == set(simulated_aws.world.nodes)
    assert instances(simulated_aws.client("ec2", RETAIL, "us-east-1")) == []
    assert {one["Placement"]["AvailabilityZone"] for one in retail} == {"eu-central-1a", "eu-central-1b"}


def test_filters_are_all_to_be_met_and_know_wildcards(simulated_aws):
    ec2 = simulated_aws.client("ec2")
    prod = instances(ec2, Filters=[tag("App", "pay*"), tag("Environment", "prod")])

    assert len(prod) == 12
    assert {one.get("Platform") for one in prod} == {"windows"}
    assert (
        len(instances(ec2, Filters=[tag("App", "payments"), {"Name": "platform", "Values": ["linux"]}])) == 0
    )
    with pytest.raises(ClientError, match="InvalidParameterValue"):
        instances(ec2, Filters=[{"Name": "colour", "Values": ["red"]}])


def test_tags_of_an_instance_are_the_tags_of_the_node(simulated_aws):
    ec2 = simulated_aws.client("ec2")
    node = simulated_aws.world.nodes_in(RETAIL, "eu-central-1")[0]

    ec2.create_tags(Resources=[node.instance_id], Tags=[{"Key": "PatchGroup", "Value": "payments-prod"}])
    assert node.tags["PatchGroup"] == "payments-prod"
    assert [one["InstanceId"] for one in instances(ec2, Filters=[tag("PatchGroup", "payments-prod")])] == [
        node.instance_id
    ]

    ec2.delete_tags(Resources=[node.instance_id], Tags=[{"Key": "PatchGroup", "Value": "another"}])
    assert node.tags["PatchGroup"] == "payments-prod"
    ec2.delete_tags(Resources=[node.instance_id], Tags=[{"Key": "PatchGroup"}])
    assert "PatchGroup" not in node.tags


def test_describe_tags_lists_them_by_key_and_resource(simulated_aws):
    node = simulated_aws.world.nodes_in(RETAIL, "eu-central-1")[0]
    filters = [{"Name": "resource-id", "Values": [node.instance_id]}, {"Name": "key", "Values": ["App"]}]

    assert simulated_aws.client("ec2").describe_tags(Filters=filters)["Tags"] == [
        {"Key": "App", "ResourceId": node.instance_id, "ResourceType": "instance", "Value": node.tags["App"]}
    ]


@pytest.mark.parametrize(
    ("instance", "key", "code"),
    [
        ("here", "aws:autoscaling:groupName", "InvalidParameterValue"),
        ("elsewhere", "App", "InvalidInstanceID.NotFound"),
    ],
)
def test_tags_that_aws_keeps_for_itself_and_instances_elsewhere_are_refused(
    simulated_aws, instance, key, code
):
    account = RETAIL if instance == "here" else SHARED
    node = simulated_aws.world.nodes_in(account, "eu-central-1")[0]

    with pytest.raises(ClientError, match=code):
        simulated_aws.client("ec2").create_tags(
            Resources=[node.instance_id], Tags=[{"Key": key, "Value": "x"}]
        )


def test_an_instance_takes_fifty_tags(simulated_aws):
    node = simulated_aws.world.nodes_in(RETAIL, "eu-central-1")[0]
    many = [{"Key": f"tag-{number}", "Value": ""} for number in range(50)]

    with pytest.raises(ClientError, match="TagLimitExceeded"):
        simulated_aws.client("ec2").create_tags(Resources=[node.instance_id], Tags=many)
    assert "tag-0" not in node.tags


def test_all_else_of_ec2_is_motos(simulated_aws):
    ec2 = simulated_aws.client("ec2")
    volume = ec2.create_volume(AvailabilityZone="eu-central-1a", Size=8)["VolumeId"]

    ec2.create_tags(Resources=[volume], Tags=[{"Key": "App", "Value": "payments"}])

    assert ec2.describe_volumes(VolumeIds=[volume])["Volumes"][0]["Tags"] == [
        {"Key": "App", "Value": "payments"}
    ]
    made, tagged = simulated_aws.log()
    assert (made["operation"], made["request"]["Size"]) == ("CreateVolume", 8)
    assert (tagged["operation"], tagged["request"]["Resources"]) == ("CreateTags", [volume])
