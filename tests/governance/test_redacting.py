"""No credential is left in a text, however it came there; ordinary words stay."""

import pytest

from portal.governance.redacting import HIDDEN, is_secret, without_secrets

CANARY = "canary-5up3r-s3cret"

HEADERS = [
    f"Authorization: Bearer {CANARY}",
    f"Authorization: AWS4-HMAC-SHA256 Credential=x/2026/eu-central-1, SignedHeaders=host, Signature={CANARY}",
    f"{{'Authorization': b'Bearer {CANARY}', 'Accept': '*/*'}}",
    f"'HTTP_AUTHORIZATION': 'Token {CANARY}'",
    f"Cookie: seen=1; __Host-sessionid={CANARY}",
    f"Set-Cookie: patchwarden_sessionid={CANARY}; Path=/",
    f"HTTP_COOKIE=a=1; b={CANARY}",
    f"X-Amz-Security-Token: {CANARY}",
    f"(b'X-Amz-Security-Token', b'{CANARY}')",
    f"[('Cookie', 'a=b; c={CANARY}')]",
    f"sent Bearer {CANARY}",
    f"sent basic {CANARY}",
]
FORMS_AND_QUERIES = [
    f"/login/?password={CANARY}&next=/",
    f"?token={CANARY}",
    f"csrfmiddlewaretoken={CANARY}&a=b",
    f"?X-Amz-Signature={CANARY}&X-Amz-Expires=60",
]
JSON_AND_PYTHON = [
    f'{{"external_id": "{CANARY}"}}',
    f'{{"password": "half\\"{CANARY}"}}',
    f'{{\\"secret\\": \\"{CANARY}\\"}}',
    f"password='{CANARY} and more'",
    f"{{'session_key': '{CANARY}'}}",
    f"{{'api-key': u'{CANARY}'}}",
]
AWS = [
    f"ExternalId={CANARY}",
    f"<ExternalId>{CANARY}</ExternalId>",
    f"<SecretAccessKey>{CANARY}</SecretAccessKey><SessionToken>{CANARY}</SessionToken>",
    f"aws_secret_access_key = {CANARY}",
    f"'SessionToken': '{CANARY}'",
]
SETTINGS = [
    f"postgres://patchwarden:{CANARY}@db:5432/patchwarden",
    f"redis://:{CANARY}@redis:6379/0",
    f"smtp+tls://user:{CANARY}@smtp.example.org:587",
    f"OIDC_CLIENT_SECRET={CANARY}",
    f"password: correct horse {CANARY}",
]


@pytest.mark.parametrize("text", [*HEADERS, *FORMS_AND_QUERIES, *JSON_AND_PYTHON, *AWS, *SETTINGS])
def test_a_credential_is_taken_out(text):
    cleaned = without_secrets(text)
    assert CANARY not in cleaned
    assert HIDDEN in cleaned


@pytest.mark.parametrize("key", ["AKIAABCDEFGHIJKLMNOP", "ASIAABCDEFGHIJKLMNOP"])
def test_a_key_of_aws_is_known_by_its_look(key):
    assert without_secrets(f"Assumed with {key}.") == f"Assumed with {HIDDEN}."


def test_a_known_secret_is_found_wherever_it_stands():
    assert without_secrets("the words tr0ub4dor&3 alone", ["tr0ub4dor&3"]) == f"the words {HIDDEN} alone"
    assert (
        without_secrets("a short one would blot out words", ["short"]) == "a short one would blot out words"
    )


@pytest.mark.parametrize(
    "text",
    [
        "Push 7 of 211125483017/eu-central-1: 3 tokens of work, secretary told, password policy read",
        "Found credentials in environment variables.",
        "GET https://patchwarden.example.org/requests/7/ answered 200",
        "The digest 4f2a is stale; opal@example.com was told at 10:04:11",
        "ASIA and the Pacific",
    ],
)
def test_ordinary_words_stay(text):
    assert without_secrets(text) == text


def test_a_field_is_a_secret_by_its_name():
    secret = "authorization Cookie password client_secret token external_id ExternalId session_key api-key"
    plain = "path status tokens_left_over author event request_id task logger"
    assert [name for name in secret.split() if not is_secret(name)] == []
    assert [name for name in plain.split() if is_secret(name)] == []


@pytest.mark.parametrize(
    "text", ["a" * 200_000, 'password="' + "\\" * 50_000, "token" * 40_000, "<" * 100_000]
)
def test_a_long_text_does_not_keep_it_busy(text):
    assert without_secrets(text)
