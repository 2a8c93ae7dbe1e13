"""Idempotency keys: kept in the same transaction as the write they belong to, for 24 hours.

Only answers of writes that were done are kept; a refused request may be sent again and is tried anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import NamedTuple

from connector.reference.kit.problems import ServiceError, malformed
from connector.reference.kit.store import marks
from connector.reference.kit.tx import Tx

SECONDS = 24 * 3600
MAX_KEY = 255

DDL = (
    "CREATE TABLE IF NOT EXISTS idempotency (principal TEXT NOT NULL, key TEXT NOT NULL, at INTEGER NOT NULL,"
    " digest BLOB NOT NULL, status INTEGER NOT NULL, answer BLOB NOT NULL)",
    "CREATE UNIQUE INDEX IF NOT EXISTS idempotency_key ON idempotency (principal, key)",
    "CREATE INDEX IF NOT EXISTS idempotency_at ON idempotency (at)",
)


class Kept(NamedTuple):
    """status and representation as answered the first time."""

    digest: bytes
    status: int
    answer: bytes


def digest(*parts: bytes) -> bytes:
    return sha256(b"\n".join(parts)).digest()


class Keys:
    """The keys of one transaction. Raises ServiceError 400 for a key that is no text of at most 255 characters."""

    def __init__(self, tx: Tx, keys: Iterable[object]) -> None:
        self._tx = tx
        wanted = [check_key(key) for key in keys]
        self._known: dict[str, Kept] = {}
        if wanted:
            now = tx.counters["clock"]
            tx.store.execute("DELETE FROM idempotency WHERE at < ?", (now - SECONDS * 1000,))
            for key, *kept in tx.store.rows(
                f"SELECT key, digest, status, answer FROM idempotency WHERE principal = ? AND key IN ({marks(wanted)})",
                (tx.principal, *wanted),
            ):
                self._known[key] = Kept(*kept)

    def recall(self, key: str, body: bytes) -> Kept | None:
        """What was answered to this key. Raises ServiceError 422 when it was another request."""
        kept = self._known.get(key)
        if kept is not None and kept.digest != body:
            raise ServiceError(422, "idempotency_mismatch", f"The key {key} was used for another request.")
        return kept

    def keep(self, key: str, kept: Kept) -> None:
        self._known[key] = kept
        self._tx.add(
            "INSERT INTO idempotency VALUES (?, ?, ?, ?, ?, ?)",
            (self._tx.principal, key, self._tx.counters["clock"], *kept),
        )


def check_key(key: object) -> str:
    if not isinstance(key, str) or not 0 < len(key) <= MAX_KEY:
        raise malformed(f"An idempotency key is a text of 1 to {MAX_KEY} characters.")
    return key
