"""What an opening is expected to install: by the last scans, and by what its baselines approve when it opens."""

from datetime import UTC, datetime

import pytest

from patching.models import MaintenanceWindow, PatchFinding
from patching.notices.expecting import expected
from tests.patching.test_landing import GROUP, june, lacking, waiver

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("june")]
__all__ = ["june"]
# two Sundays; the delay of seven days lies between them
BEFORE, AFTER = datetime(2026, 6, 14, 2, tzinfo=UTC), datetime(2026, 6, 21, 2, tzinfo=UTC)


def on(opens_at):
    return expected(MaintenanceWindow.objects.get(), opens_at)


def test_what_is_missing_now_and_approved_later_goes_on_in_the_opening_after_that():
    lacking(days=7)
    early, late = on(BEFORE), on(AFTER)
    assert (dict(early.patches), early.kept_off) == ({}, ["KB5039217"])
    assert "an exemption leaves it off: 1 patch: KB5039217." in early.in_words
    assert (dict(late.patches), late.kept_off) == ({"KB5039217": 1}, [])


def test_what_ssm_does_not_speak_of_yet_is_named_once_the_baseline_approves_it_by_then():
    lacking(days=7)
    PatchFinding.objects.all().delete()
    assert on(BEFORE).approved_by_then == []
    assert on(AFTER).approved_by_then == ["KB5039217"]
    assert "Approved until then, and installed where needed: 1 patch: KB5039217." in on(AFTER).in_words
    assert "Instances restart if they need what is approved until then." in on(AFTER).in_words


def test_what_is_approved_already_and_not_missing_is_no_news():
    lacking(days=0)
    PatchFinding.objects.all().delete()
    assert on(AFTER).approved_by_then == []


def test_an_exemption_keeps_a_patch_off_for_as_long_as_it_lasts():
    finding = lacking(days=0)
    PatchFinding.objects.update(hidden=True)
    waiver(finding, "patch_exclusion", 5, patches=[finding.patch_id], restores_to=GROUP)
    assert on(BEFORE).kept_off == ["KB5039217"]
    assert dict(on(AFTER).patches) == {"KB5039217": 1}
