import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patching.baseline_rules import change_problems, check, soak_problems, vocabularies

SECURITY = {"Key": "CLASSIFICATION", "Values": ["SecurityUpdates"]}
RULE = "ApprovalRules.PatchRules[0]"
FILTERS = f"{RULE}.PatchFilterGroup.PatchFilters"


def rule(*filters, **fields):
    return {
        "PatchFilterGroup": {"PatchFilters": list(filters)},
        "ApproveAfterDays": 7,
        "ComplianceLevel": "HIGH",
    } | fields


def baseline(*rules, **fields):
    given_rules = list(rules or [rule(SECURITY)])
    return {"Name": "prod-windows", "ApprovalRules": {"PatchRules": given_rules}} | fields


def linux(*rules, system="AMAZON_LINUX_2023", **fields):
    wanted = rule({"Key": "CLASSIFICATION", "Values": ["Security"]})
    return baseline(*(rules or [wanted]), OperatingSystem=system, **fields)


def wanting(key, *values, system="WINDOWS"):
    return baseline(rule({"Key": key, "Values": list(values)}), OperatingSystem=system)


def errors(request):
    return [(problem.field, problem.code) for problem in check(request).errors]


def warnings(request):
    return [(problem.field, problem.code) for problem in check(request).warnings]


def test_a_windows_baseline_in_order_has_no_problems():
    critical = {"Key": "MSRC_SEVERITY", "Values": ["Critical", "Important"]}
    product = {"Key": "PRODUCT", "Values": ["WindowsServer2022"]}
    spec = baseline(
        rule(SECURITY, critical, product, ComplianceLevel="CRITICAL", ApproveAfterDays=0),
        rule({"Key": "CLASSIFICATION", "Values": ["*"]}, ApproveAfterDays=14),
        Description="Production",
        OperatingSystem="WINDOWS",
        RejectedPatches=["KB5039217"],
        RejectedPatchesAction="BLOCK",
        ApprovedPatchesComplianceLevel="HIGH",
        AvailableSecurityUpdatesComplianceStatus="NON_COMPLIANT",
        Tags=[{"Key": "team", "Value": "payments"}],
    )
    assert (errors(spec), warnings(spec)) == ([], [])


def test_a_linux_baseline_in_order_has_no_problems():
    severe = {"Key": "SEVERITY", "Values": ["Critical", "Medium"]}
    spec = linux(
        rule(severe, ApproveAfterDays=None, ApproveUntilDate="2026-06-30", EnableNonSecurity=True),
        ApprovedPatches=["CVE-2026-0001", "openssl*", "ALAS2023-2026-123"],
        RejectedPatches=["kernel-6.1.*"],
        Sources=[{"Name": "our-mirror", "Products": ["AmazonLinux2023"], "Configuration": "[main]"}],
    )
    assert (errors(spec), warnings(spec)) == ([], [])


@pytest.mark.parametrize("name", [None, "", "ab", "a" * 129, "my window", "prod\n", 7])
def test_a_name_has_3_to_128_plain_characters(name):
    assert errors(baseline(Name=name)) == [("Name", "name")]


def test_a_description_has_1_to_1024_characters():
    assert errors(baseline(Description="")) == [("Description", "length")]
    assert errors(baseline(Description="x" * 1025)) == [("Description", "length")]
    assert errors(baseline(Description="x" * 1024)) == []


@pytest.mark.parametrize(
    ("system", "says"),
    [
        ("windows", "Did you mean WINDOWS?"),
        ("UBUNTU_22", "Did you mean UBUNTU?"),
        ("RHEL", "Use WINDOWS, AMAZON_LINUX,"),
        (["WINDOWS"], "Did you mean WINDOWS?"),
    ],
)
def test_an_operating_system_is_one_that_aws_knows(system, says):
    problem = check(baseline(OperatingSystem=system)).errors[0]
    assert (problem.field, problem.code) == ("OperatingSystem", "operating_system")
    assert says in problem.message


