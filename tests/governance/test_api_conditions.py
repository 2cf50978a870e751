"""ETag, If-Match and If-None-Match, as browsers and scripts send them."""

import pytest
from django.test import RequestFactory
from rest_framework.request import Request

from patching.models import ChangeRequest
from portal.governance.api_conditions import PreconditionFailed, etag_of, is_known, raise_unless_matches
from portal.governance.errors import InvalidInput
from tests import asks, factories
from tests.exemptions import asks as exempt

REQUESTS, EXEMPTIONS, ACCOUNTS = (
    f"/api/v1/{noun}/" for noun in ("change-requests", "exemptions", "accounts")
)
TAG = etag_of({"id": 7})


def given(**headers):
    return Request(RequestFactory().put("/", headers=headers))


def test_a_tag_changes_with_every_letter_that_is_shown():
    assert etag_of({"id": 7}) == TAG
    assert etag_of({"id": 8}) != TAG
    assert (TAG[0], TAG[-1], len(TAG)) == ('"', '"', 66)


@pytest.mark.parametrize("header", [None, "*", " * ", TAG, f'"other", {TAG}', f'W/"x",{TAG} , "y"'])
def test_if_match_holds(header):
    request = given(**({"If-Match": header} if header else {}))
    assert raise_unless_matches(request, "CR-7", TAG) is None


@pytest.mark.parametrize("header", ['"other"', f"W/{TAG}", '""', f'"{TAG[1:-2]}"'])
def test_if_match_does_not_hold(header):
    with pytest.raises(PreconditionFailed, match="CR-7 is no longer"):
        raise_unless_matches(given(**{"If-Match": header}), "CR-7", TAG)


@pytest.mark.parametrize(
    "header", ["", TAG.strip('"'), '"open', '"a" "b"', "*, *", '"a",', "w/" + TAG, "'a'"]
)
def test_an_if_match_that_is_no_list_of_tags_is_refused_by_name(header):
    with pytest.raises(InvalidInput) as refused:
        raise_unless_matches(given(**{"If-Match": header}), "CR-7", TAG)
    assert [problem.field for problem in refused.value.problems] == ["If-Match"]


@pytest.mark.parametrize(
    ("header", "known"),
    [
        (TAG, True),
        (f"W/{TAG}", True),
        ("*", True),
        (f'"a", {TAG}', True),
        ('"a"', False),
        ("nonsense", False),
    ],
)
def test_if_none_match(header, known):
    assert is_known(given(**{"If-None-Match": header}), TAG) is known
    assert not is_known(given(), TAG)


@pytest.fixture
def request_of_rita(cast):
    return asks.drafted(cast["rita"], [asks.window_item(asks.fleet()[:1])])


def test_what_did_not_change_is_not_sent_again(call_api, rita, request_of_rita):
    rita, mine = call_api(rita), f"{REQUESTS}{request_of_rita.pk}/"
    etag = rita.get(mine)["ETag"]
    again = rita.get(mine, HTTP_IF_NONE_MATCH=etag)
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", etag)
    rita.post(f"{mine}submit/")
    after = rita.get(mine, HTTP_IF_NONE_MATCH=etag)
    assert (after.status_code, after["ETag"] == etag) == (200, False)
    assert rita.get(mine, HTTP_IF_MATCH=etag).status_code == 412


def test_an_answer_of_a_verb_carries_the_tag_that_a_get_gives(call_api, rita, request_of_rita):
    rita, mine = call_api(rita), f"{REQUESTS}{request_of_rita.pk}/"
    assert rita.post(f"{mine}submit/")["ETag"] == rita.get(mine)["ETag"]


