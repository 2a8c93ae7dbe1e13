"""Who runs on this machine, as the operating system knows it: its locks end with the process, however that ends."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from connector.errors import ConfigError
from connector.state.connect import in_memory, parsed

try:
    import fcntl
except ImportError:  # Windows: a killed run is waited out
    fcntl = None  # type: ignore[assignment]


@contextmanager
def sole(url: str, name: str) -> Iterator[bool]:
    """True inside the block when nobody else on this machine is in it: whoever the store still names has ended.

    Only a SQLite file belongs to one machine; for other databases, and while somebody else is in the block, False. The
    lock is a file beside the database. Raises ConfigError when that cannot be written.
    """
    path = _path(url, name)
    if path is None or fcntl is None:
        yield False
        return
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigError(f"state.url: {path} cannot be written: {(error.strerror or 'refused').lower()}.") from None
    try:
        yield locked(handle)
    finally:
        os.close(handle)


def _path(url: str, name: str) -> Path | None:
    found = parsed(url)
    if not found.drivername.startswith("sqlite") or in_memory(found) or not found.database:
        return None
    return Path(f"{found.database}-{re.sub(r'[^A-Za-z0-9_]+', '-', name)}.lock")


def locked(handle: int) -> bool:
    """Whether this open file could be locked; until it is closed, nobody else can."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False  # taken, or a file system without locks
    return True
