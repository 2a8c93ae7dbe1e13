"""I39, I40: an older store doubles nothing and loses nothing; the same seed is the same day anywhere."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from parts_b import PROFILES, SPREAD, SYNCS, End, Worlds, ends, in_step

from connector.model.records import Op
from connector.model.values import SIDES, Side
from connector.testing.driver import Crash
from connector.testing.tables import LOST
from connector.testing.world import World

LINE = {"product": None, "description": "one", "quantity": "1", "unit_price": "2.50"}


@pytest.fixture
def worlds(tmp_path: Path) -> Iterator[Worlds]:
    with Worlds(tmp_path) as made:
        yield made


# ------------------------------------------------------------------------------------------------------ I39


def before_backup(world: World) -> None:
    left, right = ends(world)
    for number in range(3):
        left.add(f"old {number}", phone="0", email="0", notes="0", tax_id=f"T{number}")
    right.add("old right", phone="0", tax_id="TR")
    world.settle()
    left.add_order("old order", left.accounts()["old 0"], [LINE])
    world.settle(*SYNCS)


def after_backup(world: World) -> None:
    """A day the backup knows nothing of: edits, creates on both sides, children, lines, a delete, all in step."""
    left, right = ends(world)
    names = left.accounts()
    left.edit(names["old 0"], phone="1")
    right.edit(right.accounts()["old 1"], email="1")
    right.add("new right", phone="1", tax_id="NR")
    parent = left.add("new parent", tax_id="NP")
    left.add("new child", parent=parent, phone="1", tax_id="NC")
    world.sync()
    left.remove(names["old 2"])
    right.edit(right.accounts()["new child"], notes="flowed back")
    world.settle()
    left.edit(names["old 0"], phone="2")
    order = next(iter(left.system.live("deals")))
    left.edit_lines(order, [{**left.lines(order)[0], "quantity": "5"}, {**LINE, "description": "two"}])
    left.add_order("new order", parent, [LINE])
    world.settle(*SYNCS)


def typed_since(world: World) -> None:
    """Edits nothing has carried over yet when the backup is put back."""
    left, right = ends(world)
    left.edit(left.accounts()["old 0"], phone="3")
    right.edit(right.accounts()["old 1"], notes="3")
    left.edit(left.accounts()["new child"], email="3")
    right.add("newest", tax_id="NN")


WANTED = {("old 0", "phone"): "3", ("old 1", "email"): "1", ("old 1", "notes"): "3", ("new child", "email"): "3"}


def restored(world: World, backup: World) -> World:
    """The systems as they are now, with the store as it was."""
    world.store.close()
    world.store = backup.store
    world.folder = backup.folder
    return world


def nothing_lost(world: World, orders: bool = True) -> None:
    left, right = ends(world)
    in_step(world)  # nothing twice; what differs waits for a person
    accounts = {"old 0", "old 1", "old right", "new right", "new parent", "new child", "newest"}
    for end in (left, right):
        assert set(end.accounts()) == accounts, end.side
    for (name, unit), value in WANTED.items():
        shown = [end.value(name, unit) for end in (left, right)]
        assert value in shown, (name, unit, shown)
    for end, parent in ((left, "parent_id"), (right, "group_of")):
        row = end.system.get(end.object, end.accounts()["new child"])
        assert row[parent] == end.accounts()["new parent"]
    if orders:
        assert sorted(row["name"] for row in left.system.live("deals").values()) == ["new order", "old order"]
        assert sorted(row["title"] for row in right.system.live("orders").values()) == ["new order", "old order"]
        for end, name in ((left, "deals"), (right, "orders")):
            old = next(k for k, r in end.system.live(name).items() if "old order" in r.values())
            assert [line["quantity"] for line in end.lines(old)] == ["5", "1"]


@pytest.mark.parametrize(("profile", "full"), [(name, n % 2 == 0) for n, name in enumerate(PROFILES)])
def test_i39_a_store_from_an_older_backup_doubles_nothing_and_loses_no_value(
    worlds: Worlds, profile: str, full: bool
) -> None:
    world = worlds.new(PROFILES[profile])
    if profile == "idempotency key":  # nothing on a record says who made it: people match by name
        world.set("order", match=(("name",),))
    before_backup(world)
    backup = worlds.copy(world)
    after_backup(world)
    typed_since(world)
    restored(world, backup)
    for entity in SYNCS:
        world.sync(entity, full=full)
    world.settle(*SYNCS, rounds=12)
    for entity in SYNCS:  # where no feed tells of deletes, only this does
        world.sync(entity, full=True)
    world.settle(*SYNCS, rounds=12)
    nothing_lost(world)
    for entity in SYNCS:
        assert [line for line in world.plan(entity, full=True) if line.side is not None] == []


@pytest.mark.parametrize(("profile", "side"), SPREAD[:4])
def test_i39_a_backup_taken_in_the_middle_of_a_run_doubles_nothing(worlds: Worlds, profile: str, side: Side) -> None:
    """The copy holds intents that were sent, or were to be: all of them are done long since when it is put back."""
    begin = worlds.new(PROFILES[profile])
    end = ends(begin)[side]
    end.add("old", phone="0", tax_id="T0")
    begin.settle()
    end.edit(end.accounts()["old"], phone="1")
    end.add("new", phone="1", tax_id="T1")
    plain = worlds.copy(begin)
    plain.sync()
    for crash in range(2, plain.driver.count + 1, 3):
        world = worlds.copy(begin)
        with pytest.raises(Crash):
            world.sync(crash=crash)
        backup = worlds.copy(world)
        world.clock.advance(1000)
        world.settle()
        for one in ends(world):
            one.edit(one.accounts()["new"], **{"email" if one.side is side else "notes": "later"})
        world.settle()
        ends(world)[side].edit(ends(world)[side].accounts()["old"], phone="2")
        world.settle()
        world.clock.advance(5000)  # within the life of an idempotency key, the only hold one profile has
        restored(world, backup)
        world.settle(rounds=12)
        in_step(world)
        for one in ends(world):
            assert set(one.accounts()) == {"old", "new"}
            assert (one.value("new", "email"), one.value("new", "notes")) == ("later", "later"), crash
        phones = {one.value("old", "phone") for one in ends(world)}
        assert phones == {"2"} or world.conflicts() == [("phone", "conflict")], (crash, phones)


@pytest.mark.parametrize("side", SIDES)
def test_i39_a_delete_and_a_merge_after_the_backup_bring_nothing_back(worlds: Worlds, side: Side) -> None:
    world = worlds.new()
    end = ends(world)[side]
    keys = [end.add(f"N{number}", phone="0") for number in range(4)]
    world.settle()
    backup = worlds.copy(world)
    end.remove(keys[0])
    end.system.merge(end.object, keys[1], keys[2])
    world.settle()
    before = [set(one.accounts()) for one in ends(world)]
    restored(world, backup)
    world.settle(rounds=12)
    world.sync(full=True)
    world.settle(rounds=12)
    assert [set(one.accounts()) for one in ends(world)] == before
    assert "N0" not in before[0] | before[1]


# ------------------------------------------------------------------------------------------------------ I40

SCENARIO = """
import random, sys
from pathlib import Path
from tempfile import TemporaryDirectory
import connector.testing.world as parts
from connector.engine.effects import Call
from connector.errors import ConnectorError
from connector.testing.driver import Crash
from connector.testing.tables import BUSY, LOST

