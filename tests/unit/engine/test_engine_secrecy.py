"""What a run leaves behind: a dry run nothing at all, a real one no customer's value."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from connector.errors import RejectedError
from connector.testing.tables import LOST
from connector.testing.world import World, account, customer, line

SECRETS = ("Xanadu Holding", "Zebra Lane 7", "+49-555-0815", "q.secret@x.example", "Quincunx", "77123.45", "Vellichor")


def secrets(world: World) -> None:
    """Syncs with conflicts, a hold, a dead letter, a deferred order and open writes, full of values to look for."""
    left = world.crm.add(
        "companies",
        account(
            "Xanadu Holding",
            street="Zebra Lane 7",
            phone="+49-555-0815",
            email="q.secret@x.example",
            credit_limit="77123.45",
        ),
    )
    world.rule("account", notes={"function": "union", "sealed": True})
    world.sync()
    right = world.pairs()[left]
    world.crm.edit("companies", left, phone="Quincunx", state="Vellichor", notes="Quincunx", email="Vellichor")
    world.erp.edit("customers", right, tel="Vellichor", remarks="Vellichor")
    world.erp.reject_where(lambda f: f.get("title") == "Vellichor", RejectedError("Vellichor is not a good name"))
    world.crm.add("companies", account("Vellichor", tax_id="Quincunx"))
    for _ in range(2):
        world.erp.add("customers", customer("Quincunx", vat_number="Quincunx"))
    world.crm.add(
        "deals",
        {
            "name": "Quincunx",
            "company_id": left,
            "currency": "EUR",
            "lines": [line(None, "1", "77123.45", description="Vellichor")],
        },
    )
    world.sync()
    world.sync("order")
    world.crm.edit("companies", left, name="Vellichor 2", credit_limit="77123.45", street="Zebra Lane 7")
    world.erp.fail("write", LOST, after=True)
    world.crm.fail("write", LOST, after=True)
    world.sync()
    deal = world.pairs("order")
    world.crm.edit("deals", next(iter(deal)), notes="Quincunx")
    world.erp.fail("write", LOST, after=True)
    world.sync("order")


def test_the_store_holds_no_customer_value_after_runs_with_conflicts_dead_letters_and_open_writes(world: World) -> None:
    secrets(world)
    kind = world.specs["account"].kind
    assert sum(world.look("count_intents").values()) >= 2
    assert len(world.look("conflicts", kind)) >= 2
    assert len(world.look("dead", kind)) >= 1
    files = [path for path in world.folder.iterdir() if path.name.startswith("store.db")]
    assert {path.name for path in files} >= {"store.db", "store.db-wal"}
    for path in files:
        data = path.read_bytes()
        for secret in SECRETS:
            assert secret.encode() not in data, (path.name, secret)
            assert secret.encode("utf-16-le") not in data, (path.name, secret)


def test_the_spool_holds_no_customer_value(tmp_path: Path, world: World) -> None:
    from connector.model.records import Record
    from connector.model.values import Side
    from connector.state.spool import FileSpool

    folder = tmp_path / "spool"
    folder.mkdir()
    spool = FileSpool(folder)
    record = Record("K", "1", {"name": "Xanadu Holding", "phone": None})
    spool.add_unlinked(Side.LEFT, [(record, False, None)])
    spool.add_linked(Side.RIGHT, [(1, record, "K")])
    data = b"".join(path.read_bytes() for path in folder.iterdir())
    assert b"Xanadu" not in data
    assert spool.singles(Side.LEFT, 0, 10)[0].record == record
    spool.close()
    assert list(folder.iterdir()) == []


def dump(world: World) -> list[tuple[str, list[object]]]:
    """Every row of every table, as the file has them."""
    with sqlite3.connect(world.folder / "store.db") as connection:
        names = [n for (n,) in connection.execute("select name from sqlite_master where type = 'table' order by name")]
        found = [(name, sorted(connection.execute(f"select * from {name}").fetchall(), key=repr)) for name in names]
    connection.close()
    return found


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("entity", ["account", "order"])
def test_a_dry_run_changes_neither_the_store_nor_a_system(world: World, entity: str, full: bool) -> None:
    secrets(world)
    world.crm.remove("companies", "C00001")
    world.crm.add("companies", account("New"))
    world.erp.add("customers", customer("Other", vat_number="9"))
    world.crm.add("companies", account("Other", tax_id="9"))
    world.clock.advance(2000)
    before = dump(world), world.crm.state(), world.erp.state()
    writes = len(world.crm.writes), len(world.erp.writes)
    first = world.plan(entity, full=full)
    assert (dump(world), world.crm.state(), world.erp.state()) == before
    assert (len(world.crm.writes), len(world.erp.writes)) == writes
    assert first == world.plan(entity, full=full)


def test_a_plan_of_an_empty_store_shows_what_the_first_run_then_does(world: World) -> None:
    world.crm.add("companies", account("A"))
    world.crm.add("companies", account("B", tax_id="1", phone="2"))
    world.erp.add("customers", customer("B", vat_number="1"))
    lines = world.plan()
    assert world.links() == []
    report = world.sync()
    assert [line.action for line in lines].count("create") == report.counts["created"] == 1
    assert [line.action for line in lines].count("link") == 1
