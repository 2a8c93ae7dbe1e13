"""Connections: one writer and a few readers on SQLite, a pool on PostgreSQL."""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import QueuePool, StaticPool

from connector.errors import ConfigError

READERS = 4
BUSY_SECONDS = 60.0
"""How long a writer waits for another one before it gives up (TransientError)."""

CONNECT_SECONDS = 10
_OLDEST_SQLITE = (3, 37)  # STRICT tables


def parsed(url: str) -> URL:
    """The url, with the driver this program uses. Raises ConfigError with what is wrong and an example."""
    try:
        found = make_url(url)
    except ArgumentError:
        raise ConfigError(f"state.url: {_shown(url)} is not a database address, {_EXAMPLES}") from None
    name = found.drivername.partition("+")[0]
    if name == "sqlite":
        return _sqlite(found)
    if name in ("postgresql", "postgres"):
        return _postgres(found)
    raise ConfigError(f"state.url: {name} is not supported, {_EXAMPLES}")


_EXAMPLES = "use sqlite:///connector.db or postgresql://user@host/database"


def _shown(url: str) -> str:
    """Never more than the scheme: the rest may hold a password."""
    return f"`{url.partition(':')[0][:20]}:...`" if ":" in url else "the value"


def _sqlite(url: URL) -> URL:
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        raise ConfigError(f"state.url: SQLite {sqlite3.sqlite_version} is too old, 3.37 or newer is needed")
    if not in_memory(url):
        folder = Path(url.database or "").expanduser().parent
        if not folder.is_dir():
            raise ConfigError(f"state.url: the folder {folder} does not exist; create it or name another file")
    return url.set(drivername="sqlite+pysqlite")


def _postgres(url: URL) -> URL:
    try:
        import psycopg  # noqa: F401
    except ImportError:
        raise ConfigError("state.url: PostgreSQL needs the extra: pip install 'connector[postgres]'") from None
    return url.set(drivername="postgresql+psycopg")


def in_memory(url: URL) -> bool:
    return not url.database or url.database == ":memory:"


def postgres_engine(url: URL) -> Engine:
    # A writer may need a second connection for link ids while all others are taken: no upper bound, threads are few.
    arguments = {} if "connect_timeout" in url.query else {"connect_timeout": CONNECT_SECONDS}
    engine = create_engine(
        url, paramstyle="format", pool_size=READERS, max_overflow=-1, pool_pre_ping=True, connect_args=arguments
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"SET lock_timeout = '{BUSY_SECONDS:.0f}s'")
        connection.commit()

    return engine


def sqlite_writer(url: URL) -> Engine:
    """One connection, shared by every thread under the store's lock; `begin` takes the file's write lock at once.

    With SQLite's default a transaction takes it at its first write, and two that read the same row before lose one
    of the updates. A file that is not there is made for its owner alone.
    """
    if not in_memory(url):
        with suppress(OSError):  # it is there, or SQLite says what is wrong with it
            os.close(os.open(str(url.database), os.O_CREAT | os.O_EXCL, 0o600))
    engine = _sqlite_engine(url, poolclass=StaticPool)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def sqlite_readers(url: URL) -> Engine:
    """Connections that cannot write; each `begin` sees one state of the file to its end."""
    engine = _sqlite_engine(url, poolclass=QueuePool, pool_size=READERS, max_overflow=-1)

    @event.listens_for(engine, "connect")
    def _read_only(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA query_only = ON")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


def _sqlite_engine(url: URL, **pool: Any) -> Engine:
    arguments = {"check_same_thread": False, "isolation_level": None, "timeout": BUSY_SECONDS}
    engine = create_engine(url, connect_args=arguments, **pool)

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA cache_size = -8000")  # KiB
        # Pages come from the system's cache without a call and a copy each: reads of many links take half the time.
        connection.execute("PRAGMA mmap_size = 16777216")

    return engine
