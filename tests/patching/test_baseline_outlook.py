"""What a baseline does with the catalogue, and what a change of it would do today and would have done."""

from datetime import timedelta

import pytest

from patching import impact
from patching.around import Around
from patching.baseline_outlook import changes, differences, outlook
from patching.models import PatchBaseline, PatchGroup
from portal.governance import clock
from tests.patching.test_landing import definition, june, lacking  # noqa: F401

pytestmark = pytest.mark.django_db


def change(days):
    """A request to change the delay of the baseline that judges the server of payments."""
    row = PatchBaseline.objects.get()
    spec = {**row.spec, "definition": definition(days)}
    return Around([{"action": "change", "kind": "baseline", "target": row.pk, "spec": spec}])


def in_the_group(finding):
    group = PatchGroup.objects.get()
    group.spec["instances"] = [finding.instance.instance_id]
    group.save()


def test_the_day_decides_what_is_approved_and_when_the_rest_will_be(june):  # noqa: F811
    lacking()
    now = outlook(definition(7), clock.now())
    assert (now.patches, now.approved, now.never) == (2, 0, 1)
    assert [(one.patch.id, f"{one.approves_at:%m-%d}") for one in now.waiting] == [("KB5039217", "06-16")]
    later = outlook(definition(7), clock.now() + timedelta(days=10))
    assert (later.levels, later.waiting) == ([("UNSPECIFIED", 1)], [])


def test_a_shorter_delay_approves_at_once_and_would_have_for_six_months(june):  # noqa: F811
    in_the_group(lacking(days=7))
    (told,) = differences(change(0), clock.now())
    (turn,) = told.newly_approved
    assert (turn.patch.id, turn.lacking, f"{turn.lands_at:%m-%d}") == ("KB5039217", 1, "06-14")
    assert (told.instances, told.past.patches, told.past.days_sooner) == (1, 1, 7.0)
    assert told.newly_blocked == []


def test_a_longer_delay_blocks_what_was_approved_and_says_until_when(june):  # noqa: F811
    in_the_group(lacking(days=0))
    (told,) = differences(change(14), clock.now())
    (turn,) = told.newly_blocked
    assert (turn.patch.id, f"{turn.after:%m-%d}", f"{turn.lands_at:%m-%d}") == ("KB5039217", "06-23", "06-28")
    assert told.past.days_later == 14.0


def test_a_delay_of_weeks_is_told_by_what_it_would_lose(june):  # noqa: F811
    lacking()
    wide = definition(0)
    wide["ApprovalRules"]["PatchRules"][0]["PatchFilterGroup"]["PatchFilters"][0]["Values"] = ["*"]
    assert outlook(wide, clock.now()).lost == []
    wide["ApprovalRules"]["PatchRules"][0]["ApproveAfterDays"] = 45
    (gone,) = outlook(wide, clock.now()).lost
    assert (gone.patch.id, gone.successor) == ("KB5037771", "KB5039217")


def test_what_is_still_being_written_is_told_without_the_past(june):  # noqa: F811
    in_the_group(lacking(days=7))
    around = change(14)
    (told,) = changes(around, clock.now())
    (past,) = differences(around, clock.now())
    assert (told.is_new, told.groups, told.instances) == (False, 1, 1)
    assert [one.patch.id for one in told.moved] == [one.patch.id for one in past.moved] == ["KB5039217"]
    new = {"name": "another", "application": "payments", "environment": "", "definition": definition(0)}
    item = {"action": "create", "kind": "baseline", "target": None, "spec": new}
    (told,) = changes(Around([item]), clock.now())
    assert (told.is_new, told.groups, told.instances, len(told.newly_approved)) == (True, 0, 0, 1)


def test_what_waited_and_would_never_be_approved_is_told(june):  # noqa: F811
    in_the_group(lacking(days=7))
    around = change(7)
    (rule,) = around.items[0]["spec"]["definition"]["ApprovalRules"]["PatchRules"]
    del rule["ApproveAfterDays"]
    rule["ApproveUntilDate"] = "2026-06-01"
    (told,) = changes(around, clock.now())
    assert (len(told.newly_approved), len(told.newly_blocked)) == (0, 0)
    (turn,) = told.moved
    assert (turn.patch.id, turn.after, turn.lands_at) == ("KB5039217", None, None)


def test_instances_that_a_changed_baseline_judges_are_within_its_reach(june):  # noqa: F811
    in_the_group(lacking(days=7))
    reach = impact.of(change(14))
    assert (reach.instances, reach.judged, reach.reach) == (0, 1, 1)


def test_a_request_without_a_baseline_differs_in_nothing(june):  # noqa: F811
    assert differences(Around([]), clock.now()) == []