@pytest.mark.parametrize(
    ("system", "key", "says"),
    [
        ("WINDOWS", "SEVERITY", "SEVERITY is not available for WINDOWS; use MSRC_SEVERITY."),
        ("WINDOWS", "SECTION", '"SECTION" is not available for WINDOWS; use PATCH_SET,'),
        ("ORACLE_LINUX", "MSRC_SEVERITY", "MSRC_SEVERITY is not available for ORACLE_LINUX; use SEVERITY."),
        ("UBUNTU", "SEVERITY", "SEVERITY is not available for UBUNTU; use PRIORITY."),
        ("SUSE", "COLOUR", '"COLOUR" is not available for SUSE; use PRODUCT, CLASSIFICATION, SEVERITY.'),
        ("SUSE", None, '"None" is not available for SUSE'),
    ],
)
def test_a_filter_key_is_one_of_the_operating_system(system, key, says):
    problems = check(wanting(key, "Critical", system=system)).errors
    assert [(problem.field, problem.code) for problem in problems] == [(f"{FILTERS}[0].Key", "filter_key")]
    assert problems[0].message.startswith(says)


@pytest.mark.parametrize(
    ("system", "key", "value", "says"),
    [
        ("WINDOWS", "CLASSIFICATION", "Update Rollups", "Did you mean UpdateRollups?"),
        ("WINDOWS", "CLASSIFICATION", "Security", "Did you mean SecurityUpdates?"),
        ("WINDOWS", "MSRC_SEVERITY", "High", "Use Critical, Important, Moderate, Low, Unspecified."),
        ("AMAZON_LINUX_2", "CLASSIFICATION", "Securty", "Did you mean Security?"),
        ("AMAZON_LINUX_2", "SEVERITY", "High", "Use Critical, Important, Medium, Low."),
        ("REDHAT_ENTERPRISE_LINUX", "CLASSIFICATION", "CriticalUpdates", "Use Security, Bugfix,"),
        ("DEBIAN", "PRIORITY", "high", "Use Required, Important, Standard, Optional, Extra."),
        ("WINDOWS", "PATCH_SET", "APPS", "Use OS, APPLICATION."),
    ],
)
def test_a_value_outside_the_list_of_the_operating_system_is_an_error(system, key, value, says):
    problem = check(wanting(key, value, system=system)).errors[0]
    assert (problem.field, problem.code) == (f"{FILTERS}[0].Values[0]", "unknown_value")
    assert says in problem.message


def test_a_product_outside_the_list_is_a_warning():
    for system, product in (("ORACLE_LINUX", "OracleLinux"), ("WINDOWS", "WindowsServer2077")):
        spec = wanting("PRODUCT", product, system=system)
        assert errors(spec) == []
        assert warnings(spec) == [(f"{FILTERS}[0].Values[0]", "unknown_product")]
    partial = check(wanting("PRODUCT", "RedhatEnterpriseLinux8.*", system="REDHAT_ENTERPRISE_LINUX"))
    assert "AWS compares products exactly" in partial.warnings[0].message


def test_a_value_in_another_case_is_a_warning():
    assert warnings(wanting("SEVERITY", "critical", system="SUSE")) == [
        (f"{FILTERS}[0].Values[0]", "spelling")
    ]


def test_application_patches_are_named_and_their_products_left_alone():
    office = {"Key": "PRODUCT", "Values": ["Office 2016"]}
    spec = baseline(rule({"Key": "PATCH_SET", "Values": ["APPLICATION"]}, office))
    assert errors(spec) == []
    assert warnings(spec) == [(f"{FILTERS}[0].Values", "application_patches")]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ([], f"{FILTERS}[0].Values"),
        (None, f"{FILTERS}[0].Values"),
        ("Critical", f"{FILTERS}[0].Values"),
        (["*"] * 21, f"{FILTERS}[0].Values"),
        (["x" * 65], f"{FILTERS}[0].Values[0]"),
        (["*", 7], f"{FILTERS}[0].Values[1]"),
    ],
)
def test_a_filter_has_1_to_20_values_of_up_to_64_characters(values, field):
    assert [found for found, _ in errors(baseline(rule({"Key": "PRODUCT", "Values": values})))] == [field]


