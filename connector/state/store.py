"""The state store: opened once per process, used by every thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import NoReturn

from sqlalchemy import URL, Connection, Engine
from sqlalchemy.exc import DBAPIError

from connector.errors import ConfigError
from connector.ports import Store, Tx, Vault
from connector.state import connect, schema
from connector.state.errors import StoreError
from connector.state.links import Links
from connector.state.matching import Matching
from connector.state.people import People
from connector.state.runs import Runs
from connector.state.session import first_line, translated
from connector.state.sql import Make
from connector.state.work import Work


class SqlTx(Links, Work, People, Matching, Runs):
    """One transaction; see `ports.Tx`."""


class SqlStore:
    """A Store on SQLAlchemy; thread-safe. The two subclasses say where connections come from."""

    def __init__(self, make: Make) -> None:
        self.make = make
        self._kinds: dict[str, int] = {}

    def begin(self, *, durable: bool = True) -> AbstractContextManager[Tx]:
        """One write transaction; leaving the block commits, an exception rolls back.

        durable False: the commit may be lost in a power cut, never in a process crash. Raises ImpossibleState for what
        the database forbids (such a transaction cannot commit, even if the error is caught inside the block),
        TransientError when the store stays busy, StoreError when it cannot be used.
        """
        raise NotImplementedError

    def look(self) -> AbstractContextManager[Tx]:
        """A read-only transaction: one state of the store from its first read to its end."""
        raise NotImplementedError

    def close(self) -> None:
        """Release every connection."""
        raise NotImplementedError

    @contextmanager
    def _transaction(self, connection: Connection, *, reading: bool = False) -> Iterator[SqlTx]:
        tx = SqlTx(connection, self.make, self._kinds, None if reading else self._new_ids())
        try:
            with _errors(), connection.begin() as transaction:
                yield tx
                if tx.failed is not None:
                    raise tx.failed
                transaction.commit()
            self._kinds = {**self._kinds, **tx.new_kinds}
        finally:
            tx.failed = StoreError("this transaction has ended; open another one")

    def _new_ids(self) -> Engine | None:
        """Where link ids are drawn from, if not in the transaction itself."""
        return None

    def _open(self, vault: Vault, where: str) -> None:
        """Migrate an empty or older store, refuse a newer or a foreign one."""
        try:
            with self.look() as tx:
                assert isinstance(tx, SqlTx)
                current = schema.is_current(tx.connection, self.make, vault, where)
            if not current:
                with self.begin() as tx:
                    assert isinstance(tx, SqlTx)
                    schema.migrate(tx.connection, self.make, vault, where)
        except (DBAPIError, StoreError) as error:
            _cannot_open(where, error)


class SqliteStore(SqlStore):
    """One file, one writer at a time; readers never wait for the writer, nor it for them (WAL)."""

    def __init__(self, url: URL, vault: Vault) -> None:
        self._path = "memory" if connect.in_memory(url) else str(url.database)
        self._engine = connect.sqlite_writer(url)
        self._readers = None if connect.in_memory(url) else connect.sqlite_readers(url)
        super().__init__(Make(self._engine.dialect))
        self._lock = threading.Lock()
        self._holder: int | None = None
        self._durable: bool | None = None
        try:
            self._writer = self._engine.connect()
        except DBAPIError as error:
            _cannot_open(self._path, error)
        try:
            self._open(vault, self._path)
        except BaseException:
            self.close()
            raise

    @contextmanager
    def begin(self, *, durable: bool = True) -> Iterator[Tx]:
        with self._writing():
            self._set_durable(durable)
            with self._transaction(self._writer) as tx:
                yield tx

    @contextmanager
    def look(self) -> Iterator[Tx]:
        if self._readers is None:
            with self._writing(), self._transaction(self._writer) as tx, self._read_only():
                yield tx
        else:
            with _errors(), self._readers.connect() as connection, self._transaction(connection) as tx:
                yield tx

    def copy_to(self, path: str) -> None:
        """Write a consistent copy to a new file while others go on reading and writing."""
        import sqlite3

        source = (self._readers or self._engine).raw_connection()
        try:
            target = sqlite3.connect(path)
            try:
                source.driver_connection.backup(target)  # type: ignore[union-attr]
            finally:
                target.close()
        finally:
            source.close()

    def close(self) -> None:
        if self._readers is not None:
            self._readers.dispose()
        self._writer.close()
        self._engine.dispose()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        if self._holder == threading.get_ident():
            raise RuntimeError("a transaction was begun inside another one of the same thread")
        with self._lock:
            self._holder = threading.get_ident()
            try:
                yield
            finally:
                self._holder = None

    @contextmanager
    def _read_only(self) -> Iterator[None]:
        self._pragma("query_only = ON")
        try:
            yield
        finally:
            self._pragma("query_only = OFF")

    def _set_durable(self, durable: bool) -> None:
        """NORMAL leaves the disk alone at a commit; the next durable one takes all earlier ones with it."""
        if durable != self._durable:
            self._pragma(f"synchronous = {'FULL' if durable else 'NORMAL'}")
            self._durable = durable

    def _pragma(self, text: str) -> None:
        # Past SQLAlchemy, which would begin a transaction first: inside one these settings do nothing.
        self._writer.connection.driver_connection.execute(f"PRAGMA {text}")  # type: ignore[union-attr]


class PostgresStore(SqlStore):
    """Any number of writers, also on other machines; what two must not do at once, constraints and leases forbid."""

    def __init__(self, url: URL, vault: Vault) -> None:
        self._engine = connect.postgres_engine(url)
        super().__init__(Make(self._engine.dialect))
        try:
            self._open(vault, f"database {url.database} on {url.host or 'this machine'}")
        except BaseException:
            self.close()
            raise

    @contextmanager
    def begin(self, *, durable: bool = True) -> Iterator[Tx]:
        with _errors(), self._engine.connect() as connection, self._transaction(connection) as tx:
            if not durable:
                connection.exec_driver_sql("SET LOCAL synchronous_commit = off")
            yield tx

    @contextmanager
    def look(self) -> Iterator[Tx]:
        with _errors(), self._engine.connect() as connection:
            connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            with self._transaction(connection, reading=True) as tx:
                yield tx

    def close(self) -> None:
        self._engine.dispose()

    def _new_ids(self) -> Engine | None:
        return self._engine


def open_store(url: str, vault: Vault) -> Store:
    """The state store at `sqlite:///file.db` or `postgresql://...`, created or brought up to date when needed.

    Raises ConfigError when it cannot be opened, belongs to another key or program, or a newer version wrote it.
    """
    found = connect.parsed(url)
    return SqliteStore(found, vault) if found.drivername.startswith("sqlite") else PostgresStore(found, vault)


@contextmanager
def _errors() -> Iterator[None]:
    """Failures of BEGIN and COMMIT, as errors of the program."""
    try:
        yield
    except DBAPIError as error:
        raise translated(error) from error


def _cannot_open(where: str, error: Exception) -> NoReturn:
    cause = error.__cause__ if isinstance(error, StoreError) else error
    reason = first_line(cause.orig if isinstance(cause, DBAPIError) else error)
    raise ConfigError(
        f"state.url: {where} cannot be opened: {reason}. Is it there, and may this user read and write it?"
    ) from error
