"""The engine over PostgreSQL: crashes, merges and a second process, with the same end as over a store in memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from math import inf
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url

from connector.errors import TransientError
from connector.model.records import Page
from connector.model.rows import HintRow
from connector.model.values import SIDES, Side, Sides
from connector.ports import Store
from connector.state.store import open_store
from connector.state.vault import KeyVault, new_key
from connector.testing.driver import Crash, HandClock, Names, When
from connector.testing.spool import MemorySpool
from connector.testing.store import MemoryStore
from connector.testing.world import FULL, World, account, customer, line
from tests.laws.store_postgres import execute, postgres

VAULT = KeyVault(new_key())
SYNCS = ("account", "product", "order")
POINTS = 14
WHENS: tuple[When, When] = ("before", "after")
_numbers = count()


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Address of a server whose own database holds an empty store."""
    with postgres(VAULT) as address:
        yield address


@contextmanager
def copied(server: str, source: str) -> Iterator[str]:
    """Address of a database that is a copy of that one, which nobody has open."""
    name = f"copy_{next(_numbers)}"
    execute(server, f"CREATE DATABASE {name} TEMPLATE {source}")
    try:
        yield address_of(server, name)
    finally:
        execute(server, f"DROP DATABASE {name} WITH (FORCE)")


def address_of(server: str, name: str) -> str:
    return make_url(server).set(database=name).render_as_string(hide_password=False)


@pytest.fixture(scope="module")
def opened(server: str) -> Iterator[Store]:
    """A store for tests that meet in no row of it."""
    with copied(address_of(server, "template1"), str(make_url(server).database)) as address:
        store = open_store(address, VAULT)
        yield store
        store.close()


def world_over(store: Store, folder: Path) -> World:
    return World(store, VAULT, folder, HandClock(), Names(), Sides(FULL, FULL), spools=MemorySpool)


def again(world: World, store: Store) -> World:
    """Both systems and the time as in that world, over another store."""
    made = World(store, VAULT, world.folder, replace(world.clock), replace(world.names), world.powers)
    made.spools = world.spools
    made.crm, made.erp = world.crm.copy(made.clock), world.erp.copy(made.clock)
    return made


@pytest.fixture
def world_address(server: str) -> Iterator[str]:
    with copied(address_of(server, "template1"), str(make_url(server).database)) as address:
        yield address


@pytest.fixture
def world(world_address: str, tmp_path: Path) -> Iterator[World]:
    """An empty world over PostgreSQL."""
    made = world_over(open_store(world_address, VAULT), tmp_path)
    yield made
    made.store.close()


# ----------------------------------------------------------------------------------------------- crashes


def before(world: World) -> None:
    """Four accounts and an order, in step."""
    for number in range(3):
        world.crm.add("companies", account(f"Acme {number}", phone="1", email="a"))
    world.erp.add("customers", customer("Globex", tel="1", mail="a"))
    product = world.crm.add("products", {"sku": "A", "name": "Anvil", "price": "2.50", "currency": "EUR"})
    world.sync("account")
    world.sync("product")
    lines = [line(product, "1", "2.50", description="one"), line(product, "2", "2.50", description="two")]
    world.crm.add("deals", {"name": "Deal", "company_id": "C00001", "currency": "EUR", "lines": lines})
    world.sync("order")


def day(world: World) -> None:
    """Creates, a child before its parent, edits on both sides, a conflict, a delete, a merge, lines."""
    pairs = world.pairs()
    world.crm.add("companies", account("Child", parent_id="C00006"))
    world.crm.add("companies", account("Parent"))
    world.erp.add("customers", customer("Initech", tel="5"))
    world.crm.edit("companies", "C00001", phone="L1")
    world.erp.edit("customers", pairs["C00001"], mail="R1")
    world.crm.edit("companies", "C00002", phone="L2")
    world.erp.edit("customers", pairs["C00002"], tel="R2")
    world.crm.remove("companies", "C00003")
    rows = world.crm.get("deals", "D00001")["lines"]
    world.crm.edit("deals", "D00001", lines=[{**rows[0], "quantity": "9"}, rows[1]])


def picture(world: World) -> dict[str, Any]:
    """Both systems and the store, by names and values."""
    left, right = world.crm.live("companies"), world.erp.live("customers")
    kinds = [world.specs[entity].kind for entity in SYNCS]
    return {
        "companies": sorted((r["name"], str(r["phone"]), str(r["email"])) for r in left.values()),
        "customers": sorted((r["title"], str(r["tel"]), str(r["mail"])) for r in right.values()),
        "parents": sorted((r["name"], left[r["parent_id"]]["name"]) for r in left.values() if r.get("parent_id")),
        "groups": sorted((r["title"], right[r["group_of"]]["title"]) for r in right.values() if r.get("group_of")),
        "orders": [
            sorted((row["text"], str(row["qty"])) for row in order["positions"])
            for order in world.erp.live("orders").values()
        ],
        "pairs": sorted((left[one]["name"], right[other]["title"]) for one, other in world.pairs().items()),
        "links": [world.look("count_links", kind) for kind in kinds],
        "conflicts": [world.conflicts(entity) for entity in SYNCS],
        "dead": [world.dead(entity) for entity in SYNCS],
        "open": [(world.look("count_intents", kind), world.look("hints", kind)) for kind in kinds],
    }


