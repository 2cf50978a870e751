"""Wake a worker by task name once the transaction is in. A nudge may be lost; the tick finds the work."""

import logging
import time
from typing import Any

from celery import current_app
from django.db import transaction

from portal.governance import request_ids

logger = logging.getLogger(__name__)

_QUIET_AFTER_FAILURE = 30.0
_quiet_until = 0.0


def wake(task: str, *args: Any) -> None:
    """Ask for a task after commit. Never raises, never makes a web request wait for a dead broker twice."""
    woken_by = request_ids.current()
    transaction.on_commit(lambda: _send(task, args, woken_by), robust=True)


def _send(task: str, args: tuple[Any, ...], woken_by: str = "") -> None:
    global _quiet_until
    if time.monotonic() < _quiet_until:
        return
    try:
        headers = {request_ids.MESSAGE_HEADER: woken_by} if woken_by else {}
        current_app.send_task(task, args=args, headers=headers, retry=False, ignore_result=True)
    except Exception as problem:  # noqa: BLE001 - whatever the broker's client raises, the tick will do the work
        _quiet_until = time.monotonic() + _QUIET_AFTER_FAILURE
        logger.warning("The broker did not take %s (%s); the next tick will find the work.", task, problem)