def test_numbers_of_rules_and_filters_are_limited():
    assert errors(baseline(*[rule(SECURITY)] * 11)) == [("ApprovalRules.PatchRules", "too_many")]
    assert errors(baseline(rule(*[SECURITY] * 5))) == [(FILTERS, "too_many")]
    assert errors(baseline(*[rule(*[SECURITY] * 4)] * 10)) == []


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"ApproveAfterDays": -1}, ("ApproveAfterDays", "range")),
        ({"ApproveAfterDays": 361}, ("ApproveAfterDays", "range")),
        ({"ApproveAfterDays": 1.5}, ("ApproveAfterDays", "range")),
        ({"ApproveAfterDays": True}, ("ApproveAfterDays", "range")),
        ({"ApproveAfterDays": "7"}, ("ApproveAfterDays", "range")),
        ({"ApproveAfterDays": None}, ("ApproveAfterDays", "required")),
        ({"ApproveUntilDate": "2026-06-30"}, ("ApproveUntilDate", "days_and_date")),
        ({"ApproveAfterDays": None, "ApproveUntilDate": "2026-02-30"}, ("ApproveUntilDate", "date")),
        ({"ApproveAfterDays": None, "ApproveUntilDate": "01/02/2026"}, ("ApproveUntilDate", "date")),
        ({"ApproveAfterDays": None, "ApproveUntilDate": "2026-06-30T00:00"}, ("ApproveUntilDate", "date")),
        ({"ComplianceLevel": "SEVERE"}, ("ComplianceLevel", "choice")),
        ({"EnableNonSecurity": "yes"}, ("EnableNonSecurity", "type")),
        ({"EnableNonSecurity": True}, ("EnableNonSecurity", "not_applicable")),
        ({"PatchFilterGroup": None}, ("PatchFilterGroup", "required")),
        ({"ApproveAfterDay": 7}, ("ApproveAfterDay", "unknown_field")),
    ],
)
def test_a_rule_keeps_its_limits(fields, found):
    assert errors(baseline(rule(SECURITY, **fields))) == [(f"{RULE}.{found[0]}", found[1])]


def test_a_long_delay_on_windows_is_warned_of():
    assert warnings(baseline(rule(SECURITY, ApproveAfterDays=31))) == [
        (f"{RULE}.ApproveAfterDays", "long_delay")
    ]
    assert warnings(baseline(rule(SECURITY, ApproveAfterDays=30))) == []


def test_delays_mean_nothing_on_debian_and_ubuntu():
    important = {"Key": "PRIORITY", "Values": ["Important"]}
    assert warnings(linux(rule(important), system="UBUNTU")) == [
        (f"{RULE}.ApproveAfterDays", "no_release_dates")
    ]
    assert errors(linux(rule(important, ApproveAfterDays=None), system="DEBIAN")) == []


@pytest.mark.parametrize(
    ("system", "name", "entry", "code"),
    [
        ("WINDOWS", "ApprovedPatches", "openssl", "patch_name"),
        ("WINDOWS", "ApprovedPatches", "CVE-2026-0001", "patch_name"),
        ("WINDOWS", "RejectedPatches", "KB50392 17", "patch_name"),
        ("SUSE", "ApprovedPatches", "KB5039217", "patch_name"),
        ("SUSE", "ApprovedPatches", "CVE-2026-0001", "patch_name"),
        ("UBUNTU", "ApprovedPatches", "CVE-2026-0001", "patch_name"),
        ("MACOS", "RejectedPatches", "Safari*", "patch_name"),
        ("ALMA_LINUX", "RejectedPatches", "CVE-2026-0001", "patch_name"),
        ("ALMA_LINUX", "RejectedPatches", "ALSA-2026:A010", "patch_name"),
        ("AMAZON_LINUX_2", "RejectedPatches", "ALAS2-2026-2456", "patch_name"),
        ("ALMA_LINUX", "RejectedPatches", "openssl,bash", "patch_name"),
        ("ALMA_LINUX", "RejectedPatches", "x" * 101, "patch_name"),
        ("ALMA_LINUX", "RejectedPatches", "", "patch_name"),
    ],
)
def test_a_list_entry_can_name_a_patch_of_its_operating_system(system, name, entry, code):
    spec = baseline(rule(), OperatingSystem=system) | {name: [entry]}
    assert errors(spec) == [(f"{name}[0]", code)]
    assert all(len(problem.message) <= 200 for problem in check(spec).errors)


