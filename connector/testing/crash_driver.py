"""Runs the engine step by step: every step can be watched, can fail, or can be done and its answer lost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from connector.engine.driver import Driver
from connector.engine.effects import Call, Commit, Effect
from connector.errors import ConnectorError, TransientError, UncertainError
from connector.model.values import Sides
from connector.ports import Spool, Store
from connector.state.errors import StoreError
from connector.state.spool import FileSpool
from connector.state.store import SqliteStore, open_store
from connector.testing.crash_acts import refuse_poison
from connector.testing.spool import MemorySpool
from connector.testing.store import MemoryStore
from connector.testing.world import World

Fault = Literal["lost", "fails"]
"""lost: the step is carried out and its answer does not arrive. fails: it is not carried out, and says so."""


class StepDriver(Driver):
    """The production driver in one thread, on a world. Counts every system call and every store commit.

    watch: told of each step right before it is carried out: killing the process there is leaving what it then finds.
    fault: what happens to step number `at`. last_first: effects that run side by side end in the opposite order.
    """

    def __init__(self, world: World, *, last_first: bool = False) -> None:
        super().__init__(Sides(world.crm, world.erp), world.store, world.clock, world.names)
        self.last_first = last_first
        self.count = 0
        self.at: int | None = None
        self.fault: Fault = "fails"
        self.watch: Callable[[int, str], None] | None = None

    def _several(self, effects: Sequence[Effect]) -> list[Any]:
        if not self.last_first:
            return [self._guarded(effect) for effect in effects]
        return [self._guarded(effect) for effect in reversed(effects)][::-1]

    def _one(self, effect: Effect) -> Any:
        if not isinstance(effect, Call | Commit):
            return super()._one(effect)
        self.count += 1
        label = f"{effect.side} {effect.method} {effect.args[0]}" if isinstance(effect, Call) else "commit"
        if self.watch is not None:
            self.watch(self.count, label)
        if self.count != self.at:
            return super()._one(effect)
        if self.fault == "lost":
            super()._one(effect)
        raise _error(effect, self.fault)


def _error(effect: Call | Commit, fault: Fault) -> ConnectorError:
    if isinstance(effect, Commit):
        return StoreError("the connection to the store was lost")
    if fault == "lost" and effect.method == "write":
        return UncertainError("no answer came")
    return TransientError("busy")


class Copies:
    """Copies of worlds, each independent of the others. folder: for those whose store is a file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._made = 0
        self._paths: dict[int, Path] = {}

    def of(self, world: World) -> World:
        """A world that is as this one is now: systems, store, time, names. `drop` it when done."""
        made = copy(world)
        made.clock, made.names, made.specs = replace(world.clock), replace(world.names), dict(world.specs)
        made.crm, made.erp = world.crm.copy(made.clock), world.erp.copy(made.clock)
        made.store = self._store(world)
        refuse_poison(made)
        return made

    def drop(self, world: World) -> None:
        """The world is not needed any more."""
        world.store.close()
        path = self._paths.pop(id(world.store), None)
        if path is not None:
            for suffix in ("", "-wal", "-shm"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)

    def _store(self, world: World) -> Store:
        if isinstance(world.store, MemoryStore):
            return world.store.copy()
        assert isinstance(world.store, SqliteStore)
        self._made += 1
        path = self.folder / f"{self._made}.db"
        world.store.copy_to(str(path))
        store = open_store(f"sqlite:///{path}", world.vault)
        self._paths[id(store)] = path
        return store


def spool_of(world: World) -> Spool:
    """Scratch space of the kind that fits the world's store."""
    return MemorySpool() if isinstance(world.store, MemoryStore) else FileSpool(world.folder)
