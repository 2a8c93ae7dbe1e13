"""I23, I24: a child never travels before its parent is linked, and a reference is never lost because it is unknown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from parts_b import OBJECTS, PROFILES, SPREAD, SYNCS, End, Worlds, ends, run_with, try_sync

from connector.engine.effects import Call, Commit
from connector.errors import RejectedError
from connector.model.rows import LinkState
from connector.model.values import SIDES, Side
from connector.testing.driver import Crash
from connector.testing.tables import BUSY, LOST
from connector.testing.world import World

PRODUCT = {"sku": "A", "name": "Anvil", "price": "2.50", "currency": "EUR"}
ITEM = {"code": "A", "title": "Anvil", "price": "2.50", "cur": "EUR"}
LINE = {"quantity": "1", "unit_price": "2.50", "description": "one"}
# Fields of a body that hold a key, with the entity it is a key of.
REFERENCES = {
    "parent_id": "account",
    "group_of": "account",
    "company_id": "account",
    "customer": "account",
    "product_id": "product",
    "item": "product",
}


@pytest.fixture
def worlds(tmp_path: Path) -> Iterator[Worlds]:
    with Worlds(tmp_path) as made:
        yield made


def named(body: Any) -> list[tuple[str, str]]:
    """Every reference in a body, lines included: (entity, key)."""
    found = [(REFERENCES[name], value) for name, value in body.items() if name in REFERENCES and value is not None]
    lines = [line for value in body.values() if isinstance(value, list) for line in value if isinstance(line, dict)]
    return found + [pair for line in lines for pair in named(line)]


def parents_linked(world: World, effect: Call | Commit) -> None:
    """Before a request leaves: every key it names belongs to a link that has both its sides."""
    if not isinstance(effect, Call) or effect.method != "write":
        return
    for write in effect.args[1]:
        for entity, key in named(msgspec.json.decode(write.body)) if write.body else ():
            links = world.look("links_by_key", world.specs[entity].kind, effect.side, [key])
            assert key in links, (entity, key, "is named but not known")
            assert links[key].state is LinkState.LINKED, (entity, key)
            assert key in world_keys(world, entity, effect.side)


def world_keys(world: World, entity: str, side: Side) -> set[str]:
    return set(ends(world)[side].system.live(OBJECTS[entity][side]))


def watched(world: World, rounds: int = 4) -> None:
    """Runs of all syncs, children's sync first, each request checked before it leaves."""
    for _ in range(rounds):
        for entity in reversed(SYNCS):
            run_with(world, lambda number, effect: parents_linked(world, effect), entity)
        world.clock.advance(1000)


def chain(end: End, length: int) -> list[str]:
    """Accounts each of which belongs to one that was made after it: a reader in order meets every child first."""
    keys = [end.add(f"N{number}") for number in range(length)]
    for number in range(length - 1):
        end.edit(keys[number], parent=keys[number + 1])
    return keys


def chained(end: End, length: int) -> None:
    names = end.accounts()
    for number in range(length - 1):
        assert end.get(names[f"N{number}"])["parent"] == names[f"N{number + 1}"], number


@pytest.mark.parametrize(("profile", "side"), SPREAD)
def test_i23_a_chain_of_parents_read_children_first_is_sent_parents_first(
    worlds: Worlds, profile: str, side: Side
) -> None:
    world = worlds.new(PROFILES[profile])
    chain(ends(world)[side], 5)
    watched(world)
    chained(ends(world)[side.other], 5)


@pytest.mark.parametrize("side", SIDES)
def test_i23_two_accounts_that_are_each_others_parent_both_travel_and_both_references_arrive(
    worlds: Worlds, side: Side
) -> None:
    world = worlds.new(PROFILES["one by one"])
    end = ends(world)[side]
    keys = chain(end, 2)
    end.edit(keys[1], parent=keys[0])
    own = end.add("Own")
    end.edit(own, parent=own)
    watched(world)
    names = end.other.accounts()
    assert end.other.get(names["N0"])["parent"] == names["N1"]
    assert end.other.get(names["N1"])["parent"] == names["N0"]
    assert end.other.get(names["Own"])["parent"] == names["Own"]


