"""Whoever does not get as far as a view is told so in JSON under /api/, and by a page elsewhere."""

import pytest

from patching.models import ChangeRequest

REQUESTS = "/api/v1/change-requests/"
LIMIT = 2 * 1024 * 1024
MANY = "&".join(f"a{number}=1" for number in range(1001))


def refused(answer):
    assert set(answer.json()) == {"code", "detail", "errors"}
    return answer.status_code, answer.json()["code"]


def titled(size):
    """A JSON body of exactly this many bytes."""
    return '{"title": "%s"}' % ("x" * (size - len('{"title": ""}')))


@pytest.fixture
def caller(call_api, rita):
    return call_api(rita)


@pytest.mark.parametrize("headers", [{}, {"HTTP_IDEMPOTENCY_KEY": "one"}])
def test_a_body_above_the_limit_is_a_413(caller, headers):
    for size, expected in ((LIMIT, (400, "invalid")), (LIMIT + 1, (413, "too_large"))):
        body = titled(size)
        assert len(body) == size
        key = {name: f"{value}-{size}" for name, value in headers.items()}
        assert refused(caller.post(REQUESTS, body, content_type="application/json", **key)) == expected
    assert not ChangeRequest.objects.exists()


def test_a_body_above_the_limit_in_a_session_too(browse, rita):
    answer = browse(rita).post(REQUESTS, titled(LIMIT + 1), content_type="application/json")
    assert refused(answer) == (413, "too_large")


def test_a_form_with_too_much_in_its_fields_is_a_413(caller, rita):
    address = "/api/v1/exemptions/1/documents/"
    field = "\r\n".join(["--x", 'Content-Disposition: form-data; name="document"', "", "y" * LIMIT, "--x--"])
    key = {"HTTP_IDEMPOTENCY_KEY": "one"}
    answer = caller.post(address, field, content_type="multipart/form-data; boundary=x", **key)
    assert refused(answer) == (413, "too_large")


@pytest.mark.parametrize(
    ("method", "address", "extra", "expected"),
    [
        ("get", "/api/v1/nothing/", {}, (404, "not_found")),
        ("post", "/api/v2/change-requests/", {}, (404, "not_found")),
        ("get", f"{REQUESTS}?{MANY}", {}, (400, "bad_request")),
        ("get", REQUESTS, {"HTTP_HOST": "evil.example"}, (400, "bad_request")),
        ("get", "/api/v1/accounts/99999999999999999999/", {}, (404, "not_found")),
        ("put", "/api/v1/me/", {}, (405, "method_not_allowed")),
    ],
)
def test_whatever_goes_wrong_under_api_is_answered_in_its_json(caller, method, address, extra, expected):
    assert refused(getattr(caller, method)(address, **extra)) == expected


@pytest.mark.parametrize(
    "type_and_body",
    [
        ("multipart/form-data", b"no boundary"),
        ("multipart/form-data; boundary=x", b"not a part"),
        ("multipart/form-data; boundary=\xff", b"--\xff"),
        ("application/json", b"\xff\xfe{}"),
        ("application/json; charset=utf-16", b"\x00{"),
        ("application/json", b"\xef\xbb\xbf{}"),
        ("application/json", b""),
        ("text/plain", b"title=a"),
        ("", b"{}"),
        ("nonsense", b"{}"),
    ],
)
def test_a_malformed_body_is_answered_in_json(caller, type_and_body):
    kind, body = type_and_body
    for address in (REQUESTS, "/api/v1/exemptions/1/documents/"):
        answer = caller.generic("POST", address, body, content_type=kind)
        assert refused(answer)[0] in (400, 404, 415), (address, kind)


def test_an_address_that_nobody_answers_reads_like_a_row_that_is_not_there(caller):
    assert caller.get("/api/v1/nothing/").json() == caller.get(f"{REQUESTS}99/").json()


def test_a_visitor_gets_a_page(browse, rita):
    for address, status in (("/nothing/", 404), (f"/requests/?{MANY}", 400)):
        answer = browse(rita).get(address)
        assert (answer.status_code, answer["Content-Type"]) == (status, "text/html; charset=utf-8")
