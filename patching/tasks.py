"""Celery's doors to patching. A message is a nudge: it carries an id, and the database says what there is to do."""

from celery import shared_task

from patching import progress, pull, push
from portal.governance import clock, nudge
from portal.governance.models import Heartbeat


@shared_task(name="patching.tick")
def tick() -> None:
    """Ask the database what is due, oldest first, and wake somebody for each."""
    Heartbeat.objects.update_or_create(name="tick", defaults={"at": clock.real_now()})
    progress.settle_idle()
    for account_region in push.due():
        nudge.wake("patching.push_account_region", account_region.pk, "tick")
    for account_region in pull.due():
        nudge.wake("patching.pull_account_region", account_region.pk)


@shared_task(name="patching.push_account_region")
def push_account_region(pk: int, trigger: str = "nudge") -> None:
    account_region = push.due().filter(pk=pk).first()
    if account_region is None:
        return
    run = push.push(account_region, trigger=trigger)
    if run is not None and run.writes:
        pull.want(account_region)  # what was tagged or opened shows at once, not in a quarter of an hour


@shared_task(name="patching.pull_account_region")
def pull_account_region(pk: int) -> None:
    account_region = pull.due().filter(pk=pk).first()
    if account_region is not None:
        pull.pull(account_region)
