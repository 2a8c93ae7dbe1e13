"""Worlds of a profile and a policy, and copies of their store for a day when it is lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from itertools import count
from pathlib import Path

from connector.merge.rules import Flow
from connector.model.values import Side
from connector.ports import Store
from connector.state.store import SqliteStore, open_store
from connector.state.vault import KeyVault
from connector.testing.simulator.profiles import Policy, Profile
from connector.testing.simulator.systems import TrickySystem
from connector.testing.spool import MemorySpool
from connector.testing.store import MemoryStore
from connector.testing.world import World, empty_store

KEY = "c2ltdWxhdG9yLWtleS0wMTIzNDU2Nzg5LWFiY2RlZmc="
"""One key for every process: what is ordered by keyed prints is ordered alike."""


@lru_cache(maxsize=1)
def _vault() -> KeyVault:
    return KeyVault(KEY)


def make_world(profile: Profile, policy: Policy, folder: Path | None = None) -> World:
    """A world without records. folder: keep the state in SQLite there; None keeps it in memory. Close its store."""
    vault = _vault()
    if folder is None:
        world = World(MemoryStore(), vault, Path("."), powers=profile.powers, system=TrickySystem, spools=MemorySpool)
    else:
        path = folder / "store.db"
        path.write_bytes(empty_store(KEY))
        store = open_store(f"sqlite:///{path}", vault)
        world = World(store, vault, folder, powers=profile.powers, system=TrickySystem)
    for system, lag, skew in ((world.crm, *_of(profile, Side.LEFT)), (world.erp, *_of(profile, Side.RIGHT))):
        assert isinstance(system, TrickySystem)
        system.lag, system.offset = lag, skew
    if profile.rounds:
        for entity in world.specs.values():
            world.erp.rewrites(entity.systems.right.object, _tidy)
    for name, spec in world.specs.items():
        units = tuple(replace(unit, **policy.settings(unit.name)) for unit in spec.units)
        creates = frozenset({Side.LEFT}) if policy.flow is Flow.R2L else spec.creates
        margin = spec.margin + abs(profile.skew.left - profile.skew.right)  # whoever sets it knows how far clocks err
        spec = replace(spec, units=units, creates=creates, settle=profile.settle, margin=margin)
        world.specs[name] = replace(spec, deletes=policy.deletes, limits=policy.limits)
    return world


def _of(profile: Profile, side: Side) -> tuple[float, float]:
    return profile.lag[side], profile.skew[side]


def _tidy(fields: dict[str, object]) -> dict[str, object]:
    """What a system does that tidies up texts: no space at the ends."""
    return {name: value.strip() if isinstance(value, str) else value for name, value in fields.items()}


class Backups:
    """Copies of the store as it was."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._made: list[tuple[int, Callable[[], Store]]] = []
        self._names = count()

    def make(self, number: int) -> None:
        """Keep a copy of the store as it is. number: what had happened until then."""
        store = self.world.store
        if isinstance(store, MemoryStore):
            kept = store.copy()
            self._made.append((number, kept.copy))
        elif isinstance(store, SqliteStore):
            path = self.world.folder / f"backup{next(self._names)}.db"
            store.copy_to(str(path))
            self._made.append((number, lambda: self._opened(path)))

    def restore(self, place: int) -> int | None:
        """Go on with that copy instead of the store; the number it was made by, None when there is none."""
        if not self._made:
            return None
        self.world.store.close()
        number, opened = self._made[place % len(self._made)]
        self.world.store = opened()
        return number

    def _opened(self, path: Path) -> Store:
        used = self.world.folder / f"store{next(self._names)}.db"
        used.write_bytes(path.read_bytes())
        return open_store(f"sqlite:///{used}", self.world.vault)
