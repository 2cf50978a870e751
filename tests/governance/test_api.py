"""The log, who is calling, and their tokens."""

from datetime import timedelta

import pytest
from django.db import transaction

from portal.governance import audit
from portal.governance.models import ApiToken, AuditEntry
from tests import factories

AUDIT, ME, TOKENS = "/api/v1/audit/", "/api/v1/me/", "/api/v1/tokens/"


@pytest.fixture
def entries(cast):
    """One entry of rita's team, one of noor's, one of nobody's."""
    with transaction.atomic():
        for name, team in (("rita", "payments"), ("noor", "analytics")):
            request = factories.change_request(cast[name], team=team)
            audit.record("patching.changerequest.revised", request, by=cast[name], team=request.team)
        audit.record("role.granted", cast["opal"], by=cast["adam"])
    return AuditEntry.objects


@pytest.mark.parametrize(
    ("name", "count"),
    [("rita", 1), ("omar", 1), ("noor", 1), ("axel", 3), ("clara", 3), ("ines", 3), ("opal", 3), ("adam", 1)],
)
def test_the_log_is_read_as_far_as_somebody_may(call_api, cast, entries, name, count):
    client = call_api(cast[name])
    found = client.get(AUDIT).json()["results"]
    assert len(found) == count
    for entry in entries.all():
        seen = client.get(f"{AUDIT}{entry.pk}/").status_code == 200
        assert seen == (entry.pk in {row["id"] for row in found})


def test_the_log_is_newest_first_and_carries_the_chain(call_api, axel, entries):
    rows = call_api(axel).get(AUDIT).json()["results"]
    assert [row["seq"] for row in rows] == [3, 2, 1]
    assert [row["prev_hash"] for row in rows[:2]] == [row["hash"] for row in rows[1:]]


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("actor=rita", 1),
        ("team=analytics", 1),
        ("action=role.granted", 1),
        ("object_type=patching.changerequest", 2),
    ]
    + [("after=2100-01-01T00:00:00Z", 0), ("before=2100-01-01T00:00:00Z", 3)],
)
def test_the_log_is_filtered(call_api, axel, entries, query, count):
    assert len(call_api(axel).get(f"{AUDIT}?{query}").json()["results"]) == count


def test_nobody_writes_to_the_log(call_api, cast, entries):
    for name in ("adam", "axel"):
        for method in ("post", "put", "patch", "delete"):
            for url in (AUDIT, f"{AUDIT}{entries.first().pk}/"):
                assert getattr(call_api(cast[name]), method)(url).status_code == 405
    assert entries.count() == 3


def test_the_log_costs_a_few_queries(call_api, axel, cast, entries, django_assert_max_num_queries):
    with django_assert_max_num_queries(8):
        call_api(axel).get(AUDIT)


def test_me_says_who_is_calling_with_what(call_api, omar):
    answer = call_api(omar, "read").get(ME).json()
    assert answer["username"] == "omar"
    assert answer["teams"] == [{"team": "payments", "name": "Payments Platform", "is_lead": True}]
    assert answer["token"]["scopes"] == ["read"]


def test_a_delegate_is_a_ciso_to_the_api_too(call_api, dora):
    assert call_api(dora).get(ME).json()["roles"] == ["ciso"]


def test_in_a_session_there_is_no_token(browse, clara):
    answer = browse(clara).get(ME).json()
    assert (answer["roles"], answer["token"]) == (["ciso"], None)


def test_tokens_are_ones_own_and_keep_their_secret(call_api, rita, omar):
    client = call_api(rita)
    call_api(omar)
    rows = client.get(TOKENS).json()["results"]
    assert [row["name"] for row in rows] == ["tests"]
    assert set(rows[0]) == {"id", "name", "scopes", "created", "expiry", "last_used_at"}


def test_a_token_that_was_ended_is_dead_at_once(call_api, rita):
    client = call_api(rita, "read")
    token = ApiToken.objects.get(user=rita)
    assert client.delete(f"{TOKENS}{token.token_key}/").status_code == 204
    assert client.get(ME).status_code == 401
    assert AuditEntry.objects.get().action == "token.revoked"


def test_somebody_elses_token_is_not_there(call_api, rita, omar):
    call_api(omar)
    theirs = ApiToken.objects.get(user=omar)
    assert call_api(rita).delete(f"{TOKENS}{theirs.token_key}/").status_code == 404
    assert ApiToken.objects.filter(user=omar).exists()


def test_a_token_that_ran_out_is_refused(call_api, rita):
    client = call_api(rita)
    ApiToken.objects.update(expiry=factories.clock.real_now() - timedelta(seconds=1))
    answer = client.get(ME)
    assert (answer.status_code, answer.json()["code"]) == (401, "authentication_failed")


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer ", "Bearer \xff", "Bearer a b", "Basic abcd", "Bearer " + "a" * 9000]
)
def test_a_header_that_names_no_token_is_a_401(client, db, header):
    answer = client.get(ME, headers={"Authorization": header})
    assert (answer.status_code, set(answer.json())) == (401, {"code", "detail", "errors"})


def test_somebody_who_left_is_refused_at_once(call_api, browse, rita):
    by_token, by_session = call_api(rita), browse(rita)
    rita.is_active = False
    rita.save()
    assert by_token.get(ME).status_code == 401
    assert by_session.get(ME).status_code == 401
