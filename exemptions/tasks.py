"""Celery's doors to exemptions."""

from celery import shared_task

from exemptions import ending


@shared_task(name="exemptions.settle")
def settle() -> None:
    ending.settle()
