"""Test databases: on SQLite a copy of one that was migrated before; emptied after tests that commit."""

import hashlib
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test import TransactionTestCase

from portal.governance import triggers

ROOT = Path(__file__).resolve().parent.parent
# migrations, what they call, and the models whose names and permissions they leave behind
MADE_BY = ("*/migrations/*.py", "*/models.py", "*/models/*.py", "*/triggers.py")
APPS = ("portal", "patching", "exemptions")
# what migrating leaves behind, and no test changes
KEPT = {"django_migrations", "django_content_type", "auth_permission"}


def empty(database: BaseDatabaseWrapper) -> None:
    """Take every row out that a test has committed. Append-only tables refuse that, so their triggers stand aside.

    Row by row, since the few rows of a test go faster so than TRUNCATE makes every table's file anew.
    """
    tables = sorted(set(database.introspection.django_table_names(only_existing=True)) - KEPT)
    has_rows = " UNION ALL ".join(
        f"SELECT '{table}' WHERE EXISTS (SELECT 1 FROM \"{table}\")"  # noqa: S608 - our own tables
        for table in tables
    )
    with transaction.atomic(using=database.alias), database.cursor() as cursor:
        cursor.execute(has_rows)
        full = [table for (table,) in cursor.fetchall()]
        if not full:
            return
        triggers.remove(database)
        for table in full:
            cursor.execute(f'DELETE FROM "{table}"')  # noqa: S608
        if database.vendor == "postgresql":
            cursor.execute(
                "SET CONSTRAINTS ALL IMMEDIATE"
            )  # no trigger is made while some are still to be checked
        triggers.install(database)


def _empty_the_tables(self: TransactionTestCase) -> None:
    for alias in self._databases_names(include_mirrors=False):
        empty(connections[alias])


# TestCase overrides this method and rolls back instead, so only transactional tests come here
TransactionTestCase._fixture_teardown = _empty_the_tables


def migrated_sqlite() -> Path:
    """Where the migrated database of these sources is, once a run on SQLite has kept one."""
    made = hashlib.sha256((ROOT / "requirements.txt").read_bytes())
    for path in sorted(
        path for app in APPS for made_by in MADE_BY for path in (ROOT / app).glob(f"**/{made_by}")
    ):
        made.update(path.read_bytes())
    return ROOT / ".pytest_cache" / "databases" / f"{made.hexdigest()[:16]}.sqlite3"


@pytest.fixture(scope="session")
def migrated() -> Path | None:
    """Where the migrated database is or will be; none where the run has a server."""
    return migrated_sqlite() if connection.vendor == "sqlite" else None


@pytest.fixture(scope="session")
def django_db_keepdb(django_db_modify_db_settings: None, migrated: Path | None) -> bool:
    """True where a copy is in place already. Django then only looks whether a migration is missing."""
    if migrated is None or not migrated.exists():
        return False
    copy(migrated, Path(settings.DATABASES["default"]["TEST"]["NAME"]))
    return True


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, migrated: Path | None) -> None:
    """Keep what was migrated for the next run."""
    if migrated is not None and not migrated.exists():
        migrated.parent.mkdir(parents=True, exist_ok=True)
        unfinished = migrated.with_suffix(f".{os.getpid()}")
        copy(Path(connection.settings_dict["NAME"]), unfinished)
        unfinished.replace(migrated)  # workers that began together each bring the same
        for older in migrated.parent.iterdir():
            if older.suffix == ".sqlite3" and older != migrated:
                older.unlink(missing_ok=True)


def copy(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as there, closing(sqlite3.connect(target)) as here:
        there.backup(here)
