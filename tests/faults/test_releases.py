"""Two releases at once: processes of the one before meet the database of this one, and the other way round."""

from collections.abc import Callable, Iterator

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.state import StateApps
from django.test import Client

from portal import health
from tests import asks, people
from tests.exemptions import asks as exempt
from tests.faults.rig import load, oracle

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

OURS = ("governance", "patching", "exemptions")
# the migrations of the release before; whoever makes a release moves them on
BEFORE = [
    ("governance", "0001_initial"),
    ("patching", "0002_delegates_of_authors"),
    ("exemptions", "0002_delegates_of_authors"),
]


@pytest.fixture
def earlier_release() -> StateApps:
    """The models as the release before knows them, over the database of this one."""
    executor = MigrationExecutor(connection)
    return executor.loader.project_state(BEFORE).apps


@pytest.fixture
def go_back() -> Iterator[Callable[[], None]]:
    """``go_back()`` leaves the database as the release before had it."""

    def migrate() -> None:
        MigrationExecutor(connection).migrate(BEFORE)
        health._migrated.cache_clear()

    yield migrate
    call_command("migrate", verbosity=0)
    health._migrated.cache_clear()


def test_the_release_before_reads_all_that_this_one_wrote(simulated_aws, cast, earlier_release, figures):
    tally = figures("F27", "processes of the release before read every row of the database of this one")
    company = load.company(simulated_aws, cells=1, places=1)
    company.begin()
    oracle.converge(company.places)
    exempt.approved(cast["rita"])
    refused = set()
    for model in earlier_release.get_models():
        label = model._meta.label_lower
        if model._meta.app_label not in OURS:
            continue
        rows = list(model._base_manager.all())
        assert len(rows) == apps.get_model(label)._base_manager.count()
        tally.count("rows read", len(rows))
        tally.rounds += 1
        if not can_write(model):
            refused.add(label)
    tally.other["tables whose new rows it cannot write"] = len(refused)
    tally.tell()
    assert tally.other["rows read"] > 100
    assert refused == set()


def can_write(model) -> bool:
    """Whether a row of it gets past the columns that a process of the release before does not name."""
    named = {field.column for field in model._meta.concrete_fields}
    with connection.cursor() as cursor:
        columns = connection.introspection.get_table_description(cursor, model._meta.db_table)
    return all(one.name in named or one.null_ok or one.default is not None for one in columns)


def test_migrating_keeps_what_the_release_before_wrote_and_only_then_lets_visitors_in(
    cast, earlier_release, go_back
):
    request = asks.submitted(people.person("rita"), [asks.window_item(asks.fleet()[:2])])
    go_back()
    kept = {
        model._meta.label_lower: model._base_manager.count()
        for model in earlier_release.get_models()
        if model._meta.app_label in OURS
    }
    reply = Client().get("/readyz")
    assert reply.status_code == 503
    assert "Run manage.py migrate" in reply.json()["problem"]
    assert Client().get("/healthz").status_code == 200

    call_command("migrate", verbosity=0)

    assert Client().get("/readyz").status_code == 200
    assert kept["patching.changerequest"]
    assert {label: apps.get_model(label)._base_manager.count() for label in kept} == kept
    request.refresh_from_db()
    asks.approve(request, people.person("omar"))
    assert oracle.chain() == ""
