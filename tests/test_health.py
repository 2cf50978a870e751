"""The two doors for whoever keeps the process running."""

import pytest
from django.db import connection

from patching import tasks
from portal import health
from portal.governance import triggers


def test_healthz_answers_without_a_database(client):
    reply = client.get("/healthz")

    assert reply.status_code == 200
    assert reply.content == b"ok\n"


@pytest.mark.django_db
def test_readyz_says_yes_when_migrated_and_guarded(client):
    reply = client.get("/readyz")

    assert reply.status_code == 200
    assert (reply.json()["ready"], reply.json()["problem"]) == (True, "")


@pytest.mark.django_db
def test_readyz_tells_of_silent_workers_and_stays_ready(client):
    silent = client.get("/readyz")
    tasks.tick()
    heard = client.get("/readyz")

    assert (silent.status_code, heard.status_code) == (200, 200)
    assert silent.json()["workers"].startswith("No worker has been seen yet")
    assert heard.json()["workers"] == ""


@pytest.mark.django_db
def test_readyz_names_a_trigger_that_somebody_dropped(client):
    where = "" if connection.vendor == "sqlite" else " ON governance_auditentry"
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER governance_auditentry_no_delete{where}")

    reply = client.get("/readyz")

    assert reply.status_code == 503
    assert "governance_auditentry_no_delete" in reply.json()["problem"]
    triggers.install(connection)
    assert triggers.missing(connection) == []


@pytest.mark.django_db
def test_readyz_asks_for_migrations_that_are_not_applied(client, monkeypatch):
    monkeypatch.setattr(health.MigrationExecutor, "migration_plan", lambda self, targets: ["0042_something"])
    health._migrated.cache_clear()

    reply = client.get("/readyz")

    assert reply.status_code == 503
    assert "manage.py migrate" in reply.json()["problem"]
    health._migrated.cache_clear()
