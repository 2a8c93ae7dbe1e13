"""What the checks of I23 to I44 share: profiles, one side of a world, a driver that stops between steps, judges."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, TypeVar

from connector.engine.effects import Call, Commit, Effect, Effects, Look, NewId, Now, Sleep
from connector.engine.sync import Options, sync
from connector.errors import ConnectorError
from connector.model.plan import Report
from connector.model.records import Key
from connector.model.rows import LinkState
from connector.model.values import SIDES, Side, Sides
from connector.ports import Adapter, Capabilities, Store
from connector.state.spool import FileSpool
from connector.testing.memory import MemorySystem
from connector.testing.tables import Fields, Touch
from connector.testing.world import FULL, World, account, customer, make_world
from tests.powers import POWERS

T = TypeVar("T")

PROFILES = POWERS
SPREAD: list[tuple[str, Side]] = [(name, SIDES[number % 2]) for number, name in enumerate(PROFILES)]
"""Every profile once, the sides in turn: for checks that look alike from both."""
SYNCS = ("account", "product", "order")
UNITS: dict[str, Sides[str]] = {
    "name": Sides("name", "title"),
    "phone": Sides("phone", "tel"),
    "email": Sides("email", "mail"),
    "notes": Sides("notes", "remarks"),
    "tax_id": Sides("tax_id", "vat_number"),
    "parent": Sides("parent_id", "group_of"),
}
OBJECTS: dict[str, Sides[str]] = {
    "account": Sides("companies", "customers"),
    "product": Sides("products", "items"),
    "order": Sides("deals", "orders"),
}
LINES = Sides("lines", "positions")
LINE_FIELDS: dict[str, Sides[str]] = {
    "id": Sides("id", "no"),
    "product": Sides("product_id", "item"),
    "description": Sides("description", "text"),
    "quantity": Sides("quantity", "qty"),
    "unit_price": Sides("unit_price", "price"),
}


@dataclass(frozen=True, slots=True)
class End:
    """Accounts, and lines of orders, of one side of a world, by canonical names: a check runs on either side."""

    world: World
    side: Side

    @property
    def system(self) -> MemorySystem:
        return self.world.crm if self.side is Side.LEFT else self.world.erp

    @property
    def other(self) -> End:
        return End(self.world, self.side.other)

    @property
    def object(self) -> str:
        return OBJECTS["account"][self.side]

    def _own(self, fields: Fields) -> Fields:
        return {UNITS[name][self.side]: value for name, value in fields.items()}

    def add(self, name: str, **fields: Any) -> Key:
        """A person creates an account."""
        make = account if self.side is Side.LEFT else customer
        return self.system.add(self.object, make(name, **self._own(fields)))

    def edit(self, key: Key, by: str = "user", **fields: Any) -> None:
        """A person changes an account."""
        self.system.edit(self.object, key, by=by, **self._own(fields))

    def get(self, key: Key) -> Fields:
        shown = self.system.get(self.object, key)
        return {name: shown.get(own[self.side]) for name, own in UNITS.items()}

    def show(self, object_: str, key: Key, **fields: Any) -> None:
        """From now on the system shows these values, whatever they are."""
        table = self.system._table(object_)
        row = table.rows[key]
        row.fields = {**row.fields, **fields}
        self.system._touch(table, row, "user")

    def remove(self, key: Key) -> None:
        self.system.remove(self.object, key)

    def accounts(self) -> dict[str, Key]:
        """Name -> key of every live account. Fails where a name occurs twice."""
        rows = [(row[UNITS["name"][self.side]], key) for key, row in self.system.live(self.object).items()]
        twice = [name for name, count in Counter(name for name, _ in rows).items() if count > 1]
        assert twice == [], f"twice in {self.side}: {twice}"
        return dict(rows)

    def value(self, name: str, unit: str) -> Any:
        """What the account of that name shows."""
        return self.get(self.accounts()[name])[unit]

    def partner(self, key: Key) -> Key:
        """The key the linked account has on the other side."""
        pairs = self.world.pairs()
        return pairs[key] if self.side is Side.LEFT else {right: left for left, right in pairs.items()}[key]

    def add_order(self, name: str, owner: Key, lines: Sequence[Fields]) -> Key:
        """A person creates an order. lines: canonical names."""
        shown = [{LINE_FIELDS[n][self.side]: v for n, v in line.items()} for line in lines]
        if self.side is Side.LEFT:
            fields: Fields = {"name": name, "company_id": owner, "currency": "EUR", "lines": shown}
        else:
            fields = {"title": name, "customer": owner, "cur": "EUR", "positions": shown}
        return self.system.add(OBJECTS["order"][self.side], fields)

    def lines(self, key: Key) -> list[Fields]:
        """The lines of an order, by canonical names."""
        rows = self.system.get(OBJECTS["order"][self.side], key)[LINES[self.side]]
        return [{name: row.get(own[self.side]) for name, own in LINE_FIELDS.items()} for row in rows]

    def edit_lines(self, key: Key, lines: Sequence[Fields], by: str = "user") -> None:
        """A person changes the lines of an order."""
        shown = [{LINE_FIELDS[n][self.side]: v for n, v in line.items()} for line in lines]
        self.system.edit(OBJECTS["order"][self.side], key, by=by, **{LINES[self.side]: shown})

    def watch(self) -> list[Touch]:
        """From now on, every change the connector itself makes in this system."""
        seen: list[Touch] = []
        self.system.watchers.append(lambda touch: seen.append(touch) if touch.by == "connector" else None)
        return seen


def ends(world: World) -> Sides[End]:
    return Sides(End(world, Side.LEFT), End(world, Side.RIGHT))


class Worlds:
    """Makes worlds in folders of their own and closes all of them. A context manager."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: list[World] = []
        self._count = 0

    def new(self, left: Capabilities = FULL, right: Capabilities | None = None) -> World:
        self._count += 1
        folder = self._folder / f"world{self._count}"
        folder.mkdir()
        self._made.append(make_world(folder, left, left if right is None else right))
        return self._made[-1]

    def copy(self, world: World) -> World:
        self._made.append(world.copy())
        return self._made[-1]

    def done(self, world: World) -> None:
        """Close this one now: a sweep makes hundreds."""
        world.store.close()
        self._made = [made for made in self._made if made is not world]

    def __enter__(self) -> Worlds:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for world in self._made:
            world.store.close()


