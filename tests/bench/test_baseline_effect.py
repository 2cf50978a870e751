"""What one baseline, and what two hundred, come to over a catalogue of 20,000 patches."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from patching.approval import Patch
from patching.baseline_effect import Prepared, effect_of, effects_of

pytestmark = pytest.mark.slow
NOW = datetime(2026, 6, 30, tzinfo=UTC)
PATCHES, BASELINES = 20_000, 200
SEVERITIES = ("Critical", "Important", "Moderate", "Low")
CLASSES = ("Security", "Bugfix", "Enhancement")


def catalogue(chosen):
    return [
        Patch(
            id=f"RHSA-2026:{number}",
            released=NOW - timedelta(days=chosen.randrange(720)),
            severity=chosen.choice(SEVERITIES),
            classification=chosen.choice(CLASSES),
            product=f"RedhatEnterpriseLinux{chosen.choice(('8.10', '9.4', '9.7'))}",
            name=f"package-{number % 4000}",
            arch="x86_64",
            version=str(number),
            release="1.el9",
            cves=frozenset(f"CVE-2026-{number % 9000 + n}" for n in range(3)),
            advisories=frozenset({f"RHSA-2026:{number}"}),
        )
        for number in range(PATCHES)
    ]


def baseline(chosen):
    def rule():
        filters = [
            {"Key": "PRODUCT", "Values": ["*"]},
            {"Key": "CLASSIFICATION", "Values": chosen.sample(CLASSES, 2)},
            {"Key": "SEVERITY", "Values": chosen.sample(SEVERITIES, 2)},
        ]
        return {"PatchFilterGroup": {"PatchFilters": filters}, "ApproveAfterDays": chosen.randrange(60)}

    return {
        "OperatingSystem": "REDHAT_ENTERPRISE_LINUX",
        "ApprovalRules": {"PatchRules": [rule() for _ in range(10)]},
        "ApprovedPatches": [f"package-{chosen.randrange(4000)}" for _ in range(25)],
        "RejectedPatches": [f"package-{chosen.randrange(4000)}*" for _ in range(25)],
    }


def test_one_baseline_on_twenty_thousand_patches_prepared_and_told_patch_by_patch(measure):
    chosen = random.Random(6)
    patches, spec = catalogue(chosen), baseline(chosen)

    def effect():
        found = effect_of(spec, Prepared("REDHAT_ENTERPRISE_LINUX", patches), as_of=NOW)
        assert len(found.outcomes()) == PATCHES

    measure(effect, at_most=1.0, times=3, cpu=True)


def test_two_hundred_baselines_in_one_pass_share_the_preparation(measure):
    chosen = random.Random(200)
    patches, specs = catalogue(chosen), [baseline(chosen) for _ in range(BASELINES)]

    def effects():
        prepared = {"REDHAT_ENTERPRISE_LINUX": Prepared("REDHAT_ENTERPRISE_LINUX", patches)}
        for effect in effects_of(specs, prepared, as_of=NOW):
            assert effect.approved.bit_count() + effect.waiting.bit_count() <= PATCHES

    measure(effects, at_most=3.0, times=3, cpu=True)
