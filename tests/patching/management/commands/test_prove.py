"""The command prove: the way in is there, or it is said why not."""

import io
import json

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from patching.models import AwsAccount
from tests.simulated_aws import RETAIL

PLACE = f"{RETAIL}/eu-central-1"


def test_it_says_who_we_are_there(retail):
    out = io.StringIO()
    call_command("prove", PLACE, "--json", stdout=out)
    assert json.loads(out.getvalue())["identity_arn"].endswith("assumed-role/PatchwardenRole/patchwarden")


def test_no_way_in_is_status_2_with_the_reason(retail):
    AwsAccount.objects.update(external_id="another")
    with pytest.raises(CommandError, match="another external id") as stop:
        call_command("prove", PLACE)
    assert stop.value.returncode == 2
