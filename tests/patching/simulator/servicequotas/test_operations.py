import pytest
from botocore.exceptions import ClientError

from patching.simulator.controls import QUOTAS
from patching.simulator.servicequotas.operations import NAMES, code_of


@pytest.fixture
def quotas(simulated_aws):
    return simulated_aws.client("service-quotas")


def test_every_quota_of_the_simulator_is_listed(quotas):
    listed = quotas.list_service_quotas(ServiceCode="ssm")["Quotas"]

    assert NAMES.keys() == QUOTAS.keys()
    assert {one["QuotaCode"]: one["Value"] for one in listed} == {
        code_of(name): value for name, value in QUOTAS.items()
    }


def test_a_quota_set_at_the_door_is_the_one_applied_and_the_default_stays(simulated_aws, quotas):
    simulated_aws.world.controls.set_quota("windows", 3)
    asked = {"ServiceCode": "ssm", "QuotaCode": code_of("windows")}

    assert quotas.get_service_quota(**asked)["Quota"]["Value"] == 3
    assert quotas.get_aws_default_service_quota(**asked)["Quota"]["Value"] == 50


def test_they_come_in_pages(quotas):
    pages = quotas.get_paginator("list_service_quotas").paginate(
        ServiceCode="ssm", PaginationConfig={"PageSize": 4}
    )

    assert [len(page["Quotas"]) for page in pages] == [4, 4, 2]


@pytest.mark.parametrize(
    "asked", [{"ServiceCode": "ec2", "QuotaCode": "L-1"}, {"ServiceCode": "ssm", "QuotaCode": "L-1"}]
)
def test_what_is_not_simulated_is_no_such_resource(quotas, asked):
    with pytest.raises(ClientError) as refused:
        quotas.get_service_quota(**asked)

    assert refused.value.response["Error"]["Code"] == "NoSuchResourceException"
