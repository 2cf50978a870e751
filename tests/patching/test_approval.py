import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patching.approval import LEVELS, Patch, evaluate

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
MAY = datetime(2026, 5, 1, tzinfo=UTC)


def rule(days=0, level="UNSPECIFIED", **filters):
    wanted = [{"Key": key, "Values": values} for key, values in filters.items()]
    return {
        "PatchFilterGroup": {"PatchFilters": wanted},
        "ApproveAfterDays": days,
        "ComplianceLevel": level,
    }


def baseline(*rules, system="REDHAT_ENTERPRISE_LINUX", **fields):
    return {"OperatingSystem": system, "ApprovalRules": {"PatchRules": list(rules)}, **fields}


def red_hat(released=MAY, **fields):
    known = {
        "id": "RHSA-2026:1234",
        "severity": "Important",
        "classification": "Security",
        "product": "RedhatEnterpriseLinux9.4",
        "name": "openssl-libs",
        "arch": "x86_64",
        "version": "3.0.7",
        "release": "27.el9",
        "epoch": "1",
        "cves": frozenset({"CVE-2026-0001"}),
    }
    return Patch(released=released, **(known | fields))


def windows(**fields):
    known = {
        "id": "KB5039217",
        "severity": "Critical",
        "classification": "SecurityUpdates",
        "product": "WindowsServer2022",
        "released": MAY,
    }
    return Patch(**(known | fields))


def approved(spec, patch, as_of=NOW):
    return evaluate(spec, patch, as_of=as_of).approved


def test_every_filter_of_a_rule_must_match_and_any_rule_is_enough():
    spec = baseline(rule(SEVERITY=["Critical"]), rule(CLASSIFICATION=["Security"], SEVERITY=["Important"]))
    assert evaluate(spec, red_hat(), as_of=NOW).rule == 1
    assert not approved(spec, red_hat(severity="Low"))
    assert not approved(spec, red_hat(classification="Bugfix"))


def test_global_filters_narrow_every_rule():
    narrow = {"PatchFilters": [{"Key": "PRODUCT", "Values": ["RedhatEnterpriseLinux8.9"]}]}
    verdict = evaluate(baseline(rule(), GlobalFilters=narrow), red_hat(), as_of=NOW)
    assert (verdict.approved, verdict.reason) == (False, "The baseline's global filters leave it out.")


def test_the_highest_level_of_all_matching_rules_counts():
    spec = baseline(rule(level="LOW"), rule(level="CRITICAL"), rule(level="HIGH"))
    verdict = evaluate(spec, red_hat(), as_of=NOW)
    assert (verdict.compliance_level, verdict.rule) == ("CRITICAL", 1)


def test_an_approved_list_adds_its_level_to_those_of_the_rules():
    spec = baseline(rule(level="LOW"), ApprovedPatches=["openssl*"], ApprovedPatchesComplianceLevel="HIGH")
    verdict = evaluate(spec, red_hat(), as_of=NOW)
    assert (verdict.compliance_level, verdict.rule, verdict.reason) == (
        "HIGH",
        None,
        "Approved by name in the baseline (openssl*).",
    )
    assert evaluate(spec, red_hat(name="bash"), as_of=NOW).compliance_level == "LOW"


def test_rejected_beats_everything():
    spec = baseline(rule(level="CRITICAL"), ApprovedPatches=["openssl-libs"], RejectedPatches=["OpenSSL*"])
    verdict = evaluate(spec, red_hat(), as_of=NOW)
    assert (verdict.approved, verdict.compliance_level) == (False, "UNSPECIFIED")
    assert verdict.reason == "Rejected by the baseline (OpenSSL*)."


@pytest.mark.parametrize(
    "entry",
    [
        "openssl-libs",
        "openssl-libs.x86_64",
        "openssl-libs-3.0.7",
        "openssl-libs-3.0.7-27.el9",
        "openssl-libs-3.0.7-27.el9.x86_64",
        "openssl-libs-1:3.0.7-27.el9.x86_64",
        "openssl-libs.x86_64:1:3.0.7-27.el9",
        "openssl*",
        "*.x86_64",
    ],
)
def test_lists_name_a_package_in_any_spelling(entry):
    assert not approved(baseline(rule(), RejectedPatches=[entry]), red_hat())
    assert approved(baseline(ApprovedPatches=[entry]), red_hat())


@pytest.mark.parametrize("notice", ["RHSA-2026:1234", "cve-2026-0001"])
def test_notices_approve_a_package_but_cannot_reject_it(notice):
    assert approved(baseline(ApprovedPatches=[notice]), red_hat())
    assert approved(baseline(rule(), RejectedPatches=[notice]), red_hat())


