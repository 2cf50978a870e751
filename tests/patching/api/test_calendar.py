"""``/windows/calendar/``: who sees which openings, between which moments, narrowed how."""

from datetime import UTC, datetime, timedelta

import pytest

from portal.governance import clock
from tests.patching.calendar import nights

pytestmark = pytest.mark.django_db
PATH = "/api/v1/windows/calendar/"


@pytest.fixture
def windows(cast):
    nights.window("payments-prod-a", az="eu-central-1a")
    nights.window("payments-prod-b", az="eu-central-1b")
    nights.window("search-dev", "dev", application="search", team="analytics", timezone="UTC")


def names(answer):
    assert answer.status_code == 200, answer.data
    return {one["name"] for one in answer.data["openings"]}


def test_a_caller_sees_what_the_pages_show_them(windows, cast, call_api):
    seen = {who: names(call_api(cast[who], "read").get(PATH)) for who in ("rita", "noor", "axel", "adam")}
    assert seen["rita"] == {"payments-prod-a", "payments-prod-b"}
    assert seen["noor"] == {"search-dev"}
    assert seen["axel"] == seen["rita"] | seen["noor"]
    assert seen["adam"] == set()


def test_an_opening_tells_its_time_state_and_conflicts(windows, rita, call_api):
    answer = call_api(rita).get(PATH, {"from": "2027-06-01T00:00:00Z", "to": "2027-06-08T00:00:00Z"})
    first, second = answer.data["openings"]
    assert (first["name"], first["starts_at"]) == ("payments-prod-a", "2027-06-06T00:00:00Z")
    assert (first["state"], first["run"]) == ("planned", None)
    assert first["conflicts"] == second["conflicts"]
    assert first["conflicts"][0]["kind"] == "zones"
    assert answer.data["from"] == "2027-06-01T00:00:00Z"


@pytest.mark.parametrize(
    ("query", "left"),
    [
        ({"application": "search"}, {"search-dev"}),
        ({"environment": "prod"}, {"payments-prod-a", "payments-prod-b"}),
        ({"team": "analytics"}, {"search-dev"}),
        ({"account": "000000000000"}, set()),
        ({"conflicts": "true"}, {"payments-prod-a", "payments-prod-b"}),
        ({"name": "search-dev"}, {"search-dev"}),
    ],
)
def test_filters_narrow_it(windows, ines, call_api, query, left):
    assert names(call_api(ines).get(PATH, query)) == left


@pytest.mark.parametrize(
    "query",
    [
        {"from": "soon"},
        {"from": "2027-06-01T00:00:00Z", "to": "2027-06-01T00:00:00Z"},
        {"from": "2027-06-01T00:00:00Z", "to": "2028-06-01T00:00:00Z"},
        {"colour": "red"},
    ],
)
def test_what_means_nothing_is_said(windows, rita, call_api, query):
    answer = call_api(rita).get(PATH, query)
    assert answer.status_code == 400
    assert answer.data["errors"][0]["field"] in {"from", "to", "colour"}


def test_freezes_and_held_openings_are_told(windows, rita, call_api):
    moment = datetime(2027, 6, 6, tzinfo=UTC)
    window = nights.window("payments-held")
    nights.held(window, moment - timedelta(days=1), moment + timedelta(days=1))
    nights.freeze(window, moment - timedelta(days=1), moment + timedelta(days=1))
    given = {"from": moment.isoformat(), "to": (moment + timedelta(days=1)).isoformat(), "name": window.name}
    answer = call_api(rita).get(PATH, given)
    assert [one["state"] for one in answer.data["openings"]] == ["held"]
    assert [one["name"] for one in answer.data["freezes"]] == ["Quarter end"]
    assert clock.now() < moment
