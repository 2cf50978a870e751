"""API tokens: hashed, ending, scoped; deciding wants a recent sign-in."""

from datetime import timedelta

import pytest
from django.db import connection

from portal.governance import audit, clock, tokens
from portal.governance.errors import InvalidInput, SignInAgain
from portal.governance.models import ApiToken


def mint(owner, **changes):
    wanted = {
        "name": "nightly export",
        "scopes": ["read"],
        "lifetime": timedelta(days=90),
        "signed_in_at": clock.real_now(),
        **changes,
    }
    return tokens.mint(owner, **wanted)


def test_the_plain_text_is_nowhere_in_the_database(rita):
    token, text = mint(rita)
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM governance_apitoken")
        assert text not in str(cursor.fetchall())
    assert text not in str(list(audit.timeline(rita).values()))
    assert token.digest != text


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("name", {"name": " "}),
        ("scopes", {"scopes": []}),
        ("scopes", {"scopes": ["everything"]}),
        ("lifetime", {"lifetime": timedelta(days=366)}),
        ("lifetime", {"lifetime": timedelta()}),
        ("lifetime", {"scopes": ["decide"], "lifetime": timedelta(hours=2)}),
    ],
)
def test_a_bad_wish_names_its_field(rita, field, changes):
    with pytest.raises(InvalidInput) as raised:
        mint(rita, **changes)
    assert [problem.field for problem in raised.value.problems] == [field]
    assert not ApiToken.objects.exists()


def test_a_token_that_decides_wants_a_recent_sign_in(clara):
    with pytest.raises(SignInAgain):
        mint(clara, scopes=["decide"], lifetime=timedelta(hours=1), signed_in_at=None)
    token, _ = mint(clara, scopes=["decide"], lifetime=timedelta(hours=1))
    assert token.expiry - token.created <= timedelta(hours=1, seconds=1)


def test_a_revoked_token_is_gone_and_the_log_says_so(rita):
    token, _ = mint(rita)
    tokens.revoke(token, by=rita)
    assert not ApiToken.objects.exists()
    assert [entry.action for entry in audit.timeline(rita)] == ["token.minted", "token.revoked"]
