"""The audit log and the token page: who reads what, and a token that is seen once."""

from datetime import timedelta

import pytest
from django.urls import reverse

from portal.governance import audit, clock, tokens
from portal.governance.models import ApiToken, AuditEntry
from tests import asks, people

AUDIT, TOKENS = reverse("governance:audit-list"), reverse("governance:token-list")


@pytest.fixture
def asked(cast):
    """Something in the log: rita's request, and noor's."""
    request = asks.submitted(cast["rita"], asks.ha_items(asks.fleet()))
    audit_of_noor(cast["noor"])
    return request


def audit_of_noor(noor):
    audit.record("token.minted", noor, by=noor, detail={"name": "hers"})


def entries(response):
    return [row.seq for row in response.context["page"]]


def test_those_who_read_all_see_the_whole_log(asked, cast, browse, subtests):
    for reader in ["axel", "clara", "ines", "opal"]:
        with subtests.test(reader=reader):
            response = browse(cast[reader]).get(AUDIT)
            assert response.status_code == 200
            assert set(entries(response)) == set(AuditEntry.objects.values_list("seq", flat=True))


def test_a_team_sees_its_part(asked, cast, browse):
    assert set(entries(browse(cast["rita"]).get(AUDIT))) == set(
        AuditEntry.objects.filter(team__slug="payments").values_list("seq", flat=True)
    )


def test_a_stranger_sees_only_what_they_did(asked, cast, browse):
    response = browse(cast["noor"]).get(AUDIT)
    assert {row.actor_name for row in response.context["page"]} == {"Noor Rahman"}
    assert "CR-" not in response.content.decode()


def test_nobody_reads_it_without_signing_in(client, db):
    assert client.get(AUDIT).status_code == 302


def test_the_log_is_narrowed_in_its_address(asked, cast, browse, subtests):
    for query, actions in [
        ("action=patching.changerequest.submitted", {"patching.changerequest.submitted"}),
        ("object_type=governance.user", {"token.minted"}),
        ("who=noor", {"token.minted"}),
        ("q=HA+Windows", {"patching.changerequest.revised", "patching.changerequest.submitted"}),
        ("until=2001-01-01", set()),
        ("since=2001-01-01&who=noor", {"token.minted"}),
    ]:
        with subtests.test(query=query, actions=actions):
            response = browse(cast["axel"]).get(f"{AUDIT}?{query}")
            assert {row.action for row in response.context["page"]} == actions


def test_a_mistyped_address_is_no_error(asked, cast, browse, subtests):
    for query in ["since=yesterday", "action=DROP+TABLE", "object_id=%00", "page=-1", "sort=hash"]:
        with subtests.test(query=query):
            assert browse(cast["axel"]).get(f"{AUDIT}?{query}").status_code == 200


def test_the_log_is_exported_without_formulas(asked, cast, browse):
    with_formula = asks.drafted(cast["rita"], asks.ha_items(asks.fleet()))
    type(with_formula).objects.filter(pk=with_formula.pk).update(title="=1+1")
    lines = b"".join(browse(cast["axel"]).get(f"{AUDIT}?format=csv").streaming_content).decode().splitlines()
    assert lines[0].startswith("When,Who,What,On,Why,Entry")
    assert len(lines) == AuditEntry.objects.count() + 1


def test_the_log_needs_no_query_for_each_entry(asked, cast, browse, django_assert_max_num_queries):
    client = browse(cast["axel"])
    with django_assert_max_num_queries(40):
        client.get(AUDIT)


# API tokens


def mint(client, **said):
    return client.post(TOKENS, {"name": "nightly export", "scopes": ["read"], "lifetime": "24", **said})


def test_a_token_is_shown_once(rita, browse, client):
    browser = browse(rita)
    response = mint(browser)
    text = response.context["text"]
    assert client.get("/api/v1/me/", headers={"Authorization": f"Bearer {text}"}).status_code == 200
    assert text in response.content.decode()
    assert text not in browser.get(TOKENS).content.decode()
    assert response["Cache-Control"].startswith("max-age=0")


def test_bad_input_is_kept_and_said_under_the_field(rita, browse, subtests):
    for said, field in [
        ({"name": ""}, "name"),
        ({"name": "x" * 81}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["root"]}, "scopes"),
        ({"lifetime": "999999"}, "lifetime"),
        ({"lifetime": "forever"}, "lifetime"),
        ({"scopes": ["decide"], "lifetime": "24"}, "lifetime"),
    ]:
        with subtests.test(said=said, field=field):
            response = mint(browse(rita), **said)
            assert response.status_code == 400
            assert field in response.context["form"].errors
            assert 'id="form-errors"' in response.content.decode()
            assert not ApiToken.objects.exists()


def test_a_token_that_decides_wants_a_recent_sign_in(clara, browse, settings):
    settings.DECISION_SIGN_IN_MAX_AGE = -1
    response = mint(browse(clara), scopes=["decide"], lifetime="1")
    assert response.status_code == 302
    assert "reauthenticate" in response["Location"]
    assert not ApiToken.objects.exists()


def test_a_token_is_revoked_by_its_owner(rita, browse):
    token, _ = tokens.mint(
        rita, name="old", scopes=["read"], lifetime=timedelta(days=1), signed_in_at=clock.real_now()
    )
    response = browse(rita).post(reverse("governance:token-revoke", args=[token.token_key]))
    assert response.status_code == 302
    assert not ApiToken.objects.exists()


def test_nobody_revokes_the_token_of_another(rita, browse, cast):
    token, _ = tokens.mint(
        rita, name="old", scopes=["read"], lifetime=timedelta(days=1), signed_in_at=clock.real_now()
    )
    for other in ("adam", "noor", "axel"):
        response = browse(cast[other]).post(reverse("governance:token-revoke", args=[token.token_key]))
        assert response.status_code == 404
    assert ApiToken.objects.exists()


def test_nobody_sees_the_tokens_of_another(rita, browse):
    tokens.mint(
        rita, name="of rita", scopes=["read"], lifetime=timedelta(days=1), signed_in_at=clock.real_now()
    )
    assert "of rita" in browse(rita).get(TOKENS).content.decode()
    assert "of rita" not in browse(people.person("adam")).get(TOKENS).content.decode()


def test_a_token_is_not_revoked_by_a_link(rita, browse):
    token, _ = tokens.mint(
        rita, name="old", scopes=["read"], lifetime=timedelta(days=1), signed_in_at=clock.real_now()
    )
    assert browse(rita).get(reverse("governance:token-revoke", args=[token.token_key])).status_code == 405
