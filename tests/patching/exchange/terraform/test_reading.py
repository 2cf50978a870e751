"""Terraform in its own language and as the JSON of a plan or state: the same parts come out."""

import json

import pytest

from patching.exchange.parts import CannotReadError
from patching.exchange.terraform import read

LANGUAGE = """
variable "stage" { type = string }
variable "patches" {
  type    = list(string)
  default = ["KB5039217"]
}
locals {
  name  = "web-${var.stage}"
  delay = { dev = 0, prod = 14 }
}
resource "aws_ssm_patch_baseline" "win" {
  name             = local.name
  operating_system = "WINDOWS"
  approved_patches = var.patches
  approval_rule {
    approve_after_days = local.delay["prod"]
    compliance_level   = "HIGH"
    patch_filter {
      key    = "MSRC_SEVERITY"
      values = ["Critical"]
    }
  }
}
resource "aws_ssm_patch_group" "web" {
  baseline_id = aws_ssm_patch_baseline.win.id
  patch_group = aws_ssm_patch_baseline.win.name
}
resource "aws_ssm_maintenance_window" "night" {
  name     = "${local.name}-night"
  schedule = "cron(0 2 ? * SUN *)"
  duration = 4
  cutoff   = 1
}
resource "aws_ssm_maintenance_window_target" "web" {
  window_id     = aws_ssm_maintenance_window.night.id
  resource_type = "INSTANCE"
  targets {
    key    = "tag:Role"
    values = ["web"]
  }
}
resource "aws_ssm_maintenance_window_task" "install" {
  window_id        = aws_ssm_maintenance_window.night.id
  task_type        = "RUN_COMMAND"
  task_arn         = "AWS-RunPatchBaseline"
  max_concurrency  = "2"
  max_errors       = 1
  priority         = 1
  service_role_arn = aws_iam_role.night.arn
  targets {
    key    = "WindowTargetIds"
    values = [aws_ssm_maintenance_window_target.web.id]
  }
  task_invocation_parameters {
    run_command_parameters {
      timeout_seconds = 600
      parameter {
        name   = "Operation"
        values = ["Install"]
      }
    }
  }
}
"""


def test_variables_locals_and_references_are_followed():
    found = read(LANGUAGE, given={"stage": "prod", "patches": "KB1, KB2"})
    assert found.refused == []
    (baseline,) = found.baselines
    assert (baseline.name, baseline.request["ApprovedPatches"]) == ("web-prod", ["KB1", "KB2"])
    assert baseline.request["ApprovalRules"]["PatchRules"][0]["ApproveAfterDays"] == 14
    assert [(one.name, one.baselines) for one in found.groups] == [("web-prod", {"WINDOWS": "web-prod"})]
    (window,) = found.windows
    assert window.name == "web-prod-night"
    assert [dict(one) for one in window.targets[0].entries] == [{"Key": "tag:Role", "Values": ["web"]}]
    assert window.tasks[0].targets == ("aws_ssm_maintenance_window_target.web",)
    assert window.tasks[0].request["TaskInvocationParameters"]["RunCommand"]["Parameters"] == {
        "Operation": ["Install"]
    }
    assert "service_role_arn, timeout_seconds" in found.notes[0].what


@pytest.mark.parametrize("index", ["0", "1"])
def test_one_of_a_list_is_followed_by_its_index(index):
    listed = LANGUAGE.replace("locals {", "locals {\n  hours = [4, 5]", 1)
    found = read(listed.replace("duration = 4", f"duration = local.hours[{index}]"), given={"stage": "prod"})
    assert [one.request["Duration"] for one in found.windows] == [4 + int(index)]


def test_an_index_that_no_list_has_is_refused():
    found = read(
        LANGUAGE.replace("duration = 4", f"duration = local.name[{'9' * 12}]"), given={"stage": "prod"}
    )
    assert "aws_ssm_maintenance_window.night" in [one.where for one in found.refused]


