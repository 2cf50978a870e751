"""Every answer names its request, and what it wakes goes on under the same id."""

import threading

import pytest
from celery.contrib.testing.worker import start_worker
from django.db import transaction
from django.test import Client

from portal.celery import app
from portal.governance import nudge, request_ids


@pytest.mark.django_db
@pytest.mark.parametrize("given", ["deploy-2026.11.23_7", "A" * 64])
def test_a_plain_id_of_the_caller_is_kept(given):
    assert Client().get("/healthz", headers={"X-Request-ID": given}).headers["X-Request-ID"] == given


@pytest.mark.django_db
@pytest.mark.parametrize("given", ["", "short", "A" * 65, "line\x00break-or-so", "evil value here"])
def test_any_other_is_replaced(given):
    answered = Client().get("/healthz", headers={"X-Request-ID": given}).headers["X-Request-ID"]
    assert answered != given
    assert request_ids.ACCEPTED.fullmatch(answered)


def test_two_requests_have_two_ids():
    ids = {Client().get("/healthz").headers["X-Request-ID"] for _ in range(2)}
    assert len(ids) == 2


@pytest.mark.django_db(transaction=True)
def test_the_id_travels_with_the_message(monkeypatch):
    sent = []
    monkeypatch.setattr(app, "send_task", lambda task, **rest: sent.append((task, rest["headers"])))
    request_ids.begin("abcdef0123456789")
    with transaction.atomic():
        nudge.wake("patching.tick")
        request_ids.end()
    assert sent == [("patching.tick", {request_ids.MESSAGE_HEADER: "abcdef0123456789"})]


@pytest.mark.django_db
def test_a_task_logs_under_the_id_it_was_woken_with():
    seen = []

    @app.task(name="tests.listen")
    def listen() -> None:
        seen.append(request_ids.current())

    listen.apply(headers={request_ids.MESSAGE_HEADER: "abcdef0123456789"})
    listen.apply()

    assert seen[0] == "abcdef0123456789"
    assert len(seen[1]) == 32
    assert request_ids.current() == ""


@pytest.mark.slow
@pytest.mark.redis
@pytest.mark.django_db(transaction=True)
def test_the_id_goes_through_redis_into_the_worker():
    heard, done = [], threading.Event()

    @app.task(name="tests.listen_behind_redis")
    def listen() -> None:
        heard.append(request_ids.current())
        done.set()

    app.control.purge()
    request_ids.begin("abcdef0123456789")
    with transaction.atomic():
        nudge.wake("tests.listen_behind_redis")
    request_ids.end()
    with start_worker(app, pool="solo", perform_ping_check=False, shutdown_timeout=30):
        assert done.wait(60)
    assert heard == ["abcdef0123456789"]
