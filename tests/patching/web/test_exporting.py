"""What is in effect is taken out as a file, by those who may see it, and that is told."""

import io
import zipfile

import pytest
from django.urls import reverse

from patching.models import PatchGroup
from tests import asks, factories

ADDRESS = reverse("patching:export")


@pytest.fixture
def group(cast):
    asks.in_effect(cast["rita"], asks.ha_items(asks.fleet()), cast["omar"], cast["ivan"], cast["clara"])
    return PatchGroup.objects.get(name="payments-prod")


def test_a_group_comes_with_its_baseline_and_the_windows_of_its_instances(group, cast, browse):
    response = browse(cast["rita"]).get(f"{ADDRESS}?as=terraform&group={group.pk}")
    text = response.content.decode()
    assert text.count('resource "aws_ssm_patch_group"') == 1
    assert text.count('resource "aws_ssm_patch_baseline"') == 1
    assert text.count('resource "aws_ssm_maintenance_window" ') == 2
    assert "payments-prod-211125483017-eu-central-1.tf" in response["Content-Disposition"]


def test_an_application_in_two_regions_comes_as_two_files(group, cast, browse):
    elsewhere = factories.account_region(region="eu-west-1")
    one = factories.instance(factories.payments(), "dev", account_region=elsewhere)
    item = asks.window_item([one], "dev", name="payments-west", region="eu-west-1")
    asks.in_effect(cast["rita"], [item], cast["omar"])
    response = browse(cast["rita"]).get(f"{ADDRESS}?as=yaml&application={factories.payments().pk}")
    names = zipfile.ZipFile(io.BytesIO(response.content)).namelist()
    assert [name.partition("-")[2] for name in sorted(names)] == [
        "211125483017-eu-central-1.patchwarden.yaml",
        "211125483017-eu-west-1.patchwarden.yaml",
    ]


def test_others_find_nothing_there(group, cast, browse):
    assert browse(cast["noor"]).get(f"{ADDRESS}?group={group.pk}").status_code == 404


@pytest.mark.parametrize("query", ["as=docx", "group=x", "group=999999", "place=1٣"])
def test_what_is_not_there_is_not_found(query, group, cast, browse):
    assert browse(cast["rita"]).get(f"{ADDRESS}?{query}").status_code == 404
