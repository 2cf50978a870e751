"""The one place where errors become HTTP answers of the API."""

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.http import Http404, UnreadablePostError
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from portal.governance.errors import DomainError

TOO_LARGE = "too_large"
INTERRUPTED = "The upload was interrupted: not all of the body arrived. Nothing was saved; send it again."
NOT_READABLE = (
    "The request could not be read: look at its parameters, its headers and how its body is put together."
)


def api_exception_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    """The answer to each kind of error: ``{"code", "detail", "errors": [{"field", "code", "message"}]}``."""
    if isinstance(exc, DomainError):
        set_rollback()
        return _answer(exc.http_status, exc.code, str(exc), [p.as_dict() for p in exc.problems])
    if isinstance(exc, Http404):
        exc = exceptions.NotFound()
    elif isinstance(exc, PermissionDenied):
        exc = exceptions.PermissionDenied()
    if isinstance(exc, exceptions.ValidationError):
        errors = list(_flatten(exc.get_full_details()))
        response = _answer(exc.status_code, "invalid", _summary(errors), errors)
    elif isinstance(exc, RequestDataTooBig):
        response = _answer(413, TOO_LARGE, too_large(), [])
    elif isinstance(exc, UnreadablePostError):
        response = _answer(400, "interrupted", INTERRUPTED, [])
    elif isinstance(exc, SuspiciousOperation):
        response = _answer(400, "bad_request", NOT_READABLE, [])
    elif isinstance(exc, exceptions.APIException):
        response = _answer(exc.status_code, exc.get_codes(), str(exc.detail), [])
        if wait := getattr(exc, "wait", None):
            response["Retry-After"] = str(int(wait) + 1)
        if header := getattr(exc, "auth_header", None):
            response["WWW-Authenticate"] = header
    else:
        return None
    set_rollback()
    return response


def too_large() -> str:
    """What is said of a body above the limit. Documents have their own, ``DOCUMENT_MAX_BYTES``."""
    return (
        f"A body has at most {settings.DATA_UPLOAD_MAX_MEMORY_SIZE:,} bytes, files aside. Send less at once."
    )


def _answer(http_status: int, code: Any, detail: str, errors: list[dict[str, str]]) -> Response:
    return Response({"code": str(code), "detail": detail, "errors": errors}, status=http_status)


def _summary(errors: list[dict[str, str]]) -> str:
    return " ".join(f"{error['field']}: {error['message']}" for error in errors)


def _flatten(details: Any, path: str = "") -> Iterable[dict[str, str]]:
    if isinstance(details, dict) and set(details) == {"message", "code"}:
        yield {"field": path, "code": str(details["code"]), "message": str(details["message"])}
    elif isinstance(details, dict):
        for key, value in details.items():
            name = path if key == "non_field_errors" else f"{path}.{key}".strip(".")
            yield from _flatten(value, name)
    elif isinstance(details, list):
        nested = any(isinstance(item, dict) and set(item) != {"message", "code"} for item in details)
        for number, item in enumerate(details):
            yield from _flatten(item, f"{path}[{number}]" if nested else path)
