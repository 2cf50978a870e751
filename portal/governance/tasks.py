"""Celery's doors to the floor."""

from celery import shared_task

from portal.governance import idempotency, outbox


@shared_task(name="governance.deliver_outbox")
def deliver_outbox() -> None:
    outbox.deliver()


@shared_task(name="governance.prune_idempotency_keys")
def prune_idempotency_keys() -> None:
    idempotency.prune()
