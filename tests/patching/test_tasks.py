"""Beat says that it lives when it sends, a worker when it has done what was sent."""

import threading

import pytest
from celery.beat import Scheduler, SchedulingError
from celery.contrib.testing.worker import start_worker
from celery.signals import before_task_publish, task_postrun
from django.db import DatabaseError, connection
from kombu.exceptions import OperationalError

from patching import tasks
from portal.celery import app
from portal.governance.models import Heartbeat


def published(**headers):
    before_task_publish.send(sender=tasks.TICK, headers={"id": "7", **headers})


def beat_s_tick():
    """Celery's scheduler as beat runs it, and its entry for the tick."""
    scheduler = Scheduler(app, lazy=True)
    scheduler.setup_schedule()
    [entry] = [one for one in scheduler.schedule.values() if one.task == tasks.TICK]
    return scheduler, entry


def names():
    return set(Heartbeat.objects.values_list("name", flat=True))


def test_only_beats_own_ticks_prove_beat(db):
    published()
    before_task_publish.send(sender="exemptions.settle", headers={tasks.BEAT: True})
    assert names() == set()
    published(**{tasks.BEAT: True})
    assert names() == {"beat"}


def test_beat_goes_on_without_a_broker_and_says_that_it_lives(db, monkeypatch):
    def refused(*args, **kwargs):
        raise OperationalError("no broker")

    monkeypatch.setattr(app.amqp.Producer, "publish", refused)
    scheduler, entry = beat_s_tick()
    with pytest.raises(SchedulingError):
        scheduler.apply_async(entry, advance=False)
    assert names() == {"beat"}


def test_beat_goes_on_when_the_database_does_not_answer(db, caplog):
    def away(execute, sql, params, many, context):
        raise DatabaseError("gone")

    with connection.execute_wrapper(away):
        published(**{tasks.BEAT: True})
    assert "could not write down that it lives" in caplog.text


@pytest.mark.slow
@pytest.mark.redis
@pytest.mark.django_db(transaction=True)
def test_a_tick_goes_from_beat_through_the_broker_to_a_worker():
    app.control.purge()
    done = threading.Event()

    def finished(**_):
        done.set()

    scheduler, entry = beat_s_tick()
    scheduler.apply_async(entry)
    assert names() == {"beat"}
    task_postrun.connect(finished, sender=app.tasks[tasks.TICK])
    with start_worker(app, pool="solo", perform_ping_check=False, shutdown_timeout=30):
        assert done.wait(60)
    task_postrun.disconnect(finished, sender=app.tasks[tasks.TICK])
    assert names() == {"beat", "tick"}
