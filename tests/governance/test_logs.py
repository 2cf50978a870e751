"""A log line says to what it belongs, has no secret in it, and is one line whatever somebody typed."""

import io
import json
import logging

import pytest
from django.conf import settings

from patching import workflow
from portal.governance import logs, request_ids
from portal.governance.redacting import HIDDEN
from tests import asks

CANARY = "canary-5up3r-s3cret"


def written(how: str, message: str, *args: object, **extra: object) -> str:
    record = logging.LogRecord("patching.push", logging.WARNING, __file__, 1, message, args, None)
    record.__dict__.update(extra)
    return logs.formatter(how).format(record)


@pytest.mark.parametrize(
    "message",
    [
        f"Authorization: Bearer {CANARY}",
        f"headers={{'Authorization': 'Token {CANARY}', 'Accept': '*/*'}}",
        f"X-Amz-Security-Token: {CANARY}",
        f"Cookie: __Host-sessionid={CANARY}; other=1",
        f"ExternalId={CANARY}",
        f'{{"external_id": "{CANARY}"}}',
        f"password={CANARY}&next=/",
        f"client_secret: {CANARY}",
        f"postgres://patchwarden:{CANARY}@db:5432/patchwarden",
        f"csrftoken={CANARY}",
    ],
)
@pytest.mark.parametrize("how", ["json", "line"])
def test_no_secret_is_written_in_whatever_form_it_comes(how, message):
    assert CANARY not in written(how, message)
    assert CANARY not in written(how, "%s", message)


def test_a_key_of_aws_is_known_by_its_look():
    assert "ASIAABCDEFGHIJKLMNOP" not in written("json", "Assumed with ASIAABCDEFGHIJKLMNOP")


def test_a_named_secret_is_hidden_whatever_its_value():
    event = logs.Redaction()(
        None, "", {"event": "x", "token": CANARY, "about": {"password": CANARY, "user": "rita"}}
    )
    assert event == {"event": "x", "token": HIDDEN, "about": {"password": HIDDEN, "user": "rita"}}


def test_what_somebody_typed_begins_no_line_of_its_own():
    line = written("line", "Renamed to %s", "x\n2026-01-01 CRITICAL root all is lost\x1b[31m")
    assert "\n" not in line
    assert "\x1b" not in line
    assert "\\n2026-01-01 CRITICAL" in line


def test_an_error_keeps_its_traceback_and_hides_its_secrets():
    try:
        raise ValueError(f"password={CANARY}")
    except ValueError as problem:
        about = (ValueError, problem, problem.__traceback__)
    record = logging.LogRecord("portal", logging.ERROR, __file__, 1, "It broke", (), about)
    for how in ("json", "line"):
        text = logs.formatter(how).format(record)
        assert "ValueError" in text
        assert CANARY not in text


def test_json_says_when_who_and_to_what_request_it_belongs():
    request_ids.begin("abcdef0123456789", task="patching.push_account_region")
    try:
        line = json.loads(written("json", "Push %s ended", 7))
    finally:
        request_ids.end()
    assert line["event"] == "Push 7 ended"
    assert (line["level"], line["logger"]) == ("warning", "patching.push")
    assert (line["request_id"], line["task"]) == ("abcdef0123456789", "patching.push_account_region")


def test_ordinary_words_stay():
    message = "Push 7 of 211125483017/eu-central-1: 3 tokens of work, secretary told, password policy read"
    assert json.loads(written("json", message))["event"] == message


def test_a_traceback_cannot_pass_for_another_entry():
    try:
        raise ValueError("x\n2026-01-01T00:00:00Z CRITICAL root all is lost\x1b[31m")
    except ValueError as problem:
        about = (ValueError, problem, problem.__traceback__)
    record = logging.LogRecord("portal", logging.ERROR, __file__, 1, "It broke", (), about)
    first, *others = logs.formatter("line").format(record).split("\n")
    assert "ERROR portal It broke" in first
    assert all(row.startswith("    | ") and row.isprintable() for row in others)


