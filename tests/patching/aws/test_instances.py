"""What EC2 and SSM say of instances, joined; and SSM's word for each operating system."""

import boto3
import pytest
from botocore.stub import Stubber

from patching.aws.errors import AwsBusy, AwsDenied
from patching.aws.instances import Instances, from_aws, operating_system_of
from tests.simulated_aws import SimulatedAws


class Clients:
    """The two clients that reading inventory needs."""

    def __init__(self, ec2, ssm):
        self.ec2, self.ssm = ec2, ssm


@pytest.fixture
def stubbed():
    keys = {"region_name": "eu-central-1", "aws_access_key_id": "x", "aws_secret_access_key": "x"}
    clients = Clients(boto3.client("ec2", **keys), boto3.client("ssm", **keys))
    with Stubber(clients.ec2) as ec2, Stubber(clients.ssm) as ssm:
        yield clients, ec2, ssm


@pytest.mark.parametrize(
    ("said", "word"),
    [
        (("Windows", "Microsoft Windows Server 2022 Datacenter", "10.0.20348"), "WINDOWS"),
        (("Linux", "Amazon Linux AMI", "2018.03"), "AMAZON_LINUX"),
        (("Linux", "Amazon Linux", "2"), "AMAZON_LINUX_2"),
        (("Linux", "Amazon Linux", "2023"), "AMAZON_LINUX_2023"),
        (("Linux", "Amazon Linux", "2023.7.20250428"), "AMAZON_LINUX_2023"),
        (("Linux", "Ubuntu", "22.04"), "UBUNTU"),
        (("Linux", "Red Hat Enterprise Linux Server", "9.7"), "REDHAT_ENTERPRISE_LINUX"),
        (("Linux", "SLES", "15.5"), "SUSE"),
        (("Linux", "CentOS Linux", "7.9.2009"), "CENTOS"),
        (("Linux", "Rocky Linux", "9.3"), "ROCKY_LINUX"),
        (("Linux", "AlmaLinux", "9.3"), "ALMA_LINUX"),
        (("Linux", "Oracle Linux Server", "8.9"), "ORACLE_LINUX"),
        (("Linux", "Debian GNU/Linux", "12"), "DEBIAN"),
        (("MacOS", "macOS", "14.1"), "MACOS"),
        (("Linux", "Amazon Linux", ""), ""),
        (("Linux", "Bottlerocket OS", "1.19"), ""),
        (("", "", ""), ""),
    ],
)
def test_an_agent_s_platform_becomes_ssm_s_operating_system(said, word):
    assert operating_system_of(*said) == word


def test_an_instance_without_an_agent_keeps_what_ec2_knows_of_it():
    found = from_aws(
        {
            "InstanceId": "i-1",
            "State": {"Name": "running"},
            "PlatformDetails": "Red Hat Enterprise Linux",
            "Tags": [
                {"Key": "Name", "Value": "db"},
                {"Key": "aws:autoscaling:groupName", "Value": "dbs"},
            ],
        },
        {},
    )

    assert (found.is_managed, found.operating_system) == (False, "REDHAT_ENTERPRISE_LINUX")
    assert (found.name, found.auto_scaling_group, found.ping_status) == ("db", "dbs", "")


def test_the_fleet_is_read_as_it_is(simulated_aws: SimulatedAws):
    clients = Clients(simulated_aws.client("ec2"), simulated_aws.client("ssm"))

    found = {instance.name: instance for instance in Instances(clients).read()}

    assert len(found) == 44
    server = found["pay-prod-a-01"]
    assert (server.operating_system, server.ping_status) == ("WINDOWS", "Online")
    assert server.availability_zone == "eu-central-1a"
    assert server.tags["App"] == "payments"
    assert found["claims-prod-asg-a-01"].auto_scaling_group == "claims-web-prod"
    assert found["claims-test-a-02"].ping_status == "ConnectionLost"
    assert not found["lake-prod-b-04"].is_managed


def test_asks_for_no_permission_it_does_not_declare(simulated_aws: SimulatedAws):
    clients, called = Clients(simulated_aws.client("ec2"), simulated_aws.client("ssm")), set()
    for name in ("ec2", "ssm"):
        getattr(clients, name).meta.events.register(
            f"before-call.{name}",
            lambda model, name=name, **kwargs: called.add(f"{name}:{model.name}"),
        )

    Instances(clients).read()

    assert called == set(Instances.permissions)


def test_every_page_is_read_and_ended_instances_are_left_out(stubbed):
    clients, ec2, ssm = stubbed

    def reservation(instance_id, state="running"):
        return {"Instances": [{"InstanceId": instance_id, "State": {"Name": state}}]}

    ec2.add_response("describe_instances", {"Reservations": [reservation("i-1")], "NextToken": "more"})
    ec2.add_response(
        "describe_instances",
        {"Reservations": [reservation("i-2", "terminated"), reservation("i-3", "stopped")]},
    )
    agent = {"PlatformType": "Linux", "PlatformName": "Ubuntu"}
    ssm.add_response(
        "describe_instance_information",
        {"InstanceInformationList": [{"InstanceId": "mi-0123", **agent}], "NextToken": "more"},
    )
    ssm.add_response(
        "describe_instance_information", {"InstanceInformationList": [{"InstanceId": "i-3", **agent}]}
    )

    found = Instances(clients).read()

    assert [(one.instance_id, one.run_state, one.is_managed) for one in found] == [
        ("i-1", "running", False),
        ("i-3", "stopped", True),
    ]


def test_refusals_are_told_apart(stubbed):
    clients, ec2, _ = stubbed
    ec2.add_client_error("describe_instances", "UnauthorizedOperation", "You are not authorized.")
    ec2.add_client_error("describe_instances", "RequestLimitExceeded", "Request limit exceeded.")

    with pytest.raises(AwsDenied, match="Reading instances"):
        Instances(clients).read()
    with pytest.raises(AwsBusy):
        Instances(clients).read()
