"""What is known of documents, and what is said against the parameters that a task gives them."""

import pytest

from patching import documents
from patching.items import check_items, with_defaults
from patching.simulator.document_texts import DOCUMENTS
from tests import asks


def told(*tasks):
    """What is said against a window with these tasks, as field and message."""
    item = asks.window_item([], instances=["i-0123456789abcdef0"], tasks=list(tasks))
    return [(one.field.removeprefix("items[0].spec."), one.message) for one in check_items([item])]


INSTALL = {"name": "Install", "kind": "install"}
AMS = {**INSTALL, "document": "AWSManagedServices-PatchInstance"}
HOOKS = {**INSTALL, "document": "AWS-RunPatchBaselineWithHooks"}
IMAGES = {"name": "Images", "kind": "pre", "document": "AWS-CreateImage"}
SCRIPT = {
    "name": "Stop",
    "kind": "pre",
    "document": "AWS-RunShellScript",
    "parameters": {"commands": ["a", "b"]},
}
OWN = {"name": "Check", "kind": "post", "document": "payments-check", "parameters": {"Any": ["thing"]}}


@pytest.mark.parametrize(
    "tasks",
    [
        [INSTALL],
        [AMS],
        [{**AMS, "parameters": {"PrePatchHook": ["AWS-Noop"], "StartInactiveInstances": ["True"]}}],
        [{**HOOKS, "parameters": {"PreInstallHookDocName": ["payments-stop"]}}],
        [IMAGES, INSTALL],
        [SCRIPT, INSTALL, OWN],
        [{**OWN, "type": "AUTOMATION", "parameters": {"InstanceId": ["{{TARGET_ID}}"]}}, INSTALL],
        [{**INSTALL, "parameters": {"StepTimeoutSeconds": ["7200"], "InstallOverrideList": [""]}}],
        [{**INSTALL, "document": "arn:aws:ssm:eu-central-1:211125483017:document/AWS-RunPatchBaseline"}],
        [{**OWN, "document": "arn:aws-us-gov:ssm:us-gov-west-1::document/payments_stop.v2:3"}, INSTALL],
    ],
)
def test_a_right_task_is_taken(tasks):
    assert told(*tasks) == []


@pytest.mark.parametrize(
    ("task", "field", "says"),
    [
        ({**OWN, "document": "payments stop"}, "document", "AWS has no document of such a name"),
        ({**OWN, "document": "ab"}, "document", "3 to 128 letters"),
        ({**OWN, "document": "x" * 129}, "document", "An example is AWS-RunPatchBaseline."),
        ({**OWN, "document": "a/b:c"}, "document", "or its ARN"),
        ({**OWN, "document": "arn:aws:s3:::bucket/name"}, "document", "or its ARN"),
        ({**AMS, "type": "RUN_COMMAND"}, "type", "is an Automation runbook; use the type AUTOMATION."),
        ({**INSTALL, "type": "AUTOMATION"}, "type", "is a Run Command document; use the type RUN_COMMAND."),
        ({**AMS, "reboot": "NoReboot"}, "reboot", "decides that by itself; leave reboot empty."),
        ({**AMS, "parameters": {"PrePatchHook": [""]}}, "parameters.PrePatchHook", "leave an empty one out."),
        (
            {**OWN, "type": "AUTOMATION", "parameters": {"Any": ["x"] * 51}},
            "parameters.Any",
            "up to 50 values of 1 to 512 characters",
        ),
        (
            {**OWN, "type": "AUTOMATION", "parameters": {"x" * 51: ["x"]}},
            f"parameters.{'x' * 50}",
            "1 to 50 characters, such as InstanceId.",
        ),
        ({**AMS, "parameters": {"PrePatchHok": ["x"]}}, "parameters.PrePatchHok", "it has InstanceId, Start"),
        (
            {**AMS, "parameters": {"ExecutePatchBasedOnPreHookStatus": ["Sometimes"]}},
            "parameters.ExecutePatchBasedOnPreHookStatus",
            "is one of OnPreHookSuccess, Always, OnPreHookFailure, Never.",
        ),
        (
            {**HOOKS, "parameters": {"InstallOverrideList": ["s3://a/b.yaml"]}},
            "parameters.InstallOverrideList",
            "AWS-RunPatchBaselineWithHooks has no parameter “InstallOverrideList”",
        ),
        (
            {**INSTALL, "parameters": {"StepTimeoutSeconds": ["36001"]}},
            "parameters.StepTimeoutSeconds",
            "is a whole number from 1 to 36000, such as 7200.",
        ),
        (
            {**INSTALL, "parameters": {"InstallOverrideList": ["http://a/b"]}},
            "parameters.InstallOverrideList",
            "an example is s3://a-bucket/list.yaml.",
        ),
        ({**INSTALL, "parameters": {"Operation": ["Scan"]}}, "parameters", "Operation follow from kind"),
        ({**SCRIPT, "parameters": {}}, "parameters.commands", "needs commands, such as systemctl stop shop."),
        (
            {**IMAGES, "parameters": {"InstanceId": ["i-1", "i-2"]}},
            "parameters.InstanceId",
            "InstanceId takes one value; you gave 2.",
        ),
        (
            {**OWN, "parameters": {"Node": ["{{ TARGET_ID }}"]}},
            "parameters.Node",
            "is known to automations alone; leave it out here.",
        ),
        ({**IMAGES, "kind": "install", "reboot": ""}, "document", "AWS-CreateImage does not patch"),
        (
            {**INSTALL, "kind": "post", "document": "AWS-RunPatchBaseline"},
            "kind",
            "AWS-RunPatchBaseline patches",
        ),
        ({**AMS, "kind": "scan"}, "document", "only installs; use AWS-RunPatchBaseline to scan."),
    ],
)
def test_what_a_document_would_refuse_is_told_with_what_is_right(task, field, says):
    found = dict(told(task, {"name": "Last", "kind": "scan"}))
    assert says in found[f"tasks[0].{field}"]
    assert all(len(message) <= 300 for message in found.values())


def test_defaults_follow_the_document():
    spec = with_defaults(asks.window_item([], tasks=[AMS, IMAGES, HOOKS, OWN]))["spec"]
    ams, images, hooks, own = spec["tasks"]
    assert (ams["type"], ams["reboot"], ams["parameters"]) == (
        "AUTOMATION",
        "",
        {"InstanceId": ["{{TARGET_ID}}"]},
    )
    assert images["type"] == "AUTOMATION"
    assert (hooks["type"], hooks["reboot"]) == ("RUN_COMMAND", "RebootIfNeeded")
    assert own["parameters"] == {"Any": ["thing"]}


def test_what_is_known_is_what_the_simulated_account_has():
    for name, document in DOCUMENTS.items():
        known = documents.document_of(name)
        assert known is not None
        assert known.parameters is not None
        assert (known.type == documents.AUTOMATION) == (document.kind == "Automation")
        assert set(document.parameters) <= set(known.parameters)
        assert document.required == {key for key, one in known.parameters.items() if one.required}
