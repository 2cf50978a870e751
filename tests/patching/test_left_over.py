"""Orphans, twins and open removals: told with their decision, and to a team only what is its own."""

import pytest

from patching import effects, left_over
from patching.models import MaintenanceWindow, ResourceState, Tombstone
from patching.specs import Key
from portal.governance import clock
from tests.patching.api import fleet


def step(action, key):
    return {"action": action, "kind": "window", "key": key, "label": key, "aws_id": "mw-1", "changes": []}


@pytest.fixture
def place(cast):
    fleet.of_two_teams()
    return MaintenanceWindow.objects.first().account_region


def test_what_the_last_plan_noted_is_told_to_those_who_see_all(cast, place):
    fleet.run(place, plan=[step("orphan", "unknown u"), step("update", "w")], plan_digest="d")
    fleet.run(place, plan=[], plan_digest="")  # it got nowhere
    assert [one["key"] for one in left_over.noted(cast["axel"], place)] == ["unknown u"]
    assert left_over.noted(cast["rita"], place) == []


def test_a_removal_names_its_decision_and_what_it_waits_for(cast, place):
    window = MaintenanceWindow.objects.first()
    source = {"kind": "revision", "id": str(window.revision_id), "digest": window.revision.digest}
    effects.allow_removal(place, Key("window", "w"), source)
    effects.allow_removal(place, Key("tag", "i-1:PatchGroup"), {"kind": "waiver", "id": "77", "digest": ""})
    ResourceState.objects.create(
        account_region=place,
        kind="window",
        key="w",
        label="payments-old",
        uid="w",
        condition_text="Waits until its window is disabled.",
        changed_at=clock.now(),
    )
    first, second = left_over.removals(cast["opal"], place)
    assert (first.label, first.request) == ("payments-old", window.revision.request)
    assert first.waits_for == "Waits until its window is disabled."
    assert (second.waits_for, second.request, second.waiver) == (left_over.NOT_LOOKED_AT, None, None)
    assert [one.label for one in left_over.removals(cast["rita"], place)] == ["payments-old"]
    assert left_over.removals(cast["noor"], place) == []
    Tombstone.objects.update(buried_at=clock.now())
    assert left_over.removals(cast["opal"], place) == []
