"""The SQLite file behind an org: one table per object, one column per field, one writer."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from connector.emulators.salesforce.fields import NUMBERS, Field
from connector.emulators.salesforce.schema import SObject

Values = dict[str, Any]

_COMMON = (
    "CREATE TABLE IF NOT EXISTS _counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS _metadata (n INTEGER PRIMARY KEY, name TEXT NOT NULL, body TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS _deleted (id TEXT PRIMARY KEY, object TEXT NOT NULL, at TEXT NOT NULL) WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS _deleted_at ON _deleted (object, at)",
)
_INDEXED = ("SystemModstamp",)


class Change(NamedTuple):
    """One written record, for whoever listens to commits."""

    object: str
    key: str


def column_type(field: Field) -> str:
    if field.type in NUMBERS:
        return "REAL"
    return "INTEGER" if field.type in ("boolean", "int") else "TEXT"


def fold(value: str | None) -> str | None:
    """Text as it is compared where case does not matter; SQLite itself knows ASCII only."""
    return None if value is None else value.casefold()


class Store:
    """Records, counters and the log of deletions; all of it over one connection."""

    def __init__(self, path: str) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=1024)
        # An emulator's file need not survive a power cut; waiting for the disk would cost most of the time.
        self._connection.execute("PRAGMA synchronous=OFF")
        self._connection.execute("PRAGMA journal_mode=MEMORY")
        self._connection.create_function("fold", 1, fold, deterministic=True)
        self.changes: list[Change] = []
        for statement in _COMMON:
            self.execute(statement)

    def close(self) -> None:
        self._connection.close()

    # structure

    def open_object(self, kind: SObject) -> None:
        """Make the table of an object, or the columns that a file of before lacks."""
        columns = "".join(
            f', "{field.name}" {column_type(field)}' for field in kind.fields.values() if field.name != "Id"
        )
        self.execute(f'CREATE TABLE IF NOT EXISTS "{kind.name}" (Id TEXT PRIMARY KEY, _bin INTEGER, _at TEXT{columns})')
        for field in kind.fields.values():
            self.add_column(kind, field)

    def add_column(self, kind: SObject, field: Field) -> None:
        """Make room for a field if there is none; records that are there have its default."""
        if not self.rows("SELECT 1 FROM pragma_table_info(?) WHERE name = ?", (kind.name, field.name)):
            default = f" DEFAULT {int(bool(field.default))}" if field.type == "boolean" else ""
            self.execute(f'ALTER TABLE "{kind.name}" ADD COLUMN "{field.name}" {column_type(field)}{default}')
        if field.external_id or field.refers is not None or field.name in _INDEXED:
            self._index(kind, field)

    def _index(self, kind: SObject, field: Field) -> None:
        # A rule that ignores case looks the value up without it.
        collation = " COLLATE NOCASE" if field.external_id and not field.case_sensitive else ""
        self.execute(
            f'CREATE INDEX IF NOT EXISTS "{kind.name}_{field.name}" ON "{kind.name}" ("{field.name}"{collation})'
        )

    # transactions

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is written inside, or none of it when an exception leaves it."""
        self.execute("BEGIN")
        try:
            yield
        except BaseException:
            self.execute("ROLLBACK")
            raise
        self.execute("COMMIT")

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """A part of a transaction that can fail alone."""
        marked = len(self.changes)
        self.execute("SAVEPOINT part")
        try:
            yield
        except BaseException:
            self.execute("ROLLBACK TO part")
            self.execute("RELEASE part")
            del self.changes[marked:]
            raise
        self.execute("RELEASE part")

    def take_changes(self) -> Sequence[Change]:
        """What was written since this was asked the last time."""
        taken, self.changes = self.changes, []
        return taken

    # rows

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._connection.execute(sql, parameters).fetchall()

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Run one statement; the number of rows it changed."""
        return self._connection.execute(sql, parameters).rowcount

    def next_number(self, name: str) -> int:
        """The next number of a series, from 1."""
        sql = "INSERT INTO _counters VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value"
        return int(self.rows(sql, (name,))[0][0])

    def get(self, kind: SObject, key: str) -> Values | None:
        """A record by its 18-character id, deleted ones too."""
        return next(iter(self.select(kind, "Id = ?", (key,))), None)

    def select(self, kind: SObject, where: str, parameters: Sequence[Any] = ()) -> list[Values]:
        """Records by a SQL condition (with its ORDER BY and LIMIT)."""
        names = list(kind.fields)
        columns = ", ".join(f'"{name}"' for name in names)
        found = self.rows(f'SELECT {columns} FROM "{kind.name}" WHERE {where}', parameters)
        return [dict(zip(names, row, strict=True)) for row in found]

    def insert(self, kind: SObject, values: Mapping[str, Any]) -> None:
        columns = ", ".join(f'"{name}"' for name in values)
        marks = ", ".join("?" * len(values))
        self.execute(f'INSERT INTO "{kind.name}" ({columns}) VALUES ({marks})', tuple(values.values()))
        self.changes.append(Change(kind.name, values["Id"]))

    def update(self, kind: SObject, key: str, changes: Mapping[str, Any]) -> None:
        sets = ", ".join(f'"{name}" = ?' for name in changes)
        self.execute(f'UPDATE "{kind.name}" SET {sets} WHERE Id = ?', (*changes.values(), key))
        self.changes.append(Change(kind.name, key))

    def count(self, kind: SObject) -> int:
        return int(self.rows(f'SELECT count(*) FROM "{kind.name}" WHERE IsDeleted = 0')[0][0])
