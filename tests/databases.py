"""Test databases on SQLite are copies of one that was migrated before, as long as nothing that makes it has changed."""

import hashlib
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

ROOT = Path(__file__).resolve().parent.parent
# migrations, what they call, and the models whose names and permissions they leave behind
MADE_BY = ("*/migrations/*.py", "*/models.py", "*/models/*.py", "*/triggers.py")
APPS = ("portal", "patching", "exemptions")


@pytest.fixture(scope="session")
def migrated() -> Path | None:
    """Where the migrated database is or will be; none where the run has a server."""
    if connection.vendor != "sqlite":
        return None
    made = hashlib.sha256((ROOT / "requirements.txt").read_bytes())
    for path in sorted(
        path for app in APPS for made_by in MADE_BY for path in (ROOT / app).glob(f"**/{made_by}")
    ):
        made.update(path.read_bytes())
    return ROOT / ".pytest_cache" / "databases" / f"{made.hexdigest()[:16]}.sqlite3"


@pytest.fixture(scope="session")
def django_db_keepdb(django_db_modify_db_settings: None, migrated: Path | None) -> bool:
    """True where a copy is in place already. Django then only looks whether a migration is missing."""
    if migrated is None or not migrated.exists():
        return False
    _copy(migrated, Path(settings.DATABASES["default"]["TEST"]["NAME"]))
    return True


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, migrated: Path | None) -> None:
    """Keep what was migrated for the next run."""
    if migrated is not None and not migrated.exists():
        migrated.parent.mkdir(parents=True, exist_ok=True)
        unfinished = migrated.with_suffix(f".{os.getpid()}")
        _copy(Path(connection.settings_dict["NAME"]), unfinished)
        unfinished.replace(migrated)  # workers that began together each bring the same
        for older in migrated.parent.iterdir():
            if older.suffix == ".sqlite3" and older != migrated:
                older.unlink(missing_ok=True)


def _copy(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as there, closing(sqlite3.connect(target)) as here:
        there.backup(here)
