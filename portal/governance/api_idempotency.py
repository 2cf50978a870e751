"""Calls that can be repeated: the base of every endpoint that changes something."""

import hashlib
from contextlib import ExitStack
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.views import APIView

from portal.governance import idempotency
from portal.governance.canonical import digest_of
from portal.governance.idempotency import Answer, Call, Claim, InProgress

KEPT_HEADERS = ("Content-Type", "ETag", "Location")
REPLAYED = "Idempotent-Replayed"


class AlreadyAnswered(Exception):
    """The call was made before; this is what it was answered."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


class OncePerKey(APIView):
    """With an ``Idempotency-Key``, what the call does and its answer are one transaction, once.

    The key is looked at after sign-in, scope and throttle: a call that is turned away there claims none. An answer of
    5xx or 429 is not kept; what the call did is undone and the key is free again.
    """

    _claim: Claim | None = None

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        self._effects = ExitStack()
        try:
            with self._effects:
                response = super().dispatch(request, *args, **kwargs)
                return response if self._claim is None else self._kept(self._claim, response)
        finally:
            if self._claim is not None:
                idempotency.release(self._claim)  # which leaves a kept answer alone

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        key = request.headers.get(idempotency.HEADER)
        if key is None or request.method in SAFE_METHODS:
            return
        found = idempotency.claim(
            Call(request.user, key, str(request.method), request.get_full_path(), _digest_of_body(request))
        )
        if isinstance(found, Answer):
            raise AlreadyAnswered(found)
        self._claim = found
        self._effects.enter_context(transaction.atomic())

    def handle_exception(self, exc: Exception) -> Any:
        return _replay(exc.answer) if isinstance(exc, AlreadyAnswered) else super().handle_exception(exc)

    def _kept(self, claim: Claim, response: Any) -> Any:
        if response.status_code >= 500 or response.status_code == 429:
            transaction.set_rollback(True)
            return response
        response.render()
        headers = {name: response[name] for name in KEPT_HEADERS if name in response}
        try:
            idempotency.keep(claim, Answer(response.status_code, headers, response.content.decode()))
        except InProgress as lost:
            transaction.set_rollback(True)
            return self.finalize_response(self.request, self.handle_exception(lost))
        return response


def _replay(answer: Answer) -> HttpResponse:
    response = HttpResponse(answer.body, status=answer.status, headers=answer.headers)
    response[REPLAYED] = "true"
    return response


def _digest_of_body(request: Request) -> str:
    """Of the bytes as sent; of the parts of a form, whose bytes differ each time by its boundary."""
    if not str(request.content_type).startswith("multipart/"):
        return hashlib.sha256(request._request.body).hexdigest()
    parts: Any = request.data
    return digest_of([[name, [_part(one) for one in several]] for name, several in sorted(parts.lists())])


def _part(value: Any) -> Any:
    if not isinstance(value, UploadedFile):
        return value
    content = hashlib.sha256()
    for chunk in value.chunks():
        content.update(chunk)
    value.seek(0)
    return [value.name, value.content_type, content.hexdigest()]
