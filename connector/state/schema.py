"""Which version a store has, and whether it was written under the key at hand."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, column, inspect, select, table

from connector.errors import ConfigError
from connector.ports import Vault
from connector.state.sql import Make, Statement
from connector.state.tables import meta

VERSIONS: tuple[str, ...] = ("0001",)
"""Every version this program can bring to the newest, which is the last."""

HEAD = VERSIONS[-1]

_VERSION = Statement([], lambda make: select(column("version_num")).select_from(table("alembic_version")))
_META = Statement(["name"], lambda make: select(meta.c.value).where(meta.c.name == bindparam("name")))
_PUT_META = Statement(["name", "value"], lambda make: make.put(meta, ["name", "value"]))
_CANARY = "key"
_LOCK = 0x636F6E6E  # any constant: two processes must not migrate one PostgreSQL database at once


def version(connection: Connection, make: Make) -> str | None:
    """The store's version; None for an empty database. Raises ConfigError for a database that is something else."""
    names = inspect(connection).get_table_names()
    if "alembic_version" in names and meta.name in names:
        row = connection.exec_driver_sql(make.prepared(_VERSION).text).first()
        return None if row is None else str(row[0])
    if names:
        raise ConfigError(
            "state.url: the database holds tables of another program "
            f"({', '.join(sorted(names)[:3])}); give the store a database of its own"
        )
    return None


def is_current(connection: Connection, make: Make, vault: Vault, where: str) -> bool:
    """Whether the store needs no migration. Imports nothing of Alembic.

    Raises ConfigError when a newer program wrote the store or when it belongs to another key.
    """
    found = version(connection, make)
    if found not in (None, *VERSIONS):
        raise ConfigError(
            f"state.url: {where} was written by a newer version of the program (store version {found}, this one knows "
            f"up to {HEAD}); install the newer version, or restore a backup made before the upgrade"
        )
    if found is not None:
        _check_key(connection, make, vault, where)
    return found == HEAD


def migrate(connection: Connection, make: Make, vault: Vault, where: str) -> None:
    """Bring the store to the newest version, in the write transaction of the caller; nothing when another process
    has done so meanwhile."""
    if make.postgres:
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
    if is_current(connection, make, vault, where):
        return
    from connector.state.migrations.run import upgrade

    fresh = version(connection, make) is None
    upgrade(connection)
    if fresh:
        connection.exec_driver_sql(make.prepared(_PUT_META).text, (_CANARY, _canary(vault)))


def _canary(vault: Vault) -> str:
    return vault.print(b"connector state store", 0, b"canary").hex()


def _check_key(connection: Connection, make: Make, vault: Vault, where: str) -> None:
    row = connection.exec_driver_sql(make.prepared(_META).text, (_CANARY,)).first()
    if row is None or row[0] != _canary(vault):
        raise ConfigError(
            f"state.key: {where} was written under another key; give the key it was created with "
            "(without it the store is of no use: start an empty one and link the records anew)"
        )
