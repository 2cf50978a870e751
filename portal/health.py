"""Two questions for whoever keeps the process running: does it live, and may it get visitors?"""

from functools import cache

from django.conf import settings
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.module_loading import import_string
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from portal.governance import host_clock, triggers


@never_cache
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers. Asks nothing else, so that a slow database does not get it killed."""
    return HttpResponse("ok\n", content_type="text/plain")


@never_cache
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """200 when the database answers, is migrated, holds its rules and agrees on the time; 503 and the reason otherwise.

    ``workers`` is a sentence when they are silent. That keeps nobody out: pages work, and what is due waits.
    """
    problem = _problem()
    workers = "" if problem else import_string(settings.SHELL_HEARTBEAT)()
    told = {"ready": not problem, "problem": problem, "workers": workers}
    return JsonResponse(told, status=503 if problem else 200)


def _problem() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        if not _migrated():
            _migrated.cache_clear()
            return "The database is not migrated. Run manage.py migrate."
        absent = triggers.missing(connection)
        wrong_clock = host_clock.problem()
    except Error:
        _migrated.cache_clear()
        return "The database does not answer."
    if absent:
        return f"The database lacks triggers: {', '.join(absent)}. Run manage.py migrate."
    return wrong_clock


@cache
def _migrated() -> bool:
    """Whether every migration of this release is applied; a yes stays true as long as the process lives."""
    executor = MigrationExecutor(connection)
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())
