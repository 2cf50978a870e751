"""What beat sends again and again is done by somebody, and does not pile up while nobody is there."""

import math

from django.conf import settings

from portal.celery import app

SCHEDULE = settings.CELERY_BEAT_SCHEDULE


def test_every_duty_is_a_task_of_ours():
    app.loader.import_default_modules()
    assert {entry["task"] for entry in SCHEDULE.values()} <= set(app.tasks)


def test_a_day_without_workers_leaves_a_few_messages_and_not_thousands():
    waiting = [math.ceil(entry["options"]["expires"] / entry["schedule"]) for entry in SCHEDULE.values()]
    assert sum(waiting) < 100


def test_a_duty_outlives_some_of_its_own_periods_so_that_a_busy_worker_still_does_it():
    assert all(entry["options"]["expires"] >= 3 * entry["schedule"] for entry in SCHEDULE.values())
