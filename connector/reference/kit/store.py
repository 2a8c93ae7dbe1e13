"""The SQLite file: one table per object, one connection, one writer at a time."""

from __future__ import annotations

import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TypeAlias

from connector.reference.kit.objects import ObjectType
from connector.reference.kit.records import LIVE, Record

Clock: TypeAlias = Callable[[], datetime]
Row: TypeAlias = tuple[Any, ...]

COLUMNS = "n, version, seq, state, merged, created, modified, created_by, modified_by, last_line, fields"

_COMMON = (
    "CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
)


def system_clock() -> datetime:
    return datetime.now(UTC)  # noqa: TID251


def stamp(milliseconds: int) -> str:
    """`YYYY-MM-DDTHH:MM:SS.mmmZ`."""
    seconds, rest = divmod(milliseconds, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:03d}Z"


def _ddl(kind: ObjectType) -> Iterator[str]:
    columns = "".join(f", x_{name}" for name in kind.indexed)
    yield (
        f"CREATE TABLE IF NOT EXISTS o_{kind.name} (n INTEGER PRIMARY KEY, version INTEGER NOT NULL,"
        " seq INTEGER NOT NULL, state INTEGER NOT NULL, merged INTEGER, created TEXT NOT NULL, modified TEXT NOT NULL,"
        " created_by TEXT NOT NULL, modified_by TEXT NOT NULL, last_line INTEGER NOT NULL, search TEXT NOT NULL,"
        f" fields BLOB NOT NULL{columns})"
    )
    yield f"CREATE UNIQUE INDEX IF NOT EXISTS {kind.name}_seq ON o_{kind.name} (seq)"
    yield f"CREATE INDEX IF NOT EXISTS {kind.name}_modified ON o_{kind.name} (modified, n)"
    yield f"CREATE INDEX IF NOT EXISTS {kind.name}_created_by ON o_{kind.name} (created_by, n)"
    for name in kind.indexed:
        if name != "external_id":
            yield index_ddl(kind, name, kind.by_name[name].unique)
    if kind.line_ref is not None:
        yield (
            f"CREATE TABLE IF NOT EXISTS l_{kind.name} (target INTEGER, n INTEGER, PRIMARY KEY (target, n))"
            " WITHOUT ROWID"
        )


def index_ddl(kind: ObjectType, field: str, unique: bool) -> str:
    """The index of one field; a unique one looks at live records that have a value."""
    if unique:
        return (
            f"CREATE UNIQUE INDEX IF NOT EXISTS {kind.name}_{field} ON o_{kind.name} (x_{field})"
            f" WHERE state = 0 AND x_{field} IS NOT NULL"
        )
    return f"CREATE INDEX IF NOT EXISTS {kind.name}_{field} ON o_{kind.name} (x_{field}, n)"


class Store:
    """Reads and write transactions over one connection; safe to call from any thread."""

    def __init__(
        self, path: str, types: Sequence[ObjectType], ddl: Sequence[str] = (), clock: Clock = system_clock
    ) -> None:
        self.types: Mapping[str, ObjectType] = {kind.name: kind for kind in types}
        self.clock = clock
        self.lock = threading.RLock()
        self.undoing = False
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.execute("PRAGMA cache_size = -65536")
        self._connection.execute("PRAGMA busy_timeout = 10000")
        with self.transaction():
            for statement in (*_COMMON, *ddl, *(line for kind in types for line in _ddl(kind))):
                self._connection.execute(statement)
        self.epoch = self.setting("epoch", secrets.token_hex(3))

    def close(self) -> None:
        with self.lock:
            self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """The single writer: everything inside is committed together, or not at all."""
        with self.lock:
            if self.undoing:
                yield  # nothing is kept anyway
                return
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def undone(self) -> Iterator[None]:
        """What is written inside is seen inside, and was never there afterwards; numbers it drew do not come again."""
        with self.lock:
            self._connection.execute("BEGIN IMMEDIATE")
            self.undoing = True
            try:
                yield
            finally:
                self.undoing = False
                drawn = self.rows("SELECT name, value FROM counters")
                self._connection.execute("ROLLBACK")
                with self.transaction():
                    self.execute_many("INSERT OR REPLACE INTO counters (name, value) VALUES (?, ?)", drawn)

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        with self.lock:
            return self._connection.execute(sql, parameters).fetchall()

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        """One writing statement; call it inside `transaction`."""
        self._connection.execute(sql, parameters)

    def execute_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        self._connection.executemany(sql, rows)

    def records(self, kind: ObjectType, where: str, parameters: Sequence[Any] = ()) -> list[Record]:
        """Records by a SQL condition (with its ORDER BY and LIMIT)."""
        return [
            Record(kind, *row) for row in self.rows(f"SELECT {COLUMNS} FROM o_{kind.name} WHERE {where}", parameters)
        ]

    def by_numbers(self, kind: ObjectType, numbers: Sequence[int]) -> dict[int, Record]:
        """Live, deleted and merged records of these numbers; unknown ones are left out."""
        found: dict[int, Record] = {}
        for start in range(0, len(numbers), 10_000):
            part = numbers[start : start + 10_000]
            for record in self.records(kind, f"n IN ({marks(part)})", part):
                found[record.n] = record
        return found

    def count(self, kind: ObjectType) -> int:
        return int(self.rows(f"SELECT count(*) FROM o_{kind.name} WHERE state = {LIVE}")[0][0])

    def head(self, name: str) -> int:
        """The last feed position of the object."""
        rows = self.rows("SELECT value FROM counters WHERE name = ?", (f"seq:{name}",))
        return int(rows[0][0]) if rows else 0

    def setting(self, name: str, default: str) -> str:
        """A stored text, set to the default when it is not there yet."""
        with self.transaction():
            self.execute("INSERT OR IGNORE INTO settings VALUES (?, ?)", (name, default))
            return str(self.rows("SELECT value FROM settings WHERE name = ?", (name,))[0][0])

    def set_external_index(self, unique: bool) -> None:
        """Make external ids unique or merely indexed. Raises sqlite3.IntegrityError when they are not unique now."""
        with self.transaction():
            for kind in self.types.values():
                if kind.has_external_id:
                    self.execute(f"DROP INDEX IF EXISTS {kind.name}_external_id")
                    self.execute(index_ddl(kind, "external_id", unique))


def marks(values: Sequence[Any]) -> str:
    return ",".join("?" * len(values))
