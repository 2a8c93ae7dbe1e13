"""A state store in memory: the same promises as the real one, for tests that run an engine a million times."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager
from types import TracebackType

from connector.ports import Tx
from connector.testing.store_tables import Tables
from connector.testing.store_tx import MemoryTx


class MemoryStore:
    """A Store that ends with the process. Thread-safe: one writer at a time; a look sees one committed state.

    Nothing in it is sealed or opened, so it needs no vault.
    """

    def __init__(self) -> None:
        self._committed = Tables()
        self._lock = threading.Lock()
        self._holder: int | None = None

    def begin(self, *, durable: bool = True) -> AbstractContextManager[Tx]:
        """One write transaction; leaving the block commits, an exception leaves no trace.

        Raises ImpossibleState for what must never be stored (such a transaction cannot commit, even if the error is
        caught inside the block), RuntimeError inside another one of the same thread. Every commit is durable here.
        """
        return _Writing(self)

    def look(self) -> AbstractContextManager[Tx]:
        """A read-only transaction: one state of the store to its end. A write in it raises StoreError."""
        return _Looking(self)

    def copy(self) -> MemoryStore:
        """An independent store that holds what is committed now. Takes the same time however much that is."""
        made = MemoryStore()
        made._committed = self._committed
        return made

    def close(self) -> None:
        """Nothing is held that would need it."""


class _Looking(AbstractContextManager[Tx]):
    __slots__ = ("_store", "_tx")

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    def __enter__(self) -> Tx:
        self._tx = MemoryTx(self._store._committed, reading=True)
        return self._tx

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._tx.result()
        self._tx.leave()


class _Writing(AbstractContextManager[Tx]):
    __slots__ = ("_store", "_tx")

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    def __enter__(self) -> Tx:
        store, me = self._store, threading.get_ident()
        if store._holder == me:
            raise RuntimeError("a transaction was begun inside another one of the same thread")
        store._lock.acquire()
        store._holder = me
        self._tx = MemoryTx(store._committed, reading=False)
        return self._tx

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._store._committed = self._tx.result()
        finally:
            self._tx.leave()
            self._store._holder = None
            self._store._lock.release()
