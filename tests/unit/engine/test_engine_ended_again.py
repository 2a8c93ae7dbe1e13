"""A choice about a record that came back after its link was over, and that ended again before it was carried out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from connector.model.rows import LinkState
from connector.model.values import Side
from connector.testing.world import FULL, World, account, make_world

NO_FEED = replace(FULL, deletes="none")


def came_back(world: World) -> tuple[str, str]:
    """The first of two companies, deleted on both sides, is back on the left, and a person wants it there."""
    for name in ("Acme", "Other"):
        world.crm.add("companies", account(name))
    world.sync()
    left, right = next(iter(world.pairs().items()))
    world.erp.remove("customers", right)
    world.sync()
    assert left not in world.crm.live("companies")
    world.crm.restore("companies", left)
    world.sync()
    assert world.conflicts() == [("*", "restored")]
    return left, right


def is_over(world: World) -> bool:
    assert len(world.links("account", LinkState.CLOSED)) == 1
    assert world.plan(full=True) == []
    return world.conflicts() == [] and world.hints() == []


def test_a_choice_about_a_record_that_ended_again_is_closed_and_said_so(world: World) -> None:
    left, _ = came_back(world)
    before = len(world.look("journal", None, None, None, 100))
    world.choose("account", "*", Side.LEFT)
    world.crm.remove("companies", left)
    world.sync()
    assert is_over(world)
    lines = world.look("journal", None, None, None, 100)
    assert len(lines) == before + 1
    assert (lines[0].event, lines[0].key) == ("closed", left)


def test_an_old_read_of_the_time_before_it_came_back_has_nobody_asked_again(world: World) -> None:
    left, _ = came_back(world)
    now = world.crm.read("companies", [left])[left]
    world.choose("account", "*", Side.LEFT)
    world.crm.stale[left] = replace(now, version="0", deleted=True)
    world.settle()
    assert is_over(world)
    assert left in world.crm.live("companies")


def test_a_record_not_found_once_does_not_end_the_choice(tmp_path: Path) -> None:
    world = make_world(tmp_path, NO_FEED, FULL)
    left, _ = came_back(world)
    world.choose("account", "*", Side.LEFT)
    world.crm.remove("companies", left)
    world.sync()
    assert world.conflicts() == [("*", "restored")]
    world.clock.advance(1000)
    world.sync()
    assert is_over(world)
    world.store.close()
