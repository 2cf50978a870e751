"""Celery's doors to exemptions."""

from celery import shared_task

from exemptions import ending, mirroring, reminding, reviewing


@shared_task(name="exemptions.settle")
def settle() -> None:
    ending.settle()


@shared_task(name="exemptions.remind")
def remind() -> None:
    reminding.remind()


@shared_task(name="exemptions.review")
def review() -> None:
    reviewing.find()


@shared_task(name="exemptions.mirror")
def mirror() -> None:
    mirroring.mirror()