def test_lists_are_limited_and_agree_with_each_other():
    assert errors(linux(ApprovedPatches=[f"pkg{number}" for number in range(51)])) == [
        ("ApprovedPatches", "too_many")
    ]
    assert errors(linux(RejectedPatches=["bash", "openssl", "Bash"])) == [("RejectedPatches[2]", "duplicate")]
    both = linux(ApprovedPatches=["bash"], RejectedPatches=["openssl", "bash"])
    assert errors(both) == [("RejectedPatches[1]", "in_both_lists")]
    assert warnings(linux(RejectedPatches=["*ssl*"])) == [("RejectedPatches[0]", "wildcards")]
    assert errors(linux(RejectedPatches="bash")) == [("RejectedPatches", "type")]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ({"Name": "a b"}, ("Sources[0].Name", "name")),
        ({"Products": []}, ("Sources[0].Products", "values")),
        ({"Products": ["AmazonLinux2023"] * 21}, ("Sources[0].Products", "values")),
        ({"Products": [""]}, ("Sources[0].Products", "value_length")),
        ({"Configuration": "x" * 1025}, ("Sources[0].Configuration", "configuration")),
        ({"Configuration": "baseurl=https://me:pw@example.org"}, ("Sources[0].Configuration", "credentials")),
        ({"Configuration": "[main]\npassword=hunter2"}, ("Sources[0].Configuration", "credentials")),
        ({"Url": "https://example.org"}, ("Sources[0].Url", "unknown_field")),
    ],
)
def test_a_patch_source_keeps_its_limits_and_no_secrets(source, found):
    good = {"Name": "our-mirror", "Products": ["AmazonLinux2023"], "Configuration": "[main]"}
    report = check(linux(Sources=[good | source]))
    assert [(problem.field, problem.code) for problem in report.errors] == [found]
    assert "hunter2" not in report.errors[0].message


def test_a_source_without_encryption_is_warned_of():
    insecure = {"Name": "mirror", "Products": ["Debian12"], "Configuration": "deb http://example.org main"}
    assert warnings(linux(Sources=[insecure])) == [("Sources[0].Configuration", "insecure_source")]


def test_settings_of_another_operating_system_are_refused():
    source = {"Name": "our-mirror", "Products": ["Any"], "Configuration": "[main]"}
    assert errors(baseline(Sources=[source])) == [("Sources", "not_applicable")]
    assert errors(baseline(ApprovedPatchesEnableNonSecurity=True)) == [
        ("ApprovedPatchesEnableNonSecurity", "not_applicable")
    ]
    windows_only = "AvailableSecurityUpdatesComplianceStatus"
    assert errors(linux(**{windows_only: "COMPLIANT"})) == [(windows_only, "not_applicable")]


def test_settings_are_chosen_from_what_aws_offers():
    assert errors(baseline(RejectedPatchesAction="Block!")) == [("RejectedPatchesAction", "choice")]
    assert errors(baseline(ApprovedPatchesComplianceLevel="high")) == [
        ("ApprovedPatchesComplianceLevel", "choice")
    ]
    assert errors(baseline(ClientToken="x" * 65)) == [("ClientToken", "length")]


def test_a_misspelt_field_is_not_ignored():
    problem = check(baseline(RejectedPatch=["KB5039217"])).errors[0]
    assert (problem.field, problem.message) == (
        "RejectedPatch",
        'Unknown field "RejectedPatch". Did you mean RejectedPatches?',
    )


def test_tags_have_keys_once_and_none_of_aws():
    tags = [{"Key": "team", "Value": "a"}, {"Key": "team", "Value": "b" * 257}, {"Key": "aws:x", "Value": ""}]
    assert errors(baseline(Tags=tags)) == [
        ("Tags[1].Key", "duplicate"),
        ("Tags[1].Value", "tag_value"),
        ("Tags[2].Key", "tag_key"),
    ]


def test_a_baseline_that_would_install_nothing_is_refused():
    assert errors({"Name": "empty"}) == [("ApprovalRules", "installs_nothing")]
    assert errors(baseline(RejectedPatches=["*"])) == [("RejectedPatches", "installs_nothing")]
    assert errors({"Name": "one-patch", "ApprovedPatches": ["KB5039217"]}) == []


def test_a_rule_that_contradicts_the_global_filters_is_warned_of():
    tools = {"PatchFilters": [{"Key": "CLASSIFICATION", "Values": ["Tools"]}]}
    assert warnings(baseline(GlobalFilters=tools)) == [(RULE, "matches_nothing")]
    everything = {"PatchFilters": [{"Key": "CLASSIFICATION", "Values": ["*"]}]}
    assert warnings(baseline(GlobalFilters=everything)) == []


def test_every_problem_is_found_at_once():
    spec = {"Name": "a", "OperatingSystem": "WINDOWS", "ApprovalRules": {"PatchRules": [{}]}, "Colour": "red"}
    assert [field for field, _ in errors(spec)] == ["Colour", "Name", f"{RULE}.PatchFilterGroup"]


def test_the_operating_system_of_a_baseline_cannot_change():
    assert change_problems({"Name": "a"}, {"Name": "b", "OperatingSystem": "WINDOWS"}) == []
    assert [problem.code for problem in change_problems({}, {"OperatingSystem": "SUSE"})] == ["immutable"]


