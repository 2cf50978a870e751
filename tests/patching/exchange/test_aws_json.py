"""Requests and replies of AWS's own, as the AWS CLI takes and prints them."""

import json
import os
from pathlib import Path

import pytest

from patching.exchange.aws_json import read
from patching.exchange.parts import CannotReadError

BASELINE = {
    "Name": "web",
    "OperatingSystem": "WINDOWS",
    "PatchGroups": ["web"],
    "ClientToken": "x",
    "Tags": [],
}
WINDOW = {
    "Name": "night",
    "Schedule": "rate(7 days)",
    "Duration": 4,
    "Cutoff": 1,
    "Targets": [{"WindowTargetId": "t-1", "Targets": [{"Key": "tag:Role", "Values": ["web"]}]}],
    "Tasks": [
        {
            "TaskArn": "AWS-RunPatchBaseline",
            "TaskType": "RUN_COMMAND",
            "Targets": [{"Key": "WindowTargetIds", "Values": ["t-1"]}],
            "ServiceRoleArn": "arn:aws:iam::211125483017:role/night",
        }
    ],
}


def test_one_list_may_hold_baselines_and_windows():
    found = read(json.dumps([BASELINE, WINDOW]), given={})
    assert found.baselines[0].request == {"Name": "web", "OperatingSystem": "WINDOWS"}
    assert [(one.name, one.baselines) for one in found.groups] == [("web", {"WINDOWS": "web"})]
    assert found.windows[0].tasks[0].targets == ("[1].Targets[0]",)
    assert "ServiceRoleArn" in found.notes[0].what


def test_mappings_of_describe_patch_groups_are_groups():
    mapping = {"PatchGroup": "web", "BaselineIdentity": {"OperatingSystem": "WINDOWS", "BaselineName": "web"}}
    found = read(json.dumps({"Mappings": [mapping]}), given={})
    assert [(one.name, one.baselines) for one in found.groups] == [("web", {"WINDOWS": "web"})]


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ([7], "Every entry is an object"),
        ([{"Colour": "red"}], "neither a CreatePatchBaseline"),
        ({"Windows": [{"Name": "night"}]}, "no Schedule, Duration, Cutoff"),
        ({"PatchGroups": [{"PatchGroup": "web"}]}, "PatchGroup, OperatingSystem and BaselineName"),
        ([{"ApprovalRules": {}}], "no Name"),
    ],
)
def test_what_is_neither_is_refused_by_its_place(document, words):
    (refused,) = read(json.dumps(document), given={}).refused
    assert words in refused.why


@pytest.mark.parametrize("text", ["[", "[" * 100_000, '{"a": 1'])
def test_what_is_no_json_is_refused_as_a_whole(text):
    with pytest.raises(CannotReadError):
        read(text, given={})


@pytest.mark.corpus
def test_every_real_baseline_is_read_whole():
    rows = json.loads((Path(os.environ["PW_CORPUS"]) / "open" / "patch_baselines.json").read_text())
    rows = rows["baselines"] if isinstance(rows, dict) else rows
    requests = [one.get("request") or one.get("baseline") or one for one in rows]
    named = [one for one in requests if one.get("Name")]
    assert len(read(json.dumps({"Baselines": named}), given={}).baselines) == len(named) > 50
