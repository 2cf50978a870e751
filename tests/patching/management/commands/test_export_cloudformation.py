"""The command writes what is in effect, whole or for one application or group."""

import io
import json

import pytest
import yaml
from django.core.management import call_command
from django.core.management.base import CommandError

from tests import asks, factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def place(rita, omar, ivan, clara):
    asks.in_effect(rita, asks.ha_items(asks.fleet()), omar, ivan, clara)
    where = factories.account_region()
    return f"{where.account.account_id}/{where.region}"


def written(*arguments, name="export_cloudformation"):
    out = io.StringIO()
    call_command(name, *arguments, "--json", stdout=out)
    return json.loads(out.getvalue())["content"]


def test_the_ha_application_is_the_template_that_the_patching_guide_speaks_of(place):
    template = yaml.safe_load(written(place, "--application", "payments"))
    kinds = [one["Type"].removeprefix("AWS::SSM::") for one in template["Resources"].values()]
    assert {kind: kinds.count(kind) for kind in sorted(set(kinds))} == {
        "MaintenanceWindow": 6,
        "MaintenanceWindowTarget": 6,
        "MaintenanceWindowTask": 12,
        "PatchBaseline": 3,
    }
    assert template["Resources"]["PaymentsProdWinBaseline"]["Properties"]["PatchGroups"] == ["payments-prod"]


def test_one_group_comes_with_the_windows_of_its_instances(place):
    text = written(place, "--group", "payments-dev", "--format", "yaml", name="export_resources")
    document = yaml.safe_load(text)
    assert [one["name"] for one in document["windows"]] == ["payments-dev-a", "payments-dev-b"]
    assert [one["name"] for one in document["baselines"]] == ["payments-dev-win"]


@pytest.mark.parametrize("wrong", [("--group", "nobody"), ("--application", "nobody")])
def test_what_is_not_there_cannot_be_written(place, wrong):
    with pytest.raises(CommandError) as refused:
        written(place, *wrong)
    assert refused.value.returncode == 2