def test_windows_lists_hold_kb_ids():
    assert not approved(baseline(rule(), system="WINDOWS", RejectedPatches=["kb5039217"]), windows())
    assert approved({"ApprovedPatches": ["KB5039217"]}, windows())
    assert not approved({"ApprovedPatches": ["KB503921"]}, windows())


def test_a_delay_must_have_passed_in_full():
    spec = baseline(rule(days=7))
    release = datetime(2025, 11, 9, 18, tzinfo=UTC)
    over = release + timedelta(days=7)
    waiting = evaluate(spec, red_hat(release), as_of=over)
    assert (waiting.approved, waiting.approves_at, waiting.rule) == (False, over, 0)
    assert waiting.reason == "Rule 1 approves it after 2025-11-16 18:00 UTC."
    assert approved(spec, red_hat(release), as_of=over + timedelta(seconds=1))


def test_of_several_delays_the_soonest_is_told():
    spec = baseline(rule(days=14), rule(days=7), rule(days=30))
    verdict = evaluate(spec, red_hat(NOW - timedelta(days=1)), as_of=NOW)
    assert (verdict.rule, verdict.approves_at) == (1, NOW + timedelta(days=6))


def test_a_cut_off_date_includes_its_whole_day_in_utc():
    spec = baseline(rule(days=None) | {"ApproveUntilDate": "2026-05-16"})
    assert approved(spec, red_hat(datetime(2026, 5, 16, 23, 59, 59, tzinfo=UTC)))
    verdict = evaluate(spec, red_hat(datetime(2026, 5, 17, tzinfo=UTC)), as_of=NOW)
    assert (verdict.approved, verdict.approves_at, verdict.rule) == (False, None, 0)
    assert verdict.reason == "Rule 1 approves only what was released until 2026-05-16."


def test_a_package_without_a_release_date_passes_every_delay():
    assert approved(baseline(rule(days=360)), red_hat(None))


def test_values_match_in_any_case_and_star_matches_all():
    assert approved(baseline(rule(SEVERITY=["important"], CLASSIFICATION=["*"])), red_hat())
    assert not approved(baseline(rule(SEVERITY=["Import*"])), red_hat())


def test_a_product_matches_exactly_or_by_star_alone():
    assert approved(baseline(rule(PRODUCT=["RedhatEnterpriseLinux9.4"])), red_hat())
    assert approved(baseline(rule(PRODUCT=["*"])), red_hat())
    assert not approved(baseline(rule(PRODUCT=["redhatenterpriselinux9.4"])), red_hat())
    assert not approved(baseline(rule(PRODUCT=["RedhatEnterpriseLinux9.*"])), red_hat())


def test_packages_without_metadata_need_non_security_switched_on():
    bare = red_hat(severity="", classification="")
    verdict = evaluate(baseline(rule()), bare, as_of=NOW)
    assert verdict.reason == "Rule 1 matches, but takes no non-security updates."
    assert approved(baseline(rule() | {"EnableNonSecurity": True}), bare)
    assert approved(baseline(rule(), system="SUSE"), bare)
    listed = baseline(ApprovedPatches=["openssl-libs"])
    assert not approved(listed, bare)
    assert approved(listed | {"ApprovedPatchesEnableNonSecurity": True}, bare)


def test_debian_and_ubuntu_take_security_updates_at_once_and_others_when_told():
    security = red_hat(NOW, classification="Security", severity="", priority="Important")
    other = red_hat(NOW, classification="", severity="", priority="Important")
    spec = baseline(rule(days=30, PRIORITY=["Important"]), system="UBUNTU")
    assert approved(spec, security)
    assert not approved(spec, other)
    assert approved(baseline(rule() | {"EnableNonSecurity": True}, system="DEBIAN"), other)


def test_on_debian_and_ubuntu_global_filters_bind_the_approved_list_too():
    only_jammy = {"PatchFilters": [{"Key": "PRODUCT", "Values": ["Ubuntu22.04"]}]}
    spec = {"ApprovedPatches": ["openssl-libs"], "GlobalFilters": only_jammy}
    assert not approved(spec | {"OperatingSystem": "UBUNTU"}, red_hat())
    assert approved(spec | {"OperatingSystem": "REDHAT_ENTERPRISE_LINUX"}, red_hat())


