"""Fixtures of the fault tests: an installation of real processes, services of our own, a witness beside AWS."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import environ
import pytest
from django.conf import settings as django_settings
from django.core.management import call_command
from django.db import connections

from tests.faults.rig.children import Nursery
from tests.faults.rig.installation import Installation
from tests.faults.rig.matrix import Figures
from tests.faults.rig.oracle import Witness
from tests.faults.rig.services import Postgres, Redis
from tests.simulated_aws import SimulatedAws

_figures: dict[tuple[str, str], Figures] = {}


@pytest.fixture
def witness(simulated_aws: SimulatedAws) -> Iterator[Witness]:
    """Remembers when each write reached the simulated AWS."""
    one = Witness(simulated_aws)
    yield one
    one.leave()


@pytest.fixture
def private_redis(tmp_path: Path) -> Iterator[Redis]:
    """A Redis that a test may kill."""
    server = Redis(tmp_path)
    yield server
    server.stop()


@pytest.fixture
def private_postgres(transactional_db: None) -> Iterator[Postgres]:
    """A PostgreSQL that a test may restart; meanwhile the test's own questions go there too."""
    server = Postgres()
    server.sql("CREATE DATABASE faults")
    kept = connections.settings["default"]
    connections["default"].close()
    # without the options of the suite: here, what was committed has to outlive a crash
    connections.settings["default"] = {
        **kept,
        "OPTIONS": {},
        **environ.Env.db_url_config(server.url("faults")),
    }
    del connections["default"]
    try:
        call_command("migrate", verbosity=0)
        yield server
    finally:
        connections["default"].close()
        connections.settings["default"] = kept
        del connections["default"]
        server.stop()


@pytest.fixture(scope="session")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    """Forks the processes of all installations."""
    one = Nursery(tmp_path_factory.mktemp("nursery") / "nursery.log")
    yield one
    one.stop()


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    """A Redis for all installations that do not ask for one to kill."""
    server = Redis(tmp_path_factory.mktemp("broker"))
    yield server
    server.stop()


@pytest.fixture
def install(
    transactional_db: None,
    simulated_aws: SimulatedAws,
    nursery: Nursery,
    tmp_path: Path,
    settings: Any,
    request: pytest.FixtureRequest,
) -> Iterator[Callable[..., Installation]]:
    """``install(redis=…)``: real processes over the test's database and its simulated AWS.

    Where the run has Redis, a Redis of the tests' own; else each worker brings its broker, as in the demo. What has to
    be in a process before it begins (``LD_PRELOAD``) takes a ``nursery=`` of its own.
    """
    made: list[Installation] = []

    def build(nursery: Nursery = nursery, **changes: str) -> Installation:
        if django_settings.REDIS_URL and "redis" not in changes:
            broker: Redis = request.getfixturevalue("broker")
            broker.client.flushall()
            changes["redis"] = broker.url
        one = Installation(tmp_path, nursery, **{"aws": simulated_aws.url, **changes})
        made.append(one)
        return one

    # the test's own pushes, that bring everything to rest, are as patient as the workers'
    settings.PUSH_SETTLE_SECONDS = 1
    settings.PUSH_MAX_DELETE_SHARE = 0.9
    yield build
    for one in made:
        one.stop()


@pytest.fixture
def figures() -> Callable[[str, str], Figures]:
    """``figures("F2", "what is injected")``: one row for the whole run, whatever the number of seeds."""

    def of(fault: str, injected: str) -> Figures:
        return _figures.setdefault((fault, injected), Figures(fault, injected))

    return of
