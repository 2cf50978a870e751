"""A freeze from wish to end: asked, decided, the window stays shut in AWS, opens by itself, and the proof is kept."""

from datetime import timedelta

import pytest

from patching import run_reviews
from patching.models import ChangeRequest, Drift, Environment, Freeze, WindowHold, WindowRun
from patching.simulator.state import moment
from portal.governance import clock
from tests import factories, people, pushing, window_nights
from tests.patching.calendar import nights
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


def test_a_reported_problem_shuts_the_next_environments_window_in_aws_with_a_dated_way_back(
    retail, simulated_aws
):
    window = window_nights.window_in_aws(retail)
    region = simulated_aws.world.region(RETAIL, "eu-central-1")
    rita, now = people.person("rita"), clock.now()
    elsewhere = factories.account_region(factories.account(account_id="333333333333"))
    before = nights.window("payments-test", "test", place=elsewhere)
    Environment.objects.filter(slug="test").update(rank=0)  # here it is patched before dev
    WindowRun.objects.create(
        account_region=elsewhere,
        window=before,
        aws_window_id="mw-1",
        execution_id="e-1",
        status="FAILED",
        started_at=now - timedelta(hours=4),
        ended_at=now - timedelta(hours=1),
        read_at=now,
    )

    # the owner reports what broke; by rule the windows of later environments stay shut for a week
    record = run_reviews.report_problem(
        WindowRun.objects.get(), by=rita, reason="Checkout answers with 500 since 04:10."
    )
    assert WindowHold.objects.get().window == window
    pushing.pushed(retail)
    assert [one["Enabled"] for one in region.windows.values() if one["Name"] == "payments-dev"] == [False]
    (way_back,) = region.schedules.values()
    assert way_back["ScheduleExpression"] == f"at({record.holds_until:%Y-%m-%dT%H:%M:%S})"

    # nobody does anything more, and AWS opens it again by itself
    go_to(simulated_aws, record.holds_until + timedelta(minutes=5))
    assert [one["Enabled"] for one in region.windows.values() if one["Name"] == "payments-dev"] == [True]
