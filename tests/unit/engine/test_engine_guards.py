"""Guards tell a mass change from the rest of a first load."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from moments import at_the_first_write

from connector.errors import Halted, UncertainError
from connector.merge.guards import Limit, Limits
from connector.model.records import Key
from connector.model.rows import HintRow
from connector.model.values import Side
from connector.testing.driver import Crash, HandClock
from connector.testing.world import World, account, customer


def test_the_rest_of_an_interrupted_first_load_is_no_mass_change(world: World) -> None:
    world.erp.rewrites("customers", lambda body: {**body, "mail": body.get("mail") or "office@default.example"})
    for number in range(60):
        world.crm.add("companies", account(f"Acme {number}"))
    left_open = 0
    for step in range(1, 60):
        copy = world.copy()
        try:
            copy.sync(crash=step)
        except Crash:
            rows = copy.crm.live("companies").values()
            left_open += len(copy.erp.live("customers")) == 60 and all(row["email"] is None for row in rows)
            copy.settle()
        assert {row["email"] for row in copy.crm.live("companies").values()} == {"office@default.example"}, step
        copy.store.close()
    assert left_open >= 2  # it did die between the creates and what flows back


def test_two_full_systems_that_differ_are_linked_without_a_halt(world: World) -> None:
    for number in range(120):
        world.crm.add("companies", account(f"Acme {number}", tax_id=f"T{number}", phone="1"))
        world.erp.add("customers", customer(f"Acme {number}", vat_number=f"T{number}", mail="a@b.example"))
    world.sync()
    assert {row["email"] for row in world.crm.live("companies").values()} == {"a@b.example"}
    assert {row["tel"] for row in world.erp.live("customers").values()} == {"1"}


def test_the_same_edit_of_every_record_halts(world: World) -> None:
    for number in range(120):
        world.crm.add("companies", account(f"Acme {number}"))
    world.sync()
    for key in world.crm.live("companies"):
        world.crm.edit("companies", key, email="wrong@example.org")
    with pytest.raises(Halted, match="would change 120 of 120"):
        world.sync()
    assert all(row["mail"] is None for row in world.erp.live("customers").values())


def test_an_edit_that_waited_behind_an_open_write_is_counted_by_the_run_that_recovers_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.set("account", limits=Limits(updates=Limit(count=2)))
    keys = [world.crm.add("companies", account(f"Acme {number}", phone="1")) for number in range(3)]
    world.sync()
    world.crm.edit("companies", keys[0], phone="2")
    world.erp.fail("write", UncertainError("no answer"))
    world.sync()
    world.crm.edit("companies", keys[0], email="a@b.example")
    world.erp.fail("write", UncertainError("no answer"))
    world.sync()  # the feed tells of it while the write is open, and does not tell again
    for key in keys[1:]:
        world.crm.edit("companies", key, phone="2")
    before = HandClock.now
    monkeypatch.setattr(HandClock, "now", lambda clock: (clock.advance(0.01), before(clock))[1])  # a run takes time
    with pytest.raises(Halted, match="would change 3 of 3 records in erp, at most 2"):
        world.sync()
    assert sorted(row["tel"] for row in world.erp.live("customers").values()) == ["1", "1", "2"]
    world.sync(allow=frozenset({"updates"}))
    rows = world.erp.live("customers").values()
    assert sorted((row["tel"], row["mail"] or "") for row in rows) == [("2", ""), ("2", ""), ("2", "a@b.example")]


def _hint(world: World, keys: Sequence[Key], due: float) -> None:
    kind = world.specs["account"].kind
    with world.store.begin() as tx:
        tx.put_hints([HintRow(kind, Side.LEFT, key, None, "an old version was read", due) for key in keys])


@pytest.mark.parametrize("late", [1, 2])
def test_an_edit_that_comes_up_while_a_run_works_counts_with_those_before(world: World, late: int) -> None:
    """Typed long before, and its look was put off for a minute, which ends while the run writes."""
    world.set("account", limits=Limits(updates=Limit(count=2)))
    keys = [world.crm.add("companies", account(f"Acme {number}", phone="1")) for number in range(4)]
    world.sync()
    feed = world.look("cursor", world.specs["account"].kind, Side.LEFT)
    for key in keys[1 : 1 + late]:
        world.crm.edit("companies", key, phone="2")
    with world.store.begin() as tx:  # the feed is past them: an old copy was read
        tx.set_cursor(world.specs["account"].kind, Side.LEFT, world.crm.changes("companies", feed).cursor)
    _hint(world, keys[1 : 1 + late], world.clock.now() + 60)
    world.crm.edit("companies", keys[0], phone="2")
    at_the_first_write(world, lambda: world.clock.advance(61))
    if late == 1:
        world.sync()
    else:
        with pytest.raises(Halted, match="would change 3 of 4 records in erp, at most 2") as caught:
            world.sync()
        assert "Nothing of this plan was written" not in str(caught.value)
        assert sorted(row["tel"] for row in world.erp.live("customers").values()) == ["1", "1", "1", "2"]
        world.sync()  # two are left, as many as one run may change
    assert sorted(row["tel"] for row in world.erp.live("customers").values()).count("2") == 1 + late


def test_a_record_that_is_looked_at_again_in_a_run_counts_once(world: World) -> None:
    world.set("account", limits=Limits(updates=Limit(count=2)))
    keys = [world.crm.add("companies", account(f"Acme {number}", phone="1")) for number in range(3)]
    world.sync()
    pairs = world.pairs()
    for key in keys[:2]:
        world.crm.edit("companies", key, phone="2")
    at_the_first_write(world, lambda: [world.erp.edit("customers", pairs[key], mail="a@b.example") for key in keys[:2]])
    world.sync()
    assert sorted(row["tel"] for row in world.erp.live("customers").values()) == ["1", "2", "2"]


def test_references_that_waited_for_what_a_run_creates_are_no_edits_that_come_up(world: World) -> None:
    world.set("account", limits=Limits(updates=Limit(count=1)))
    keys = [world.crm.add("companies", account(f"Acme {number}", phone="1")) for number in range(4)]
    world.sync()
    parent = world.crm.add("companies", account("Parent"))
    for key in keys[:3]:
        world.crm.edit("companies", key, parent_id=parent)
    world.crm.edit("companies", keys[3], phone="2")
    copy = world.copy()
    world.sync()
    pairs = world.pairs()
    assert {world.erp.get("customers", pairs[key])["group_of"] for key in keys[:3]} == {pairs[parent]}
    # What was typed beside the reference is an edit like any other.
    at_the_first_write(copy, lambda: [copy.crm.edit("companies", key, phone="2") for key in keys[:3]])
    with pytest.raises(Halted, match="would change 4 of 5 records in erp, at most 1"):
        copy.sync()
    copy.store.close()
