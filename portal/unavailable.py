"""What a visitor is told when a request breaks: that nothing was saved, and whether trying again helps."""

import errno
import sys
from collections.abc import Iterator

from django.db import InterfaceError, OperationalError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template import loader

NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
DETAIL = "The database or the disk could not take this. Nothing was saved; try again in a minute."
BROKEN = "Patchwarden failed to answer; the error was logged. What you sent was not saved."


def server_error(request: HttpRequest) -> HttpResponse:
    """503 while the database does not answer or a disk is full, 500 for what is our own fault. Asks no database."""
    if is_passing(sys.exc_info()[1]):
        return unavailable(request)
    return _answer(request, 500, "internal", BROKEN)


def unavailable(request: HttpRequest) -> HttpResponse:
    return _answer(request, 503, "unavailable", DETAIL)


def is_passing(problem: BaseException | None) -> bool:
    """Whether the same request may succeed later: the database is away or locked, or there is no room.

    What broke the request may be a consequence: of a session that could not be saved Django says that it was deleted.
    """
    return any(map(_passes, _with_what_led_to(problem)))


def _passes(problem: BaseException) -> bool:
    if isinstance(problem, OSError):
        return problem.errno in NO_ROOM
    # the driver's own too: Django closes the cursor of an iterator() outside of what translates errors
    driver = connection.Database  # type: ignore[attr-defined]
    away = (OperationalError, InterfaceError, driver.OperationalError, driver.InterfaceError)
    return isinstance(problem, away)


def _with_what_led_to(problem: BaseException | None) -> Iterator[BaseException]:
    while problem is not None:
        yield problem
        problem = problem.__cause__ or (None if problem.__suppress_context__ else problem.__context__)


def _answer(request: HttpRequest, status: int, code: str, detail: str) -> HttpResponse:
    if request.path.startswith("/api/"):
        return JsonResponse({"code": code, "detail": detail, "errors": []}, status=status)
    # without the request: the page frame would ask the database who is there
    return HttpResponse(loader.get_template(f"{status}.html").render(), status=status)