def main(seed, key):
    if key:
        parts._KEY = key
        parts.empty_store.cache_clear()
    chance = random.Random(seed)
    with TemporaryDirectory() as folder:
        world = parts.make_world(Path(folder))
        for name in ("crm", "erp"):
            system = getattr(world, name)
            for method in ("changes", "scan", "read", "find", "write"):
                shown(name, system, method)
        for round in range(8):
            for number in range(4):
                people(world, chance, f"{round}-{number}")
            if chance.random() < 0.4:
                method, error = chance.choice(["write", "read"]), chance.choice([LOST, BUSY])
                world.crm.fail(method, error, after=chance.random() < 0.5)
            crash = chance.randrange(1, 14) if chance.random() < 0.4 else None
            for entity in ("account", "product", "order"):
                try:
                    report = world.sync(entity, crash=crash, full=round == 5)
                    print("report", sorted(report.counts.items()))
                except (Crash, ConnectorError) as error:
                    print("ended", type(error).__name__)
                print(world.driver.trace)
            world.clock.advance(1000)
            for line in world.plan(full=True):
                print("plan", line)
        with world.store.look() as tx:
            for row in tx.journal(limit=10000):
                print("journal", row.at, row.run, row.kind, row.link, row.side, row.key, row.event, row.fields)
            for entity in ("account", "order"):
                for link in tx.page_links(world.specs[entity].kind, 0, 1000, list(parts.LinkState)):
                    print("link", link)
        world.store.close()

