"""A world that can be mirrored, watched and interrupted: where the numbered invariants I1-I22 are tried."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

from connector.engine.effects import Call, Commit, Effect, Effects
from connector.engine.spec import SyncSpec
from connector.merge.rules import Unit
from connector.model.records import Key
from connector.model.values import Side, Sides
from connector.ports import Adapter, Capabilities
from connector.state.store import open_store
from connector.testing.driver import CrashDriver, When
from connector.testing.memory import MemorySystem
from connector.testing.tables import Fields
from connector.testing.world import FULL, World, make_world
from tests.powers import powers

T = TypeVar("T")

POWERS = powers(
    "everything",
    "idempotency key",
    "searchable key",
    "created-by filter",
    "no delete feed",
    "small batches",
    "opaque overlap",
)
PROFILES = {**POWERS, **powers("unconditional")}
LOOSE = PROFILES["unconditional"]
ENTITIES = ("account", "product", "order")

# Canonical field -> what each of the two systems calls it.
# fmt: off
NAMES: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "account": (
        {"name": "name", "tax_id": "tax_id", "phone": "phone", "email": "email", "notes": "notes", "status": "state",
         "parent": "parent_id", "street": "street", "city": "city", "currency": "currency", "limit": "credit_limit"},
        {"name": "title", "tax_id": "vat_number", "phone": "tel", "email": "mail", "notes": "remarks",
         "status": "blocked", "parent": "group_of", "street": "addr1", "city": "addr2", "currency": "cur",
         "limit": "limit"},
    ),
    "product": (
        {"sku": "sku", "name": "name", "price": "price", "currency": "currency"},
        {"sku": "code", "name": "title", "price": "price", "currency": "cur"},
    ),
    "order": (
        {"name": "name", "account": "company_id", "po": "po", "notes": "notes", "currency": "currency",
         "freight": "freight", "lines": "lines"},
        {"name": "title", "account": "customer", "po": "customer_reference", "notes": "remarks", "currency": "cur",
         "freight": "freight", "lines": "positions"},
    ),
}
LINE_NAMES = (
    {"id": "id", "product": "product_id", "text": "description", "quantity": "quantity", "price": "unit_price"},
    {"id": "no", "product": "item", "text": "text", "quantity": "qty", "price": "price"},
)
# fmt: on
OBJECTS = {
    "account": ("companies", "customers"),
    "product": ("products", "items"),
    "order": ("deals", "orders"),
}
_DEFAULTS: dict[str, tuple[Fields, Fields]] = {
    "account": ({"currency": "EUR", "status": "customer"}, {"currency": "EUR", "status": False}),
    "product": ({"currency": "EUR"}, {"currency": "EUR"}),
    "order": ({"currency": "EUR"}, {"currency": "EUR"}),
}


@dataclass(frozen=True, slots=True)
class Desk:
    """Where users of one system work on one entity: canonical names in, canonical names out."""

    system: MemorySystem
    entity: str
    number: int

    @property
    def object(self) -> str:
        return OBJECTS[self.entity][self.number]

    def add(self, **values: Any) -> Key:
        return self.system.add(self.object, self._out({**_DEFAULTS[self.entity][self.number], **values}))

    def edit(self, key: Key, **values: Any) -> None:
        self.system.edit(self.object, key, **self._out(values))

    def remove(self, key: Key) -> None:
        self.system.remove(self.object, key)

    def restore(self, key: Key) -> None:
        self.system.restore(self.object, key)

    def get(self, key: Key) -> Fields:
        return self._in(self.system.get(self.object, key))

    def live(self) -> dict[Key, Fields]:
        return {key: self._in(row) for key, row in self.system.live(self.object).items()}

    def change_line(self, key: Key, index: int, **values: Any) -> None:
        lines = self.get(key)["lines"]
        self.edit(key, lines=[{**row, **values} if n == index else row for n, row in enumerate(lines)])

    def drop_line(self, key: Key, index: int) -> None:
        self.edit(key, lines=[row for n, row in enumerate(self.get(key)["lines"]) if n != index])

    def add_line(self, key: Key, **values: Any) -> None:
        self.edit(key, lines=[*self.get(key)["lines"], line(**values)])

    def _out(self, values: Mapping[str, Any]) -> Fields:
        names = NAMES[self.entity][self.number]
        found: Fields = {names[name]: value for name, value in values.items()}
        if "lines" in values:
            inner = LINE_NAMES[self.number]
            found[names["lines"]] = [
                {inner[n]: v for n, v in row.items() if n != "id" or v is not None} for row in values["lines"]
            ]
        return found

    def _in(self, row: Fields) -> Fields:
        names = NAMES[self.entity][self.number]
        found: Fields = {name: row.get(theirs) for name, theirs in names.items()}
        if "lines" in names:
            inner = LINE_NAMES[self.number]
            found["lines"] = [{n: item.get(t) for n, t in inner.items()} for item in row.get(names["lines"]) or []]
        return found


def line(text: str = "x", quantity: str = "1", price: str = "1.00", product: Key | None = None) -> Fields:
    """A new line, by canonical names."""
    return {"product": product, "text": text, "quantity": quantity, "price": price}


class Between(CrashDriver):
    """Before each counted effect, and after the last, `act` gets its number: a user edits, a hint arrives."""

    act: Callable[[int, Effect], None] | None = None

    def _one(self, effect: Effect) -> Any:
        if self.act is not None and isinstance(effect, Call | Commit):
            self.act(self.count + 1, effect)
        return CrashDriver._one(self, effect)


@dataclass(slots=True)
class Arena(World):
    """A world whose sides may be swapped, and in which something may happen between the effects of a run."""

    swapped: bool = False
    act: Callable[[int, Effect], None] | None = None

    def _spec(self, entity: str) -> SyncSpec:
        spec = World._spec(self, entity)
        if not self.swapped:
            return spec
        units = tuple(mirrored_unit(unit) for unit in spec.units)
        creates = frozenset(side.other for side in spec.creates)
        return replace(spec, systems=spec.systems.mirrored(), units=units, creates=creates)

    def drive(self, generator: Effects[T], crash: int | None = None, when: When = "before") -> T:
        systems: Sides[Adapter] = Sides(self.erp, self.crm) if self.swapped else Sides(self.crm, self.erp)
        driver = Between(systems, self.store, self.clock, self.names, crash, when)
        driver.act = self.act
        self.driver = driver
        return driver.run(generator)

    def desks(self, entity: str = "account") -> tuple[Desk, Desk]:
        """The CRM's and the ERP's."""
        return Desk(self.crm, entity, 0), Desk(self.erp, entity, 1)

    def side(self, number: int) -> Side:
        """On which side of the sync the CRM (0) or the ERP (1) stands."""
        return Side.LEFT if (number == 0) is not self.swapped else Side.RIGHT

    def mates(self, entity: str = "account") -> dict[Key, Key]:
        """CRM key -> ERP key, and back, of live links. Keys of the two systems never collide."""
        pairs = self.pairs(entity)
        return {**pairs, **{right: left for left, right in pairs.items()}}

    def clone(self) -> Arena:
        """An independent arena as this one is now, its settings too."""
        folder = self.folder / f"clone{next(_CLONES)}"
        folder.mkdir()
        self.store.copy_to(str(folder / "store.db"))  # type: ignore[attr-defined]
        store = open_store(f"sqlite:///{folder / 'store.db'}", self.vault)
        clock, names = replace(self.clock), replace(self.names)
        made = Arena(store, self.vault, folder, clock, names, self.powers, swapped=self.swapped)
        made.specs = dict(self.specs)
        made.crm, made.erp = self.crm.copy(clock), self.erp.copy(clock)
        return made


_CLONES = count()


def mirrored_unit(unit: Unit) -> Unit:
    return replace(unit, flow=unit.flow.mirrored, policy=unit.policy.mirrored, initial=unit.initial.mirrored)


@dataclass(slots=True)
class Builder:
    """Makes arenas, each with a folder of its own, and closes them all at the end."""

    folder: Path
    made: list[Arena] = field(default_factory=list)

    def __call__(self, left: Capabilities = FULL, right: Capabilities | None = None, *, swapped: bool = False) -> Arena:
        """left: the CRM's powers; right: the ERP's, the same unless given. swapped: the ERP stands on the left."""
        folder = self.folder / f"arena{len(self.made)}"
        folder.mkdir()
        powers = Sides(left, left if right is None else right)
        empty = make_world(folder)
        arena = Arena(empty.store, empty.vault, folder, powers=powers, swapped=swapped)
        self.made.append(arena)
        return arena

    def clone(self, arena: Arena) -> Arena:
        copy = arena.clone()
        self.made.append(copy)
        return copy


@contextmanager
def arenas(folder: Path) -> Iterator[Builder]:
    builder = Builder(folder)
    yield builder
    for arena in builder.made:
        arena.store.close()
