"""The company on its first day, and the tokens of its people."""

import json

import pytest

from patching import workflow
from patching.models import AccountRegion, AwsAccount, Selector
from portal.demo import company, token_file
from portal.demo.cast import CAST
from portal.governance import audit, roles
from portal.governance.models import ApiToken, Role, User

SIMULATED = [
    {"account": "111111111111", "name": "Hub", "role": "", "external_id": "", "regions": ["eu-central-1"]},
    {
        "account": "211125483017",
        "name": "Retail",
        "role": "PatchwardenRole",
        "external_id": "x-retail",
        "regions": ["eu-central-1", "us-east-1"],
    },
    {
        "account": "334455667788",
        "name": "Shared",
        "role": "PatchwardenRole",
        "external_id": "x-shared",
        "regions": ["eu-central-1"],
    },
]

pytestmark = pytest.mark.django_db


def test_the_company_stands_with_its_people_accounts_and_applications():
    assert not company.is_founded()

    company.found(SIMULATED)

    assert company.is_founded()
    assert set(User.objects.values_list("username", flat=True)) == {member.username for member in CAST}
    assert set(roles.holders(Role.CISO).values_list("username", flat=True)) == {"clara", "dora"}
    assert AwsAccount.objects.count() == 2  # the hub is where the portal lives, not where it patches
    assert AccountRegion.objects.count() == 3
    assert Selector.objects.count() == 9
    assert audit.verify().holds


def test_ines_may_ask_for_a_baseline_that_all_teams_share():
    company.found(SIMULATED)
    ines = User.objects.get(username="ines")
    definition = {"OperatingSystem": "AMAZON_LINUX_2023", "ApprovedPatches": ["CVE-2026-0001"]}
    item = {"action": "create", "kind": "baseline", "target": None}
    spec = {"name": "company-al2023", "definition": definition}
    request = workflow.draft(
        by=ines, title="For everybody", reason="One patch for all teams.", items=[{**item, "spec": spec}]
    )
    assert str(request.team) == "Security Operations"


def test_tokens_are_private_and_only_deciders_may_decide(tmp_path):
    company.found(SIMULATED)
    path = tmp_path / "tokens.json"
    assert not token_file.is_valid(path)

    token_file.write(path)

    tokens = json.loads(path.read_text())
    assert path.stat().st_mode & 0o777 == 0o600
    assert set(tokens) == {member.username for member in CAST}
    assert token_file.is_valid(path)
    may_decide = {t.user.username for t in ApiToken.objects.all() if "decide" in t.scopes}
    assert may_decide == {"omar", "ines", "ivan", "clara", "dora", "noor"}
    assert {t.user.username for t in ApiToken.objects.all() if "operate" in t.scopes} == {"opal"}


def test_tokens_that_the_database_forgot_are_minted_anew(tmp_path):
    company.found(SIMULATED)
    path = tmp_path / "tokens.json"
    token_file.write(path)

    ApiToken.objects.filter(user__username="rita").delete()

    assert not token_file.is_valid(path)
