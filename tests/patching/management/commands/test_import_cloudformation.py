"""The command says what a template describes, and opens the request where it is told who asks."""

import io
import json

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from patching.models import ChangeRequest
from tests import asks, factories

pytestmark = pytest.mark.django_db
TEMPLATE = """
Parameters: {Days: {Type: Number}}
Resources:
  Web:
    Type: AWS::SSM::PatchBaseline
    Properties:
      Name: web-dev
      OperatingSystem: AMAZON_LINUX_2023
      ApprovalRules:
        PatchRules:
        - ApproveAfterDays: !Ref Days
          PatchFilterGroup: {PatchFilters: [{Key: CLASSIFICATION, Values: [Security]}]}
  Role: {Type: AWS::SSM::Document}
"""


@pytest.fixture
def run(tmp_path):
    def command(*arguments, content=TEMPLATE, name="import_cloudformation"):
        file = tmp_path / "template.yaml"
        file.write_text(content)
        out = io.StringIO()
        try:
            call_command(name, str(file), *arguments, "--json", stdout=out)
        except SystemExit as stop:
            return json.loads(out.getvalue()), stop.code
        return json.loads(out.getvalue()), 0

    return command


def test_without_a_place_it_says_what_the_file_holds_and_ends_with_1_for_what_it_cannot_take(run):
    told, status = run("--parameter", "Days=3")
    assert (told["baselines"], told["parameters"], status) == (["web-dev"], {"Days": "3"}, 1)
    assert told["refused"] == [
        "Role: Documents are not made here; this one must be in the account before a task runs it."
    ]


def test_a_clean_file_ends_with_0(run):
    told, status = run(
        "--parameter", "Days=3", content=TEMPLATE.replace("  Role: {Type: AWS::SSM::Document}\n", "")
    )
    assert (told["refused"], status) == ([], 0)


def test_it_opens_the_draft_of_who_asks(run, rita):
    factories.payments()
    place = factories.account_region()
    into = ("--into", f"{place.account.account_id}/{place.region}", "--application", "payments")
    who = ("--environment", "dev", "--as", "rita", "--draft", "--title", asks.TITLE, "--reason", asks.REASON)
    told, status = run("--parameter", "Days=3", *into, *who)
    request = ChangeRequest.objects.get()
    assert (told["request"], request.requested_by, status) == (request.number, rita, 1)
    assert told["items"][0]["spec"]["application"] == "payments"


def test_what_is_no_template_cannot_run(run):
    with pytest.raises(CommandError) as refused:
        run(content="Resources: [")
    assert refused.value.returncode == 2


def test_other_formats_have_a_command_of_their_own(run):
    told, status = run(
        name="import_resources", content='resource "aws_ssm_patch_baseline" "a" {\n  name = "web"\n}\n'
    )
    assert (told["baselines"], status) == (["web"], 0)
