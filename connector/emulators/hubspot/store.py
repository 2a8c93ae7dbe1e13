"""The SQLite file: records of every object type, what they claim, how they are linked, and what happened to them."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import msgspec

from connector.emulators.hubspot.catalog import ObjectType

LIVE, BINNED, MERGED = 0, 1, 2
BIN_DAYS = 90
DAY = 86_400_000
Row: TypeAlias = tuple[Any, ...]

_COLUMNS = "id, state, created, updated, binned_at, merged_into, fields"
_DDL = """
CREATE TABLE IF NOT EXISTS records (
    type TEXT, id INTEGER, state INTEGER NOT NULL, created INTEGER NOT NULL, updated INTEGER NOT NULL,
    binned_at INTEGER, merged_into INTEGER, fields TEXT NOT NULL, PRIMARY KEY (type, id)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS records_updated ON records (type, updated, id);
CREATE TABLE IF NOT EXISTS versions (
    type TEXT, id INTEGER, updated INTEGER NOT NULL, until INTEGER NOT NULL, fields TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS versions_of ON versions (type, id);
CREATE TABLE IF NOT EXISTS claims (
    type TEXT, name TEXT, value TEXT, id INTEGER NOT NULL, PRIMARY KEY (type, name, value)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS claims_of ON claims (type, id);
CREATE TABLE IF NOT EXISTS links (
    from_type TEXT, from_id INTEGER, to_type TEXT, to_id INTEGER, type_id INTEGER,
    PRIMARY KEY (from_type, from_id, to_type, to_id, type_id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS documents (kind TEXT, key TEXT, body TEXT NOT NULL, PRIMARY KEY (kind, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
"""
TABLES = ("records", "versions", "claims", "links", "documents", "counters")


@dataclass(slots=True)
class Record:
    """One record. `fields` holds what has a value, without the properties that every record has."""

    kind: ObjectType
    id: int
    state: int
    created: int
    updated: int
    binned_at: int | None
    merged_into: int | None
    fields: dict[str, str] = field(default_factory=dict)

    @property
    def live(self) -> bool:
        return self.state == LIVE


class Store:
    """One connection, one writer at a time; a call is one transaction."""

    def __init__(self, path: str) -> None:
        self.lock = threading.RLock()
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        # Nothing here outlives the machine: an emulator may lose its last moments, but not its speed.
        self._connection.execute("PRAGMA synchronous = OFF")
        self._connection.executescript(_DDL)

    def close(self) -> None:
        with self.lock:
            self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside is kept together, or not at all. Inside of another one, a part that can fail alone."""
        with self.lock:
            inner = self._connection.in_transaction
            self._connection.execute("SAVEPOINT part" if inner else "BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK TO part" if inner else "ROLLBACK")
                if inner:
                    self._connection.execute("RELEASE part")
                raise
            self._connection.execute("RELEASE part" if inner else "COMMIT")

    def function(self, name: str, arity: int, run: Any) -> None:
        """A function for SQL conditions."""
        self._connection.create_function(name, arity, run, deterministic=True)

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        with self.lock:
            return self._connection.execute(sql, parameters).fetchall()

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        self._connection.execute(sql, parameters)

    def clear(self) -> None:
        """Forget everything."""
        with self.transaction():
            for table in TABLES:
                self.execute(f"DELETE FROM {table}")

    def next(self, name: str, first: int = 1) -> int:
        """The next number of a series."""
        found = self.rows("SELECT value FROM counters WHERE name = ?", (name,))
        value = found[0][0] + 1 if found else first
        self.execute("INSERT OR REPLACE INTO counters VALUES (?, ?)", (name, value))
        return int(value)

    # documents: small things kept whole, such as definitions and subscriptions

    def keep(self, kind: str, key: str, body: Any) -> None:
        text = msgspec.json.encode(body).decode()
        self.execute("INSERT OR REPLACE INTO documents VALUES (?, ?, ?)", (kind, key, text))

    def kept(self, kind: str) -> dict[str, str]:
        """Bodies by key, as JSON."""
        return dict(self.rows("SELECT key, body FROM documents WHERE kind = ? ORDER BY key", (kind,)))

    # records

    def insert(self, record: Record) -> None:
        self.execute(
            "INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                record.kind.name,
                record.id,
                record.state,
                record.created,
                record.updated,
                record.binned_at,
                record.merged_into,
                _text(record),
            ),
        )

    def save(self, record: Record) -> None:
        """The record as it is now; what it was stays in `versions` for whoever looks at a late index."""
        key = (record.kind.name, record.id)
        self.execute(
            "INSERT INTO versions SELECT type, id, updated, ?, fields FROM records WHERE type = ? AND id = ?",
            (record.updated, *key),
        )
        self.execute("DELETE FROM versions WHERE type = ? AND id = ? AND until < ?", (*key, record.updated - DAY))
        self.execute(
            "UPDATE records SET state = ?, updated = ?, binned_at = ?, merged_into = ?, fields = ?"
            " WHERE type = ? AND id = ?",
            (record.state, record.updated, record.binned_at, record.merged_into, _text(record), *key),
        )

    def forget(self, record: Record) -> None:
        """As if it had never been there."""
        key = (record.kind.name, record.id)
        for table in ("records", "versions", "claims"):
            self.execute(f"DELETE FROM {table} WHERE type = ? AND id = ?", key)
        self.execute("DELETE FROM links WHERE from_type = ? AND from_id = ?", key)
        self.execute("DELETE FROM links WHERE to_type = ? AND to_id = ?", key)

    def records(self, kind: ObjectType, where: str, parameters: Sequence[Any] = ()) -> list[Record]:
        """Records by a SQL condition (with its ORDER BY and LIMIT)."""
        sql = f"SELECT {_COLUMNS} FROM records WHERE type = ? AND {where}"
        return [record_of(kind, row) for row in self.rows(sql, (kind.name, *parameters))]

    def by_ids(self, kind: ObjectType, ids: Sequence[int]) -> dict[int, Record]:
        """Whatever state they are in; unknown ones are left out."""
        found: dict[int, Record] = {}
        for start in range(0, len(ids), 500):
            part = ids[start : start + 500]
            found |= {record.id: record for record in self.records(kind, f"id IN ({marks(part)})", part)}
        return found

    # claims: values that no two live records share

    def holder(self, kind: ObjectType, name: str, value: str) -> int | None:
        found = self.rows(
            "SELECT id FROM claims WHERE type = ? AND name = ? AND value = ?", (kind.name, name, folded(name, value))
        )
        return found[0][0] if found else None

    def claim(self, record: Record, name: str, value: str) -> None:
        self.execute("INSERT INTO claims VALUES (?, ?, ?, ?)", (record.kind.name, name, folded(name, value), record.id))

    def release(self, record: Record, name: str | None = None) -> None:
        """Let go of one unique value, or of all."""
        where, values = ("", ()) if name is None else (" AND name = ?", (name,))
        self.execute(f"DELETE FROM claims WHERE type = ? AND id = ?{where}", (record.kind.name, record.id, *values))


def folded(name: str, value: str) -> str:
    """A unique value as it is compared: e-mail addresses whatever their case."""
    return value.lower() if name == "email" else value


def record_of(kind: ObjectType, row: Row) -> Record:
    """A record from a row of its columns."""
    key, state, created, updated, binned_at, merged_into, fields = row
    return Record(kind, key, state, created, updated, binned_at, merged_into, msgspec.json.decode(fields))


def marks(values: Sequence[Any]) -> str:
    return ",".join("?" * len(values))


def _text(record: Record) -> str:
    # As text, not bytes: SQLite's JSON functions look into it.
    return msgspec.json.encode(record.fields).decode()
