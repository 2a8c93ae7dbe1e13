"""What users do in an arena during a day, and what the numbered invariants I1-I22 measure in it afterwards."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import msgspec
from parts_a import ENTITIES, Arena, line

from connector.engine.shape import Shape
from connector.engine.spec import SystemSpec
from connector.mapping.translate import load_mapping
from connector.merge.base import Base, unpack
from connector.model.records import Key
from connector.model.rows import LinkRow, LinkState
from connector.model.values import Side, Value
from connector.testing.driver import When
from connector.testing.tables import Fields
from connector.testing.world import CRM_ORDER, ERP_ORDER

# ------------------------------------------------------------------------------------------------- scenarios


def morning(arena: Arena) -> None:
    """What both systems hold, in step: three companies of the CRM, one of the ERP, a product, an order of two lines."""
    companies, customers = arena.desks("account")
    for number in range(3):
        companies.add(name=f"Acme {number}", phone="p0", email="e0", notes="n0", street="s0", city="c0")
    customers.add(name="Globex", phone="p0", email="e0", notes="n0")
    product = arena.desks("product")[0].add(sku="A", name="Anvil", price="2.50")
    arena.sync("account")
    arena.sync("product")
    lines = [line("one", "1", "2.50", product), line("two", "2", "2.50", product)]
    arena.desks("order")[0].add(name="Deal", account="C00001", notes="n0", po="o0", lines=lines)
    arena.sync("order")


def order(arena: Arena, start: int = 0, **values: Any) -> tuple[Key, Key]:
    """An order of two lines, first made in the CRM (0) or the ERP (1) and synced: its keys there."""
    company = arena.desks("account")[start].add(name="Buyer")
    arena.sync("account")
    lines = [line("one", "1", "2.50"), line("two", "2", "2.50")]
    key = arena.desks("order")[start].add(name="Deal", account=company, lines=lines, **values)
    arena.sync("order")
    mate = arena.mates("order")[key]
    return (key, mate) if start == 0 else (mate, key)


def noon(arena: Arena) -> None:
    """What users do then: creates, a child before its parent, edits, a conflict, a delete, lines on both sides."""
    companies, customers = arena.desks("account")
    mates = arena.mates()
    companies.add(name="Child", parent="C00006")
    companies.add(name="Parent")
    customers.add(name="Initech", phone="p5")
    companies.edit("C00001", phone="pL")
    customers.edit(mates["C00001"], email="eR")
    companies.edit("C00002", phone="conflict L")
    customers.edit(mates["C00002"], phone="conflict R")
    companies.remove("C00003")
    deals, orders = arena.desks("order")
    order = arena.mates("order")["D00001"]
    deals.change_line("D00001", 0, quantity="9")
    orders.add_line(order, text="new", quantity="3")
    deals.add(name="Second", account="C00005", lines=[line("alone")])


def run_all(arena: Arena, crash: int | None = None, when: When = "before", **options: Any) -> int:
    """One run of every sync; the effects carried out. With `crash` the process dies at that effect of the whole."""
    done = 0
    for entity in ENTITIES:
        arena.sync(entity, None if crash is None or crash <= done else crash - done, when, **options)
        done += arena.driver.count
    return done


def rest(arena: Arena, *entities: str) -> None:
    """Let time pass until nothing happens; then nothing is left to plan, and every field is settled or listed (I6)."""
    wanted = entities or ENTITIES
    arena.settle(*wanted, rounds=12)
    for entity in wanted:
        assert arena.plan(entity) == [], entity
        assert unsettled(arena, entity) == [], entity


# -------------------------------------------------------------------------------------------------- measures

_PASSING = {"cursor", "run", "lease", "alembic_version"}


def rows(arena: Arena) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of the store, but cursors, the list of runs, and leases."""
    with sqlite3.connect(arena.folder / "store.db") as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found = {name: sorted(database.execute(f'SELECT * FROM "{name}"'), key=repr) for name in tables}
    database.close()
    return {name: content for name, content in found.items() if name not in _PASSING and not name.startswith("sqlite_")}


def journalled(arena: Arena, entity: str = "account", *events: str) -> set[str]:
    """Every value the journal keeps of what was overwritten; `events` narrows it to those."""
    found: set[str] = set()
    for row in arena.look("journal", arena.specs[entity].kind, None, None, 100_000):
        if row.body is not None and (not events or row.event in events):
            found.update(msgspec.json.decode(arena.vault.open(row.body, b"journal"), type=dict[str, str]).values())
    return found


def shown(arena: Arena, entity: str = "account") -> set[str]:
    """Every value that a live record of either system shows, of lines too."""
    return {str(value) for desk in arena.desks(entity) for row in desk.live().values() for value in _values(row)}


def _values(row: Mapping[str, Any]) -> Iterator[Any]:
    for value in row.values():
        if isinstance(value, list):
            for item in value:
                yield from _values(item)
        elif value is not None:
            yield value


def alike(arena: Arena, entity: str, left: Fields, right: Fields) -> dict[str, bool]:
    """Canonical field -> whether both systems show the same, references through their links."""
    mates = {**arena.mates("account"), **arena.mates("product")}
    found = {}
    for name, value in left.items():
        other = right[name]
        if name == "status":
            found[name] = {"customer": False, "former": True}.get(value) is other
        elif name in ("parent", "account"):
            found[name] = (mates.get(value) if value else None) == other
        elif name == "lines":
            found[name] = sorted(map(repr, _lines(value, mates))) == sorted(map(repr, _lines(other, {})))
        else:
            found[name] = (value or None) == (other or None)
    return found


