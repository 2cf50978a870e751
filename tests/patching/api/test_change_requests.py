"""Change requests through the API: the same verbs, the same words, one status per kind of error."""

import pytest

from patching.models import ChangeRequest, Operation, PatchBaseline, Revision
from portal.governance.models import Membership
from tests import asks, factories
from tests.patching.bad_baselines import AWS_NAMES, GOOD, MISTAKES, ONLY_AS_JSON, TAG_VALUES, linux
from tests.patching.bad_files import GOOD_NAME

URL = "/api/v1/change-requests/"
LONGEST_ANSWER = 250


def body(items=None, **changes):
    wish = {"title": asks.TITLE, "reason": asks.REASON, "items": items or []}
    return {**wish, **changes}


def reading(answer):
    """What somebody sends who decides on what the API just showed."""
    return {"revision": answer["revision"], "digest": answer["digest"], "reason": "Read."}


@pytest.fixture
def window(cast):
    """One window for one dev instance, as rita would send it."""
    return asks.window_item(asks.fleet()[:1])


@pytest.fixture
def draft(call_api, cast, window):
    return call_api(cast["rita"]).post(URL, body([window]), format="json").json()


def fields(answer):
    assert set(answer.json()) == {"code", "detail", "errors"}
    return [error["field"] for error in answer.json()["errors"]]


def test_a_request_goes_from_draft_to_approved(call_api, cast, draft):
    rita, omar = call_api(cast["rita"]), call_api(cast["omar"])
    assert (draft["state"], draft["revision"], draft["team"]) == ("draft", 1, "payments")

    submitted = rita.post(f"{URL}{draft['id']}/submit/").json()
    assert (submitted["state"], submitted["open_slots"]) == ("submitted", ["lead_or_security"])

    approved = omar.post(f"{URL}{draft['id']}/approve/", reading(submitted), format="json")
    assert approved.status_code == 200
    assert approved.json()["state"] == "approved"
    assert approved.json()["decisions"][0]["decided_by"] == {"username": "omar", "name": "Omar Haddad"}


def test_every_bad_field_is_named_at_once(call_api, cast, window):
    window["spec"] |= {"duration": 25, "schedule": "0 2 * * SUN"}
    answer = call_api(cast["rita"]).post(URL, body([window], title="a", urgent=True), format="json")
    assert answer.status_code == 400
    assert set(fields(answer)) == {"urgent", "title", "items[0].spec.duration", "items[0].spec.schedule"}
    assert not ChangeRequest.objects.exists()


@pytest.mark.parametrize("wish", [[], "text", 7, None, {"items": {}}, {"items": [7]}, {"title": {}}])
def test_a_body_of_another_shape_is_refused(call_api, cast, wish):
    answer = call_api(cast["rita"]).post(URL, wish, format="json")
    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid"


def test_no_field_of_the_row_can_be_set_from_outside(call_api, cast, draft):
    row = ChangeRequest.objects.values().get()
    for name in ("id", "state", "team", "requested_by", "needs", "digest", "created_at", "closed_at"):
        answer = call_api(cast["rita"]).patch(f"{URL}{draft['id']}/", {name: 1}, format="json")
        assert (answer.status_code, fields(answer)) == (400, [name])
    assert ChangeRequest.objects.values().get() == row


def test_a_team_is_named_only_by_its_members(call_api, cast):
    answer = call_api(cast["rita"]).post(URL, body([], team="analytics"), format="json")
    assert answer.status_code == 400
    assert "team" in fields(answer)


def test_a_stranger_finds_nothing(call_api, cast, draft):
    noor = call_api(cast["noor"])
    assert noor.get(URL).json() == {"next": None, "previous": None, "results": []}
    missing = noor.get(f"{URL}999999/")
    for method, path in (
        ("get", ""),
        ("put", ""),
        ("patch", ""),
        ("post", "submit/"),
        ("post", "approve/"),
        ("post", "reject/"),
        ("post", "request-changes/"),
        ("post", "withdraw/"),
        ("post", "retry/"),
    ):
        answer = getattr(noor, method)(f"{URL}{draft['id']}/{path}", {}, format="json")
        assert (answer.status_code, answer.json()) == (404, missing.json()), path


def test_a_stranger_cannot_re_point_a_request_to_other_peoples_rows(call_api, cast, draft):
    answer = call_api(cast["noor"]).post(
        URL, body([asks.window_item([], application="payments", name="mine")]), format="json"
    )
    assert answer.status_code == 400


def test_the_author_does_not_decide(call_api, cast, draft):
    rita = call_api(cast["rita"])
    submitted = rita.post(f"{URL}{draft['id']}/submit/").json()
    answer = rita.post(f"{URL}{draft['id']}/approve/", reading(submitted), format="json")
    assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")


