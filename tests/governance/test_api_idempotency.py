"""A call that is sent again is answered again and not done again."""

import pytest
from django.core.cache import cache
from django.db import OperationalError

from exemptions.models import Document
from patching import workflow
from patching.models import ChangeRequest
from portal.governance.api_throttling import PerCaller
from portal.governance.models import IdempotencyKey
from tests import asks, factories
from tests.exemptions import asks as exempt

URL = "/api/v1/change-requests/"
KEY = {"HTTP_IDEMPOTENCY_KEY": "6f9a1c1e-5d0b-4f4e-9b1a-2f1f6f0c7d11"}


def wish(**changes):
    return {"title": asks.TITLE, "reason": asks.REASON, "items": [asks.window_item([])], **changes}


@pytest.fixture
def client(call_api, cast):
    factories.payments()
    return call_api(cast["rita"])


def test_the_same_call_twice_makes_one_request_and_answers_the_same(client):
    first = client.post(URL, wish(), format="json", **KEY)
    second = client.post(URL, wish(), format="json", **KEY)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.content == second.content
    assert first["Content-Type"] == second["Content-Type"] == "application/json"
    assert first["ETag"] == second["ETag"]
    assert ("Idempotent-Replayed" in first, second["Idempotent-Replayed"]) == (False, "true")
    assert ChangeRequest.objects.count() == 1


def test_without_a_key_each_call_is_done(client):
    for _ in range(2):
        assert client.post(URL, wish(), format="json").status_code == 201
    assert ChangeRequest.objects.count() == 2
    assert not IdempotencyKey.objects.exists()


def test_another_body_or_address_is_refused(client):
    first = client.post(URL, wish(), format="json", **KEY).json()
    for answer in (
        client.post(URL, wish(title="Something else"), format="json", **KEY),
        client.post(f"{URL}?a=b", wish(), format="json", **KEY),
        client.post(f"{URL}{first['id']}/submit/", **KEY),
        client.put(f"{URL}{first['id']}/", wish(), format="json", **KEY),
    ):
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert ChangeRequest.objects.get().state == "draft"


def test_while_the_first_runs_the_second_is_told_so(client):
    answer = client.post(URL, wish(), format="json", **KEY)
    IdempotencyKey.objects.update(status=None, answered_at=None)
    answer = client.post(URL, wish(), format="json", **KEY)
    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_in_progress")
    assert ChangeRequest.objects.count() == 1


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\there", "zw\xf6lf"])
def test_a_key_that_is_none_is_refused_by_name(client, key):
    answer = client.post(URL, wish(), format="json", HTTP_IDEMPOTENCY_KEY=key)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert [error["field"] for error in answer.json()["errors"]] == ["Idempotency-Key"]
    assert not ChangeRequest.objects.exists()


def test_every_unsafe_method_takes_a_key(client):
    row = client.post(URL, wish(), format="json").json()
    mine = f"{URL}{row['id']}/"
    for method, path, body in (
        ("put", mine, wish(title="Put once")),
        ("patch", mine, {"title": "Patched once"}),
        ("post", f"{mine}submit/", {}),
        ("post", f"{mine}withdraw/", {"reason": "No."}),
    ):
        key = {"HTTP_IDEMPOTENCY_KEY": method + path}
        answers = [getattr(client, method)(path, body, format="json", **key) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [200, 200], path
        assert answers[0].content == answers[1].content
        assert answers[1]["Idempotent-Replayed"] == "true"
    assert ChangeRequest.objects.get().revisions.count() == 3


def test_a_get_pays_no_heed_to_a_key(client):
    for _ in range(2):
        assert "Idempotent-Replayed" not in client.get(URL, **KEY)
    assert not IdempotencyKey.objects.exists()


def test_what_was_refused_stays_refused_under_its_key(client):
    refused = client.post(URL, wish(title="a"), format="json", **KEY)
    again = client.post(URL, wish(title="a"), format="json", **KEY)
    assert (refused.status_code, again.status_code) == (400, 400)
    assert refused.json() == again.json()
    assert again["Idempotent-Replayed"] == "true"


def test_whoever_is_turned_away_at_the_door_claims_nothing(call_api, rita, client):
    assert call_api(rita, "read").post(URL, wish(), format="json", **KEY).status_code == 403
    client.credentials()
    assert client.post(URL, wish(), format="json", **KEY).status_code == 401
    assert not IdempotencyKey.objects.exists()
    assert call_api(rita).post(URL, wish(), format="json", **KEY).status_code == 201


def test_a_throttled_call_claims_nothing(client, monkeypatch):
    cache.clear()
    monkeypatch.setattr(PerCaller, "THROTTLE_RATES", {"user": "1/min"})
    assert client.get(URL).status_code == 200
    assert client.post(URL, wish(), format="json", **KEY).status_code == 429
    assert not IdempotencyKey.objects.exists()
    cache.clear()


def busy(*args, **kwargs):
    raise OperationalError("database is locked")


def broken(*args, **kwargs):
    raise ZeroDivisionError


@pytest.mark.parametrize(("failure", "status"), [(busy, 503), (broken, 500)])
def test_a_failure_of_ours_undoes_all_and_frees_the_key(client, monkeypatch, failure, status):
    client.raise_request_exception = False
    drafting = workflow.draft

    def draft_then_fail(**wish):
        drafting(**wish)
        failure()

    monkeypatch.setattr(workflow, "draft", draft_then_fail)
    assert client.post(URL, wish(), format="json", **KEY).status_code == status
    assert not ChangeRequest.objects.exists()
    monkeypatch.undo()
    answer = client.post(URL, wish(), format="json", **KEY)
    assert (answer.status_code, "Idempotent-Replayed" in answer) == (201, False)


def test_a_call_that_comes_too_late_saves_nothing(client, monkeypatch):
    drafting = workflow.draft

    def draft_slowly(**wish):
        IdempotencyKey.objects.update(claimed_at="2020-01-01T00:00:00Z")  # as if another had taken over
        return drafting(**wish)

    monkeypatch.setattr(workflow, "draft", draft_slowly)
    answer = client.post(URL, wish(), format="json", **KEY)
    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_in_progress")
    assert not ChangeRequest.objects.exists()


def test_a_file_is_known_again_by_its_content(client, cast):
    exemption = exempt.drafted(cast["rita"])
    path = f"/api/v1/exemptions/{exemption.pk}/documents/"
    answers = [
        client.post(path, {"document": exempt.document()}, format="multipart", **KEY) for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[1]["Idempotent-Replayed"] == "true"
    for other in (exempt.document(name="other.pdf"), exempt.document(content=b"%PDF-1.7 forged\n%%EOF")):
        assert client.post(path, {"document": other}, format="multipart", **KEY).status_code == 422
    assert Document.objects.count() == 1
