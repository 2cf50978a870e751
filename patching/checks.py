"""System checks: settings with which patching would go wrong quietly are refused aloud."""

import os
from collections.abc import Iterator, Sequence
from typing import Any

from django.apps.config import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning
from django.db import connections

from portal.governance import triggers


def settings_fit(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    return [*_endpoint(), *_broker()]


def triggers_are_in_place(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Asked for with ``check --database default``; a warning, because `migrate` asks too, and is the remedy."""
    absent = [name for alias in databases or () for name in triggers.missing(connections[alias])]
    if not absent:
        return []
    return [
        Warning(
            f"The database does not hold its rules: {', '.join(absent)} missing.",
            hint="Run manage.py migrate, and find out who dropped them.",
            id="patching.W001",
        )
    ]


def _endpoint() -> Iterator[Error]:
    """Whoever sets an endpoint decides who answers as AWS; in production only AWS does."""
    named = sorted(
        name for name, value in os.environ.items() if name.startswith("AWS_ENDPOINT_URL") and value
    )
    if named and settings.DEPLOYMENT == "production":
        yield Error(
            f"{', '.join(named)} would send patching to something that is not AWS.",
            hint="Unset it, or use DEPLOYMENT=demo with the simulated AWS.",
            id="patching.E001",
        )


def _broker() -> Iterator[Error]:
    if not settings.REDIS_URL:
        if settings.DEPLOYMENT == "production":
            yield Error(
                "Without REDIS_URL the web, worker and beat processes cannot reach each other, and nothing is pushed.",
                hint="Set REDIS_URL, such as redis://redis:6379/0.",
                id="patching.E002",
            )
        return
    visible = settings.CELERY_BROKER_TRANSPORT_OPTIONS["visibility_timeout"]
    if visible < 2 * settings.CELERY_TASK_TIME_LIMIT:
        yield Error(
            f"A message is handed out again after {visible} s, while its task may still run for up to "
            f"{settings.CELERY_TASK_TIME_LIMIT} s.",
            hint="Keep the visibility timeout at least twice CELERY_TASK_TIME_LIMIT.",
            id="patching.E003",
        )
