"""Two memory systems in differing shapes, their mappings, a real store, and runs of the engine over them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from connector.engine.effects import Effects
from connector.engine.spec import SyncSpec, SystemSpec, children_of
from connector.engine.sync import Options, plan, sync
from connector.merge.rules import Flow
from connector.model.entities import ENTITIES
from connector.model.plan import PlanLine, Report
from connector.model.records import Key
from connector.model.rows import HintRow, LinkRow, LinkState
from connector.model.values import Side, Sides
from connector.ports import Capabilities, Clock, Spool, Store, Vault
from connector.state.spool import FileSpool
from connector.state.store import open_store
from connector.state.vault import KeyVault, new_key
from connector.testing.driver import CrashDriver, HandClock, Names, When
from connector.testing.memory import MemorySystem
from connector.testing.samples import (
    CORE,
    CRM_ACCOUNT,
    CRM_ORDER,
    CRM_PRODUCT,
    ERP_ACCOUNT,
    ERP_ORDER,
    ERP_PRODUCT,
    FULL,
    MATCH,
    TEXTS,
    account,
    changed,
    customer,
    default_units,
    line,
    objects,
    parsed,
    total,
)
from connector.testing.tables import MemoryObject

T = TypeVar("T")

__all__ = [
    "CRM_ACCOUNT",
    "CRM_ORDER",
    "CRM_PRODUCT",
    "ERP_ACCOUNT",
    "ERP_ORDER",
    "ERP_PRODUCT",
    "FULL",
    "MATCH",
    "TEXTS",
    "World",
    "account",
    "changed",
    "customer",
    "default_units",
    "empty_store",
    "line",
    "make_world",
    "objects",
    "parsed",
    "total",
]

SystemMaker = Callable[[str, Clock, Iterable[MemoryObject]], MemorySystem]


@dataclass(slots=True)
class World:
    """Both systems, the store, and how to run. folder: for spools, where `spools` does not make them elsewhere.

    entities: what is kept in step, parents first.
    """

    store: Store
    vault: Vault
    folder: Path
    clock: HandClock = field(default_factory=HandClock)
    names: Names = field(default_factory=Names)
    powers: Sides[Capabilities] = field(default_factory=lambda: Sides(FULL, FULL))
    specs: dict[str, SyncSpec] = field(default_factory=dict)
    system: SystemMaker = MemorySystem
    entities: tuple[str, ...] = CORE
    spools: Callable[[], Spool] | None = None
    crm: MemorySystem = field(init=False)
    erp: MemorySystem = field(init=False)
    driver: CrashDriver = field(init=False)

    def __post_init__(self) -> None:
        self.crm = self.system("crm", self.clock, objects(Side.LEFT, self.powers.left, self.entities))
        self.erp = self.system("erp", self.clock, objects(Side.RIGHT, self.powers.right, self.entities))
        for entity in self.entities:
            self.specs[entity] = self._spec(entity)
        kinds = [(s.entity, s.systems.map(lambda system: system.mapping)) for s in self.specs.values()]
        self.specs = {e: replace(s, children=children_of(e, kinds)) for e, s in self.specs.items()}

    def _spec(self, entity: str) -> SyncSpec:
        texts = Sides(*TEXTS[entity])
        systems = Sides(
            self._system(Side.LEFT, "crm", texts.left, entity), self._system(Side.RIGHT, "erp", texts.right, entity)
        )
        return SyncSpec(
            entity + "s",
            ENTITIES[entity],
            systems,
            default_units(entity),
            frozenset(Side),
            MATCH.get(entity, ()),
            deletes="propagate",
        )

    def _system(self, side: Side, name: str, text: str, entity: str) -> SystemSpec:
        mapping = parsed(text, f"{name}/{entity}.yaml")
        powers = self.powers[side]
        principal = "connector" if powers.created_by else None
        return SystemSpec(name, mapping.object, mapping, powers, principal)

    # --------------------------------------------------------------------------------------------- settings

    def rule(self, entity: str, **rules: Mapping[str, Any]) -> None:
        """Change units of a sync: `rule("account", phone={"policy": Policy.LEFT})`."""
        self.specs[entity] = replace(self.specs[entity], units=changed(self.specs[entity].units, **rules))

    def set(self, entity: str, **settings: Any) -> None:
        """Change settings of a sync: `set("account", deletes="archive")`."""
        self.specs[entity] = replace(self.specs[entity], **settings)

    def one_way(self, entity: str, flow: Flow) -> None:
        """Make every unit of a sync travel one way, and create there only."""
        target = Side.RIGHT if flow is Flow.L2R else Side.LEFT
        units = tuple(replace(unit, flow=flow) for unit in self.specs[entity].units)
        self.specs[entity] = replace(self.specs[entity], units=units, creates=frozenset({target}))

    def with_idempotency(self, seconds: float) -> None:
        """Both systems remember idempotency keys that long."""
        for entity, spec in self.specs.items():
            systems = spec.systems.map(
                lambda system: replace(system, capabilities=replace(system.capabilities, idempotency=seconds))
            )
            self.specs[entity] = replace(spec, systems=systems)
            self.crm.with_capabilities(systems.left.object, idempotency=seconds)
            self.erp.with_capabilities(systems.right.object, idempotency=seconds)

    def lose_store(self) -> None:
        """Go on with an empty store under the same key."""
        self.store.close()
        path = self.folder / f"store{self.names()}.db"
        path.write_bytes(empty_store())
        self.store = open_store(f"sqlite:///{path}", self.vault)

    def copy(self) -> World:
        """An independent world that is as this one is now: systems, store, time."""
        number = next(_COPIES)
        folder = self.folder / f"copy{number}"
        folder.mkdir()
        self.store.copy_to(str(folder / "store.db"))  # type: ignore[attr-defined]
        store = open_store(f"sqlite:///{folder / 'store.db'}", self.vault)
        made = World(
            store,
            self.vault,
            folder,
            replace(self.clock),
            replace(self.names),
            self.powers,
            entities=self.entities,
            spools=self.spools,
        )
        made.specs = dict(self.specs)
        made.crm, made.erp = self.crm.copy(made.clock), self.erp.copy(made.clock)
        return made

    # ------------------------------------------------------------------------------------------------- runs

    def new_spool(self) -> Spool:
        """Scratch space for one run. Close it when done."""
        return self.spools() if self.spools is not None else FileSpool(self.folder)

    def drive(self, generator: Effects[T], crash: int | None = None, when: When = "before") -> T:
        self.driver = CrashDriver(Sides(self.crm, self.erp), self.store, self.clock, self.names, crash, when)
        return self.driver.run(generator)

    def sync(self, entity: str = "account", crash: int | None = None, when: When = "before", **options: Any) -> Report:
        """One run with a new spool; with `crash` it dies there."""
        spool = self.new_spool()
        try:
            return self.drive(sync(self.specs[entity], self.vault, spool, Options(**options)), crash, when)
        finally:
            spool.close()

    def plan(self, entity: str = "account", *, full: bool = False) -> list[PlanLine]:
        """The lines of a plan."""
        lines: list[PlanLine] = []
        spool = self.new_spool()
        try:
            self.drive(plan(self.specs[entity], self.vault, spool, lines.append, full=full))
        finally:
            spool.close()
        return lines

    def settle(self, *entities: str, rounds: int = 8, step: float = 1000.0) -> None:
        """Let time pass and run until nothing is left to do; fails when it does not come to rest."""
        wanted = entities or ("account",)
        for _ in range(rounds):
            self.clock.advance(step)
            before = self.crm.state() + self.erp.state()
            for entity in wanted:
                self.sync(entity)
            if before == self.crm.state() + self.erp.state() and not any(map(self._due, wanted)):
                return
        raise AssertionError(f"not at rest after {rounds} rounds: {[self.hints(e) for e in wanted]}")

    def _due(self, entity: str) -> bool:
        open_ = self.look("count_intents", self.specs[entity].kind)
        return any(open_.values()) or any(h.due <= self.clock.now() + 1000 for h in self.hints(entity))

    # ---------------------------------------------------------------------------------------------- looking

    def look(self, method: str, *args: Any) -> Any:
        with self.store.look() as tx:
            return getattr(tx, method)(*args)

    def hints(self, entity: str = "account") -> list[HintRow]:
        found: list[HintRow] = self.look("hints", self.specs[entity].kind)
        return found

    def conflicts(self, entity: str = "account") -> list[tuple[str, str]]:
        """(unit, reason) of every open conflict."""
        return [(row.unit, row.reason) for row in self.look("conflicts", self.specs[entity].kind)]

    def dead(self, entity: str = "account") -> list[tuple[Side, Key, str]]:
        return [(row.side, row.key, row.reason) for row in self.look("dead", self.specs[entity].kind)]

    def links(self, entity: str = "account", *states: LinkState) -> list[LinkRow]:
        rows: list[LinkRow] = self.look("page_links", self.specs[entity].kind, 0, 100_000, states or list(LinkState))
        return rows

    def pairs(self, entity: str = "account") -> dict[Key, Key]:
        """Left key -> right key of live links."""
        return {str(row.keys.left): str(row.keys.right) for row in self.links(entity, LinkState.LINKED)}

    def choose(self, entity: str, unit: str, side: Side) -> None:
        """A person settles the only open conflict of that unit, and the record is looked at again."""
        spec = self.specs[entity]
        with self.store.begin() as tx:
            (row,) = [row for row in tx.conflicts(spec.kind) if row.unit == unit]
            assert tx.choose(row.link, unit, side)
            link = tx.links_by_id([row.link])[row.link]
            hints = [
                HintRow(spec.kind, s, str(link.keys[s]), None, "chosen", self.clock.now())
                for s in Side
                if link.keys[s] is not None
            ]
            tx.put_hints(hints)


_KEY = new_key()
_COPIES = count()


@lru_cache(maxsize=4)
def empty_store(key: str = _KEY) -> bytes:
    """A migrated store without rows, as a file's content, for use under that key: made once per process."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "store.db"
        open_store(f"sqlite:///{path}", KeyVault(key)).close()
        return path.read_bytes()


def make_world(
    folder: Path, left: Capabilities = FULL, right: Capabilities = FULL, entities: tuple[str, ...] = CORE
) -> World:
    """A world with an empty store in this folder. Close its store when done."""
    path = folder / "store.db"
    path.write_bytes(empty_store(_KEY))
    vault = KeyVault(_KEY)
    return World(open_store(f"sqlite:///{path}", vault), vault, folder, powers=Sides(left, right), entities=entities)
