"""A changed mapping: what it makes different is planned, counted and written once, by the policy for that."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connector.errors import Halted
from connector.mapping.translate import load_mapping
from connector.merge.guards import Limit, Limits
from connector.merge.rules import Policy
from connector.model.values import Side
from connector.testing.world import CRM_ACCOUNT, World, account


def remap(world: World, side: Side, old: str, new: str) -> None:
    """Change one line of the mapping of accounts on one side."""
    spec = world.specs["account"]
    text = CRM_ACCOUNT.replace(old, new)
    assert text != CRM_ACCOUNT
    system = replace(spec.systems[side], mapping=load_mapping(text, "account.yaml"))
    world.specs["account"] = replace(spec, systems=spec.systems.with_(side, system))


def filled(world: World, count: int = 3) -> None:
    for number in range(count):
        world.crm.add("companies", account(f"Acme {number}", phone=f"1{number}", second_phone=f"2{number}"))
    world.sync()


def updates(world: World) -> int:
    return sum(line.action == "update" for line in world.plan())


def written(world: World) -> int:
    before = len(world.erp.writes) + len(world.crm.writes)
    world.sync()
    return len(world.erp.writes) + len(world.crm.writes) - before


def test_a_field_read_from_elsewhere_is_written_as_often_as_planned(world: World) -> None:
    filled(world)
    world.set("account", on_remap=Policy.LEFT)
    remap(world, Side.LEFT, "phone: phone", "phone: second_phone")
    assert updates(world) == 3
    assert written(world) == 3
    assert sorted(row["tel"] for row in world.erp.live("customers").values()) == ["20", "21", "22"]
    assert world.plan() == []
    assert written(world) == 0


def test_by_default_a_field_read_from_elsewhere_waits_for_a_person_and_nothing_else_does(world: World) -> None:
    filled(world)
    remap(world, Side.LEFT, "phone: phone", "phone: second_phone")
    assert written(world) == 0
    assert world.conflicts() == [("phone", "conflict")] * 3
    key = min(world.crm.live("companies"))
    world.crm.edit("companies", key, notes="new")
    assert written(world) == 1
    assert world.conflicts() == [("phone", "conflict")] * 3


def test_a_mapping_typed_in_another_way_changes_nothing(world: World) -> None:
    filled(world)
    remap(world, Side.LEFT, "phone: phone", "phone: {field: phone, default: '0'}")
    assert world.plan() == []
    assert written(world) == 0


def test_records_that_agree_under_the_new_mapping_are_adopted_and_later_edits_travel(world: World) -> None:
    filled(world)
    for key, row in world.crm.live("companies").items():
        world.crm.edit("companies", key, second_phone=row["phone"])
    world.sync()
    remap(world, Side.LEFT, "phone: phone", "phone: second_phone")
    assert world.plan() == []
    assert written(world) == 0
    world.crm.edit("companies", min(world.crm.live("companies")), second_phone="7")
    assert written(world) == 1
    assert world.conflicts() == []


def test_a_mass_change_by_a_mapping_is_halted_before_the_first_write(world: World) -> None:
    filled(world)
    world.set("account", on_remap=Policy.LEFT, limits=Limits(updates=Limit(count=2)))
    remap(world, Side.LEFT, "phone: phone", "phone: second_phone")
    before = world.erp.state()
    with pytest.raises(Halted, match="would change 3 of 3 records in erp"):
        world.sync()
    assert world.erp.state() == before
    world.sync(allow=frozenset({"updates"}))
    assert sorted(row["tel"] for row in world.erp.live("customers").values()) == ["20", "21", "22"]


def test_a_field_new_in_the_mapping_fills_the_empty_side_of_records_nobody_touched(world: World) -> None:
    spec = world.specs["account"]
    without = tuple(unit for unit in spec.units if unit.name != "notes")
    world.set("account", units=without)
    for number in range(2):
        world.crm.add("companies", account(f"Acme {number}", notes=f"n{number}"))
    world.sync()
    assert [row["remarks"] for row in world.erp.live("customers").values()] == [None, None]
    world.set("account", units=spec.units)
    assert updates(world) == 2
    assert written(world) == 2
    assert sorted(str(row["remarks"]) for row in world.erp.live("customers").values()) == ["n0", "n1"]


def test_a_field_new_in_the_mapping_is_looked_at_in_a_record_both_systems_refuse_and_once(world: World) -> None:
    filled(world, 1)
    units = world.specs["account"].units
    world.set("account", units=tuple(unit for unit in units if unit.name != "phone"))
    left, right = next(iter(world.pairs().items()))
    for system in (world.crm, world.erp):
        system.reject_where(lambda fields: True)
    world.crm.edit("companies", left, email="new")
    world.sync()
    world.erp.edit("customers", right, addr1="new", tel="other")
    world.sync()
    assert len(world.dead()) == 2
    assert world.conflicts() == []
    world.set("account", units=units)
    world.sync()
    assert len(world.dead()) == 2
    assert world.conflicts() == [("phone", "conflict")]
    world.sync(full=True)
    calls = len(world.erp.writes) + len(world.crm.writes)
    world.sync(full=True)
    assert len(world.erp.writes) + len(world.crm.writes) == calls
