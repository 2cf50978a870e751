"""Files in and out through the API."""

import pytest

from patching.models import ChangeRequest
from tests import asks, factories

IMPORT = "/api/v1/change-requests/import/"


@pytest.fixture
def in_effect(cast):
    asks.in_effect(cast["rita"], asks.ha_items(asks.fleet()), cast["omar"], cast["ivan"], cast["clara"])
    return factories.account_region()


def body(content, **more):
    return {
        "content": content,
        "account": factories.RETAIL[0],
        "region": "eu-central-1",
        "application": "payments",
        "environment": "dev",
        "title": asks.TITLE,
        "reason": asks.REASON,
        **more,
    }


def exported(call_api, person, place, **query):
    return call_api(person).get(f"/api/v1/accounts/{place.pk}/export/", query).json()["content"]


def test_what_goes_out_comes_in_as_nothing_to_ask_for(call_api, cast, in_effect):
    content = exported(call_api, cast["rita"], in_effect, **{"as": "terraform"})
    answer = call_api(cast["rita"]).post(IMPORT, body(content), format="json")
    told = answer.json()
    assert (answer.status_code, told["change_request"], told["refused"]) == (200, None, [])
    assert {one["action"] for one in told["objects"]} == {"same"}


def test_a_changed_file_drafts_the_request_for_what_differs(call_api, cast, in_effect):
    content = exported(call_api, cast["rita"], in_effect, group="payments-dev").replace(
        "Duration: 4", "Duration: 6"
    )
    dry = call_api(cast["rita"]).post(IMPORT, body(content, dry_run=True), format="json").json()
    assert (dry["change_request"], ChangeRequest.objects.filter(state="draft").count()) == (None, 0)
    answer = call_api(cast["rita"]).post(IMPORT, body(content), format="json")
    changed = [one for one in answer.json()["objects"] if one["action"] == "change"]
    assert answer.status_code == 201
    assert {one["name"]: [each["field"] for each in one["differences"]] for one in changed} == {
        "payments-dev-a": ["duration"],
        "payments-dev-b": ["duration"],
    }


def test_what_cannot_be_read_and_names_that_one_cannot_see_are_named(call_api, cast, in_effect):
    answer = call_api(cast["rita"]).post(IMPORT, body("Resources: ["), format="json")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "content")
    answer = call_api(cast["noor"]).post(IMPORT, body("Resources: ["), format="json")
    assert (answer.status_code, {one["field"] for one in answer.json()["errors"]}) == (
        400,
        {"application", "account"},
    )


def test_a_format_that_is_only_read_is_not_written(call_api, cast, in_effect):
    answer = call_api(cast["axel"]).get(f"/api/v1/accounts/{in_effect.pk}/export/", {"as": "aws-json"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "as")


@pytest.mark.parametrize("field", ["application", "group"])
def test_an_application_or_group_that_is_not_there_is_named(call_api, cast, in_effect, field):
    answer = call_api(cast["rita"]).get(f"/api/v1/accounts/{in_effect.pk}/export/", {field: "nobody"})
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["field"]) == (400, field)
    assert "“nobody”" in error["message"]


def test_where_nothing_is_in_effect_there_is_no_file(call_api, cast, in_effect):
    factories.instance(
        factories.payments(), "dev", account_region=factories.account_region(region="eu-west-1")
    )
    place = factories.account_region(region="eu-west-1")
    answer = call_api(cast["axel"]).get(f"/api/v1/accounts/{place.pk}/export/")
    assert (answer.status_code, answer.json()["code"]) == (404, "nothing_in_effect")
