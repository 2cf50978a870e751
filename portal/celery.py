"""The Celery application: messages are nudges, the database says what is due."""

import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging, task_postrun, task_prerun, worker_init
from django.utils.module_loading import import_string

from portal.governance import request_ids

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

app = Celery("patchwarden", task_cls="portal.governance.timely:TimelyTask")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_init.connect
def refuse_a_wrong_clock(**_: Any) -> None:
    import_string("portal.governance.timely.refuse_to_start")()


@setup_logging.connect
def leave_logging_to_django(**_: Any) -> None:
    """Whoever connects here keeps Celery from setting up handlers of its own."""


@task_prerun.connect
def take_the_id_over(task: Any, task_id: str, **_: Any) -> None:
    """What a task logs carries the id of the request that woke it; a tick begins one of its own."""
    name = request_ids.MESSAGE_HEADER
    given = getattr(task.request, name, None) or (task.request.headers or {}).get(name)
    request_ids.begin(given or request_ids.new(), task=task.name)


@task_postrun.connect
def lay_the_id_down(**_: Any) -> None:
    request_ids.end()
