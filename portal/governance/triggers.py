"""Rules that the database itself holds against every door: append-only tables, no author decides.

Each rule is written for SQLite and PostgreSQL and put back after every migration.
"""

from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper


@dataclass(frozen=True)
class Trigger:
    """One trigger: its name, its table, and its body for each engine."""

    name: str
    table: str
    sqlite: str
    postgresql: str
    timing: str  # e.g. "BEFORE UPDATE"
    level: str = "ROW"


def append_only(table: str) -> tuple[Trigger, ...]:
    """Rows of this table are inserted and read, nothing else."""
    return _never(table, "UPDATE", f"{table} is append-only")


def said_for_good(table: str, parent: str) -> tuple[Trigger, ...]:
    """Comments stay as they were written; only that they are resolved is added. ``parent`` says what they are about."""
    columns = (parent, "author_id", "at", "about_revision", "text", "is_blocking", "is_private")
    return _never(table, f"UPDATE OF {', '.join(columns)}", f"what {table} says is not changed")


def _never(table: str, update: str, message: str) -> tuple[Trigger, ...]:
    raises = f"RAISE EXCEPTION '{message}' USING ERRCODE = 'integrity_constraint_violation';"
    rules = [
        Trigger(
            name=f"{table}_no_{event.split()[0].lower()}",
            table=table,
            timing=f"BEFORE {event}",
            sqlite=f"SELECT RAISE(ABORT, '{message}');",
            postgresql=raises,
        )
        for event in (update, "DELETE")
    ]
    rules.append(
        Trigger(
            name=f"{table}_no_truncate",
            table=table,
            timing="BEFORE TRUNCATE",
            level="STATEMENT",
            sqlite="",  # SQLite has no TRUNCATE; its DELETE is refused above
            postgresql=raises,
        )
    )
    return tuple(rules)


def authors_never_decide(decisions: str, revisions: str, parent: str) -> tuple[Trigger, ...]:
    """Nobody decides on what they helped to write, and nobody writes on after having decided.

    ``decisions`` has ``revision_id`` and ``decided_by_id``; ``revisions`` has ``author_id`` and the
    column ``parent`` that says which request it belongs to.
    """
    decides = "nobody decides on what they helped to write"
    writes = "nobody edits what they have decided on"
    # the names come from our own AppConfigs, never from a request
    authored = (
        f"EXISTS (SELECT 1 FROM {revisions} mine JOIN {revisions} this ON mine.{parent} = this.{parent} "  # noqa: S608
        "WHERE this.id = NEW.revision_id AND mine.author_id = NEW.decided_by_id)"
    )
    decided = (
        f"EXISTS (SELECT 1 FROM {decisions} d JOIN {revisions} r ON d.revision_id = r.id "  # noqa: S608
        f"WHERE r.{parent} = NEW.{parent} AND d.decided_by_id = NEW.author_id)"
    )
    return (
        _refuse(f"{decisions}_not_by_authors", decisions, authored, decides),
        _refuse(f"{revisions}_not_by_deciders", revisions, decided, writes),
    )


def _refuse(name: str, table: str, condition: str, message: str) -> Trigger:
    return Trigger(
        name=name,
        table=table,
        timing="BEFORE INSERT",
        sqlite=f"SELECT RAISE(ABORT, '{message}') WHERE {condition};",
        postgresql=(
            f"IF {condition} THEN RAISE EXCEPTION '{message}' "
            "USING ERRCODE = 'integrity_constraint_violation'; END IF;"
        ),
    )


def all_triggers() -> list[Trigger]:
    """What every installed app declares in its AppConfig as ``triggers``, the audit chain first."""
    declared = list(append_only("governance_auditentry"))
    for config in apps.get_app_configs():
        declared.extend(getattr(config, "triggers", ()))
    return declared


def install(connection: BaseDatabaseWrapper) -> None:
    """Put every trigger in place whose table exists."""
    with connection.cursor() as cursor:
        tables = set(connection.introspection.table_names(cursor))
        for trigger in all_triggers():
            if trigger.table in tables:
                for statement in _create(trigger, connection.vendor):
                    cursor.execute(statement)


def remove(connection: BaseDatabaseWrapper) -> None:
    """Take every trigger away; the test suite does so before it empties the tables."""
    with connection.cursor() as cursor:
        tables = set(connection.introspection.table_names(cursor))
        for trigger in all_triggers():
            if trigger.table in tables:
                where = "" if connection.vendor == "sqlite" else f" ON {trigger.table}"
                cursor.execute(f"DROP TRIGGER IF EXISTS {trigger.name}{where}")


def missing(connection: BaseDatabaseWrapper) -> list[str]:
    """Triggers that should hold on tables that exist, and do not."""
    names = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    if connection.vendor == "postgresql":
        names = "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D'"
    with connection.cursor() as cursor:
        tables = set(connection.introspection.table_names(cursor))
        cursor.execute(names)
        present = {name for (name,) in cursor.fetchall()}
    wanted = [trigger for trigger in all_triggers() if _create(trigger, connection.vendor)]
    return [t.name for t in wanted if t.table in tables and t.name not in present]


def install_after_migrate(sender: Any, using: str, **kwargs: Any) -> None:
    install(connections[using])


def _create(trigger: Trigger, vendor: str) -> list[str]:
    if vendor == "sqlite":
        if not trigger.sqlite:
            return []
        return [
            f"CREATE TRIGGER IF NOT EXISTS {trigger.name} {trigger.timing} ON {trigger.table} "
            f"BEGIN {trigger.sqlite} END"
        ]
    returning = "RETURN OLD;" if "DELETE" in trigger.timing else "RETURN NEW;"
    return [
        f"CREATE OR REPLACE FUNCTION {trigger.name}_fn() RETURNS trigger AS $$ "
        f"BEGIN {trigger.postgresql} {returning} END $$ LANGUAGE plpgsql",
        f"CREATE OR REPLACE TRIGGER {trigger.name} {trigger.timing} ON {trigger.table} "
        f"FOR EACH {trigger.level} EXECUTE FUNCTION {trigger.name}_fn()",
    ]
