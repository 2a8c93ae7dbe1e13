"""A person chooses, and chooses anew before the write of the first choice is known to be done."""

from __future__ import annotations

import pytest

from connector.model.values import Side
from connector.testing.driver import Crash, When
from connector.testing.simulator.desk import Desk
from connector.testing.world import World, account


def chosen(world: World, side: Side) -> tuple[str, str]:
    """An account whose phone is L and R, of which a person chose one; its keys."""
    left = world.crm.add("companies", account("Acme", phone="1"))
    world.sync()
    right = world.pairs()[left]
    world.crm.edit("companies", left, phone="L")
    world.erp.edit("customers", right, tel="R")
    world.sync()
    world.choose("account", "phone", side)
    return left, right


def choose_anew(world: World, side: Side) -> None:
    """The person looks again, and chooses over what both systems show by then."""
    assert Desk(world, lambda *_: None).decide(0, side)


def phones(world: World, left: str, right: str) -> tuple[str, str]:
    return world.crm.get("companies", left)["phone"], world.erp.get("customers", right)["tel"]


def at_write(world: World) -> int:
    """The number of the effect with which the next run writes in the ERP."""
    copy = world.copy()
    copy.sync()
    copy.store.close()
    return copy.driver.trace.index("right write") + 1


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_choice_for_the_other_side_outlives_the_write_of_the_one_before(world: World, when: When) -> None:
    left, right = chosen(world, Side.LEFT)
    with pytest.raises(Crash):
        world.sync(crash=at_write(world), when=when)
    world.crm.edit("companies", left, phone="L2")
    world.choose("account", "phone", Side.RIGHT)
    world.settle()
    assert phones(world, left, right) == ("L2", "L")
    assert world.conflicts() == [("phone", "conflict")]
    world.choose("account", "phone", Side.RIGHT)
    world.sync()
    assert phones(world, left, right) == ("L", "L")
    assert world.conflicts() == []


@pytest.mark.parametrize("when", ["before", "after"])
def test_the_same_side_chosen_again_is_what_the_write_brings_and_an_edit_there_follows(
    world: World, when: When
) -> None:
    left, right = chosen(world, Side.LEFT)
    with pytest.raises(Crash):
        world.sync(crash=at_write(world), when=when)
    world.crm.edit("companies", left, phone="L2")
    world.choose("account", "phone", Side.LEFT)
    world.settle()
    assert phones(world, left, right) == ("L2", "L2")
    assert world.conflicts() == []


def test_a_choice_for_the_other_side_while_the_write_is_on_its_way_outlives_its_answer(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    left, right = chosen(world, Side.LEFT)
    write = world.erp.write

    def meanwhile(*args: object) -> object:
        world.crm.edit("companies", left, phone="L2")
        world.choose("account", "phone", Side.RIGHT)
        monkeypatch.undo()
        return write(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(world.erp, "write", meanwhile)
    world.sync()
    world.settle()
    assert phones(world, left, right) == ("L2", "L")
    assert world.conflicts() == [("phone", "conflict")]


def test_the_same_side_chosen_again_over_what_was_typed_after_the_write_outlives_it(world: World) -> None:
    left, right = chosen(world, Side.LEFT)
    with pytest.raises(Crash):
        world.sync(crash=at_write(world), when="after")
    world.erp.edit("customers", right, tel="R2")
    choose_anew(world, Side.LEFT)
    world.settle()
    assert phones(world, left, right) == ("L", "L")
    assert world.conflicts() == []


def test_the_same_side_chosen_again_while_the_write_is_on_its_way_outlives_its_answer(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    left, right = chosen(world, Side.LEFT)
    write = world.erp.write

    def answered_late(*args: object) -> object:
        monkeypatch.undo()
        answer = write(*args)  # type: ignore[arg-type]
        world.erp.edit("customers", right, tel="R2")
        choose_anew(world, Side.LEFT)
        return answer

    monkeypatch.setattr(world.erp, "write", answered_late)
    world.sync()
    world.settle()
    assert phones(world, left, right) == ("L", "L")
    assert world.conflicts() == []


def test_what_is_typed_after_the_write_of_a_choice_is_not_covered_by_it(world: World) -> None:
    left, right = chosen(world, Side.LEFT)
    with pytest.raises(Crash):
        world.sync(crash=at_write(world), when="after")
    world.erp.edit("customers", right, tel="R2")
    world.settle()
    assert phones(world, left, right) == ("R2", "R2")
    assert world.conflicts() == []


@pytest.mark.parametrize("when", ["before", "after"])
def test_the_same_side_chosen_again_over_what_the_write_replaces_or_brings_is_over_with_it(
    world: World, when: When
) -> None:
    left, right = chosen(world, Side.LEFT)
    with pytest.raises(Crash):
        world.sync(crash=at_write(world), when=when)
    world.crm.edit("companies", left, phone="L2")
    choose_anew(world, Side.LEFT)
    world.crm.edit("companies", left, phone="L3")
    world.settle()
    assert phones(world, left, right) == ("L3", "L3")
    assert world.conflicts() == []