def test_windows_rules_match_severity_classification_and_product():
    wanted = {
        "PRODUCT": ["WindowsServer2022"],
        "CLASSIFICATION": ["SecurityUpdates"],
        "MSRC_SEVERITY": ["Critical"],
    }
    spec = baseline(rule(level="CRITICAL", **wanted), system="WINDOWS")
    assert evaluate(spec, windows(), as_of=NOW).compliance_level == "CRITICAL"
    assert not approved(spec, windows(severity="Important"))
    assert not approved(spec, windows(product="WindowsServer2019"))
    assert approved(baseline(rule(MSRC_SEVERITY=["Unspecified"]), system="WINDOWS"), windows(severity=""))


def test_a_baseline_without_an_operating_system_is_for_windows():
    spec = {"ApprovalRules": {"PatchRules": [rule(MSRC_SEVERITY=["Critical"])]}}
    assert approved(spec, windows())


def test_application_patches_need_a_rule_that_asks_for_them():
    office = windows(patch_set="APPLICATION", product_family="Office", product="Office 2016")
    assert not approved(baseline(rule(PRODUCT=["*"]), system="WINDOWS"), office)
    asks = rule(PATCH_SET=["APPLICATION"], PRODUCT_FAMILY=["Office"])
    assert approved(baseline(asks, system="WINDOWS"), office)
    assert not approved(baseline(asks, system="WINDOWS"), windows())


def test_a_baseline_that_says_nothing_approves_nothing():
    verdict = evaluate({"Name": "empty", "ApprovalRules": None, "GlobalFilters": None}, windows(), as_of=NOW)
    assert (verdict.approved, verdict.rule, verdict.reason) == (False, None, "No rule matches it.")


@given(
    days=st.integers(0, 360),
    age=st.integers(0, 400 * 24),
    later=st.integers(0, 400 * 24),
    level=st.sampled_from(LEVELS),
)
def test_what_is_approved_stays_approved_as_time_goes_on(days, age, later, level):
    spec, patch = baseline(rule(days=days, level=level)), red_hat(NOW - timedelta(hours=age))
    verdict = evaluate(spec, patch, as_of=NOW)
    after = evaluate(spec, patch, as_of=NOW + timedelta(hours=later))
    assert after.approved or not verdict.approved
    assert verdict.approved != (verdict.approves_at is not None)
    if verdict.approves_at:
        assert not approved(spec, patch, as_of=verdict.approves_at)
        assert approved(spec, patch, as_of=verdict.approves_at + timedelta(microseconds=1))


# AWS's own Linux client, run on real errata

ORACLE = Path(__file__).parents[1] / "data" / "approval_oracle.json"
LETTERS = {"u": "UNSPECIFIED", "i": "INFORMATIONAL", "l": "LOW", "m": "MEDIUM", "h": "HIGH", "c": "CRITICAL"}


def oracle():
    """Each baseline with the verdicts that AWS's client gave."""
    known = json.loads(ORACLE.read_text(encoding="utf-8"))
    as_of = datetime.fromisoformat(known["as_of"])
    for one in known["baselines"]:
        patches = [
            Patch(
                id=name,
                severity=severity,
                classification=kind,
                released=datetime.fromisoformat(released),
                product=one["product"],
            )
            for name, severity, kind, released in known["patches"]
        ]
        yield one["request"], patches, as_of, [LETTERS.get(letter) for letter in one["verdicts"]]


@pytest.mark.parametrize(("spec", "patches", "as_of", "levels"), list(oracle()))
def test_what_aws_s_own_client_approves_is_approved_at_its_level(spec, patches, as_of, levels):
    verdicts = [evaluate(spec, patch, as_of=as_of) for patch in patches]
    assert [one.compliance_level if one.approved else None for one in verdicts] == levels


@pytest.mark.corpus
def test_every_row_of_the_corpus_comes_out_as_aws_s_client_said():
    corpus = Path(os.environ["PW_CORPUS"]) / "open"
    known = json.loads((corpus / "approval_oracle_linux.json").read_text(encoding="utf-8"))
    specs = json.loads((corpus / "patch_baselines.json").read_text(encoding="utf-8"))["baselines"]
    requests = {one["id"]: one["request"] for one in specs}
    as_of, compared = datetime.fromisoformat(known["as_of"]), 0
    for one in known["baselines"]:
        for fields, (name, is_approved, level) in zip(known["patches"], one["results"], strict=True):
            released = datetime.fromisoformat(fields["released"])
            patch = Patch(**fields | {"released": released}, product=one["instance_product"])
            verdict = evaluate(requests[one["baseline_id"]], patch, as_of=as_of)
            said = (name, is_approved, level or "UNSPECIFIED")
            assert (patch.id, verdict.approved, verdict.compliance_level) == said, one["name"]
            compared += 1
    assert compared == 2106
