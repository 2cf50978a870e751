"""A file becomes a request: what it says here, what cannot be taken, and what it leaves open."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from patching.models import ChangeRequest
from tests import asks, factories
from tests.patching.web.conftest import text_of

ADDRESS = reverse("patching:import-new")
TEMPLATE = """
Parameters:
  Stage: {Type: String}
Resources:
  Window:
    Type: AWS::SSM::MaintenanceWindow
    Properties:
      {Name: !Sub "payments-${Stage}-night", Schedule: "cron(0 2 ? * SUN *)", Duration: 4, Cutoff: 1}
  Target:
    Type: AWS::SSM::MaintenanceWindowTarget
    Properties:
      WindowId: !Ref Window
      Targets: [{Key: "tag:Team", Values: [payments]}]
  Install:
    Type: AWS::SSM::MaintenanceWindowTask
    Properties:
      WindowId: !Ref Window
      TaskType: RUN_COMMAND
      TaskArn: AWS-RunPatchBaseline
      Priority: 1
      MaxConcurrency: 2
      MaxErrors: 1
      Targets: [{Key: WindowTargetIds, Values: [!Ref Target]}]
      TaskInvocationParameters:
        MaintenanceWindowRunCommandParameters: {Parameters: {Operation: [Install]}}
  Elsewhere:
    Type: AWS::SSM::Association
    Properties: {Name: AWS-RunPatchBaseline}
"""


@pytest.fixture
def scope(cast):
    """Three dev instances of payments in the tagged team."""
    payments = factories.payments()
    for _ in range(3):
        factories.instance(payments, "dev", tags={"Team": "payments"})
    return f"payments:dev:{factories.account_region().pk}"


def said(scope, **more):
    why = {"title": "The night of payments", "reason": asks.REASON}
    return {"scope": scope, "text": TEMPLATE, "do": "draft", **why, **more}


def test_what_the_file_leaves_open_is_asked_for(scope, cast, browse):
    response = browse(cast["rita"]).post(ADDRESS, said(scope, do="preview"))
    page = text_of(response)
    assert response.status_code == 400
    assert "It depends on the parameter Stage, which has no value; give it one." in page
    assert 'name="value-Stage"' in response.content.decode()


def test_a_file_becomes_one_draft(scope, cast, browse):
    response = browse(cast["rita"]).post(ADDRESS, said(scope, **{"value-Stage": "dev"}))
    request = ChangeRequest.objects.get()
    assert response["Location"] == reverse("patching:request-detail", args=[request.pk])
    page = text_of(browse(cast["rita"]).get(response["Location"]))
    assert "payments-dev-night" in page
    assert "3 instances" in page


def test_what_cannot_be_taken_is_named_before_anybody_is_asked(scope, cast, browse):
    page = text_of(browse(cast["rita"]).post(ADDRESS, said(scope, do="preview", **{"value-Stage": "dev"})))
    assert "State Manager associations patch by themselves" in page
    assert not ChangeRequest.objects.exists()


def test_a_broken_rule_names_the_object_of_the_file(scope, cast, browse):
    taken = [factories.payments().instances.first()]
    asks.in_effect(cast["rita"], [asks.window_item(taken, "dev")], cast["omar"])
    page = text_of(browse(cast["rita"]).post(ADDRESS, said(scope, **{"value-Stage": "dev"})))
    assert f"payments-dev-night, instances[0]: {taken[0].instance_id} is already in payments-dev" in page


def test_an_uploaded_file_is_read_and_kept_in_the_form(scope, cast, browse):
    upload = SimpleUploadedFile("patching.yaml", TEMPLATE.encode())
    answer = browse(cast["rita"]).post(ADDRESS, {**said(scope, do="preview", text=""), "file": upload})
    assert "payments-${Stage}-night" in answer.content.decode()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xff\xfe\x00", "is not UTF-8 text"),
        (b"", "The file is empty"),
        (b"Resources: {}", "at least one resource"),
        (b"Resources:\n  A: &a [1]\n  B: *a\n", "no aliases"),
        (b"Resources: [", "is not YAML"),
        (b"resource aws {", "is not Terraform"),
    ],
)
def test_what_is_no_such_file_is_refused_with_words(content, words, scope, cast, browse):
    upload = SimpleUploadedFile("setup", content)
    answer = browse(cast["rita"]).post(
        ADDRESS, {**said(scope, text=content.decode("latin-1")), "file": upload}
    )
    assert (answer.status_code, words in text_of(answer)) == (400, True)
    assert not ChangeRequest.objects.exists()