@pytest.mark.parametrize(
    ("name", "method", "verb", "body"),
    [
        ("rita", "put", "", {"title": asks.TITLE, "reason": asks.REASON, "items": []}),
        ("rita", "patch", "", {"title": "Another title"}),
        ("rita", "post", "submit/", {}),
        ("omar", "post", "approve/", {}),
        ("omar", "post", "reject/", {}),
        ("omar", "post", "request-changes/", {}),
        ("rita", "post", "withdraw/", {}),
        ("opal", "post", "retry/", {}),
    ],
)
def test_no_verb_changes_what_somebody_else_changed(
    call_api, cast, request_of_rita, name, method, verb, body
):
    client, mine = call_api(cast[name]), f"{REQUESTS}{request_of_rita.pk}/"
    read = client.get(mine)["ETag"]
    call_api(cast["rita"]).patch(mine, {"title": "Somebody was faster"}, format="json")
    before = ChangeRequest.objects.values().get()
    for header, status, code in (
        (read, 412, "precondition_failed"),
        (f"W/{client.get(mine)['ETag']}", 412, "precondition_failed"),
        ("nonsense", 400, "invalid"),
    ):
        answer = getattr(client, method)(f"{mine}{verb}", body, format="json", HTTP_IF_MATCH=header)
        assert (answer.status_code, answer.json()["code"]) == (status, code), header
    assert ChangeRequest.objects.values().get() == before


def test_with_the_tag_that_was_read_a_verb_goes_on(call_api, cast, request_of_rita):
    rita, mine = call_api(cast["rita"]), f"{REQUESTS}{request_of_rita.pk}/"
    etag = rita.get(mine)["ETag"]
    submitted = rita.post(f"{mine}submit/", HTTP_IF_MATCH=etag)
    assert submitted.status_code == 200
    withdrawn = rita.post(f"{mine}withdraw/", {}, format="json", HTTP_IF_MATCH=submitted["ETag"])
    assert withdrawn.json()["state"] == "withdrawn"
    assert rita.post(f"{mine}submit/", HTTP_IF_MATCH="*").status_code == 409


def test_an_approval_by_the_tag_of_one_s_own_reading(call_api, cast, request_of_rita):
    asks.workflow.submit(request_of_rita, by=cast["rita"])
    omar, mine = call_api(cast["omar"]), f"{REQUESTS}{request_of_rita.pk}/"
    read = omar.get(mine)
    word = {"revision": read.json()["revision"], "digest": read.json()["digest"]}
    answer = omar.post(f"{mine}approve/", word, format="json", HTTP_IF_MATCH=read["ETag"])
    assert answer.json()["state"] == "approved"


def test_exemptions_and_their_documents_take_conditions(call_api, cast):
    row = exempt.drafted(cast["rita"])
    rita, mine = call_api(cast["rita"]), f"{EXEMPTIONS}{row.pk}/"
    read = rita.get(mine)["ETag"]
    assert rita.get(mine, HTTP_IF_NONE_MATCH=read).status_code == 304
    for number, (tag, status) in enumerate([(read, 201), (read, 412), ("*", 201)]):
        file = {"document": exempt.document(content=b"%%PDF-1.7 page %d\n%%%%EOF" % number)}
        answer = rita.post(f"{mine}documents/", file, format="multipart", HTTP_IF_MATCH=tag)
        assert answer.status_code == status
    for verb in ("submit", "withdraw", "revoke", "approve", "reject", "request-changes"):
        answer = rita.post(f"{mine}{verb}/", {}, format="json", HTTP_IF_MATCH=read)
        assert answer.status_code == 412, verb
    submitted = rita.post(f"{mine}submit/", HTTP_IF_MATCH=rita.get(mine)["ETag"])
    assert submitted.json()["state"] == "submitted"


def test_an_account_takes_conditions(call_api, opal):
    place = factories.account_region()
    client, mine = call_api(opal), f"{ACCOUNTS}{place.pk}/"
    read = client.get(mine)["ETag"]
    assert client.post(f"{mine}push/", HTTP_IF_MATCH=read).status_code == 202
    for verb in ("push", "pull", "prove"):
        assert client.post(f"{mine}{verb}/", HTTP_IF_MATCH=read).status_code == 412, verb