def test_a_variable_without_a_value_is_named():
    found = read(LANGUAGE, given={})
    assert {one.name: one.value for one in found.parameters} == {"stage": None, "patches": '["KB5039217"]'}
    assert all("the variable stage, which has no value" in one.why for one in found.refused[:1])
    assert [one.where for one in found.refused] == [
        "aws_ssm_patch_baseline.win",
        "aws_ssm_patch_group.web",
        "aws_ssm_maintenance_window.night",
    ]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("  duration = 4\n", "  duration = 4\n  count = 2\n"), "repeated by count"),
        (("duration = 4", "duration = max(2, 4)"), "“max(2, 4)” is more than a variable"),
        (("duration = 4", "duration = local.nothing"), "The local nothing is not in this file"),
        (('"${local.name}-night"', '"%{if true}x%{endif}"'), "template directive"),
        (('  name  = "web-${var.stage}"', "  name  = local.name"), "depends on itself"),
    ],
)
def test_what_terraform_alone_can_work_out_is_refused_with_the_way_out(change, words):
    found = read(LANGUAGE.replace(*change), given={"stage": "prod"})
    assert any(words in one.why for one in found.refused)


def test_modules_are_named_since_they_are_not_followed():
    found = read(LANGUAGE + '\nmodule "more" {\n  source = "./more"\n}\n', given={"stage": "prod"})
    assert any("Modules are not followed: more" in one.what for one in found.notes)


@pytest.mark.parametrize(
    "text", ['resource "aws" {', 'resource "a" "b" { x = }', "{", '{"planned_values": {}}']
)
def test_what_is_no_terraform_is_refused_as_a_whole(text):
    with pytest.raises(CannotReadError):
        read(text, given={})


def shown(values, **more):
    """The JSON of a plan in which a module is used twice: its windows have no id yet."""
    return json.dumps({"terraform_version": "1.9.0", "planned_values": {"root_module": values}, **more})


def in_module(index):
    prefix = f'module.site["{index}"].'
    return {
        "address": prefix[:-1],
        "resources": [
            {
                "address": f"{prefix}aws_ssm_maintenance_window.night",
                "mode": "managed",
                "type": "aws_ssm_maintenance_window",
                "values": {"name": f"night-{index}", "schedule": "rate(7 days)", "duration": 4, "cutoff": 1},
            },
            {
                "address": f"{prefix}aws_ssm_maintenance_window_target.web[0]",
                "mode": "managed",
                "type": "aws_ssm_maintenance_window_target",
                "values": {"resource_type": "INSTANCE", "targets": [{"key": "tag:Site", "values": [index]}]},
            },
        ],
    }


def test_a_plan_links_what_has_no_id_yet_by_its_configuration():
    expressions = {
        "window_id": {
            "references": ["aws_ssm_maintenance_window.night.id", "aws_ssm_maintenance_window.night"]
        }
    }
    called = {"resources": [{"address": "aws_ssm_maintenance_window_target.web", "expressions": expressions}]}
    configuration = {"root_module": {"module_calls": {"site": {"module": called}}}}
    found = read(
        shown({"child_modules": [in_module("x"), in_module("y")]}, configuration=configuration), given={}
    )
    assert [(one.name, one.targets[0].entries[0]["Values"]) for one in found.windows] == [
        ("night-x", ["x"]),
        ("night-y", ["y"]),
    ]


def test_a_state_links_by_ids():
    rows = [
        (
            "aws_ssm_patch_baseline",
            {"id": "pb-1", "name": "web", "operating_system": "WINDOWS", "approval_rule": []},
        ),
        ("aws_ssm_patch_group", {"id": "web,pb-1", "baseline_id": "pb-1", "patch_group": "web"}),
    ]
    resources = [{"address": f"{kind}.one", "type": kind, "values": values} for kind, values in rows]
    found = read(json.dumps({"values": {"root_module": {"resources": resources}}}), given={})
    assert [(one.name, one.baselines) for one in found.groups] == [("web", {"WINDOWS": "web"})]


def test_what_a_plan_removes_is_said():
    gone = [
        {
            "address": "aws_ssm_patch_baseline.old",
            "type": "aws_ssm_patch_baseline",
            "change": {"actions": ["delete"]},
        }
    ]
    found = read(shown({"resources": []}, resource_changes=gone), given={})
    assert [(one.where, "removes it" in one.what) for one in found.notes] == [
        ("aws_ssm_patch_baseline.old", True)
    ]
