"""Two systems that rewrite each other's value for ever are stopped; a person who changes their mind is not."""

from __future__ import annotations

from connector.merge.rules import Drift, Flow
from connector.model.values import Side
from connector.testing.world import World, account


def linked(world: World) -> tuple[str, str]:
    left = world.crm.add("companies", account("Acme", phone="ab"))
    world.sync()
    return left, world.pairs()[left]


def count_writes(world: World) -> int:
    return len(world.crm.writes) + len(world.erp.writes)


def shout(world: World, left: str, right: str) -> None:
    """What a workflow of each vendor does some time after a write: capitals in one, small letters in the other."""
    phone = world.crm.get("companies", left)["phone"]
    if phone != phone.upper():
        world.crm.edit("companies", left, by="workflow", phone=phone.upper())
    tel = world.erp.get("customers", right)["tel"]
    if tel != tel.lower():
        world.erp.edit("customers", right, by="workflow", tel=tel.lower())


def rounds(world: World, left: str, right: str, count: int) -> int:
    before = count_writes(world)
    for _ in range(count):
        shout(world, left, right)
        world.sync()
        world.clock.advance(300)
    return count_writes(world) - before


def test_two_vendors_that_rewrite_each_other_are_stopped_within_five_writes(world: World) -> None:
    left, right = linked(world)
    assert rounds(world, left, right, 12) <= 5
    assert world.conflicts() == [("phone", "oscillation")]
    assert rounds(world, left, right, 6) == 0


def test_other_fields_of_a_stopped_record_go_on(world: World) -> None:
    left, right = linked(world)
    rounds(world, left, right, 12)
    world.crm.edit("companies", left, notes="n")
    world.sync()
    assert world.erp.get("customers", right)["remarks"] == "n"
    assert world.conflicts() == [("phone", "oscillation")]


def test_a_person_decides_and_the_loop_may_try_again_a_few_times_only(world: World) -> None:
    left, right = linked(world)
    rounds(world, left, right, 12)
    world.choose("account", "phone", Side.LEFT)
    before = count_writes(world)
    world.sync()
    assert world.erp.get("customers", right)["tel"] == world.crm.get("companies", left)["phone"]
    assert world.conflicts() == []
    assert count_writes(world) - before == 1
    assert rounds(world, left, right, 12) <= 5
    assert world.conflicts() == [("phone", "oscillation")]


def test_a_value_that_drifts_again_and_again_is_restored_twice_then_told(world: World) -> None:
    _, right = linked(world)
    world.rule("account", phone={"flow": Flow.L2R, "drift": Drift.RESTORE})
    for _ in range(8):
        world.erp.edit("customers", right, tel="drift")
        world.sync()
        world.clock.advance(300)
    assert world.conflicts() == [("phone", "oscillation")]
    assert count_writes(world) - 1 <= 5


def test_a_person_who_changes_their_mind_again_and_again_is_followed(world: World) -> None:
    left, right = linked(world)
    for number in range(12):
        world.crm.edit("companies", left, phone="one" if number % 2 else "two")
        world.sync()
        assert world.erp.get("customers", right)["tel"] == world.crm.get("companies", left)["phone"]
        world.clock.advance(300)
    assert world.conflicts() == []


def test_a_day_later_the_same_value_is_written_again(world: World) -> None:
    left, right = linked(world)
    for number in range(8):
        system, name, key, field = (
            (world.crm, "companies", left, "phone") if number % 2 else (world.erp, "customers", right, "tel")
        )
        system.edit(name, key, **{field: "one" if number % 2 else "two"})
        world.sync()
        world.clock.advance(13 * 3600)
    assert world.conflicts() == []
