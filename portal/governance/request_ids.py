"""One id for all that a request sets going: taken from its header or made, in every log line, handed to the workers."""

import logging
import re
import time
import uuid
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from structlog.contextvars import bind_contextvars, clear_contextvars, get_contextvars

HEADER = "X-Request-ID"
MESSAGE_HEADER = "request_id"  # of a Celery message
ACCEPTED = re.compile(r"[A-Za-z0-9._-]{8,64}")
NOT_LOGGED = frozenset({"/healthz", "/readyz", "/metrics"})  # asked every few seconds, for ever

logger = logging.getLogger(__name__)


def new() -> str:
    return uuid.uuid4().hex


def begin(given: str, **more: str) -> str:
    """From here on every log line carries this id, or a new one if it is none, and nothing of what was before."""
    clear_contextvars()
    chosen = given if ACCEPTED.fullmatch(given) else new()
    bind_contextvars(request_id=chosen, **more)
    return chosen


def end() -> None:
    clear_contextvars()


def current() -> str:
    """The id of the request or task at hand; empty where there is none, as in a command."""
    return str(get_contextvars().get("request_id", ""))


def middleware(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Every answer carries ``X-Request-ID``: the caller's own if it is a plain one.

    One line is logged for each: never the query, a header or the body. The id stays bound until the thread's next
    request, because Django logs refusals after the last middleware.
    """

    def answer(request: HttpRequest) -> HttpResponse:
        started = time.monotonic()
        chosen = begin(request.headers.get(HEADER, ""))
        response = get_response(request)
        _log(request, response.status_code, time.monotonic() - started)
        response.headers[HEADER] = chosen
        return response

    return answer


def _log(request: HttpRequest, status: int, seconds: float) -> None:
    if request.path not in NOT_LOGGED:
        facts = {
            "method": request.method,
            "path": request.path,
            "status": status,
            "duration_ms": round(seconds * 1000),
        }
        logger.info("Answered", extra=facts)
