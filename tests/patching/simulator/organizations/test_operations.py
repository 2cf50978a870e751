import pytest
from botocore.exceptions import ClientError

from tests.simulated_aws import HUB, RETAIL, SHARED


@pytest.fixture
def organizations(simulated_aws):
    return simulated_aws.client("organizations", HUB)


def test_every_account_of_the_world_is_a_member(organizations):
    accounts = organizations.list_accounts()["Accounts"]

    assert [(one["Id"], one["Name"], one["Status"]) for one in accounts] == [
        (HUB, "Hub", "ACTIVE"),
        (RETAIL, "Retail", "ACTIVE"),
        (SHARED, "Shared", "ACTIVE"),
    ]
    assert organizations.describe_account(AccountId=RETAIL)["Account"] == accounts[1]


def test_accounts_are_listed_page_by_page(organizations):
    pages = [*organizations.get_paginator("list_accounts").paginate(PaginationConfig={"PageSize": 2})]

    assert [len(page["Accounts"]) for page in pages] == [2, 1]


def test_the_tree_leads_from_the_root_to_every_account_and_back(organizations):
    root = organizations.list_roots()["Roots"][0]["Id"]
    (unit,) = organizations.list_organizational_units_for_parent(ParentId=root)["OrganizationalUnits"]

    below = {
        parent: [one["Id"] for one in organizations.list_accounts_for_parent(ParentId=parent)["Accounts"]]
        for parent in (root, unit["Id"])
    }

    assert below == {root: [HUB], unit["Id"]: [RETAIL, SHARED]}
    for parent, children in below.items():
        for child in children:
            assert organizations.list_parents(ChildId=child)["Parents"][0]["Id"] == parent
    assert organizations.list_parents(ChildId=unit["Id"])["Parents"] == [{"Id": root, "Type": "ROOT"}]
    described = organizations.describe_organizational_unit(OrganizationalUnitId=unit["Id"])
    assert described["OrganizationalUnit"] == unit


def test_a_member_may_ask_which_organization_it_is_in_and_no_more(simulated_aws):
    member = simulated_aws.client("organizations", RETAIL)

    assert member.describe_organization()["Organization"]["MasterAccountId"] == HUB
    with pytest.raises(ClientError) as refused:
        member.list_accounts()
    assert refused.value.response["Error"]["Code"] == "AccessDeniedException"


@pytest.mark.parametrize(
    ("operation", "request_", "code"),
    [
        ("describe_account", {"AccountId": "999999999999"}, "AccountNotFoundException"),
        ("list_parents", {"ChildId": "999999999999"}, "ChildNotFoundException"),
        ("list_accounts_for_parent", {"ParentId": "r-none"}, "ParentNotFoundException"),
        (
            "describe_organizational_unit",
            {"OrganizationalUnitId": "ou-none-12345678"},
            "OrganizationalUnitNotFoundException",
        ),
    ],
)
def test_what_is_not_there_is_refused(organizations, operation, request_, code):
    with pytest.raises(ClientError) as refused:
        getattr(organizations, operation)(**request_)

    assert refused.value.response["Error"]["Code"] == code