def rest(world: World) -> dict[str, Any]:
    world.settle(*SYNCS)
    assert [world.plan(entity) for entity in SYNCS] == [[], [], []]
    return picture(world)


def run_all(world: World, crash: int | None, when: When = "before") -> int:
    """One run of every sync; with `crash` the process dies at that effect of the whole. Effects carried out."""
    done = 0
    for entity in SYNCS:
        try:
            world.sync(entity, None if crash is None or crash <= done else crash - done, when)
        except Crash:
            return done + world.driver.count
        done += world.driver.count
    return done


def prepared(store: Store, folder: Path) -> World:
    made = world_over(store, folder)
    before(made)
    return made


def end_after_a_crash(first: World, store: Store, crash: int, when: When) -> dict[str, Any]:
    try:
        world = again(first, store)
        day(world)
        run_all(world, crash, when)
        return rest(world)
    finally:
        store.close()


def test_a_crash_leaves_the_end_over_postgresql_that_a_store_in_memory_has_without(server: str, tmp_path: Path) -> None:
    plain = prepared(MemoryStore(), tmp_path)
    day(plain)
    steps = run_all(plain, None)
    wanted = rest(plain)
    assert wanted["conflicts"][0] == [("phone", "conflict")]
    admin = address_of(server, "template1")
    with copied(admin, str(make_url(server).database)) as source:
        first = prepared(open_store(source, VAULT), tmp_path)
        first.store.close()
        for point in range(POINTS):
            crash, when = 1 + point * (steps - 1) // (POINTS - 1), WHENS[point % 2]
            with copied(admin, str(make_url(source).database)) as address:
                found = end_after_a_crash(first, open_store(address, VAULT), crash, when)
            assert found == wanted, (crash, when)


# ------------------------------------------------------------------------------------- merges, hints, leases


def test_the_key_of_a_merged_record_leads_to_the_survivor(world: World) -> None:
    loser, survivor = (world.crm.add("companies", account(name, phone=name)) for name in ("Old", "New"))
    world.sync()
    links, images = {str(link.keys.left): link.id for link in world.links()}, world.pairs()
    world.crm.merge("companies", loser, survivor)
    world.settle()
    kind = world.specs["account"].kind
    image = images[loser]
    found = world.look("aliases_of", kind, links.values())
    assert sorted(found) == [(Side.LEFT, loser, links[survivor]), (Side.RIGHT, image, links[survivor])]
    assert world.look("aliases_of", world.specs["order"].kind, links.values()) == []
    assert world.look("links_by_key", kind, Side.LEFT, [loser])[loser].id == links[survivor]
    assert len(world.erp.live("customers")) == 2
    assert world.plan() == []


@pytest.mark.parametrize(
    ("read", "now", "left"),
    [
        (inf, inf, []),
        (inf, 0.0, []),
        (-inf, inf, [0.0, 1.0, 2.0, inf]),
        (1.0, inf, [2.0, inf]),
        (1.0, 2.0, [2.0]),
        (0.0, 1.0, [1.0]),
        (-inf, -inf, []),
    ],
)
def test_hints_that_came_after_a_look_stay(opened: Store, read: float, now: float, left: list[float]) -> None:
    kind, dues = f"hints/{read}/{now}", {"a": 0.0, "b": 1.0, "c": 2.0, "d": inf}
    for store in (opened, MemoryStore()):
        with store.begin() as tx:
            tx.put_hints([HintRow(kind, side, key, None, "feed", due) for key, due in dues.items() for side in SIDES])
            tx.drop_hints(kind, Side.LEFT, list(dues), read=read, now=now)
            assert [hint.due for hint in tx.hints(kind) if hint.side is Side.LEFT] == left
            assert [hint.due for hint in tx.hints(kind) if hint.side is Side.RIGHT] == list(dues.values())
            tx.drop_hints(kind, Side.RIGHT, list(dues))
            assert [hint.side for hint in tx.hints(kind)] == [Side.LEFT] * len(left)


def test_a_run_whose_lease_another_process_took_over_writes_nothing_more(world: World, world_address: str) -> None:
    world.crm.add("companies", account("A"))
    second = again(world, open_store(world_address, VAULT))
    second.crm, second.erp, second.clock, second.names = world.crm, world.erp, world.clock, world.names
    original = world.crm.changes

    def overtaken(name: str, cursor: str | None) -> Page:
        world.crm.changes = original  # type: ignore[method-assign]
        world.clock.advance(2000)
        assert second.sync().counts["created"] == 1
        world.crm.add("companies", account("B"))
        return original(name, cursor)

    world.crm.changes = overtaken  # type: ignore[method-assign]
    with pytest.raises(TransientError, match="another run is going on"):
        world.sync()
    assert len(world.erp.live("customers")) == 1
    second.store.close()
    world.settle()
    assert sorted(row["title"] for row in world.erp.live("customers").values()) == ["A", "B"]
    assert world.plan() == []
