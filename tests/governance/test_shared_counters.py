"""Limits hold over all processes of the web, and a Redis that is silent holds nobody up and locks nobody out."""

import socket
import time
import uuid

import pytest
from django.conf import settings

from portal.governance import shared_counters
from portal.governance.shared_counters import LEFT_ALONE, PATIENCE, SharedCounters


@pytest.fixture(autouse=True)
def talking(monkeypatch):
    """Each test begins with a Redis that nobody has given up, and with nothing counted."""
    monkeypatch.setattr(shared_counters.silence, "until", 0.0)


def counters(server):
    cache = SharedCounters(server, {"KEY_PREFIX": f"tests-{uuid.uuid4()}"})
    cache.clear()
    return cache


@pytest.fixture
def silent():
    """Of a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield counters(f"redis://127.0.0.1:{listener.getsockname()[1]}/0")


@pytest.fixture
def shared():
    return counters(settings.REDIS_URL)


def another_process(cache):
    """What it knows by itself is nothing."""
    cache.clear()
    return cache


@pytest.mark.redis
def test_what_one_process_counts_all_others_know(shared):
    shared.set("tries", [1.5, 2.25], 60)
    assert another_process(shared).get("tries") == [1.5, 2.25]
    shared.delete("tries")
    assert shared.get("tries", []) == []


@pytest.mark.redis
def test_a_code_is_used_once_whichever_process_is_asked(shared):
    assert shared.add("code", "y", 30)
    assert not another_process(shared).add("code", "y", 30)


@pytest.mark.redis
def test_when_redis_falls_silent_a_process_goes_on_from_what_it_knew(shared, monkeypatch):
    shared.set("tries", [1.5], 60)
    shared.add("code", "y", 30)
    shared_counters.silence.begin(OSError("gone"))
    assert shared.get("tries") == [1.5]
    assert not shared.add("code", "y", 30)


def test_without_an_answer_each_process_counts_for_itself(silent):
    assert silent.get("tries", []) == []
    silent.set("tries", [1.5], 60)
    assert silent.get("tries") == [1.5]
    assert silent.add("lock", True, 10)
    assert not silent.add("lock", True, 10)
    assert silent.delete("lock")
    assert silent.add("lock", True, 10)


def test_silence_is_waited_for_once_and_then_left_alone(silent, monkeypatch):
    began = time.monotonic()
    for number in range(100):
        silent.get(f"tries-{number}")
    assert time.monotonic() - began < 10 * PATIENCE
    asked = []
    monkeypatch.setattr(type(silent._shared), "get", lambda *given: asked.append(given))
    silent.get("tries")
    assert asked == []
    monkeypatch.setattr(shared_counters.silence, "until", time.monotonic() - 1)
    silent.get("tries")
    assert len(asked) == 1


def test_it_is_told_once(silent, caplog):
    for _ in range(3):
        silent.get("tries")
    (told,) = [one.message for one in caplog.records if one.name == shared_counters.__name__]
    assert f"{LEFT_ALONE:.0f} s" in told
