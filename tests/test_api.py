"""The API as a whole: its document is committed, every endpoint is guarded alike, and nothing writes by GET."""

import re
from pathlib import Path

import pytest
import yaml
from django.core.cache import cache
from django.urls import get_resolver
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema
from rest_framework.permissions import IsAuthenticated
from rest_framework.views import APIView

from portal import api
from portal.governance.api_auth import BearerAuthentication, HasScope, SessionAuthentication
from portal.governance.api_idempotency import OncePerKey
from portal.governance.api_throttling import PerCaller

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "openapi.yaml"
UNSAFE = {"post", "put", "patch", "delete"}
REFRESH = "manage.py spectacular --urlconf portal.api --file docs/openapi.yaml"


@pytest.fixture(scope="module")
def schema():
    return SchemaGenerator(urlconf="portal.api").get_schema(request=None, public=True)


def endpoints(patterns, prefix=""):
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if hasattr(pattern, "url_patterns"):
            yield from endpoints(pattern.url_patterns, route)
        elif route.startswith("api/"):
            view = getattr(pattern.callback, "cls", None) or getattr(pattern.callback, "view_class", None)
            yield route, view, getattr(pattern.callback, "initkwargs", {})


def test_the_committed_document_is_what_the_code_says(schema):
    assert yaml.safe_load(DOCUMENT.read_text()) == schema, f"Run {REFRESH}"


def test_the_document_is_valid_and_every_operation_says_how_it_refuses(schema):
    validate_schema(schema)
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            assert {"401", "403", "429"} <= set(operation["responses"]), path
            if method == "post":
                assert {"400", "409", "422"} <= set(operation["responses"]), path


def test_every_endpoint_asks_who_is_calling_and_how_often():
    found = list(endpoints(get_resolver().url_patterns))
    assert len(found) > 40
    for route, view, given in found:
        if route == "api/v1/docs/":
            continue  # a page; test_routes.py holds that it asks for a sign-in
        assert issubclass(view, APIView), route
        assert view.throttle_classes == [PerCaller], route
        asked = given.get("permission_classes", view.permission_classes)
        assert asked == [IsAuthenticated, HasScope], route
        if route == "api/v1/schema/":
            continue  # its view brings its own authentication, the same in other words
        assert view.authentication_classes == [BearerAuthentication, SessionAuthentication], route


def test_whatever_changes_something_takes_an_idempotency_key(schema):
    changing = {
        f"/{route}": view
        for route, view, _ in endpoints(get_resolver().url_patterns)
        if "/demo/" not in route and UNSAFE & set(schema["paths"].get(template_of(route), {}))
    }
    assert len(changing) > 15
    assert [route for route, view in changing.items() if not issubclass(view, OncePerKey)] == []


def template_of(route):
    return re.sub(r"<\w+:(\w+)>", lambda found: "{" + found[1].replace("pk", "id") + "}", f"/{route}")


def test_whatever_changes_a_row_takes_the_tag_that_was_read(schema):
    without = [
        f"{method} {path}"
        for path, operations in schema["paths"].items()
        for method, operation in operations.items()
        if method in UNSAFE and "{" in path
        if "If-Match" not in {one["name"] for one in operation.get("parameters", ())}
    ]
    assert without == ["delete /api/v1/tokens/{id}/"]  # which changes only by going


def test_no_answer_that_a_key_would_keep_holds_a_secret(schema):
    """They are stored with the key; new tokens and external ids are shown by pages only."""
    kept = [
        answer["content"]["application/json"]["schema"]
        for operations in schema["paths"].values()
        for method, operation in operations.items()
        if method in UNSAFE
        for status, answer in operation["responses"].items()
        if status.startswith("2") and "content" in answer
    ]
    fields = set(fields_of(schema, kept, set()))
    assert {"digest", "requested_by", "username"} <= fields
    assert [name for name in fields if re.search("secret|token|password|external|credential", name)] == []


def fields_of(schema, part, seen):
    """Every field that may stand in these answers, references followed."""
    if isinstance(part, list):
        for one in part:
            yield from fields_of(schema, one, seen)
    elif isinstance(part, dict):
        yield from part.get("properties", ())
        for name, one in part.items():
            if name == "$ref" and one not in seen:
                seen.add(one)
                one = schema["components"]["schemas"][one.rpartition("/")[2]]
            yield from fields_of(schema, one, seen)


def test_the_root_names_every_noun_and_each_answers(call_api, opal):
    client = call_api(opal)
    nouns = client.get("/api/v1/").json()
    assert list(nouns) == list(api.NOUNS)
    for noun, address in nouns.items():
        if noun != "docs":
            assert client.get(address).status_code == 200, noun


def test_too_many_calls_are_told_when_to_go_on(call_api, rita, axel, monkeypatch):
    cache.clear()
    monkeypatch.setattr(PerCaller, "THROTTLE_RATES", {"user": "2/min"})
    client, other = call_api(rita), call_api(rita)
    answers = [client.get("/api/v1/me/") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].json()["code"] == "throttled"
    assert int(answers[2]["Retry-After"]) > 0
    # another token of hers, and other people, go on
    assert other.get("/api/v1/me/").status_code == 200
    assert call_api(axel).get("/api/v1/me/").status_code == 200
    cache.clear()


@pytest.mark.parametrize(
    "text", ['{"title": "a", "title": "b"}', '{"a": NaN}', "{", "[" * 100 + "]" * 100, '{"a": "\\ud800"}']
)
def test_json_that_is_not_json_is_refused(call_api, rita, text):
    answer = call_api(rita).post("/api/v1/change-requests/", text, content_type="application/json")
    assert answer.status_code == 400
    assert set(answer.json()) == {"code", "detail", "errors"}


def test_another_content_type_is_refused(call_api, rita):
    answer = call_api(rita).post("/api/v1/change-requests/", {"title": "a"}, format="multipart")
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


def test_only_declared_methods_are_taken(call_api, rita):
    for method in ("OPTIONS", "TRACE", "PROPFIND"):
        answer = call_api(rita).generic(method, "/api/v1/change-requests/")
        assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed"), method


def test_every_answer_carries_the_content_security_policy(call_api, client, rita):
    for answer in (
        call_api(rita).get("/api/v1/me/"),
        client.get("/api/v1/me/"),
        client.get("/api/v1/nothing/"),
    ):
        assert "default-src 'self'" in answer["Content-Security-Policy"]
        assert answer["X-Content-Type-Options"] == "nosniff"
