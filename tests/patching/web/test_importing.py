"""A file becomes a request: what it says here, what cannot be taken, and what it leaves open."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from patching.contents import items_of
from patching.exchange import formats
from patching.models import ChangeRequest
from tests import asks, factories
from tests.patching.bad_baselines import MISTAKES
from tests.patching.bad_files import BAD_FILES, GOOD_NAME, PARTLY, WHERE, file_of
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


@pytest.fixture
def desk(scope, cast, browse, silent_aws):
    """Rita's browser, in which she sends a file and reads what becomes of it."""
    client = browse(cast["rita"])

    def send(content, do="preview", **more):
        upload = SimpleUploadedFile("setup", content if isinstance(content, bytes) else content.encode())
        return client.post(ADDRESS, {**said(scope, do=do, text="", **more), "file": upload})

    return send


@pytest.mark.parametrize("file_format", formats.FORMATS)
def test_a_file_leaves_out_each_bad_baseline_and_says_why(file_format, desk):
    content = file_of([one.definition for one in MISTAKES], file_format)
    found = desk(content, file_format=file_format).context["form"].found
    told = {one.where: one.why for one in found.refused}
    missing = {
        one.what: message
        for number, one in enumerate(MISTAKES)
        if one.says not in (message := told.get(WHERE[file_format].format(number), "taken"))
    }
    assert missing == {}
    page = text_of(desk(content, file_format=file_format))
    assert [one.what for one in MISTAKES if one.says not in page] == []
    assert desk(content, "draft", file_format=file_format).status_code == 302
    (kept,) = items_of(ChangeRequest.objects.get().current)
    assert kept["spec"]["name"] == GOOD_NAME


def test_a_file_that_cannot_be_read_is_refused_with_the_place(desk, subtests):
    for one in BAD_FILES:
        with subtests.test(one.what):
            answer = desk(one.content, "draft")
            assert answer.status_code == 400
            assert (one.on_page or one.says) in text_of(answer)
    assert not ChangeRequest.objects.exists()


def test_what_of_a_file_cannot_be_taken_is_named_and_the_rest_is_taken(desk, subtests):
    for one in PARTLY:
        with subtests.test(one.what):
            answer = desk(one.content)
            assert one.says in text_of(answer)
            assert GOOD_NAME in {line.name for line in answer.context["form"].found.lines}
    assert not ChangeRequest.objects.exists()
