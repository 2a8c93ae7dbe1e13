"""A copy of the state store, taken while it is in use."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from connector.errors import ConfigError
from connector.ports import Store
from connector.state.store import SqliteStore


def backup(store: Store, path: str | Path) -> None:
    """Write a consistent copy of a SQLite store to a new file; it appears complete or not at all.

    Raises ConfigError for a store in PostgreSQL (its own tools do that), when the file exists, or cannot be written.
    """
    if not isinstance(store, SqliteStore):
        raise ConfigError("backup: the state is in PostgreSQL; use pg_dump, or the backup of your database service")
    target = Path(path)
    if target.exists():
        raise ConfigError(f"backup: {target} exists already; name a new file")
    part = target.with_name(target.name + ".part")
    try:
        part.unlink(missing_ok=True)
        store.copy_to(str(part))
        _to_disk(part)
        os.replace(part, target)
        _to_disk(target.parent)
    except (OSError, sqlite3.Error) as error:
        part.unlink(missing_ok=True)
        raise ConfigError(f"backup: {target} cannot be written: {error}") from error


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
