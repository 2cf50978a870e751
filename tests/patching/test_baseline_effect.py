from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patching.approval import LEVELS, Patch, evaluate
from patching.baseline_effect import EPOCH, Outcome, Prepared, effect_of, effects_of, first_approved
from tests.patching.test_approval import baseline, oracle, red_hat, rule, windows

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
SYSTEMS = ("WINDOWS", "REDHAT_ENTERPRISE_LINUX", "UBUNTU", "SUSE", "MACOS")


def said(spec, patch, as_of):
    """The word of ``evaluate``, as an outcome."""
    verdict = evaluate(spec, patch, as_of=as_of)
    return Outcome(patch, verdict.approved, verdict.compliance_level, verdict.rule, verdict.approves_at)


days_before = st.integers(-10, 90).map(lambda days: NOW - timedelta(days=days))
patches = st.builds(
    Patch,
    id=st.sampled_from(["KB1", "KB2", "RHSA-2026:1"]),
    released=st.none() | days_before,
    severity=st.sampled_from(["", "Critical", "Important", "Low"]),
    classification=st.sampled_from(["", "Security", "Bugfix", "SecurityUpdates"]),
    product=st.sampled_from(["A1", "a1", "B2"]),
    name=st.sampled_from(["", "openssl", "openssl-libs", "kernel"]),
    arch=st.sampled_from(["", "x86_64"]),
    version=st.sampled_from(["", "3.0"]),
    cves=st.frozensets(st.sampled_from(["CVE-2026-0001", "CVE-2026-0002"])),
    patch_set=st.sampled_from(["OS", "APPLICATION"]),
)
filters = st.sampled_from(
    [
        {"Key": "SEVERITY", "Values": ["critical", "Important"]},
        {"Key": "MSRC_SEVERITY", "Values": ["Critical", "Unspecified"]},
        {"Key": "CLASSIFICATION", "Values": ["Security"]},
        {"Key": "CLASSIFICATION", "Values": ["*"]},
        {"Key": "PRODUCT", "Values": ["A1"]},
        {"Key": "PATCH_SET", "Values": ["APPLICATION"]},
        {"Key": "PRIORITY", "Values": ["important"]},
        {"Key": "CVE_ID", "Values": ["CVE-2026-0001"]},
        {"Key": "NAME", "Values": ["kernel"]},
    ]
)
groups = st.lists(filters, max_size=2).map(lambda found: {"PatchFilters": found})
when = st.sampled_from(
    [
        {"ApproveAfterDays": 0},
        {"ApproveAfterDays": 7},
        {"ApproveAfterDays": 30},
        {"ApproveUntilDate": "2026-06-01"},
    ]
)
rules = st.builds(
    lambda group, moment, level, more: {
        "PatchFilterGroup": group,
        "ComplianceLevel": level,
        "EnableNonSecurity": more,
        **moment,
    },
    groups,
    when,
    st.sampled_from(LEVELS),
    st.booleans(),
)
entries = st.lists(
    st.sampled_from(
        ["kb1", "openssl*", "openssl.x86_64", "kernel", "CVE-2026-0002", "*-libs", "RHSA-2026:1"]
    ),
    max_size=2,
)
baselines = st.fixed_dictionaries(
    {
        "OperatingSystem": st.sampled_from(SYSTEMS),
        "GlobalFilters": groups,
        "ApprovalRules": st.lists(rules, max_size=4).map(lambda found: {"PatchRules": found}),
        "ApprovedPatches": entries,
        "ApprovedPatchesComplianceLevel": st.sampled_from(LEVELS),
        "ApprovedPatchesEnableNonSecurity": st.booleans(),
        "RejectedPatches": entries,
    }
)


@settings(max_examples=120, deadline=None)
@given(spec=baselines, many=st.lists(patches, max_size=12))
def test_many_patches_at_once_come_out_as_each_by_itself(spec, many):
    prepared = Prepared(spec["OperatingSystem"], many)
    effect = effect_of(spec, prepared, as_of=NOW)
    assert effect.outcomes() == [said(spec, patch, NOW) for patch in prepared.patches]
    assert effect.approved | effect.waiting | effect.never == prepared.all
    assert not effect.approved & effect.waiting


@settings(max_examples=80, deadline=None)
@given(spec=baselines, many=st.lists(patches, max_size=8))
def test_a_patch_is_approved_from_the_moment_that_is_told_on(spec, many):
    prepared = Prepared(spec["OperatingSystem"], many)
    for patch, moment in zip(prepared.patches, first_approved(spec, prepared), strict=True):
        far = evaluate(spec, patch, as_of=NOW + timedelta(days=1000))
        assert far.approved == (moment is not None)
        if moment is not None and moment > (patch.released or EPOCH):
            assert not evaluate(spec, patch, as_of=moment).approved
            assert evaluate(spec, patch, as_of=moment + timedelta(seconds=1)).approved


@pytest.mark.parametrize(("spec", "patches", "as_of", "levels"), list(oracle()))
def test_the_whole_catalogue_at_once_agrees_with_aws_s_own_client(spec, patches, as_of, levels):
    effect = effect_of(spec, Prepared(spec["OperatingSystem"], patches), as_of=as_of)
    found = {one.patch.id: one.compliance_level if one.approved else None for one in effect.outcomes()}
    assert [found[patch.id] for patch in patches] == levels


def test_baselines_of_several_systems_are_asked_in_one_pass():
    catalogues = {
        "WINDOWS": Prepared("WINDOWS", [windows()]),
        "REDHAT_ENTERPRISE_LINUX": Prepared("REDHAT_ENTERPRISE_LINUX", [red_hat()]),
    }
    asked = [baseline(rule()), baseline(rule(MSRC_SEVERITY=["Low"]), system="WINDOWS")]
    linux, microsoft = effects_of(asked, catalogues, as_of=NOW)
    assert (linux.approved, microsoft.approved) == (1, 0)


def test_only_the_outcomes_of_a_set_are_told_when_one_is_given():
    prepared = Prepared("WINDOWS", [windows(id="KB1"), windows(id="KB2", severity="Low")])
    effect = effect_of(baseline(rule(MSRC_SEVERITY=["Critical"]), system="WINDOWS"), prepared, as_of=NOW)
    assert [one.patch.id for one in effect.outcomes(effect.never)] == ["KB2"]


def test_a_catalogue_of_another_system_is_refused():
    with pytest.raises(ValueError, match="WINDOWS says nothing of UBUNTU"):
        effect_of(baseline(system="WINDOWS"), Prepared("UBUNTU", []), as_of=NOW)