@pytest.mark.parametrize("letter", ["\r", "\x1b", "\x9b", "\u2028", "\u202e", "\ud800", "\x00"])
def test_no_letter_commands_a_terminal_or_breaks_the_stream(letter):
    for how in ("json", "line"):
        text = written(how, f"a{letter}b")
        assert letter not in text
        assert text.encode()


def test_a_known_secret_is_never_written():
    record = logging.LogRecord("x", logging.INFO, __file__, 1, f"it said {CANARY}", (), None)
    assert CANARY not in logs.formatter("line", [CANARY]).format(record)
    assert settings.SECRET_KEY in settings.LOGGING["formatters"]["structured"]["secrets"]


@pytest.fixture(params=["json", "line"])
def everything_logged(request):
    """All that would be written at LOG_LEVEL=DEBUG, by the handlers of the real settings."""
    stream, root = io.StringIO(), logging.getLogger()
    handler, level = logging.StreamHandler(stream), root.level
    handler.setFormatter(logs.formatter(request.param))
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield stream
    root.removeHandler(handler)
    root.setLevel(level)


def test_no_input_carries_a_secret_into_the_log(everything_logged, client, call_api, cast, monkeypatch):
    """The canary comes in by every door; calls that fail and calls that break are logged as they are in production."""

    def breaks(**wish):
        raise ZeroDivisionError(f"password={CANARY} in {{'Authorization': 'Bearer {CANARY}'}}")

    monkeypatch.setattr(workflow, "draft", breaks)
    client.raise_request_exception = False
    address = f"/api/v1/change-requests/?token={CANARY}"
    doors = {
        "Authorization": f"Bearer {CANARY}",
        "Cookie": f"sessionid={CANARY}; csrftoken={CANARY}",
        "X-Amz-Security-Token": CANARY,
        "X-CSRFToken": CANARY,
        "Referer": f"https://example.org/?token={CANARY}",
    }
    statuses = [
        client.get(address, headers=doors).status_code,
        client.get(f"/nothing/?password={CANARY}", headers=doors).status_code,
        client.post("/accounts/login/", {"login": "rita", "password": CANARY}).status_code,
    ]
    rita = call_api(cast["rita"])
    rita.raise_request_exception = False
    for body in ({"password": CANARY, "external_id": CANARY}, {"title": CANARY}):
        statuses.append(rita.post(address, body, format="json").status_code)
    wish = {"title": "Patch it", "reason": "It has to be patched.", "items": [asks.window_item([])]}
    statuses.append(rita.post(address, wish, format="json").status_code)
    assert statuses == [401, 404, 200, 400, 400, 500]

    text = everything_logged.getvalue()
    assert "ZeroDivisionError" in text
    assert "Unauthorized" in text
    assert CANARY not in text
    assert "correct horse battery" not in text


def test_libraries_that_would_tell_stay_silent_at_debug():
    """At DEBUG botocore writes every request with its signature, and Django the parameters of its queries."""
    loggers = settings.LOGGING["loggers"]
    for name in ("botocore", "boto3", "urllib3", "django.db.backends"):
        assert loggers[name]["level"] == "WARNING"
        assert not logging.getLogger(f"{name}.anything").isEnabledFor(logging.DEBUG)


@pytest.mark.django_db
def test_one_line_a_request_says_how_it_was_answered(client, everything_logged):
    client.get("/accounts/login/?next=/secret/", headers={"X-Request-ID": "deploy-2026.11.23"})
    client.get("/healthz")
    rows = [row for row in everything_logged.getvalue().splitlines() if "Answered" in row]
    assert len(rows) == 1
    assert all(
        word in rows[0] for word in ("deploy-2026.11.23", "GET", "/accounts/login/", "200", "duration_ms")
    )
    assert "next" not in rows[0]


@pytest.mark.django_db
def test_a_refusal_is_logged_under_the_id_of_its_request(client, everything_logged):
    client.get("/nothing/", headers={"X-Request-ID": "deploy-2026.11.23"})
    [row] = [row for row in everything_logged.getvalue().splitlines() if "Not Found" in row]
    assert "deploy-2026.11.23" in row