@dataclass
class Stepper(Generic[T]):
    """One run that goes on by a single effect at a time, so that anything may happen in between.

    What reaches nothing outside (time, names, looks at the store) is carried out on the way; `coming` is the call or
    commit that is next. An effect of a list counts as one step. adapters, store: instead of the world's own.
    """

    world: World
    generator: Effects[T]
    adapters: Sides[Adapter] | None = None
    store: Store | None = None
    coming: Call | Commit | None = None
    ended: bool = False
    result: T | None = None
    error: Exception | None = None
    count: int = 0
    _queue: list[Effect] = field(default_factory=list)
    _answers: list[Any] | None = None

    def __post_init__(self) -> None:
        self._resume(None, None)

    def step(self) -> bool:
        """Carry out the step that is next; False when the run has ended."""
        if self.ended:
            return False
        effect = self._queue.pop(0)
        self.count += 1
        self._take(effect)
        return not self.ended

    def finish(self) -> T:
        """Go on to the end; the run's result, or its error raised."""
        while self.step():
            pass
        if self.error is not None:
            raise self.error
        return self.result  # type: ignore[return-value]  # set when the generator returned

    def _take(self, effect: Effect) -> None:
        several = self._answers
        try:
            answer = self._perform(effect)
        except ConnectorError as error:
            if several is None:
                self._resume(None, error)
                return
            answer = error
        except Exception as error:
            self._resume(None, error)
            return
        if several is None:
            self._resume(answer, None)
            return
        several.append(answer)
        if not self._queue:
            self._answers = None
            self._resume(several, None)
        else:
            self._show()

    def _resume(self, answer: Any, failure: Exception | None) -> None:
        self._queue, self._answers, self.coming = [], None, None
        try:
            effect = self.generator.throw(failure) if failure is not None else self.generator.send(answer)
        except StopIteration as stop:
            self.ended, self.result = True, stop.value
            return
        except Exception as error:
            self.ended, self.error = True, error
            return
        if isinstance(effect, Sequence):
            self._queue, self._answers = list(effect), []
            if not self._queue:
                self._resume([], None)
                return
        else:
            self._queue = [effect]
        self._show()

    def _show(self) -> None:
        """Stop before what reaches outside, pass over the rest."""
        effect = self._queue[0]
        if isinstance(effect, Call | Commit):
            self.coming = effect
            return
        self._queue.pop(0)
        self._take(effect)

    def _perform(self, effect: Effect) -> Any:
        world = self.world
        store = self.store or world.store
        match effect:
            case Call(side, method, args):
                adapter: Adapter = self.adapters[side] if self.adapters else End(world, side).system
                return getattr(adapter, method)(*args)
            case Commit(body, durable):
                with store.begin(durable=durable) as tx:
                    return body(tx)
            case Look(body):
                with store.look() as tx:
                    return body(tx)
            case Now():
                return world.clock.now()
            case Sleep(seconds):
                return world.clock.sleep(seconds)
            case NewId():
                return world.names()
            case _:
                return None