def test_steps_are_not_skipped(call_api, cast, draft):
    answer = call_api(cast["omar"]).post(f"{URL}{draft['id']}/approve/", reading(draft), format="json")
    assert (answer.status_code, answer.json()["code"]) == (409, "wrong_state")


def test_a_decision_on_an_older_revision_is_stale(call_api, cast, draft, window):
    rita = call_api(cast["rita"])
    rita.post(f"{URL}{draft['id']}/submit/")
    rita.put(f"{URL}{draft['id']}/", body([window], title="Another title"), format="json")
    answer = call_api(cast["omar"]).post(f"{URL}{draft['id']}/approve/", reading(draft), format="json")
    assert (answer.status_code, answer.json()["code"]) == (409, "stale_revision")


def test_a_decision_names_what_was_read(call_api, cast, draft):
    call_api(cast["rita"]).post(f"{URL}{draft['id']}/submit/")
    answer = call_api(cast["omar"]).post(f"{URL}{draft['id']}/approve/", {"reason": "Fine."}, format="json")
    assert (answer.status_code, fields(answer)) == (400, ["revision", "digest"])


def test_a_refusal_says_why(call_api, cast, draft):
    submitted = call_api(cast["rita"]).post(f"{URL}{draft['id']}/submit/").json()
    omar = call_api(cast["omar"])
    for verb in ("reject", "request-changes"):
        answer = omar.post(f"{URL}{draft['id']}/{verb}/", {**reading(submitted), "reason": ""}, format="json")
        assert (answer.status_code, fields(answer)) == (400, ["reason"])


def test_changes_are_asked_for_and_answered_by_a_put(call_api, cast, draft, window):
    rita, omar = call_api(cast["rita"]), call_api(cast["omar"])
    submitted = rita.post(f"{URL}{draft['id']}/submit/").json()
    back = omar.post(f"{URL}{draft['id']}/request-changes/", reading(submitted), format="json").json()
    assert back["state"] == "changes_requested"

    unchanged = rita.post(f"{URL}{draft['id']}/submit/")
    assert (unchanged.status_code, unchanged.json()["code"]) == (422, "rule_broken")

    window["spec"]["duration"] = 5
    revised = rita.put(f"{URL}{draft['id']}/", body([window], note="Longer."), format="json").json()
    assert [one["note"] for one in revised["revisions"]] == ["", "Longer."]
    assert rita.post(f"{URL}{draft['id']}/submit/").json()["revision"] == 2


def test_a_patch_keeps_what_it_leaves_out(call_api, cast, draft):
    answer = call_api(cast["rita"]).patch(f"{URL}{draft['id']}/", {"title": "Another title"}, format="json")
    assert answer.status_code == 200
    assert (answer.json()["title"], answer.json()["reason"]) == ("Another title", asks.REASON)
    assert (answer.json()["items"], answer.json()["revision"]) == (draft["items"], 2)


@pytest.mark.parametrize("method", ["put", "patch"])
def test_if_match_keeps_two_editors_apart(call_api, cast, draft, window, method):
    rita, url = call_api(cast["rita"]), f"{URL}{draft['id']}/"
    read = rita.get(url)["ETag"]
    first = getattr(rita, method)(url, body([window], title="First"), format="json", HTTP_IF_MATCH=read)
    assert first.status_code == 200
    second = getattr(rita, method)(url, body([window], title="Second"), format="json", HTTP_IF_MATCH=read)
    assert (second.status_code, second.json()["code"]) == (412, "precondition_failed")
    assert ChangeRequest.objects.get().title == "First"
    again = getattr(rita, method)(
        url, body([window], title="Second"), format="json", HTTP_IF_MATCH=first["ETag"]
    )
    assert again.status_code == 200


def test_it_is_withdrawn_with_a_reason(call_api, cast, draft):
    answer = call_api(cast["rita"]).post(f"{URL}{draft['id']}/withdraw/", {"reason": "No."}, format="json")
    assert answer.json()["state"] == "withdrawn"


def test_only_a_failed_push_is_retried_and_only_by_some(call_api, cast, draft):
    url = f"{URL}{draft['id']}/retry/"
    assert call_api(cast["rita"]).post(url).status_code == 403
    assert call_api(cast["opal"]).post(url).status_code == 409
    ChangeRequest.objects.update(state="failed")
    assert call_api(cast["opal"]).post(url).json()["state"] == "pushing"


