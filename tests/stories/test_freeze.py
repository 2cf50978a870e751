"""A freeze from wish to end: asked, decided, the window stays shut in AWS, opens by itself, and the proof is kept."""

from datetime import timedelta

import pytest

from patching.models import ChangeRequest, Drift, Freeze, WindowHold
from patching.simulator.state import moment
from tests import people, pushing, window_nights
from tests.simulated_aws import RETAIL
from tests.window_nights import NEXT, OPENS, go_to

pytestmark = pytest.mark.django_db


def openings_of(aws, name="payments-dev"):
    """When the window opened in AWS so far."""
    region = aws.world.region(RETAIL, "eu-central-1")
    ids = {key for key, one in region.windows.items() if one["Name"] == name}
    return [moment(one["StartTime"]) for one in region.executions if one["WindowId"] in ids]


def test_a_freeze_keeps_a_window_shut_and_lets_it_go(retail, simulated_aws):
    window_nights.window_in_aws(retail)
    rita, omar = people.api_client(people.person("rita")), people.api_client(people.person("omar"))

    # Rita asks for a freeze of payments dev from Saturday to the Saturday after
    spec = {
        "name": "Half-year closing",
        "application": "payments",
        "environment": "dev",
        "starts_at": f"{OPENS - timedelta(days=1):%Y-%m-%dT%H:%M}",
        "ends_at": f"{OPENS + timedelta(days=6):%Y-%m-%dT%H:%M}",
        "timezone": "UTC",
        "reason": "The books are closed.",
    }
    asked = rita.post(
        "/api/v1/change-requests/",
        {
            "title": "No patching while the books are closed",
            "reason": "Finance works through the weekend.",
            "items": [{"action": "create", "kind": "freeze", "target": None, "spec": spec}],
        },
        format="json",
    )
    assert asked.status_code == 201, asked.content
    draft = asked.json()
    submitted = rita.post(f"/api/v1/change-requests/{draft['id']}/submit/", format="json").json()
    assert submitted["needs"] == ["lead_or_security"]

    # Omar decides
    word = {"revision": submitted["revision"], "digest": submitted["digest"], "reason": "As agreed."}
    decided = omar.post(f"/api/v1/change-requests/{draft['id']}/approve/", word, format="json")
    assert decided.status_code == 200, decided.content
    told = rita.get(f"/api/v1/freezes/{Freeze.objects.get().pk}/").json()
    assert told["windows"] == 1

    # the worker does its part, a day ahead; then it dies
    go_to(simulated_aws, OPENS - timedelta(hours=40))
    pushing.pushed(retail)
    assert ChangeRequest.objects.get(pk=draft["id"]).state == "applied"
    go_to(simulated_aws, NEXT + timedelta(hours=5))

    # the Sunday in the freeze fell out, the one after it came, and nobody was there to bring that about
    assert openings_of(simulated_aws) == [NEXT]

    # the portal comes back, agrees with what it finds, and keeps the proof
    last = pushing.pushed(retail)
    assert (last.state, last.writes) == ("succeeded", 0)
    assert not Drift.objects.exists()
    hold = WindowHold.objects.get()
    assert hold.restored_at is not None
    assert hold.restored_proof["push_run"] == last.pk
