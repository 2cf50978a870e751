"""What a visitor is told when a request breaks: that nothing was saved, and whether trying again helps."""

import errno
import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template import loader

NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
DETAIL = "The database or the disk could not take this. Nothing was saved; try again in a minute."
BROKEN = "Patchwarden failed to answer; the error was logged. What you sent was not saved."


def server_error(request: HttpRequest) -> HttpResponse:
    """503 while the database does not answer or a disk is full, 500 for what is our own fault. Asks no database."""
    status = 503 if is_passing(sys.exc_info()[1]) else 500
    if request.path.startswith("/api/"):
        code, detail = ("unavailable", DETAIL) if status == 503 else ("internal", BROKEN)
        return JsonResponse({"code": code, "detail": detail, "errors": []}, status=status)
    # without the request: the page frame would ask the database who is there
    return HttpResponse(loader.get_template(f"{status}.html").render(), status=status)


def is_passing(problem: BaseException | None) -> bool:
    """Whether the same request may succeed later: the database is away or locked, or there is no room."""
    if isinstance(problem, OSError):
        return problem.errno in NO_ROOM
    return isinstance(problem, OperationalError | InterfaceError)
