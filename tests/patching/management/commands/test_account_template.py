"""The command account_template: one file for CloudFormation."""

import io
import json

import pytest
import yaml
from django.core.management import call_command
from django.core.management.base import CommandError

from tests import factories

HUB = "arn:aws:iam::111111111111:role/PatchwardenHub"


def test_it_prints_yaml_or_json(db, settings):
    settings.HUB_ROLE_ARN = HUB
    account = factories.account()
    as_yaml, as_json = io.StringIO(), io.StringIO()
    call_command("account_template", account.account_id, stdout=as_yaml)
    call_command("account_template", account.account_id, "--json", stdout=as_json)
    document = json.loads(as_json.getvalue())
    assert yaml.safe_load(as_yaml.getvalue()) == document
    assert account.external_id in as_json.getvalue()


@pytest.mark.parametrize(
    ("account", "hub", "words"),
    [("999999999999", HUB, "not connected"), ("211125483017", "", "HUB_ROLE_ARN")],
)
def test_what_it_cannot_write_is_said(db, settings, account, hub, words):
    settings.HUB_ROLE_ARN = hub
    factories.account()
    with pytest.raises(CommandError, match=words) as stop:
        call_command("account_template", account)
    assert stop.value.returncode == 2
