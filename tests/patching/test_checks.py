"""Settings with which patching would go wrong quietly are refused aloud."""

import pytest
from django.db import connection

from patching import checks
from portal.governance import triggers


def ids() -> list[str]:
    return [message.id for message in checks.settings_fit(None)]


@pytest.fixture(autouse=True)
def production(settings, monkeypatch):
    settings.DEPLOYMENT = "production"
    settings.REDIS_URL = "redis://redis:6379/0"
    settings.CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 900}
    settings.CELERY_TASK_TIME_LIMIT = 300
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)


def test_a_proper_production_passes():
    assert ids() == []


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SSM"])
def test_production_talks_to_nothing_but_aws(monkeypatch, name):
    monkeypatch.setenv(name, "http://127.0.0.1:8001")
    assert ids() == ["patching.E001"]


def test_a_demo_may_talk_to_the_simulated_aws(monkeypatch, settings):
    settings.DEPLOYMENT = "demo"
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:8001")
    assert ids() == []


def test_production_needs_a_broker_that_other_processes_reach(settings):
    settings.REDIS_URL = ""
    assert ids() == ["patching.E002"]


@pytest.mark.parametrize(("timeout", "expected"), [(600, []), (599, ["patching.E003"])])
def test_a_message_is_not_handed_out_twice_while_its_task_runs(settings, timeout, expected):
    settings.CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": timeout}
    assert ids() == expected


@pytest.mark.django_db
def test_a_dropped_trigger_is_named():
    assert checks.triggers_are_in_place(None, databases=["default"]) == []
    where = "" if connection.vendor == "sqlite" else " ON patching_decision"
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER patching_decision_not_by_authors{where}")

    (message,) = checks.triggers_are_in_place(None, databases=["default"])

    assert "patching_decision_not_by_authors" in message.msg
    triggers.install(connection)