def stepper(
    world: World,
    entity: str = "account",
    *,
    store: Store | None = None,
    adapters: Sides[Adapter] | None = None,
    **options: Any,
) -> Stepper[Report]:
    """One run of a sync, to be stepped through."""
    spool = FileSpool(world.folder)
    generator = sync(world.specs[entity], world.vault, spool, Options(**options))
    return Stepper(world, _closing(generator, spool), adapters, store)


def _closing(generator: Effects[T], spool: FileSpool) -> Effects[T]:
    try:
        return (yield from generator)
    finally:
        spool.close()


def run_with(
    world: World, before: Callable[[int, Call | Commit], None], entity: str = "account", **options: Any
) -> int:
    """One run; `before` is called with the number of each step (from 0) and what it is. The steps there were."""
    run = stepper(world, entity, **options)
    while run.coming is not None:
        before(run.count, run.coming)
        run.step()
    if run.error is not None:
        raise run.error
    return run.count


def try_sync(world: World, entity: str = "account", **options: Any) -> None:
    """One run that may fail the way runs do."""
    with suppress(ConnectorError):
        world.sync(entity, **options)


# ---------------------------------------------------------------------------------------------------- judges


def waiting(world: World, entity: str = "account") -> set[tuple[int, str]]:
    """(link, unit) of every open conflict or hold."""
    return {(row.link, row.unit) for row in world.look("conflicts", world.specs[entity].kind)}


def in_step(world: World, *units: str) -> None:
    """Nothing twice; linked accounts show the same on both sides, or a row says where not; nothing is left open."""
    left, right = ends(world)
    left.accounts()
    right.accounts()
    waits = waiting(world)
    parked = {row.link for row in world.look("dead", world.specs["account"].kind)}
    for link in world.links("account", LinkState.LINKED):
        if (link.id, "*") in waits or link.id in parked:
            continue
        one, other = left.get(str(link.keys.left)), right.get(str(link.keys.right))
        for unit in units or ("name", "phone", "email", "notes"):
            assert one[unit] == other[unit] or (link.id, unit) in waits, (unit, one, other)
    for entity in world.specs:
        assert not any(world.look("count_intents", world.specs[entity].kind).values())
    assert [link for link in world.links("account", LinkState.HALF) if link.id not in parked] == []


def linked_all(world: World) -> None:
    """Every live account of both sides has a partner that lives."""
    pairs = world.pairs()
    for end, keys in zip(ends(world), (set(pairs), set(pairs.values())), strict=True):
        assert set(end.accounts().values()) == keys, end.side


def stored(world: World) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table of the store."""
    (path,) = [Path(row[2]) for row in _rows(world, "PRAGMA database_list")]
    assert path.exists()
    names = sorted(row[0] for row in _rows(world, "SELECT name FROM sqlite_master WHERE type = 'table'"))
    return {name: sorted(_rows(world, f'SELECT * FROM "{name}"'), key=repr) for name in names}


def _rows(world: World, sql: str) -> Iterator[tuple[Any, ...]]:
    path = next(p for p in (world.folder / "store.db", *sorted(world.folder.glob("store*.db"))) if p.exists())
    connection = sqlite3.connect(path)
    try:
        yield from connection.execute(sql).fetchall()
    finally:
        connection.close()
