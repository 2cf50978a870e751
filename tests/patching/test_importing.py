"""Whatever a file holds, it is read, or refused with words: never half, and never with an error of ours."""

import json
from contextlib import suppress
from copy import deepcopy

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from patching import importing
from patching.exchange import formats
from patching.exchange.parts import CannotReadError
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

TARGETS = [{"Key": "tag:Role", "Values": ["web"]}]
FILTERS = [{"key": "PRODUCT", "values": ["*"]}]
INVOCATION = {"Parameters": {"Operation": ["Install"]}, "TimeoutSeconds": 600}
TEMPLATE = {
    "Parameters": {"Stage": {"Type": "String", "Default": "dev", "AllowedValues": ["dev"]}},
    "Mappings": {"Delay": {"dev": {"days": 0}}},
    "Conditions": {"IsDev": {"Fn::Equals": [{"Ref": "Stage"}, "dev"]}},
    "Metadata": {"Patchwarden": {"Windows": {"night": {"Instances": []}}}},
    "Resources": {
        "Base": {
            "Type": "AWS::SSM::PatchBaseline",
            "Condition": "IsDev",
            "Properties": {
                "Name": {"Fn::Sub": "web-${Stage}"},
                "PatchGroups": ["web"],
                "ApprovedPatches": ["KB1"],
            },
        },
        "Night": {
            "Type": "AWS::SSM::MaintenanceWindow",
            "Properties": {"Name": "night", "Schedule": "rate(7 days)", "Duration": 4, "Cutoff": 1},
        },
        "Web": {
            "Type": "AWS::SSM::MaintenanceWindowTarget",
            "Properties": {"WindowId": {"Ref": "Night"}, "Targets": TARGETS},
        },
        "Install": {
            "Type": "AWS::SSM::MaintenanceWindowTask",
            "Properties": {
                "WindowId": {"Ref": "Night"},
                "TaskType": "RUN_COMMAND",
                "TaskArn": "AWS-RunPatchBaseline",
                "Targets": [{"Key": "WindowTargetIds", "Values": [{"Ref": "Web"}]}],
                "TaskInvocationParameters": {"MaintenanceWindowRunCommandParameters": INVOCATION},
            },
        },
        "Hook": {"Type": "AWS::SSM::Document", "Properties": {"Name": {"Fn::Join": ["-", ["a", "b"]]}}},
    },
}
AWS = {
    "Baselines": [{"Name": "web", "OperatingSystem": "WINDOWS", "PatchGroups": ["web"]}],
    "PatchGroups": [{"PatchGroup": "web", "OperatingSystem": "WINDOWS", "BaselineName": "web"}],
    "Windows": [
        {
            **TEMPLATE["Resources"]["Night"]["Properties"],
            "Targets": [{"WindowTargetId": "t", "Targets": TARGETS}],
            "Tasks": [
                {
                    "TaskArn": "AWS-RunPatchBaseline",
                    "TaskType": "RUN_COMMAND",
                    "Targets": [{"Key": "WindowTargetIds", "Values": ["t"]}],
                    "TaskInvocationParameters": {"RunCommand": INVOCATION},
                }
            ],
        }
    ],
}
PLAN = {
    "terraform_version": "1.9.0",
    "planned_values": {
        "root_module": {
            "resources": [
                {
                    "address": "aws_ssm_patch_baseline.web",
                    "type": "aws_ssm_patch_baseline",
                    "values": {"name": "web", "approval_rule": [{"patch_filter": FILTERS}]},
                },
                {
                    "address": "aws_ssm_maintenance_window.night",
                    "type": "aws_ssm_maintenance_window",
                    "values": {
                        "id": "mw-1",
                        "name": "night",
                        "schedule": "rate(7 days)",
                        "duration": 4,
                        "cutoff": 1,
                    },
                },
                {
                    "address": "aws_ssm_maintenance_window_target.web",
                    "type": "aws_ssm_maintenance_window_target",
                    "values": {"window_id": "mw-1", "targets": [{"key": "tag:Role", "values": ["web"]}]},
                },
                {
                    "address": "aws_ssm_maintenance_window_task.install",
                    "type": "aws_ssm_maintenance_window_task",
                    "values": {
                        "window_id": "mw-1",
                        "task_type": "RUN_COMMAND",
                        "task_arn": "AWS-RunPatchBaseline",
                        "task_invocation_parameters": [
                            {
                                "run_command_parameters": [
                                    {"parameter": [{"name": "Operation", "values": ["Scan"]}]}
                                ]
                            }
                        ],
                    },
                },
            ]
        }
    },
    "configuration": {"root_module": {"resources": [], "module_calls": {}}},
}
OWN = {
    "patchwarden": 1,
    "baselines": [{"name": "web", "definition": {"OperatingSystem": "WINDOWS", "ApprovedPatches": ["KB1"]}}],
    "patch_groups": [{"name": "web", "baselines": {"WINDOWS": "web"}, "instances": []}],
    "windows": [
        {"name": "night", "schedule": "rate(7 days)", "tasks": [{"name": "Install", "kind": "install"}]}
    ],
}
DOCUMENTS = {"cloudformation": TEMPLATE, "aws-json": AWS, "terraform": PLAN, "yaml": OWN}
JUNK = [
    None,
    True,
    -1,
    1.5,
    "",
    "x",
    "é\u202e",
    "--5",
    "9" * 5000,
    "a\0b",
    [],
    [7],
    ["x"],
    {},
    {"x": 1},
    {"Ref": "Hook"},
    {"Ref": []},
    [[]],
]


def places(node, path=()):
    """Every place inside a document."""
    yield path
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, one in children:
        yield from places(one, (*path, key))


def put(document, path, junk):
    found = deepcopy(document)
    if not path:
        return junk
    inside = found
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = junk
    return found


@pytest.mark.parametrize("wanted", DOCUMENTS)
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_junk_anywhere_in_a_file_is_read_or_refused_with_words(wanted, rita, data):
    document = DOCUMENTS[wanted]
    for _ in range(data.draw(st.integers(1, 2))):
        path = data.draw(st.sampled_from(list(places(document))))
        document = put(document, path, data.draw(st.sampled_from(JUNK)))
    into = importing.Into(
        factories.application(), factories.environment("dev"), factories.account_region(), rita
    )
    with suppress(CannotReadError):
        found = importing.prepare(formats.read(json.dumps(document), file_format=wanted), into)
        assert all(one.where and one.why for one in found.refused)


def test_a_name_that_is_worked_out_from_itself_ends():
    resources = {
        "Hook": {"Type": "AWS::SSM::Document", "Properties": {"Name": {"Ref": "Hook"}}},
        "Base": {"Type": "AWS::SSM::PatchBaseline", "Properties": {"Name": {"Ref": "Hook"}}},
    }
    (refused,) = [
        one for one in formats.read(json.dumps({"Resources": resources})).refused if one.where == "Base"
    ]
    assert refused.why.startswith("Name: It names Hook")


def test_what_is_nested_as_deeply_as_python_itself_goes_is_refused():
    deep = json.loads("[" * 900 + "1" + "]" * 900)
    base = {"Type": "AWS::SSM::PatchBaseline", "Properties": {"Name": "web", "Sources": deep}}
    with pytest.raises(CannotReadError, match="nested too deeply"):
        formats.read(json.dumps({"Resources": {"Base": base}}))