@pytest.mark.parametrize(
    ("verb", "scope"),
    [("submit", "request"), ("withdraw", "request"), ("approve", "decide"), ("reject", "decide")]
    + [("request-changes", "decide"), ("retry", "operate")],
)
def test_a_verb_needs_its_scope(call_api, cast, draft, verb, scope):
    scopes = {"read", "request", "decide", "operate"} - {scope}
    answer = call_api(cast["opal"], *scopes).post(f"{URL}{draft['id']}/{verb}/", {}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")
    allowed = call_api(cast["opal"], scope).post(f"{URL}{draft['id']}/{verb}/", {}, format="json")
    assert allowed.json()["code"] != "permission_denied"


def test_a_session_may_do_what_its_person_may_and_needs_csrf(browse, cast, draft):
    rita = browse(cast["rita"])
    rita.handler.enforce_csrf_checks = True
    refused = rita.post(f"{URL}{draft['id']}/submit/", content_type="application/json")
    assert (refused.status_code, refused.json()["code"]) == (403, "permission_denied")
    rita.handler.enforce_csrf_checks = False
    answer = rita.post(f"{URL}{draft['id']}/submit/", content_type="application/json")
    assert answer.json()["state"] == "submitted"


def test_the_state_is_the_effective_one_and_filters_by_it(call_api, cast, draft):
    rita = call_api(cast["rita"])
    rita.post(f"{URL}{draft['id']}/submit/")
    ChangeRequest.objects.update(lapses_at=factories.clock.now())
    assert rita.get(f"{URL}{draft['id']}/").json()["state"] == "lapsed"
    assert len(rita.get(f"{URL}?state=lapsed").json()["results"]) == 1
    assert rita.get(f"{URL}?state=submitted").json()["results"] == []
    assert len(rita.get(f"{URL}?state=submitted&state=lapsed").json()["results"]) == 1


def test_a_filter_value_that_means_nothing_is_refused(call_api, cast):
    answer = call_api(cast["rita"]).get(f"{URL}?state=finished")
    assert (answer.status_code, fields(answer)) == (400, ["state"])


def test_what_waits_for_me_is_listed(call_api, cast, draft):
    call_api(cast["rita"]).post(f"{URL}{draft['id']}/submit/")
    for name, waits in (("omar", 1), ("ines", 1), ("clara", 0), ("rita", 0)):
        found = call_api(cast[name]).get(f"{URL}?waits_for_me=true").json()["results"]
        assert len(found) == waits, name


def test_lists_page_by_cursor_and_ask_the_database_a_few_times(call_api, cast, django_assert_max_num_queries):
    for _ in range(5):
        factories.revision(factories.change_request(cast["rita"]))
    rita = call_api(cast["rita"])
    with django_assert_max_num_queries(8):
        first = rita.get(f"{URL}?page_size=3").json()
    second = rita.get(first["next"]).json()
    assert (len(first["results"]), len(second["results"]), second["next"]) == (3, 2, None)
    ids = [row["id"] for row in first["results"] + second["results"]]
    assert ids == sorted(ids, reverse=True)


def test_revoked_rights_count_from_the_next_call(call_api, cast, draft):
    rita = call_api(cast["rita"])
    assert rita.get(f"{URL}{draft['id']}/").status_code == 200
    Membership.objects.filter(user=cast["rita"]).delete()
    assert rita.get(f"{URL}{draft['id']}/").status_code == 404


def test_without_a_token_nothing_is_told(client, draft):
    answer = client.get(URL)
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
    assert answer["WWW-Authenticate"] == "Bearer"


# Bad input


@pytest.fixture
def rita(cast, call_api, silent_aws):
    """Her token, and payments in every environment; AWS is not to be asked."""
    factories.payments()
    return call_api(cast["rita"])


def item(kind="baseline", **spec):
    whose = {"application": "payments", "environment": "dev"}
    return {"action": "create", "kind": kind, "target": None, "spec": {**whose, **spec}}


def asked(client, items):
    answer = client.post(URL, body(items), format="json")
    return answer.status_code, {one["field"]: one["message"] for one in answer.json()["errors"]}


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


@pytest.fixture
def in_effect(cast, silent_aws):
    asks.in_effect(cast["rita"], asks.ha_items(asks.fleet()), cast["omar"], cast["ivan"], cast["clara"])
    return PatchBaseline.objects.get(name="payments-prod-win")


def test_a_baseline_keeps_its_operating_system(in_effect, rita):
    other = item(name=in_effect.name, definition=linux()) | {"action": "change", "target": in_effect.pk}
    status, errors = asked(rita, [other])
    assert (status, list(errors)) == (400, ["items[0].spec.definition.OperatingSystem"])
    assert "AWS cannot change the operating system of a baseline" in errors.popitem()[1]


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
