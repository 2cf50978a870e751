"""A template becomes parts: windows with their targets and tasks, groups by their baselines, the rest by name."""

import os
from pathlib import Path

import pytest

from patching.exchange.cloudformation import read
from patching.exchange.parts import CannotReadError
from patching.exchange.shapes import BASELINE_FIELDS

WINDOW = """
  Night:
    Type: AWS::SSM::MaintenanceWindow
    Properties: {Name: web-night, Schedule: rate(7 days), Duration: "4", Cutoff: 1, AllowUnassociatedTargets: true}
"""
TARGET = """
  Web:
    Type: AWS::SSM::MaintenanceWindowTarget
    Properties: {WindowId: !Ref Night, ResourceType: INSTANCE, Targets: [{Key: "tag:Role", Values: web}]}
"""
TASK = """
  Install:
    Type: AWS::SSM::MaintenanceWindowTask
    Properties:
      WindowId: !Ref Night
      TaskType: RUN_COMMAND
      TaskArn: AWS-RunPatchBaseline
      ServiceRoleArn: !GetAtt Role.Arn
      Priority: 1
      MaxErrors: 1
      Targets: [{Key: WindowTargetIds, Values: [!Ref Web]}]
      TaskInvocationParameters:
        MaintenanceWindowRunCommandParameters: {TimeoutSeconds: 600, Parameters: {Operation: [Install]}}
  Role: {Type: AWS::IAM::Role}
"""


def resources(*parts):
    return read("Resources:" + "".join(parts), given={})


def baseline(name, system, group):
    return (
        f"\n  {name}:\n    Type: AWS::SSM::PatchBaseline\n"
        f"    Properties: {{Name: {name.lower()}, OperatingSystem: {system}, PatchGroups: [{group}]}}\n"
    )


def test_a_window_has_its_own_targets_and_tasks_in_aws_s_types():
    (window,) = resources(WINDOW, TARGET, TASK).windows
    assert (window.name, window.request["Duration"]) == ("web-night", 4)
    assert [dict(one) for one in window.targets[0].entries] == [{"Key": "tag:Role", "Values": ["web"]}]
    assert window.tasks[0].targets == ("Web",)
    assert window.tasks[0].request["MaxErrors"] == "1"
    parameters = window.tasks[0].request["TaskInvocationParameters"]
    assert parameters == {"RunCommand": {"Parameters": {"Operation": ["Install"]}}}


def test_what_is_left_out_of_what_is_taken_is_named():
    notes = {(one.where, one.what.split(":")[0]) for one in resources(WINDOW, TARGET, TASK).notes}
    assert notes == {
        ("Install", "ServiceRoleArn"),
        ("Install", "TimeoutSeconds"),
        ("Night", "AllowUnassociatedTargets becomes false"),
        ("Resources", "Not managed here and left alone"),
    }


def test_a_patch_group_stands_on_the_baselines_that_name_it():
    found = resources(baseline("Win", "WINDOWS", "web"), baseline("Lin", "AMAZON_LINUX_2023", "web"))
    assert [(one.name, one.baselines) for one in found.groups] == [
        ("web", {"WINDOWS": "win", "AMAZON_LINUX_2023": "lin"})
    ]


def test_a_group_has_one_baseline_for_each_operating_system():
    found = resources(baseline("One", "WINDOWS", "web"), baseline("Two", "WINDOWS", "web"))
    assert [one.where for one in found.refused] == ["Two.PatchGroups"]
    assert found.groups[0].baselines == {"WINDOWS": "one"}


@pytest.mark.parametrize(
    ("part", "where", "words"),
    [
        (TARGET.replace("!Ref Night", "mw-0123456789abcdef0"), "Web", "names no window that is taken"),
        (TARGET.replace("INSTANCE", "RESOURCE_GROUP"), "Web", "resource group"),
        (TASK.replace("AWS-RunPatchBaseline", "!ImportValue hook"), "Install", "another stack"),
        (TASK.replace("[Install]", '[!Sub "${AWS::StackName}"]'), "Install", "only when a stack is made"),
        ("\n  X: {Type: AWS::SSM::Association}\n", "X", "beside windows"),
        ("\n  X: nothing\n", "X", "an object with a Type"),
        (
            "\n  X: {Type: AWS::SSM::MaintenanceWindow, Properties: {Name: x}}\n",
            "X",
            "no Schedule, Duration, Cutoff",
        ),
    ],
)
def test_what_cannot_be_taken_is_refused_by_its_name_with_the_reason(part, where, words):
    refused = resources(WINDOW, part).refused
    assert [one.where for one in refused] == [where]
    assert words in refused[0].why


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- a\n", "section Resources"),
        ("Resources: {X: *x}\n", "no aliases"),
        ("Resources: {X: !Nothing y}\n", "!Nothing, which CloudFormation does not know"),
        ("Transform: AWS::Serverless-2016-10-31\nResources: {X: {Type: A}}\n", "Processed"),
        ('{"Resources": }', "Line 1, column 15 is not JSON"),
        ("Resources: {X: " + "[" * 3000, "nested too deeply"),
        ("Resources:\n\tX: 1\n", "Line 2"),
    ],
)
def test_what_is_no_template_is_refused_as_a_whole(text, words):
    with pytest.raises(CannotReadError, match=words):
        read(text, given={})


def test_dates_stay_the_text_that_aws_takes():
    text = "Resources:\n  W:\n    Type: AWS::SSM::MaintenanceWindow\n    Properties: "
    text += "{Name: www, Schedule: rate(1 day), Duration: 2, Cutoff: 0, EndDate: 2027-01-01T00:00:00Z}\n"
    assert read(text, given={}).windows[0].request["EndDate"] == "2027-01-01T00:00:00Z"


@pytest.mark.corpus
def test_every_real_template_is_taken_or_refused_with_a_reason():
    folder = Path(os.environ["PW_CORPUS"]) / "open" / "cfn_templates"
    templates = [one for one in sorted(folder.iterdir()) if one.name != "index.json"]
    assert len(templates) >= 14
    given = {"OperatingSystem": "AMAZON_LINUX_2023", "AWS::StackName": "patching"}
    for template in templates:
        found = read(template.read_text(), given=given, account="211125483017", region="eu-central-1")
        assert found.baselines or found.windows or found.refused, template.name
        assert all(one.where and one.why for one in found.refused), template.name
        for part in found.baselines:
            assert set(part.request) <= set(BASELINE_FIELDS), template.name
