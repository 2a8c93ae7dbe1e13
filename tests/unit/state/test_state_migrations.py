"""The migrations make exactly the tables the code uses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, inspect, text
from sqlalchemy.pool import NullPool

from connector.state import schema
from connector.state.connect import parsed
from connector.state.migrations.run import scripts, upgrade
from connector.state.tables import metadata


def test_the_program_knows_every_migration_in_order() -> None:
    walked = [script.revision for script in scripts().walk_revisions()]
    assert tuple(reversed(walked)) == schema.VERSIONS


def test_migrated_tables_are_the_declared_tables_on_sqlite(tmp_path: Path) -> None:
    def described(make: Callable[[Connection], None], name: str) -> set[str]:
        with create_engine(f"sqlite:///{tmp_path}/{name}.db", poolclass=NullPool).begin() as connection:
            make(connection)
            rows = connection.execute(
                text("SELECT type, name, sql FROM sqlite_master WHERE type IN ('table', 'index') ORDER BY name")
            )
            return {_sorted_words(f"{kind} {name} {sql}") for kind, name, sql in rows if "alembic" not in name}

    migrated, declared = described(upgrade, "migrated"), described(metadata.create_all, "declared")
    assert migrated == declared
    assert len(declared) > 30


def _sorted_words(sql: str) -> str:
    """The parts of a definition, in any order: constraints may be listed differently."""
    return "\n".join(sorted(line.strip().rstrip(",") for line in sql.splitlines()))


def test_migrated_tables_are_the_declared_tables_on_postgresql(empty_postgres: str) -> None:
    engine = create_engine(parsed(empty_postgres), poolclass=NullPool)
    with engine.begin() as connection:
        for name, make in (("migrated", upgrade), ("declared", metadata.create_all)):
            connection.execute(text(f"CREATE SCHEMA {name}"))
            connection.execute(text(f"SET LOCAL search_path TO {name}"))
            make(connection)
        migrated, declared = (_catalogue(connection, name) for name in ("migrated", "declared"))
    assert migrated == declared
    assert len(declared) > 100


def _catalogue(connection: Connection, name: str) -> set[tuple[Any, ...]]:
    columns = (
        "SELECT table_name, column_name, data_type, collation_name, is_nullable, column_default IS NULL, is_identity"
        " FROM information_schema.columns WHERE table_schema = :name"
    )
    constraints = (
        "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE connamespace = CAST(:name AS regnamespace)"
    )
    indexes = "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = :name"
    return {
        tuple(str(part).replace(f"{name}.", "") for part in row)
        for query in (columns, constraints, indexes)
        for row in connection.execute(text(query), {"name": name})
        if "alembic" not in str(row[0])
    }


def test_no_table_has_a_column_for_plain_values() -> None:
    """What a record holds is stored sealed or as a keyed print: only these columns may carry bytes."""
    blobs = {f"{table.name}.{column.name}" for table in metadata.tables.values() for column in table.c
             if str(column.type) == "BLOB"}  # fmt: skip
    assert blobs == {
        *("base.body", "link.l_print", "link.r_print", "intent.body", "intent.context", "conflict.l_print"),
        *("conflict.r_print", "conflict.body", "journal.body", "dead.body", "inbox_raw.body"),
    }


def test_a_migration_that_fails_leaves_an_empty_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from connector.state.connect import sqlite_writer
    from connector.state.migrations import triggers_v0001

    monkeypatch.setattr(triggers_v0001, "SQLITE", [*triggers_v0001.SQLITE, "CREATE TRIGGER broken"])
    engine = sqlite_writer(parsed(f"sqlite:///{tmp_path}/store.db"))
    with engine.connect() as connection:
        with pytest.raises(Exception, match="incomplete input"), connection.begin():
            upgrade(connection)
        assert inspect(connection).get_table_names() == []
    engine.dispose()