def _lines(lines: list[Fields], mates: Mapping[Key, Key]) -> list[list[str]]:
    def plain(name: str, value: Any) -> str:
        return (
            format(Decimal(value).normalize(), "f") if name in ("quantity", "price") else str(mates.get(value, value))
        )

    return [[plain(n, v) for n, v in sorted(row.items()) if n != "id"] for row in lines]


_UNIT = {"street": "billing_address", "city": "billing_address", "limit": "credit_limit", "po": "po_number"}


def unsettled(arena: Arena, entity: str) -> list[str]:
    """I6: fields that are neither the same on both sides, nor an open conflict, nor equal to their base."""
    spec = arena.specs[entity]
    shape = Shape(spec, arena.vault)
    layouts = arena.look("layouts", spec.kind)
    waiting = {(row.link, row.unit) for row in arena.look("conflicts", spec.kind)}
    crm, erp = arena.desks(entity)
    found = []
    for link in arena.links(entity, LinkState.LINKED):
        keys = (str(link.keys[arena.side(0)]), str(link.keys[arena.side(1)]))
        rows_ = crm.live().get(keys[0]), erp.live().get(keys[1])
        if rows_[0] is None or rows_[1] is None:
            continue  # ended on one side: the record level says what happens
        base = unpack(link.base, layouts.get(link.layout, ()))
        for name, same in alike(arena, entity, rows_[0], rows_[1]).items():
            unit = _UNIT.get(name, name)
            if same or (link.id, unit) in waiting or (link.id, "*") in waiting:
                continue
            if not _at_base(arena, shape, base, unit, link, keys):
                found.append(f"{keys}: {name}: {rows_[0][name]!r} / {rows_[1][name]!r}")
    return found


def _at_base(arena: Arena, shape: Shape, base: Base, unit: str, link: LinkRow, keys: tuple[Key, Key]) -> bool:
    for number, key in enumerate(keys):
        side, desk = arena.side(number), arena.desks(shape.spec.entity.name)[number]
        index = 0 if side is Side.LEFT else 1
        values = shape.spec.systems[side].mapping.decode(desk.system.get(desk.object, key)).values
        pair = base.prints.get(unit)
        if pair is not None and shape.print(unit, shape.encodings(values)[unit], side, link.id) == pair[index]:
            continue
        if unit != "lines" or not _lines_at_base(shape, base, values["lines"], side, link.id):
            return False
    return True


def _lines_at_base(shape: Shape, base: Base, lines: Value, side: Side, link: int) -> bool:
    """Whether one side shows exactly the lines its base knows. A line only the other side has stands there, too."""
    assert isinstance(lines, tuple)
    index = 0 if side is Side.LEFT else 1
    known = {(row.left, row.right)[index]: {n: p[index] for n, p in row.prints.items()} for row in base.lines or ()}
    known.pop("", None)
    return known == {str(row.key): shape.line_prints(row, side, link) for row in lines}


def picture(arena: Arena) -> dict[str, Any]:
    """Both systems and what the store says of them, by names and values: keys, versions and times may differ."""
    names = {key: row["name"] for desk in arena.desks("account") for key, row in desk.live().items()}
    names |= {key: row["sku"] for desk in arena.desks("product") for key, row in desk.live().items()}
    found: dict[str, Any] = {}
    for entity in ENTITIES:
        kind = arena.specs[entity].kind
        for number, desk in enumerate(arena.desks(entity)):
            found[f"{entity} {number}"] = sorted(repr(_named(row, names)) for row in desk.live().values())
        found[f"{entity} links"] = {s.value: n for s, n in arena.look("count_links", kind).items() if n}
        found[f"{entity} pairs"] = sorted(
            (str(names.get(k)), str(names.get(v))) for k, v in arena.mates(entity).items() if k[0] in "CPD"
        )
        found[f"{entity} waits"] = sorted(arena.conflicts(entity)) + sorted(row[2] for row in arena.dead(entity))
        found[f"{entity} open"] = sum(arena.look("count_intents", kind).values()), len(arena.hints(entity))
    return found


def _named(row: Fields, names: Mapping[Key, str]) -> list[tuple[str, str]]:
    inner = sorted(repr(_lines(row["lines"], names))) if "lines" in row else []
    plain = [(n, str(names.get(v, v) if isinstance(v, str) else v)) for n, v in row.items() if n not in ("id", "lines")]
    return [*sorted(plain), ("lines", "".join(inner))]


_MONEY = "  {0}: {{field: {0}, currency: {1}, direction: read}}\n"


def with_totals(arena: Arena, *more: str) -> None:
    """From now on both systems show tax and total of an order, `more` of its figures, and what each line comes to."""
    texts = {}
    for name, text, currency in (("crm", CRM_ORDER, "currency"), ("erp", ERP_ORDER, "cur")):
        extra = "".join(_MONEY.format(figure, currency) for figure in ("tax", "total", *more))
        amount = "    " + _MONEY.format("amount", "^" + currency)
        texts[name] = text.replace("  lines:\n    field", extra + "  lines:\n    field") + amount

    def shows(system: SystemSpec) -> SystemSpec:
        return replace(system, mapping=load_mapping(texts[system.name], f"{system.name}/order.yaml"))

    spec = arena.specs["order"]
    arena.set("order", systems=spec.systems.map(shows))
