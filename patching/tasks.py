"""Celery's doors to patching. A message is a nudge: it carries an id, and the database says what there is to do."""

import logging
from typing import Any

from celery import shared_task
from celery.signals import before_task_publish
from django.db import Error, connection

from patching import (
    alarms,
    effects,
    freezing,
    notices,
    offered,
    progress,
    pull,
    push,
    run_reviews,
    run_verdicts,
    turns,
)
from portal.governance import clock, nudge
from portal.governance.models import Heartbeat

TICK = "patching.tick"
BEAT = "celery_beat_task"  # the header by which beat marks what it sends

logger = logging.getLogger(__name__)


@before_task_publish.connect(sender=TICK)
def note_that_beat_lives(headers: dict[str, Any], **_: Any) -> None:
    """In beat's own process, so that a silent beat and silent workers are told apart."""
    if headers.get(BEAT):
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()  # beat has no requests or tasks after which it would be
        try:
            Heartbeat.objects.update_or_create(name="beat", defaults={"at": clock.real_now()})
        except Error as problem:
            logger.warning("Beat could not write down that it lives: %s", problem)


@shared_task(name=TICK)
def tick() -> None:
    """Ask the database what is due, oldest first, and wake somebody for each.

    It came through the broker, so that it ran proves beat, broker and a worker at once.
    """
    Heartbeat.objects.update_or_create(name="tick", defaults={"at": clock.real_now()})
    progress.settle_idle()
    alarms.raise_due()
    run_reviews.ask_due()
    effects.want_push(freezing.follow_all(), "freezes")
    for account_region in turns.to_send_for():
        nudge.wake("patching.push_account_region", account_region.pk, "tick")
    for account_region in turns.to_read(pull.due()):
        nudge.wake("patching.pull_account_region", account_region.pk)


@shared_task(name="patching.tell_of_windows")
def tell_of_windows() -> None:
    notices.send_due()


@shared_task(name="patching.push_account_region")
def push_account_region(pk: int, trigger: str = "nudge") -> None:
    account_region = turns.due().filter(pk=pk).first()
    if account_region is None or not turns.may_begin(account_region):
        return
    run = push.push(account_region, trigger=trigger)
    if run is not None and run.writes:
        pull.want(account_region)  # what was tagged or opened shows at once, not in a quarter of an hour


@shared_task(name="patching.pull_account_region")
def pull_account_region(pk: int) -> None:
    account_region = pull.due().filter(pk=pk).first()
    if account_region is not None:
        pull.pull(account_region)
        offered.keep_reported(account_region)
        if offered.is_due(account_region):
            offered.read(account_region)
        run_verdicts.tell_due(account_region)
