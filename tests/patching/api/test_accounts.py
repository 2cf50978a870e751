"""Account-regions in the API: what is drifted, parked or not ours there, and what operators may do about it."""

import pytest

from patching.models import Drift, ResourceState, Unmanaged
from portal.governance import clock
from tests import factories

WHY = "Somebody slipped in the console."


@pytest.fixture
def place(cast):
    factories.payments()
    return factories.account_region()


def a_stranger(place, **fields):
    given = {
        "kind": "window",
        "aws_id": "mw-0legacy",
        "name": "legacy-sunday",
        "content": {"listed": {}},
        **fields,
    }
    return Unmanaged.objects.create(
        account_region=place, first_seen_at=clock.now(), last_seen_at=clock.now(), **given
    )


def test_what_is_not_ours_is_listed_while_it_is_there(call_api, cast, place):
    a_stranger(place)
    a_stranger(place, aws_id="mw-0gone", gone_at=clock.now())
    rows = call_api(cast["axel"]).get(f"/api/v1/accounts/{place.pk}/unmanaged/").json()
    assert [(row["kind"], row["aws_id"], row["name"]) for row in rows] == [
        ("window", "mw-0legacy", "legacy-sunday")
    ]


def test_a_team_is_not_told_what_else_the_account_holds(call_api, cast, place):
    a_stranger(place)
    answer = call_api(cast["rita"]).get(f"/api/v1/accounts/{place.pk}/unmanaged/")
    assert answer.status_code == 403
    assert "legacy-sunday" not in answer.content.decode()


def a_drift(place, **fields):
    given = {"kind": "window", "key": "w", "label": "payments-prod-a", "uid": "w", "changed_at": clock.now()}
    state = ResourceState.objects.create(account_region=place, **{**given, "sources": [], **fields})
    return Drift.objects.create(
        resource=state,
        live={"duration": 9},
        live_digest="seen",
        changes=[{"field": "duration", "live": "9", "desired": "4"}],
        found_at=clock.now(),
    )


def test_what_was_changed_outside_is_listed_field_by_field(call_api, cast, place):
    drift = a_drift(place)
    Drift.objects.create(resource=drift.resource, state="passed", live_digest="x", found_at=clock.now())
    client = call_api(cast["axel"])
    (row,) = client.get(f"/api/v1/accounts/{place.pk}/drifts/").json()
    assert row["changes"] == [{"field": "duration", "live": "9", "desired": "4"}]
    assert (row["label"], row["state"], row["live_digest"]) == ("payments-prod-a", "open", "seen")
    assert len(client.get("/api/v1/drifts/").json()["results"]) == 2
    assert len(client.get("/api/v1/drifts/?state=passed&account=211125483017").json()["results"]) == 1


def test_a_team_reads_only_the_drift_of_its_own(call_api, cast, place):
    drift = a_drift(place)
    client = call_api(cast["rita"])
    assert client.get(f"/api/v1/accounts/{place.pk}/drifts/").json() == []
    assert client.get(f"/api/v1/drifts/{drift.pk}/").status_code == 404
    assert client.get(f"/api/v1/resources/{drift.resource_id}/").status_code == 404


def test_restoring_says_what_was_looked_at_and_why(call_api, cast, place):
    drift, opal = a_drift(place), call_api(cast["opal"])
    url = f"/api/v1/drifts/{drift.pk}/restore/"
    assert opal.post(url, {"reason": "no"}, format="json").status_code == 400
    assert opal.post(url, {"reason": WHY, "digest": "other"}, format="json").status_code == 409
    assert opal.post(url, {"reason": WHY, "digest": "seen"}, format="json").status_code == 202
    assert ResourceState.objects.get().restore_digest == "seen"


def test_the_policy_is_said_in_the_api(call_api, cast, place):
    url = f"/api/v1/accounts/{place.pk}/drift-policy/"
    answer = call_api(cast["ines"]).post(url, {"policy": "report", "reason": WHY}, format="json")
    assert (answer.status_code, answer.json()["drift_policy"]) == (200, "report")
    answer = call_api(cast["ines"]).post(url, {"policy": "ignore", "reason": WHY}, format="json")
    assert [one["field"] for one in answer.json()["errors"]] == ["policy"]


def test_resources_are_retried_and_parked(call_api, cast, place):
    state, opal = a_drift(place, condition="failed").resource, call_api(cast["opal"])
    url = f"/api/v1/resources/{state.pk}"
    answer = opal.post(f"{url}/park/", {"reason": WHY}, format="json")
    assert (answer.status_code, answer.json()["condition"]) == (202, "parked")
    assert [row["id"] for row in opal.get("/api/v1/resources/?condition=parked").json()["results"]] == [
        state.pk
    ]
    assert opal.post(f"{url}/retry/").json()["condition"] == "out_of_sync"


def test_an_account_says_what_is_wrong_there(call_api, cast, place):
    a_drift(place)
    row = call_api(cast["opal"]).get(f"/api/v1/accounts/{place.pk}/").json()
    assert (row["open_drifts"], row["parked"], row["last_good_push_at"]) == (1, 0, None)
    assert [one["code"] for one in row["concerns"]] == ["drift", "unread", "unproved"]
