import io
import json

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

GOOD = {"Name": "one-patch", "ApprovedPatches": ["KB5039217"]}
BAD = {
    "Name": "al2-high",
    "OperatingSystem": "AMAZON_LINUX_2",
    "ApprovalRules": {
        "PatchRules": [
            {
                "PatchFilterGroup": {"PatchFilters": [{"Key": "SEVERITY", "Values": ["High"]}]},
                "ApproveAfterDays": 7,
            }
        ]
    },
}
WARNED = {"Name": "AWS-Copy", "ApprovedPatches": ["KB5039217"]}


@pytest.fixture
def judge(tmp_path):
    """What the command prints about a document, and its exit status."""

    def run(document, *arguments):
        file = tmp_path / "baselines.json"
        file.write_text(json.dumps(document), encoding="utf-8")
        out = io.StringIO()
        try:
            call_command("check_baseline", str(file), *arguments, stdout=out)
        except SystemExit as stop:
            return out.getvalue(), stop.code
        return out.getvalue(), 0

    return run


def test_one_baseline_is_answered_with_a_list_of_one(judge):
    text, status = judge(GOOD, "--json")
    assert status == 0
    assert json.loads(text) == [{"name": "one-patch", "valid": True, "errors": [], "warnings": []}]


def test_one_bad_baseline_among_several_is_a_finding(judge):
    text, status = judge([GOOD, BAD], "--json")
    good, bad = json.loads(text)
    assert status == 1
    assert (good["valid"], bad["valid"], bad["name"]) == (True, False, "al2-high")
    assert bad["errors"] == [
        {
            "field": "ApprovalRules.PatchRules[0].PatchFilterGroup.PatchFilters[0].Values[0]",
            "message": '"High" is not a SEVERITY of AMAZON_LINUX_2. Use Critical, Important, Medium, Low.',
        }
    ]


def test_a_warning_alone_is_no_finding(judge):
    text, status = judge(WARNED, "--json")
    assert (status, json.loads(text)[0]["warnings"][0]["field"]) == (0, "Name")


def test_what_is_no_baseline_is_a_finding_too(judge):
    text, status = judge(["prod", {"Name": 7}], "--json")
    assert status == 1
    assert [(answer["name"], answer["valid"]) for answer in json.loads(text)] == [
        (None, False),
        (None, False),
    ]


def test_people_read_one_line_per_problem(judge):
    text, status = judge([WARNED, BAD])
    assert status == 1
    assert text.splitlines() == [
        "AWS-Copy: valid",
        "  warning: Name: AWS's own baselines begin with AWS-; another name tells them apart.",
        "al2-high: not valid",
        "  error: ApprovalRules.PatchRules[0].PatchFilterGroup.PatchFilters[0].Values[0]: "
        '"High" is not a SEVERITY of AMAZON_LINUX_2. Use Critical, Important, Medium, Low.',
        "  warning: ApprovalRules.PatchRules[0].ComplianceLevel: Without a level, Security Hub shows what this "
        "rule misses without a severity; choose one.",
    ]


def test_a_missing_file_ends_with_status_2():
    with pytest.raises(CommandError) as refused:
        call_command("check_baseline", "no-such-file.json")
    assert refused.value.returncode == 2
