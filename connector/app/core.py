"""The composition root: opens what a command needs, when it needs it, and closes all of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from pydantic import BaseModel

from connector.adapters import discover
from connector.app.compile import compile_sync
from connector.clock import SystemClock, new_id
from connector.config import Config, SyncConfig, load_config
from connector.engine.driver import Driver
from connector.engine.spec import SyncSpec, kind_name
from connector.errors import ConfigError
from connector.mapping.located import listed, nearest
from connector.model.entities import DEPENDENCY_ORDER
from connector.model.values import Side, Sides
from connector.ports import Adapter, Clock, Description, Spool, Store, Tx, Vault
from connector.rest.budget import Budget

Tell = Callable[[str, int, int | None], None]
"""Progress: phase, records done, records in all (None: unknown)."""


def _quiet(phase: str, done: int, total: int | None) -> None:
    """Nobody watches."""


def settings_models() -> dict[str, type[BaseModel]]:
    """The settings model of every adapter found, by the adapter's name."""
    return {name: spec.settings for name, spec in discover().items()}


class App:
    """One configuration at work; a context manager. Store, key and connections are opened at first use.

    tell: called with (phase, done, total) while a sync runs.
    """

    def __init__(self, config: Config, *, clock: Clock | None = None, tell: Tell = _quiet) -> None:
        self.config = config
        self.clock: Clock = clock or SystemClock()
        self.tell = tell
        self._vault: Vault | None = None
        self._store: Store | None = None
        self._adapters: dict[str, Adapter] = {}
        self._budgets: dict[str, Budget] = {}
        self._stacks: dict[tuple[str, bool, bool], Adapter] = {}
        self._specs: dict[str, SyncSpec] = {}

    @classmethod
    def open(cls, path: str | Path, *, clock: Clock | None = None, tell: Tell = _quiet) -> App:
        """The application of one config.yaml. Contacts nothing. Raises ConfigError with every mistake of its files."""
        return cls(load_config(path, settings_models(), os.environ), clock=clock, tell=tell)

    def __enter__(self) -> App:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give back connections and the store."""
        for adapter in self._adapters.values():
            close = getattr(adapter, "close", None)
            if close is not None:
                close()
        self._adapters.clear()
        self._stacks.clear()
        if self._store is not None:
            self._store.close()
            self._store = None

    # ---------------------------------------------------------------------------------------- state

    @property
    def vault(self) -> Vault:
        """The installation's key. Raises ConfigError when it is not one."""
        if self._vault is None:
            from connector.state.vault import KeyVault

            self._vault = KeyVault(self.config.state.key)
        return self._vault

    @property
    def store(self) -> Store:
        """The state store, created on first use."""
        if self._store is None:
            from connector.state.store import open_store

            self._store = open_store(self.config.state.url, self.vault)
        return self._store

    @contextmanager
    def sole(self, kind: str) -> Iterator[bool]:
        """True inside the block when no other process can be running syncs of this kind on this store."""
        from connector.state.sole import sole

        with sole(self.config.state.url, kind) as alone:
            yield alone

    @contextmanager
    def look(self) -> Iterator[Tx]:
        """A read-only transaction on the store."""
        with self.store.look() as tx:
            yield tx

    # -------------------------------------------------------------------------------------- systems

    def budget(self, system: str) -> Budget:
        """The calls this system grants; one for every connection to it."""
        if system not in self._budgets:
            self._budgets[system] = Budget(system, self.clock, self.config.systems[system].budget)
        return self._budgets[system]

    def adapter(self, system: str, *, read_only: bool = False, essential: bool = False) -> Adapter:
        """The connection to a system, paced, retried and logged. essential: may use the day's reserve."""
        from connector.wrappers import standard

        place = (system, read_only, essential)
        if place not in self._stacks:
            raw = self.raw(system)
            self._stacks[place] = standard(
                raw, self.budget(system), self.clock, essential=essential, read_only=read_only
            )
        return self._stacks[place]

    def raw(self, system: str) -> Adapter:
        """The adapter of a system itself, without pace, retries and log."""
        if system not in self._adapters:
            entry = self.config.systems[system]
            spec = discover()[entry.adapter]
            self._adapters[system] = spec.factory(entry.settings, system, self.clock)
        return self._adapters[system]

    def description(self, system: str) -> Description:
        """What the live system says of itself; asked for once."""
        return self.adapter(system, read_only=True).describe()

    # ---------------------------------------------------------------------------------------- syncs

    def sync_config(self, name: str) -> SyncConfig:
        """The sync of that name. Raises ConfigError with the nearest name."""
        found = self.config.syncs.get(name)
        if found is None:
            near = nearest(name, self.config.syncs)
            hint = f"did you mean `{near}`?" if near else f"there are: {listed(self.config.syncs)}."
            raise ConfigError(f"There is no sync `{name}`; {hint}")
        return found

    def chosen(self, names: Iterable[str] = ()) -> list[SyncConfig]:
        """The syncs of these names, or all, parents before children whatever the order of the file."""
        wanted = [self.sync_config(name) for name in dict.fromkeys(names)] or list(self.config.syncs.values())
        return sorted(wanted, key=lambda sync: DEPENDENCY_ORDER.index(sync.entity.name))

    def spec(self, name: str) -> SyncSpec:
        """The sync as the engine runs it; asks both systems for their description."""
        if name not in self._specs:
            sync = self.sync_config(name)
            spec = compile_sync(sync, sync.between.map(self.description), self.config.syncs.values())
            if not spec.units:
                raise ConfigError(
                    f"{sync.place}: sync `{name}` has no field that both systems show and one may write; "
                    f"compare the two mappings of `{sync.entity.name}`."
                )
            self._specs[name] = spec
        return self._specs[name]

    def kind(self, sync: SyncConfig) -> str:
        """Under which name the store keeps the sync's links. Contacts nothing."""
        return kind_name(sync.between.left, sync.between.right, sync.entity.name)

    @contextmanager
    def driver(self, sync: SyncConfig, *, read_only: bool = False, essential: bool = False) -> Iterator[Driver]:
        """Runs engine generators for one sync. read_only: a write is refused before it leaves."""
        adapters = sync.between.map(lambda name: self.adapter(name, read_only=read_only, essential=essential))
        driver = Driver(adapters, self.store, self.clock, new_id, self.tell)
        try:
            yield driver
        finally:
            driver.close()

    @contextmanager
    def spool(self) -> Iterator[Spool]:
        """Scratch space of one run, removed at its end."""
        from connector.state.spool import FileSpool

        spool = FileSpool()
        try:
            yield spool
        finally:
            spool.close()

    def calls(self) -> Mapping[str, int]:
        """Calls made so far per system."""
        return {name: sum(budget.counts().values()) for name, budget in self._budgets.items()}

    def side_of(self, sync: SyncConfig, system: str) -> Side:
        """The side of a system in a sync. Raises ConfigError when it is not one of the two."""
        for side in Side:
            if sync.between[side] == system:
                return side
        near = nearest(system, sync.between)
        hint = f" - did you mean `{near}`?" if near else ""
        raise ConfigError(f"`{system}` is not a system of sync `{sync.name}`, which has {listed(sync.between)}{hint}")


def names_of(sync: SyncConfig) -> Sides[str]:
    """The configured names of both sides."""
    return sync.between
