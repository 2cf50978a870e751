import json

import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def ssm(simulated_aws):
    return simulated_aws.client("ssm")


@pytest.fixture
def own(ssm):
    content = {"schemaVersion": "2.2", "description": "drain", "mainSteps": []}
    ssm.create_document(Name="payments-drain", DocumentType="Command", Content=json.dumps(content))
    return "payments-drain"


def names(ssm, **asked):
    return [one["Name"] for one in ssm.list_documents(**asked)["DocumentIdentifiers"]]


def test_awss_documents_are_there_and_ones_own_come_after(ssm, own):
    assert names(ssm) == [
        "AWS-RunPatchBaseline",
        "AWS-RunPatchBaselineAssociation",
        "AWS-RunPatchBaselineWithHooks",
        "AWSManagedServices-PatchInstance",
        own,
    ]


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("Owner", "Self", ["payments-drain"]),
        ("Owner", "AWSManagedServices", ["AWSManagedServices-PatchInstance"]),
        ("DocumentType", "Automation", ["AWSManagedServices-PatchInstance"]),
        ("Name", "AWS-RunPatchBaselineW", ["AWS-RunPatchBaselineWithHooks"]),
    ],
)
def test_they_are_found_by_their_filters(ssm, own, key, value, expected):
    assert names(ssm, Filters=[{"Key": key, "Values": [value]}]) == expected


def test_parameters_are_described_with_their_defaults(ssm):
    described = ssm.describe_document(Name="AWS-RunPatchBaseline")["Document"]

    defaults = {one["Name"]: one.get("DefaultValue") for one in described["Parameters"]}
    assert defaults["Operation"] is None
    assert defaults["RebootOption"] == "RebootIfNeeded"
    assert described["DocumentType"] == "Command"


def test_the_text_says_what_a_parameter_may_be(ssm):
    text = ssm.get_document(Name="AWSManagedServices-PatchInstance")["Content"]

    parameters = json.loads(text)["parameters"]
    assert "Never" in parameters["ExecutePatchBasedOnPreHookStatus"]["allowedValues"]
    assert "default" not in parameters["InstanceId"]


def test_documents_of_ones_own_are_left_to_moto(ssm, own):
    assert ssm.describe_document(Name=own)["Document"]["Name"] == own
    with pytest.raises(ClientError) as refused:
        ssm.get_document(Name="AWS-RunPatchBaseline", DocumentVersion="99")
    assert refused.value.response["Error"]["Code"] == "InvalidDocumentVersion"
    with pytest.raises(ClientError) as refused:
        ssm.list_documents(Filters=[{"Key": "Colour", "Values": ["red"]}])
    assert refused.value.response["Error"]["Code"] == "InvalidFilterKey"