@pytest.mark.parametrize("profile", ["everything", "small batches", "created-by filter"])
@pytest.mark.parametrize("side", SIDES)
def test_i23_an_order_waits_for_its_account_and_for_the_products_of_its_lines(
    worlds: Worlds, profile: str, side: Side
) -> None:
    world = worlds.new(PROFILES[profile])
    end = ends(world)[side]
    product = end.system.add(OBJECTS["product"][side], PRODUCT if side is Side.LEFT else ITEM)
    owner = end.add("Owner")
    order = end.add_order("O", owner, [{**LINE, "product": product}, {**LINE, "product": None}])
    for _ in range(2):  # neither is known yet: nothing of the order leaves, whatever its sync does
        run_with(world, lambda number, effect: parents_linked(world, effect), "order")
        world.clock.advance(7 * 3600)
        assert end.other.system.live(OBJECTS["order"][side.other]) == {}
    watched(world)
    (made,) = end.other.system.live(OBJECTS["order"][side.other])
    partner = world.pairs("product")
    wanted = partner[product] if side is Side.LEFT else {r: left for left, r in partner.items()}[product]
    assert [line["product"] for line in end.other.lines(made)] == [wanted, None]
    end.edit_lines(order, [*end.lines(order), {**LINE, "product": None, "description": "three"}])
    watched(world, 1)
    assert [line["product"] for line in end.other.lines(made)] == [wanted, None, None]


@pytest.mark.parametrize("fate", ["refused", "lost", "unclear"])
@pytest.mark.parametrize("side", SIDES)
def test_i23_a_child_whose_parent_could_not_be_created_never_names_it(worlds: Worlds, fate: str, side: Side) -> None:
    world = worlds.new(PROFILES["created-by filter"])
    end = ends(world)[side]
    chain(end, 3)
    system = end.other.system
    if fate == "refused":
        system.reject_where(lambda fields: fields.get("name", fields.get("title")) == "N2")
    else:
        system.fail("write", LOST, after=fate == "lost", times=2)
    watched(world, 2)
    if fate == "refused":
        assert "N2" not in end.other.accounts()
        assert end.other.get(end.other.accounts()["N1"])["parent"] is None
        system.accept_all()
        end.edit(end.accounts()["N2"], phone="now it is right")
    watched(world)
    chained(end.other, 3)


def test_i23_a_crash_at_any_step_never_leads_to_a_child_before_its_parent(worlds: Worlds) -> None:
    begin = worlds.new(PROFILES["small batches"])
    chain(ends(begin).left, 3)
    plain = worlds.copy(begin)
    plain.sync()
    for crash in range(1, plain.driver.count + 1, 2):
        world = worlds.copy(begin)
        with pytest.raises(Crash):
            world.sync(crash=crash)
        world.clock.advance(1000)
        watched(world, 2)
        chained(ends(world).right, 3)
        worlds.done(world)


# ------------------------------------------------------------------------------------------------------ I24


def cleared(touches: list[Any]) -> list[Any]:
    """Changes the connector made by which a reference ended."""
    return [
        touch
        for touch in touches
        if touch.before is not None and touch.after is not None
        for name in REFERENCES
        if touch.before.get(name) is not None and touch.after.get(name) is None
    ]


def family(world: World, side: Side) -> tuple[End, str, str]:
    """A parent and its child, in step; the keys on that side."""
    end = ends(world)[side]
    parent = end.add("Parent")
    child = end.add("Child", parent=parent, phone="1")
    world.settle()
    assert end.other.value("Child", "parent") == end.other.accounts()["Parent"]
    return end, parent, child


@pytest.mark.parametrize("profile", ["everything", "unconditional"])
@pytest.mark.parametrize("side", SIDES)
def test_i24_a_parent_the_other_side_does_not_know_leaves_the_old_reference_and_the_rest_flows(
    worlds: Worlds, profile: str, side: Side
) -> None:
    world = worlds.new(PROFILES[profile])
    end, _, child = family(world, side)
    touches: list[Any] = []
    end.other.system.watchers.append(touches.append)
    end.other.system.reject_where(lambda fields: fields.get("name", fields.get("title")) == "Refused")
    refused = end.add("Refused")
    end.edit(child, parent=refused, phone="2")
    for _ in range(4):
        world.clock.advance(7 * 3600)
        world.sync(full=True)
        assert end.other.value("Child", "parent") == end.other.accounts()["Parent"]
        assert end.get(child)["parent"] == refused, "nothing flows back over the reference a person set"
    assert end.other.value("Child", "phone") == "2"
    end.other.system.accept_all()
    end.edit(refused, phone="right now")
    world.settle()
    assert end.other.value("Child", "parent") == end.other.accounts()["Refused"]
    assert cleared(touches) == []


