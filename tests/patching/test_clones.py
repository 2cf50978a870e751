"""Side groups and the baselines they use: the parent's, less some patches."""

import json

import pytest

from patching import clones

PARENT = {
    "OperatingSystem": "WINDOWS",
    "ApprovalRules": {
        "PatchRules": [
            {
                "PatchFilterGroup": {"PatchFilters": [{"Key": "PRODUCT", "Values": ["*"]}]},
                "ApproveAfterDays": 7,
            }
        ]
    },
    "ApprovedPatches": ["KB5039227", "KB5041160"],
    "RejectedPatches": ["KB4012212"],
    "RejectedPatchesAction": "ALLOW_AS_DEPENDENCY",
}


def test_a_clone_blocks_the_patches_and_follows_its_parent_in_everything_else():
    clone = clones.clone(PARENT, ["KB5039227"])
    assert (clone["RejectedPatches"], clone["RejectedPatchesAction"]) == (["KB4012212", "KB5039227"], "BLOCK")
    assert clone["ApprovedPatches"] == ["KB5041160"]
    assert (clone["ApprovalRules"], clone["OperatingSystem"]) == (PARENT["ApprovalRules"], "WINDOWS")


def test_a_list_of_approved_patches_that_gets_empty_is_left_out():
    assert "ApprovedPatches" not in clones.clone(PARENT, ["kb5039227", "KB5041160"])


def test_the_parent_stays_as_it_was():
    before = json.dumps(PARENT)
    clones.clone(PARENT, ["KB5039227"])
    assert json.dumps(PARENT) == before


@pytest.mark.parametrize("name", [clones.side_group, clones.clone_name])
def test_names_tell_the_patches_apart_and_not_their_order_or_case(name):
    one = name("payments-prod", ["KB1", "KB2"])
    assert one == name("payments-prod", ["kb2", "KB1"])
    assert one not in (name("payments-prod", ["KB1"]), name("payments-dev", ["KB1", "KB2"]))


@pytest.mark.parametrize(("name", "longest"), [(clones.side_group, 167), (clones.clone_name, 128)])
def test_long_names_are_cut_and_stay_apart(name, longest):
    first, second = name("a" * 300, ["KB1"]), name("a" * 299 + "b", ["KB1"])
    assert len(first) <= longest
    assert first != second


@pytest.mark.parametrize(
    ("system", "patches", "code"),
    [
        ("WINDOWS", ["openssl"], "patch_name"),
        ("AMAZON_LINUX_2", ["KB5039227"], "patch_name"),
        ("AMAZON_LINUX_2", ["openssl libs"], "patch_name"),
        ("WINDOWS", [f"KB50{number:05}" for number in range(50)], "too_many"),
    ],
    ids=["a package on Windows", "a KB on Linux", "two in one", "more than AWS takes"],
)
def test_what_aws_would_not_take_is_told(system, patches, code):
    parent = {**PARENT, "OperatingSystem": system, "RejectedPatches": ["KB4012212"], "ApprovedPatches": []}
    if system != "WINDOWS":
        parent["RejectedPatches"] = []
    assert code in [found for found, _ in clones.problems(parent, patches)]


def test_what_the_parent_rejects_wrongly_is_not_said_of_the_exemption():
    assert clones.problems({**PARENT, "RejectedPatches": ["not a patch"]}, ["KB5039227"]) == []


def test_too_many_says_how_many_there_are_and_how_many_may_be():
    (problem,) = clones.problems(PARENT, [f"KB50{number:05}" for number in range(50)])
    assert "rejects 1 patches already" in problem[1]
    assert "51" in problem[1]
