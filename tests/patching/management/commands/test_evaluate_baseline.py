import io
import json

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

CRITICAL_NOW = {
    "PatchFilterGroup": {"PatchFilters": [{"Key": "MSRC_SEVERITY", "Values": ["Critical"]}]},
    "ApproveAfterDays": 0,
    "ComplianceLevel": "CRITICAL",
}
REST_LATER = {
    "PatchFilterGroup": {"PatchFilters": [{"Key": "PRODUCT", "Values": ["WindowsServer2022"]}]},
    "ApproveAfterDays": 14,
}
BASELINE = {"Name": "prod", "ApprovalRules": {"PatchRules": [CRITICAL_NOW, REST_LATER]}}
PATCHES = [
    {
        "id": "KB1000001",
        "severity": "Critical",
        "classification": "SecurityUpdates",
        "released": "2026-06-09",
    },
    {"id": "KB1000002", "severity": "Low", "classification": "Updates", "released": "2026-05-12T17:00:00Z"},
    {"id": "KB1000003", "severity": "Low", "classification": "Updates", "released": "2026-06-09T17:00:00Z"},
]
AS_OF = ("--product", "WindowsServer2022", "--as-of", "2026-06-10T06:00:00Z")


@pytest.fixture
def judge(tmp_path):
    """What the command prints about a baseline and its patches."""

    def run(baseline, patches, *arguments):
        for name, document in (("baseline", baseline), ("patches", patches)):
            (tmp_path / f"{name}.json").write_text(json.dumps(document), encoding="utf-8")
        out = io.StringIO()
        files = (str(tmp_path / "baseline.json"), str(tmp_path / "patches.json"))
        call_command("evaluate_baseline", *files, *arguments, stdout=out)
        return out.getvalue()

    return run


def test_every_patch_is_answered_in_order(judge):
    assert json.loads(judge(BASELINE, PATCHES, *AS_OF, "--json")) == [
        {"id": "KB1000001", "approved": True, "compliance_level": "CRITICAL"},
        {"id": "KB1000002", "approved": True, "compliance_level": "UNSPECIFIED"},
        {"id": "KB1000003", "approved": False, "compliance_level": "UNSPECIFIED"},
    ]


def test_another_product_matches_other_rules(judge):
    answers = json.loads(judge(BASELINE, PATCHES, *AS_OF[2:], "--product", "WindowsServer2019", "--json"))
    assert [answer["approved"] for answer in answers] == [True, False, False]


def test_people_read_the_reason(judge):
    assert judge(BASELINE, PATCHES, *AS_OF).splitlines() == [
        "KB1000001: approved CRITICAL. Rule 1 approves it on release.",
        "KB1000002: approved UNSPECIFIED. Rule 2 approves it 14 days after its release.",
        "KB1000003: not approved. Rule 2 approves it after 2026-06-23 17:00 UTC.",
    ]


def test_a_patch_may_bring_its_name_and_cves(judge):
    baseline = {"OperatingSystem": "SUSE", "ApprovedPatches": ["CVE-2026-0001"], "RejectedPatches": ["bash"]}
    patches = [
        {"id": "SUSE-1", "name": "openssl", "cves": ["CVE-2026-0001"], "released": None},
        {"id": "SUSE-2", "name": "bash", "cves": ["CVE-2026-0001"]},
    ]
    assert [answer["approved"] for answer in json.loads(judge(baseline, patches, "--json"))] == [True, False]


@pytest.mark.parametrize(
    ("baseline", "patches", "says"),
    [
        ([BASELINE], PATCHES, "must be one CreatePatchBaseline request"),
        (BASELINE, {"id": "KB1"}, "must be a list"),
        (BASELINE, [{"severity": "Low"}], "A patch is an object such as"),
        (BASELINE, ["KB1"], "A patch is an object such as"),
        (BASELINE, [{"id": "KB1", "seveirty": "Low"}], 'unknown field "seveirty"'),
        (BASELINE, [{"id": "KB1", "released": "June"}], "is not a time"),
        (BASELINE, [{"id": "KB1", "severity": 7}], "severity must be a text"),
        ({"ApprovalRules": {"PatchRules": ["all"]}}, PATCHES, "The baseline cannot be read. "),
        ({"ApprovalRules": {"PatchRules": [REST_LATER | {"ApproveAfterDays": "7"}]}}, PATCHES, "Whole days"),
    ],
)
def test_what_cannot_be_read_ends_with_status_2(judge, baseline, patches, says):
    with pytest.raises(CommandError) as refused:
        judge(baseline, patches, *AS_OF)
    assert refused.value.returncode == 2
    assert says in str(refused.value)
