"""Many workers and many messages: one push at a time, and what is done is done once."""

import threading
import time

import pytest
from celery.contrib.testing.worker import start_worker
from django.db import transaction

from patching import effects, lease, push, tasks
from patching.models import Operation, PushRun
from portal.celery import app
from portal.governance import audit
from portal.governance.states import locked
from tests import pushing
from tests.racing import at_once

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

WORKERS = 4
NUDGES = 1000


def test_of_workers_that_push_at_once_one_does(asked, retail, simulated_aws):
    outcomes = at_once(*[lambda: push.push(retail, trigger="race")] * WORKERS)
    problems = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert problems == []
    runs = [outcome for outcome in outcomes if outcome is not None]
    assert {run.state for run in runs} == {"succeeded"}
    assert sum(run.writes for run in runs) == Operation.objects.count() == len(simulated_aws.log())
    assert len(simulated_aws.log("CreateMaintenanceWindow")) == 2
    assert pushing.pushed(retail).writes == 0


def test_a_thousand_nudges_from_many_threads_write_nothing_more(asked, retail, simulated_aws):
    tasks.push_account_region(retail.pk)
    before = len(simulated_aws.log())

    def nudge() -> None:
        for _ in range(NUDGES // WORKERS):
            tasks.push_account_region(retail.pk)

    assert at_once(*[nudge] * WORKERS) == [None] * WORKERS
    assert len(simulated_aws.log()) == before
    assert PushRun.objects.count() == 1


@pytest.mark.postgres
def test_a_decision_and_a_push_that_meet_wait_their_turn(asked, retail):
    """Each locks its own row first and wants the other's, or the audit log, afterwards."""
    held = lease.take(retail)
    deciding, pushing_ = threading.Event(), threading.Event()

    def decide() -> None:
        with transaction.atomic():
            request = locked(asked)
            audit.record("tests.decided", request, by=None)
            deciding.set()
            pushing_.wait(0.5)  # in vain, when the push waits its turn
            effects.want_push({retail}, "test")

    def save() -> None:
        with transaction.atomic():
            lease.hold(held)
            pushing_.set()
            deciding.wait(0.5)
            audit.record("tests.pushed", retail, by=None)

    assert at_once(decide, save) == [None, None]
    assert audit.verify().holds


@pytest.mark.redis
def test_a_thousand_messages_through_redis_push_once(asked, retail, simulated_aws):
    app.control.purge()
    for _ in range(NUDGES):
        app.send_task("patching.push_account_region", args=(retail.pk, "nudge"))
    app.send_task("patching.tick")
    with start_worker(app, pool="solo", perform_ping_check=False, shutdown_timeout=30):
        _wait_until(lambda: _queue_length() == 0 and PushRun.objects.filter(state="succeeded").exists())
    assert PushRun.objects.count() == 1
    assert len(simulated_aws.log("CreateMaintenanceWindow")) == 2
    assert Operation.objects.count() == len(simulated_aws.log())
    asked.refresh_from_db()
    assert asked.state == "applied"


def _queue_length() -> int:
    with app.connection_for_read() as connection:
        return connection.default_channel.client.llen("celery")


def _wait_until(condition, seconds: float = 180) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "The worker did not come to an end."
        time.sleep(0.05)