def test_production_waits_no_less_than_test():
    stages = [
        ("dev", baseline(rule(ApproveAfterDays=0))),
        ("test", baseline(rule(ApproveAfterDays=0), rule(ApproveAfterDays=7))),
        ("prod", baseline(rule(ApproveAfterDays=5))),
    ]
    problems = soak_problems(stages)
    assert [problem.message for problem in problems] == [
        "prod waits 5 days, less than test with 7; patches would reach it first."
    ]
    assert soak_problems(stages[:2]) == []


def test_every_operating_system_has_a_vocabulary_that_fits_itself():
    assert len(vocabularies()) == 15
    for system, vocabulary in vocabularies().items():
        assert set(vocabulary.values) <= set(vocabulary.keys)
        spec = linux(
            rule({"Key": "PRODUCT", "Values": [vocabulary.product_example]}, ApproveAfterDays=0),
            system=system,
        )
        assert (errors(spec), warnings(spec)) == ([], [])


# From definitions that people share: ministryofjustice/modernisation-platform-environments (Windows applications and
# Amazon Linux), its modernisation-platform-terraform-ssm-patching (Oracle), clear-cloud/cci-terraform-ssm-association.
@pytest.mark.parametrize(
    ("request_", "where", "says"),
    [
        (
            wanting("CLASSIFICATION", "UpdateRollups", "Update Rollups"),
            "Values[1]",
            "Did you mean UpdateRollups?",
        ),
        (wanting("SEVERITY", "High", system="AMAZON_LINUX_2"), "Values[0]", "Use Critical, Important"),
        (wanting("MSRC_SEVERITY", "Critical", system="ORACLE_LINUX"), "Key", "use SEVERITY"),
        (
            wanting("CLASSIFICATION", "SecurityUpdates", system="REDHAT_ENTERPRISE_LINUX"),
            "Values[0]",
            "Security",
        ),
    ],
)
def test_real_mistakes_are_found(request_, where, says):
    (problem,) = check(request_).errors
    assert problem.field == f"{FILTERS}[0].{where}"
    assert says in problem.message


@pytest.mark.corpus
def test_shared_baselines_are_judged_as_the_corpus_does():
    path = Path(os.environ["PW_CORPUS"]) / "open" / "patch_baselines.json"
    rows = json.loads(path.read_text(encoding="utf-8"))["baselines"]
    judged = {row["id"]: (row["classification"], check(row["request"])) for row in rows}
    assert [one for one, (said, found) in judged.items() if said == "valid" and not found.valid] == []
    assert [one for one, (said, found) in judged.items() if "invalid" in said and found.valid] == []
    doubted = [found for said, found in judged.values() if said == "doc-warning"]
    assert all(found.errors or found.warnings for found in doubted)
    assert len(rows) > 50


def test_what_aws_lists_besides_is_taken():
    known = dict(vocabularies())
    known["WINDOWS"] = known["WINDOWS"].widened(
        {"CLASSIFICATION": ["QualityUpdates"], "PRODUCT": ["WindowsServer2028"]}
    )
    request = wanting("CLASSIFICATION", "QualityUpdates", "SecurityUpdates")
    assert not check(request).valid
    assert check(request, known).valid
    newer = wanting("PRODUCT", "WindowsServer2028")
    assert [one.code for one in check(newer).warnings] == ["unknown_product"]
    assert [one.code for one in check(newer, known).warnings] == []


def test_a_rule_without_a_filter_or_a_level_is_warned_of():
    assert warnings(baseline(rule(ComplianceLevel=None))) == [
        (f"{RULE}.ComplianceLevel", "unspecified_level"),
        (f"{RULE}.PatchFilterGroup", "empty_filter"),
    ]
    assert warnings(baseline(rule(SECURITY, ComplianceLevel="UNSPECIFIED"))) == [
        (f"{RULE}.ComplianceLevel", "unspecified_level")
    ]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
FIELDS = ["Name", "OperatingSystem", "GlobalFilters", "ApprovalRules", "ApprovedPatches", "Sources", "Tags"]


@given(st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=4), JSON, JSON)
def test_no_json_whatever_breaks_the_check(fields, anything, values):
    shaken = baseline(rule({"Key": anything, "Values": values}, ApproveAfterDays=anything)) | fields
    for request in (shaken, baseline(anything), baseline(rule(anything), Tags=[anything]), anything):
        report = check(request)
        assert all(
            problem.message and len(problem.message) <= 200 for problem in report.errors + report.warnings
        )
