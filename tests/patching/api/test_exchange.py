"""Files in and out through the API."""

import pytest

from patching.contents import items_of
from patching.exchange import formats
from patching.models import ChangeRequest, Operation
from tests import asks, factories
from tests.patching.bad_baselines import MISTAKES
from tests.patching.bad_files import BAD_FILES, GOOD_NAME, PARTLY, WHERE, file_of

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


# Bad files


@pytest.fixture
def rita(cast, call_api, silent_aws):
    """Her token, and payments in every environment; AWS is not to be asked."""
    factories.payments()
    return call_api(cast["rita"])


def imported(client, content, **more):
    return client.post(IMPORT, body(content, **more), format="json")


@pytest.mark.parametrize("file_format", formats.FORMATS)
def test_a_file_leaves_out_each_bad_baseline_and_says_why(file_format, rita):
    answer = imported(
        rita, file_of([one.definition for one in MISTAKES], file_format), file_format=file_format
    )
    told = {one["where"]: one["message"] for one in answer.json()["refused"]}
    missing = {}
    for number, one in enumerate(MISTAKES):
        message = told.get(WHERE[file_format].format(number), "taken")
        if not (f"definition.{one.field}: " in message and one.says in message):
            missing[one.what] = message
    assert missing == {}
    assert not any("hunter2" in message for message in told.values())
    (kept,) = items_of(ChangeRequest.objects.get().current)
    assert (answer.status_code, kept["spec"]["name"]) == (201, GOOD_NAME)
    assert not Operation.objects.exists()


def test_a_file_that_cannot_be_read_is_refused_with_the_place(rita):
    missing = {}
    for one in BAD_FILES:
        try:
            content = one.content.decode()
        except UnicodeDecodeError:
            continue  # JSON itself is UTF-8
        answer = imported(rita, content)
        (error,) = answer.json()["errors"]
        told = (answer.status_code, error["field"], (one.by_api or one.says) in error["message"])
        if told != (400, "content", True):
            missing[one.what] = (answer.status_code, error)
    assert missing == {}
    assert not ChangeRequest.objects.exists()


def test_what_of_a_file_cannot_be_taken_is_named_and_the_rest_is_taken(rita):
    missing = {}
    for one in PARTLY:
        answer = imported(rita, one.content, dry_run=True).json()
        told = answer["notes"] if one.is_note else answer["refused"]
        good = [line for line in answer["objects"] if line["name"] == GOOD_NAME]
        if not good or not any(one.says in each["message"] for each in told):
            missing[one.what] = answer
    assert missing == {}
    assert not ChangeRequest.objects.exists()


def test_an_application_of_others_is_as_unknown_as_one_that_is_not_there(rita):
    factories.application("claims", "analytics")
    mine = f"name: {GOOD_NAME}"
    told = {}
    for slug in ("claims", "nobody"):
        answer = imported(rita, file_of([], "yaml").replace(mine, f"{mine}\n  application: {slug}"))
        (error,) = answer.json()["errors"]
        told[slug] = (answer.status_code, error["field"], error["message"].replace(slug, "…"))
    assert told["claims"] == told["nobody"]
    assert told["claims"][0] == 400
    assert not ChangeRequest.objects.exists()


def test_a_file_gives_no_baseline_another_operating_system(in_effect, rita):
    content = file_of([], "yaml").replace(GOOD_NAME, "payments-prod-win").replace("WINDOWS", "SUSE")
    answer = imported(rita, content.replace("SecurityUpdates", "Security"))
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["field"]) == (400, "items[0].spec.definition.OperatingSystem")
    assert "ask for a new one" in error["message"]
