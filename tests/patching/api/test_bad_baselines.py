"""Whatever is wrong with a baseline, a name or a file, the API says where and what is right, and keeps nothing."""

import pytest

from patching.effects import items_of
from patching.exchange import formats
from patching.models import ChangeRequest, Operation, PatchBaseline, Revision
from tests import asks, factories
from tests.patching.bad_baselines import AWS_NAMES, GOOD, MISTAKES, ONLY_AS_JSON, TAG_VALUES, linux
from tests.patching.bad_files import BAD_FILES, GOOD_NAME, PARTLY, WHERE, file_of

URL = "/api/v1/change-requests/"
LONGEST_ANSWER = 250


@pytest.fixture
def rita(cast, call_api, silent_aws):
    """Her token, and payments in every environment."""
    factories.payments()
    return call_api(cast["rita"])


def asked(client, items):
    answer = client.post(URL, {"title": asks.TITLE, "reason": asks.REASON, "items": items}, format="json")
    errors = {one["field"]: one["message"] for one in answer.json().get("errors", [])}
    return answer.status_code, errors


def imported(client, content, **more):
    wish = {
        "content": content,
        "account": factories.RETAIL[0],
        "region": "eu-central-1",
        "application": "payments",
        "environment": "dev",
        "title": asks.TITLE,
        "reason": asks.REASON,
        **more,
    }
    return client.post(f"{URL}import/", wish, format="json")


def item(kind="baseline", **spec):
    whose = {"application": "payments", "environment": "dev"}
    return {"action": "create", "kind": kind, "target": None, "spec": {**whose, **spec}}


def nothing_is_kept():
    return not (ChangeRequest.objects.exists() or Revision.objects.exists() or Operation.objects.exists())


def test_every_mistake_in_a_baseline_is_named_by_its_field(rita):
    mistakes = [*MISTAKES, *ONLY_AS_JSON]
    items = [
        item(name=f"payments-{number}", definition=one.definition) for number, one in enumerate(mistakes)
    ]
    status, errors = asked(rita, [*items, item(name=GOOD_NAME, definition=GOOD)])
    told = {
        one.what: errors.get(f"items[{number}].spec.definition.{one.field}", "no error there")
        for number, one in enumerate(mistakes)
    }
    assert {one.what: told[one.what] for one in mistakes if one.says not in told[one.what]} == {}
    assert status == 400
    assert max(map(len, errors.values())) <= LONGEST_ANSWER
    assert not any(field.startswith(f"items[{len(mistakes)}]") for field in errors)
    assert not any("hunter2" in message for message in errors.values())
    assert nothing_is_kept()


def test_every_mistake_in_a_name_is_named(rita):
    window = asks.window_item([])["spec"]
    group = {
        "account": factories.RETAIL[0],
        "region": "eu-central-1",
        "baselines": {"WINDOWS": GOOD_NAME},
        "instances": [],
    }
    kinds = [
        *((one, item(name=one.name, definition=GOOD)) for one in AWS_NAMES),
        *((one, item("window", **{**window, "name": one.name})) for one in AWS_NAMES),
        *((one, item("patch-group", **group, name=one.name)) for one in TAG_VALUES),
        *(
            (one, item("patch-group", **{**group, "baselines": {"WINDOWS": one.name}}, name="web"))
            for one in AWS_NAMES
        ),
    ]
    status, errors = asked(rita, [asks for _, asks in kinds])
    messages = [
        " ".join(text for field, text in errors.items() if field.startswith(f"items[{number}].spec."))
        for number in range(len(kinds))
    ]
    assert [
        (one.what, told) for (one, _), told in zip(kinds, messages, strict=True) if one.says not in told
    ] == []
    assert status == 400
    assert nothing_is_kept()


def test_a_bad_name_hides_no_mistake_in_the_definition(rita):
    _, errors = asked(rita, [item(name="a", definition=linux(Sources=[7]))])
    assert set(errors) == {"items[0].spec.name", "items[0].spec.definition.Sources[0]"}


def test_names_that_only_capitals_tell_apart_are_one(rita, cast):
    status, errors = asked(
        rita, [item(name=name, definition=GOOD) for name in ("payments-qa", "Payments-QA")]
    )
    assert (status, errors["items[1]"]) == (400, "Item 1 is about the same baseline; say it in one item.")
    asks.in_effect(cast["rita"], [item(name="payments-qa", definition=GOOD)], cast["ivan"])
    status, errors = asked(rita, [item(name="Payments-QA", definition=GOOD)])
    assert "Looks like the existing “payments-qa”. AWS is case-sensitive" in errors["items[0].spec.name"]


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
    assert nothing_is_kept()


def test_what_of_a_file_cannot_be_taken_is_named_and_the_rest_is_taken(rita):
    missing = {}
    for one in PARTLY:
        answer = imported(rita, one.content, dry_run=True).json()
        told = answer["notes"] if one.is_note else answer["refused"]
        good = [line for line in answer["objects"] if line["name"] == GOOD_NAME]
        if not good or not any(one.says in each["message"] for each in told):
            missing[one.what] = answer
    assert missing == {}
    assert nothing_is_kept()


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
    assert nothing_is_kept()


# What a baseline that is there may become


@pytest.fixture
def in_effect(cast, silent_aws):
    asks.in_effect(cast["rita"], asks.ha_items(asks.fleet()), cast["omar"], cast["ivan"], cast["clara"])
    return PatchBaseline.objects.get(name="payments-prod-win")


def test_a_baseline_keeps_its_operating_system(in_effect, rita):
    other = item(name=in_effect.name, definition=linux()) | {"action": "change", "target": in_effect.pk}
    status, errors = asked(rita, [other])
    assert (status, list(errors)) == (400, ["items[0].spec.definition.OperatingSystem"])
    assert "AWS cannot change the operating system of a baseline" in errors.popitem()[1]
    again = imported(
        rita,
        file_of([], "yaml")
        .replace(GOOD_NAME, in_effect.name)
        .replace("WINDOWS", "SUSE")
        .replace("SecurityUpdates", "Security"),
    )
    assert again.status_code == 400
    assert "ask for a new one" in again.json()["errors"][0]["message"]


def test_a_baseline_that_groups_use_stays(in_effect, rita):
    gone = {"action": "delete", "kind": "baseline", "target": in_effect.pk, "spec": {}}
    status, errors = asked(rita, [gone])
    assert (status, list(errors)) == (400, ["items[0].target"])
    assert errors["items[0].target"].startswith("payments-prod-win is used by payments-prod;")


@pytest.mark.parametrize("action", ["change", "delete", "adopt"])
def test_a_baseline_of_aws_itself_is_nobodys_to_change(action, in_effect, rita):
    theirs = item(name="AWS-WindowsPredefinedPatchBaseline-OS", definition=GOOD)
    status, errors = asked(rita, [{**theirs, "action": action, "target": 999_999}])
    assert (status, list(errors)) == (400, ["items[0].target"])
    assert "There is no baseline" in errors["items[0].target"]