@pytest.mark.parametrize("deletes", ["ignore", "archive", "propagate", "ask"])
@pytest.mark.parametrize("side", SIDES)
def test_i24_a_parent_that_was_deleted_takes_no_reference_with_it(worlds: Worlds, deletes: str, side: Side) -> None:
    """The systems of this world leave a reference to a deleted record as it is; no write of ours may clear it."""
    world = worlds.new()
    world.set("account", deletes=deletes)
    end, parent, child = family(world, side)
    left, right = ends(world)
    touches: list[Any] = []
    left.system.watchers.append(touches.append)
    right.system.watchers.append(touches.append)
    before = end.other.value("Child", "parent")
    end.remove(parent)
    world.settle()
    end.edit(child, phone="2")
    end.other.edit(end.partner(child), notes="3")
    world.settle()
    world.clock.advance(7 * 3600)
    world.sync(full=True)
    assert cleared(touches) == []
    assert end.other.value("Child", "parent") == before
    assert end.get(child)["parent"] == parent
    assert (end.other.value("Child", "phone"), end.value("Child", "notes")) == ("2", "3")


@pytest.mark.parametrize("side", SIDES)
def test_i24_a_reference_a_person_cleared_is_cleared_and_an_unknown_one_is_not(worlds: Worlds, side: Side) -> None:
    """The check must see the difference: a cleared reference is information, an unknown target is none."""
    world = worlds.new()
    end, _, child = family(world, side)
    end.edit(child, parent=None)
    world.settle()
    assert end.other.value("Child", "parent") is None


@pytest.mark.parametrize("side", SIDES)
def test_i24_the_product_of_a_line_is_kept_while_its_new_one_is_unknown(worlds: Worlds, side: Side) -> None:
    world = worlds.new()
    end = ends(world)[side]
    name = OBJECTS["product"][side]
    shown = PRODUCT if side is Side.LEFT else ITEM
    product = end.system.add(name, shown)
    owner = end.add("Owner")
    order = end.add_order("O", owner, [{**LINE, "product": product}, {**LINE, "description": "two"}])
    world.settle(*SYNCS)
    (made,) = end.other.system.live(OBJECTS["order"][side.other])
    before = end.other.lines(made)
    fresh = end.system.add(name, {**shown, "sku" if side is Side.LEFT else "code": "B"})
    end.other.system.reject_where(lambda fields: "B" in (fields.get("sku"), fields.get("code")))
    lines = end.lines(order)
    end.edit_lines(order, [{**lines[0], "product": fresh}, lines[1]])
    for _ in range(3):
        for entity in SYNCS:
            world.sync(entity)
        world.clock.advance(7 * 3600)
        assert end.other.lines(made) == before
        assert end.lines(order)[0]["product"] == fresh
    end.other.system.accept_all()
    end.system.edit(name, fresh, **{"name" if side is Side.LEFT else "title": "Better anvil"})
    world.settle(*SYNCS)
    links = world.pairs("product")
    partner = links[fresh] if side is Side.LEFT else {r: left for left, r in links.items()}[fresh]
    assert [line["product"] for line in end.other.lines(made)] == [partner, None]


@pytest.mark.parametrize("side", SIDES)
def test_i24_no_fault_while_references_are_looked_up_clears_one(worlds: Worlds, side: Side) -> None:
    """Every call of a run fails in turn, before it or after it was carried out."""
    begin = worlds.new()
    end, _, child = family(begin, side)
    end.edit(child, parent=end.add("New parent"), phone="2")
    plain = worlds.copy(begin)
    plain.sync()
    calls = [entry.split()[1] for entry in plain.driver.trace if entry != "commit"]
    for number, method in enumerate(calls):
        for error in (LOST, BUSY, RejectedError("no")) if method == "write" else (BUSY,):
            world = worlds.copy(begin)
            touches: list[Any] = []
            for one in ends(world):
                one.system.watchers.append(touches.append)
                one.system.fail(method, error, after=error is LOST, skip=calls[:number].count(method) // 2)
            try_sync(world)
            world.crm.faults.clear()
            world.erp.faults.clear()
            ends(world)[side].edit(child, notes="again")
            world.clock.advance(1000)
            world.settle()
            assert cleared(touches) == []
            assert ends(world)[side].get(child)["parent"] is not None
            worlds.done(world)