def shown(name, system, method):
    real = getattr(system, method)
    def call(*args):
        print(name, method, args)
        return real(*args)
    setattr(system, method, call)

def people(world, chance, mark):
    companies, customers = sorted(world.crm.live("companies")), sorted(world.erp.live("customers"))
    kind = chance.randrange(6)
    if kind == 0 or not companies:
        world.crm.add("companies", parts.account(f"L {mark}", phone="0", notes="n"))
    elif kind == 1 or not customers:
        world.erp.add("customers", parts.customer(f"R {mark}", tel="0"))
    elif kind == 2:
        world.crm.edit("companies", chance.choice(companies), phone=mark, parent_id=chance.choice(companies))
    elif kind == 3:
        world.erp.edit("customers", chance.choice(customers), mail=mark, remarks=mark, addr1=mark)
    elif kind == 4:
        world.erp.remove("customers", chance.choice(customers))
    else:
        lines = [parts.line(None, "1", "2.50", description=d) for d in ("a", "b", mark)]
        owner = chance.choice(companies)
        world.crm.add("deals", {"name": mark, "company_id": owner, "currency": "EUR", "lines": lines})

main(int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None)
"""


def log_of(seed: int, hash_seed: str, key: str) -> bytes:
    """Everything a process with this seed asks of both systems, plans, reports, journals and keeps of links."""
    words = [sys.executable, "-c", SCENARIO, str(seed), key]
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    done = subprocess.run(words, capture_output=True, timeout=60, env=environment, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def test_i40_a_seed_of_the_simulator_is_the_same_day_in_any_process() -> None:
    """Everything both systems are asked, every commit, crash, fault and finding, with the state in a file."""
    words = [sys.executable, "-m", "connector.testing.simulator", "--sqlite", "--log", "--profile=---s", "--seed"]

    def log(hash_seed: str) -> list[str]:
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        done = subprocess.run([*words, "7"], capture_output=True, timeout=60, env=environment, check=False, text=True)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr
        return done.stdout.splitlines()

    first = log("0")
    assert len(first) > 200
    assert log("4242") == first


@pytest.mark.parametrize("seed", [1])
def test_i40_the_same_seed_gives_the_same_log_of_events_in_any_process(seed: int) -> None:
    from connector.state.vault import new_key

    key = new_key()
    logs = [log_of(seed, hash_seed, key) for hash_seed in ("0", "4242")]
    assert len(logs[0]) > 20_000
    assert logs[0].splitlines() == logs[1].splitlines()
    assert log_of(seed + 100, "0", key) != logs[0], "another seed is another day"


def test_i40_the_same_steps_twice_in_one_process_are_the_same_steps(worlds: Worlds) -> None:
    begin = worlds.new(PROFILES["small batches"])
    before_backup(begin)

    def day(world: World) -> tuple[list[str], list[tuple[Op, Any, bytes, Any, str]]]:
        end: Callable[[Side], End] = lambda side: ends(world)[side]  # noqa: E731
        end(Side.LEFT).edit(end(Side.LEFT).accounts()["old 0"], phone="1", notes="1")
        end(Side.RIGHT).add("new", phone="1")
        world.erp.fail("write", LOST, after=True)
        world.sync()
        trace = list(world.driver.trace)
        world.settle()
        sent = [(w.op, w.key, w.body, w.version, w.token) for w in [*world.crm.writes, *world.erp.writes]]
        return trace, sent

    assert day(worlds.copy(begin)) == day(worlds.copy(begin))
