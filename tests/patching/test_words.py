"""Specs in words: what somebody reads before they sign."""

import pytest

from patching import words
from tests import asks

CRITICAL = {
    "PatchFilterGroup": {
        "PatchFilters": [
            {"Key": "CLASSIFICATION", "Values": ["SecurityUpdates"]},
            {"Key": "MSRC_SEVERITY", "Values": ["Critical"]},
        ]
    },
    "ApproveAfterDays": 0,
    "ComplianceLevel": "CRITICAL",
}
REST = {"PatchFilterGroup": {"PatchFilters": [{"Key": "PRODUCT", "Values": ["*"]}]}, "ApproveAfterDays": 7}


def definition(*rules, **more):
    return {"OperatingSystem": "WINDOWS", "ApprovalRules": {"PatchRules": list(rules)}, **more}


def test_a_baseline_is_said_in_one_line():
    assert words.baseline_in_a_line(definition(CRITICAL, REST)) == (
        "Critical security updates after 0 days, everything else after 7 days"
    )


def test_a_baseline_without_rules_approves_by_name_only():
    assert words.baseline_in_a_line(definition()) == "Approves by name only"


@pytest.mark.parametrize(
    ("filters", "said"),
    [
        ([], "Everything"),
        ([("PRODUCT", ["*"])], "Everything"),
        ([("SEVERITY", ["Important", "Critical"])], "Important or Critical patches"),
        ([("CLASSIFICATION", ["Security", "Bugfix"])], "Security or bugfix"),
        ([("PRODUCT", ["Ubuntu22.04"])], "Patches for Ubuntu22.04"),
        ([("SECTION", ["main"])], "Patches with section main"),
    ],
)
def test_what_a_rule_is_about(filters, said):
    group = {"PatchFilters": [{"Key": key, "Values": values} for key, values in filters]}
    assert words.rules_in_words(definition({"PatchFilterGroup": group, "ApproveAfterDays": 3})) == [
        (said, "after 3 days")
    ]


def test_a_date_and_non_security_updates_are_said():
    rule = {"PatchFilterGroup": {}, "ApproveUntilDate": "2026-05-31", "EnableNonSecurity": True}
    assert words.rules_in_words(definition(rule)) == [
        ("Everything", "if released by 2026-05-31, with updates that are not about security")
    ]


def test_two_rules_about_the_same_patches_are_both_told():
    told = words.baseline_in_words({"definition": definition(CRITICAL, {**CRITICAL, "ApproveAfterDays": 5})})
    assert told["Critical security updates"] == "After 0 days, counts as Critical"
    assert told["Critical security updates (2)"] == "After 5 days, counts as Critical"


def test_rejected_patches_are_named_with_what_happens_to_them():
    rejected = [f"KB50{number:05}" for number in range(8)]
    told = words.baseline_in_words(
        {"definition": definition(REST, RejectedPatches=rejected, RejectedPatchesAction="BLOCK")}
    )
    assert told["Rejected by name"].endswith("and 3 more")
    assert told["Rejected patches that others need"] == "Are blocked too"


def test_a_window_is_said_in_one_line(db):
    from_items = asks.window_item(asks.fleet()[:2], offset=0)["spec"]
    assert (
        words.window_in_a_line(from_items)
        == "Every Sunday, 02:00 Europe/Berlin, 4 h, cutoff 1 h, 2 instances"
    )


def test_a_schedule_that_cannot_be_read_stays_as_it_is():
    assert words.schedule_in_words({"schedule": "cron(nonsense)", "timezone": "UTC"}) == "cron(nonsense)"


@pytest.mark.parametrize(
    ("parts", "said"),
    [([], ""), (["one"], "one"), (["one", "two"], "one and two"), (list("abc"), "a, b and c")],
)
def test_lists_are_said_with_an_and(parts, said):
    assert words.listed(parts) == said
