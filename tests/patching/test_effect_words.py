"""What a request would change, side by side: live in AWS, last approved, proposed."""

from copy import deepcopy

import pytest

from patching import desired, effect_words, workflow
from patching.models import ChangeRequest, Drift, MaintenanceWindow, PatchBaseline, ResourceState
from patching.specs import to_plain
from portal.governance import clock
from tests import asks, factories


@pytest.fixture
def applied(cast):
    """The HA Windows application, approved, and in AWS as approved."""
    request = asks.submitted(cast["rita"], asks.ha_items(asks.fleet()))
    asks.approve(request, cast["omar"], cast["ines"], cast["clara"])
    place = factories.account_region()
    for key, one in desired.now_for(place).items():
        ResourceState.objects.create(
            account_region=place,
            kind=key.kind,
            key=key.name,
            label=one.label,
            uid=one.uid,
            applied=to_plain(one.spec),
            condition=ResourceState.Condition.IN_SYNC,
            changed_at=clock.now(),
        )
    return ChangeRequest.objects.get(pk=request.pk)


def change_to(rita, row, kind, **fields):
    spec = {**deepcopy(row.spec), **fields}
    item = {"action": "change", "kind": kind, "target": row.pk, "spec": spec}
    return asks.drafted(rita, [item])


def rows_of(request):
    (change,) = effect_words.changes_of(request)
    return {row.field: row for row in change.rows}, change


def test_new_objects_come_riskiest_first(cast):
    request = asks.drafted(cast["rita"], asks.ha_items(asks.fleet()))
    changes = effect_words.changes_of(request)
    assert [change.name for change in changes[:4]] == [
        "payments-prod-win",
        "payments-prod-a",
        "payments-prod-b",
        "payments-prod",
    ]
    assert changes[-1].name == "payments-dev"
    assert all(change.without_live for change in changes)


def test_a_change_of_a_window_shows_three_columns(applied, cast):
    window = MaintenanceWindow.objects.get(name="payments-prod-a")
    rows, change = rows_of(change_to(cast["rita"], window, "window", duration=6))
    row = rows["Duration and cutoff"]
    assert (row.live, row.approved, row.proposed) == ("4 h, cutoff 1 h", "4 h, cutoff 1 h", "6 h, cutoff 1 h")
    assert rows["Schedule"].live == rows["Schedule"].proposed
    assert rows["Tasks"].live == rows["Tasks"].proposed == "Install (50% at once), Scan (50% at once)"
    assert change.summary == "Duration and cutoff changes"
    assert "The next start does not move." in change.effect


def test_a_field_edited_in_aws_shows_what_is_live(applied, cast):
    window = MaintenanceWindow.objects.get(name="payments-prod-a")
    state = ResourceState.objects.get(kind="window", key=str(window.uid))
    ResourceState.objects.filter(pk=state.pk).update(condition=ResourceState.Condition.DRIFTED)
    live = {**state.applied, "duration": 3}
    Drift.objects.create(resource=state, live=live, live_digest="d", found_at=clock.now())
    rows, change = rows_of(change_to(cast["rita"], window, "window", duration=6))
    assert rows["Duration and cutoff"].live == "3 h, cutoff 1 h"
    assert rows["Duration and cutoff"].note == "edited outside Patchwarden"
    assert change.summary == "Duration and cutoff changes, 1 edited outside Patchwarden"


def test_a_window_that_was_never_pushed_is_not_in_aws(cast):
    request = asks.submitted(cast["rita"], asks.ha_items(asks.fleet()))
    asks.approve(request, cast["omar"], cast["ines"], cast["clara"])
    window = MaintenanceWindow.objects.get(name="payments-prod-a")
    rows, _ = rows_of(change_to(cast["rita"], window, "window", duration=6))
    assert rows["Duration and cutoff"].live == effect_words.NOT_IN_AWS


def test_instances_that_come_and_go_are_named(applied, cast):
    window = MaintenanceWindow.objects.get(name="payments-prod-a")
    gone = window.spec["instances"][0]
    name = factories.ManagedInstance.objects.get(instance_id=gone).name
    rows, _ = rows_of(change_to(cast["rita"], window, "window", instances=[]))
    assert rows["Instances"].proposed == f"0 instances (\N{MINUS SIGN}{name})"


def test_a_change_of_a_baseline_shows_its_rules(applied, cast):
    baseline = PatchBaseline.objects.get(name="payments-prod-win")
    definition = deepcopy(baseline.spec["definition"])
    definition["ApprovalRules"]["PatchRules"][1]["ApproveAfterDays"] = 21
    rows, change = rows_of(change_to(cast["rita"], baseline, "baseline", definition=definition))
    row = rows["Everything else"]
    assert row.live == row.approved == "After 14 days, counts as High"
    assert row.proposed == "After 21 days, counts as High"
    assert change.effect == "Judges 2 instances in payments-prod from the first scan after the push."


def test_a_removal_says_what_is_lost(applied, cast):
    window = MaintenanceWindow.objects.get(name="payments-dev-a")
    request = asks.drafted(
        cast["rita"], [{"action": "delete", "kind": "window", "target": window.pk, "spec": {}}]
    )
    rows, change = rows_of(request)
    assert rows["Duration and cutoff"].proposed is None
    assert change.name == "payments-dev-a"
    assert change.effect.startswith("1 instance leave it and are patched by no window")


def test_after_it_took_effect_a_request_still_shows_what_was_before(applied, cast):
    window = MaintenanceWindow.objects.get(name="payments-dev-a")
    item = {"action": "change", "kind": "window", "target": window.pk, "spec": {**window.spec, "duration": 8}}
    request = asks.approve(asks.submitted(cast["rita"], [item]), cast["omar"])
    ChangeRequest.objects.filter(pk=applied.pk).update(state="applied")
    for before in (request.before, None):
        request.before = before
        rows, _ = rows_of(request)
        assert rows["Duration and cutoff"].approved == "4 h, cutoff 1 h"
        assert rows["Duration and cutoff"].proposed == "8 h, cutoff 1 h"


def test_two_revisions_are_compared_object_by_object(cast):
    rita = cast["rita"]
    items = asks.ha_items(asks.fleet())
    request = asks.drafted(rita, items)
    items[4]["spec"]["duration"] = 9
    del items[-1]
    workflow.revise(request, by=rita, title=request.title, reason=request.reason, items=items)
    first, second = request.revisions.all()
    moved = {change.name: change for change in effect_words.moved_between(first, second)}
    assert set(moved) == {"payments-dev-a", "payments-prod-b"}
    assert [(row.approved, row.proposed) for row in moved["payments-dev-a"].rows] == [
        ("4 h, cutoff 1 h", "9 h, cutoff 1 h")
    ]
    assert moved["payments-prod-b"].summary == "Left out since"


def test_the_number_of_queries_does_not_grow_with_the_items(cast, django_assert_max_num_queries):
    request = asks.drafted(cast["rita"], asks.ha_items(asks.fleet()))
    with django_assert_max_num_queries(6):
        assert len(effect_words.changes_of(request)) == 12
