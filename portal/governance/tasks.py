"""Celery's doors to the floor."""

from celery import shared_task

from portal.governance import outbox


@shared_task(name="governance.deliver_outbox")
def deliver_outbox() -> None:
    outbox.deliver()
