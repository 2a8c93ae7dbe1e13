"""How old a wait is said to be, and when what waits is looked at again (I44)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from connector.engine import recover
from connector.errors import UncertainError
from connector.model.values import Side
from connector.testing.driver import Crash
from connector.testing.world import FULL, World, account, line, make_world

NO_FEED = replace(FULL, deletes="none")
SOME_HOURS = 7 * 3600.0


def waiting(world: World, entity: str) -> list[tuple[str, float]]:
    """The reason of each hint, and since when it is there."""
    return [(hint.reason, hint.first) for hint in world.hints(entity)]


def test_what_is_looked_at_in_vain_again_and_again_waits_since_the_first_time(world: World) -> None:
    company = world.crm.add("companies", account("Acme"))
    world.crm.add("deals", {"name": "Deal", "company_id": company, "currency": "EUR", "lines": []})
    world.sync("order")
    first = waiting(world, "order")
    assert len(first) == 1
    for _ in range(3):
        world.clock.advance(SOME_HOURS)
        world.sync("order")
        assert waiting(world, "order") == first


def test_what_waits_for_two_things_waits_since_the_first_time(world: World) -> None:
    company = world.crm.add("companies", account("Acme"))
    world.sync("account")
    deal = world.crm.add("deals", {"name": "Deal", "company_id": company, "currency": "EUR", "lines": []})
    world.sync("order")
    product = world.crm.add("products", {"sku": "A-1", "name": "Anvil", "price": "2.5", "currency": "EUR"})
    other = world.crm.add("companies", account("Other"))
    world.crm.edit("deals", deal, company_id=other, lines=[line(product, "1", "2.50")])
    world.sync("order")
    first = waiting(world, "order")
    assert "account, lines wait" in {reason for reason, _ in first}
    for _ in range(3):
        world.clock.advance(SOME_HOURS)
        world.sync("order")
        assert waiting(world, "order") == first


def test_a_record_that_cannot_be_proved_deleted_is_missing_since_the_first_miss(tmp_path: Path) -> None:
    world = make_world(tmp_path, NO_FEED, FULL)
    key = world.crm.add("companies", account("Acme"))
    world.sync()
    world.crm.remove("companies", key)  # the only one: nothing shows that the others can be read
    first, due = None, 0.0
    for _ in range(3):
        world.sync(full=True, allow={"shrank"})
        (hint,) = world.hints()
        first = first or hint.first
        assert (hint.reason, hint.first) == ("missing", first)
        assert hint.due > world.clock.now() > due
        due = hint.due
        world.clock.advance(1000)
    world.store.close()


@pytest.mark.parametrize("seconds", [1, 300, 899])
def test_a_record_missed_again_before_its_time_is_looked_at_when_it_was_to_be(tmp_path: Path, seconds: int) -> None:
    world = make_world(tmp_path, NO_FEED, FULL)
    key = world.crm.add("companies", account("Acme"))
    world.crm.add("companies", account("Other"))
    world.sync()
    world.crm.remove("companies", key)
    world.sync(full=True)
    before = world.hints()
    world.clock.advance(seconds)
    world.sync(full=True)
    assert world.hints() == before
    world.store.close()


@pytest.mark.parametrize("page", [1, 500])
@pytest.mark.parametrize("side", list(Side))
def test_a_record_that_waits_for_two_writes_waits_since_the_first_time_when_one_is_over(
    world: World, side: Side, page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recover, "PAGE", page)
    tables = {Side.LEFT: world.crm, Side.RIGHT: world.erp}
    keys = [world.crm.add("companies", account(f"Acme {number}", phone="1")) for number in range(4)]
    world.sync()
    partners = world.pairs()
    for key in keys:
        world.crm.edit("companies", key, phone="2")
        world.erp.edit("customers", partners[key], mail="a@b.example")
    for run in range(2):
        for table in tables.values():
            table.fail("write", UncertainError("no answer"), times=len(keys))
        world.sync()
        for table in tables.values():
            table.faults.clear()
        if not run:  # what is typed while the writes are open is looked at, and waits
            for key in keys:
                world.crm.edit("companies", key, currency="USD")
    first = {hint.key: (hint.reason, hint.first) for hint in world.hints()}
    assert {reason for reason, _ in first.values()} == {"an earlier write is open"}
    world.clock.advance(1000)
    tables[side].fail("write", UncertainError("no answer"), times=len(keys))
    world.sync()
    tables[side].faults.clear()
    hints = world.hints()
    assert len(first) == len(keys)
    assert {hint.reason for hint in hints} == {"an earlier write is open"}
    assert {hint.key: (hint.reason, hint.first) for hint in hints if hint.side is Side.LEFT} == first
    world.settle()
    assert world.hints() == []


def test_a_record_whose_writes_are_all_over_does_not_wait_for_one(world: World) -> None:
    key = world.crm.add("companies", account("Acme", phone="1"))
    world.sync()
    for table in (world.crm, world.erp):
        table.fail("write", UncertainError("no answer"))
    world.crm.edit("companies", key, phone="2")
    world.erp.edit("customers", world.pairs()[key], mail="a@b.example")
    world.sync()
    assert sum(world.look("count_intents").values()) == 2
    step = 0
    while sum(world.look("count_intents").values()):
        step += 1
        with pytest.raises(Crash):
            world.sync(crash=step, when="after")
        world.clock.advance(1000)
    assert {hint.reason for hint in world.hints()} == {"settled after an unknown outcome"}
