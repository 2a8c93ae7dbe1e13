"""Rules of reading and deciding that no other test would miss: mutants that survived found them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from parts_holes import pair, with_powers

from connector.engine.shape import Shape, person
from connector.engine.work import MISSING
from connector.merge.base import unpack
from connector.merge.functions import union
from connector.merge.rules import Policy
from connector.model.rows import HintRow
from connector.model.values import Side, Sides
from connector.testing.tables import LOST
from connector.testing.world import ERP_ACCOUNT, FULL, World, account, customer, make_world, parsed


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = make_world(tmp_path)
    yield made
    made.store.close()


# ------------------------------------------------------------------------------------------- sections 1 and 2.3


def test_equal_values_of_both_sides_have_different_prints(world: World) -> None:
    pair(world, phone="1", email="1")
    (link,) = world.links()
    base = unpack(link.base, Shape(world.specs["account"], world.vault).layout)
    prints = [print_ for name in ("phone", "email") for print_ in base.prints[name]]
    assert len(set(prints)) == 4
    assert person("phone", Side.LEFT) != person("phone", Side.RIGHT)


def test_the_journal_holds_the_image_of_what_every_update_replaced(world: World) -> None:
    left, right = pair(world, phone="1", email="a")
    world.crm.edit("companies", left, phone="2")
    world.erp.edit("customers", right, mail="b")
    world.settle()
    rows = world.look("journal", world.specs["account"].kind)
    replaced = {
        (row.side, name): value
        for row in rows
        if row.event == "update" and row.body is not None
        for name, value in msgspec.json.decode(world.vault.open(row.body, b"journal")).items()
    }
    assert replaced == {(Side.RIGHT, "phone"): "1", (Side.LEFT, "email"): "a"}


@pytest.mark.parametrize(("policy", "winner", "loser"), [(Policy.LEFT, "2", "3"), (Policy.RIGHT, "3", "2")])
def test_the_loser_of_a_policy_is_named_as_such_beside_the_write(
    world: World, policy: Policy, winner: str, loser: str
) -> None:
    left, right = pair(world, phone="1")
    world.rule("account", phone={"policy": policy})
    world.crm.edit("companies", left, phone="2")
    world.erp.edit("customers", right, tel="3")
    world.settle()
    assert (world.crm.get("companies", left)["phone"], world.erp.get("customers", right)["tel"]) == (winner, winner)
    (row,) = [row for row in world.look("journal", world.specs["account"].kind) if row.event == "overwritten"]
    assert row.fields == "phone"
    assert msgspec.json.decode(world.vault.open(row.body, b"journal")) == {"phone": loser}


def test_i37_a_plan_notes_no_version_of_a_record_that_shows_what_it_showed(world: World) -> None:
    left, right = pair(world, phone="1")
    world.crm.edit("companies", left, phone="1")
    world.erp.edit("customers", right, tel="1")
    before = world.links()
    assert world.plan() == []
    assert world.links() == before
    assert "commit" not in world.driver.trace


# ---------------------------------------------------------------------------------------- I15, merge functions


@pytest.mark.parametrize("side", list(Side))
def test_i15_a_key_that_is_only_known_as_ended_is_not_created(world: World, side: Side) -> None:
    kind = world.specs["account"].kind
    with world.store.begin() as tx:
        tx.add_tombstones(kind, side, ["X1"], world.clock.now())
    if side is Side.LEFT:
        world.crm.add("companies", account("Back"), key="X1")
    else:
        world.erp.add("customers", customer("Back"), key="X1")
    world.sync()
    world.sync(full=True)
    assert len(world.crm.live("companies")) + len(world.erp.live("customers")) == 1
    assert world.links() == []


@pytest.mark.parametrize("lost", [False, True])
@pytest.mark.parametrize("both", [False, True])
def test_i15_every_key_that_ended_is_remembered_as_ended(world: World, lost: bool, both: bool) -> None:
    left, right = pair(world)
    world.crm.remove("companies", left)
    if both:
        world.erp.remove("customers", right)
    elif lost:
        world.erp.fail("write", LOST, after=True)
    world.sync()
    world.settle()
    kind = world.specs["account"].kind
    assert world.look("tombstones", kind, Side.LEFT, [left, "other"]) == {left}
    assert world.look("tombstones", kind, Side.RIGHT, [right, "other"]) == {right}


def test_what_either_side_took_out_of_a_set_is_gone_from_the_union_of_both() -> None:
    assert union("a, b, c", "a, b", "b, c, d") == "b, d"
    assert union("a", "b", "c") == "b, c"
    assert union("a, b", "a", "b") is None


# ------------------------------------------------------------------------------- I16, and whose hand wrote it last


@pytest.mark.parametrize("side", list(Side))
def test_i16_a_second_miss_before_the_settle_time_is_over_is_no_proof(tmp_path: Path, side: Side) -> None:
    world = with_powers(tmp_path / "a", replace(FULL, deletes="none"))
    keys = Sides(*pair(world))
    world.crm.add("companies", account("Other"))
    world.settle()
    system, name = ((world.crm, "companies"), (world.erp, "customers"))[side is Side.RIGHT]
    system.remove(name, str(keys[side]))
    kind, at, wait = world.specs["account"].kind, world.clock.now(), world.specs["account"].settle
    hint = HintRow(kind, side, str(keys[side]), None, MISSING, at, 1, None, at - wait / 2)
    with world.store.begin() as tx:
        tx.put_hints([hint])
    world.sync()
    assert len(world.crm.live("companies")) + len(world.erp.live("customers")) == 3
    world.clock.advance(wait / 2)
    with world.store.begin() as tx:
        tx.put_hints([hint])
    world.sync()
    assert len(world.crm.live("companies")) + len(world.erp.live("customers")) == 2
    world.store.close()


@pytest.mark.parametrize("side", list(Side))
def test_a_change_under_our_own_name_is_a_change_like_any_other(world: World, side: Side) -> None:
    left, right = pair(world, phone="1")
    if side is Side.LEFT:
        world.crm.edit("companies", left, by="connector", phone="2")
    else:
        world.erp.edit("customers", right, by="connector", tel="2")
    world.settle()
    assert (world.crm.get("companies", left)["phone"], world.erp.get("customers", right)["tel"]) == ("2", "2")


@pytest.mark.parametrize("side", list(Side))
def test_a_stamp_that_we_caused_ourselves_makes_no_side_the_newer_one(world: World, side: Side) -> None:
    left, right = pair(world, phone="1")
    world.rule("account", phone={"policy": Policy.NEWEST})
    names = Sides("user", "user").with_(side, "connector")
    world.crm.edit("companies", left, by=names.left, phone="2")
    world.clock.advance(10_000)
    world.erp.edit("customers", right, by=names.right, tel="3")
    world.settle()
    assert (world.crm.get("companies", left)["phone"], world.erp.get("customers", right)["tel"]) == ("2", "3")
    assert world.conflicts() == [("phone", "conflict")]


# --------------------------------------------------------------------------------------- section 2.3: agreement


@pytest.mark.parametrize("base", ["first link", "bases wiped"])
def test_what_a_system_cuts_off_by_its_mapping_is_no_difference_where_nothing_was_agreed(
    world: World, base: str
) -> None:
    spec = world.specs["account"]
    text = ERP_ACCOUNT.replace("phone: tel", "phone: {field: tel, max_length: 5, truncate: true}")
    right = replace(spec.systems.right, mapping=parsed(text, "cut.yaml"))
    world.set("account", systems=Sides(spec.systems.left, right))
    world.crm.add("companies", account("A", tax_id="1", phone="1234567"))
    if base == "first link":
        world.erp.add("customers", customer("A", vat_number="1", tel="12345"))
    else:
        world.settle()
        with world.store.begin() as tx:
            tx.update_links([replace(link, base=None, prints=Sides(None, None)) for link in world.links()])
    before = len(world.crm.writes) + len(world.erp.writes)
    world.sync(full=True)
    assert (len(world.crm.writes) + len(world.erp.writes), world.conflicts()) == (before, [])
    assert len(world.pairs()) == 1
    assert world.plan() == []
