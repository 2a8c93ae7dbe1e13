"""I41, I42: nothing is created before both sides are known, and a merge never takes the image with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from parts_b import PROFILES, SPREAD, End, Worlds, ends, in_step, linked_all, run_with, stepper, try_sync

from connector.engine.effects import Call, Commit
from connector.errors import ConnectorError
from connector.model.records import Op
from connector.model.rows import LinkState
from connector.model.values import SIDES, Side
from connector.testing.driver import Crash
from connector.testing.tables import BUSY, Touch
from connector.testing.world import World


@pytest.fixture
def worlds(tmp_path: Path) -> Iterator[Worlds]:
    with Worlds(tmp_path) as made:
        yield made


# ------------------------------------------------------------------------------------------------------ I41


def strangers(world: World, count: int = 7) -> None:
    """Two systems that grew up apart: the same companies, some of their own; partners lie far apart."""
    left, right = ends(world)
    for number in range(count):
        left.add(f"shared {number}", tax_id=f"T{number}", phone="1")
    left.add("only left")
    right.add("only right")
    for number in reversed(range(count)):
        right.add(f"shared {number}", tax_id=f"T{number}", email="e")


def creates(world: World) -> list[str]:
    return [end.side for end in ends(world) for write in end.system.writes if write.op is Op.CREATE]


def joined(world: World, count: int = 7) -> None:
    """Every company once on each side, linked, and both sides have what either had."""
    for end in ends(world):
        assert set(end.accounts()) == {f"shared {n}" for n in range(count)} | {"only left", "only right"}
        assert end.value("shared 3", "phone") == "1"
        assert end.value("shared 3", "email") == "e"
    linked_all(world)
    assert sorted(creates(world)) == ["left", "right"]


@pytest.mark.parametrize("profile", ["small batches", "one by one", "no delete feed"])
def test_i41_nothing_is_created_before_the_last_page_of_both_sides_was_read(worlds: Worlds, profile: str) -> None:
    world = worlds.new(PROFILES[profile])
    strangers(world)
    seen: list[str] = []

    def before(number: int, effect: Call | Commit) -> None:
        if isinstance(effect, Call):
            seen.append(effect.method)

    run_with(world, before)
    assert "changes" not in seen[seen.index("write") :], "every page comes before the first write"
    joined(world)
    written = len(world.crm.writes) + len(world.erp.writes)
    for full in (False, True):
        world.clock.advance(1000)
        world.sync(full=full)
    joined(world)
    assert len(world.crm.writes) + len(world.erp.writes) == written, "run again it creates nothing"


@pytest.mark.parametrize("side", SIDES)
def test_i41_an_inventory_that_breaks_off_at_any_page_creates_nothing(worlds: Worlds, side: Side) -> None:
    begin = worlds.new(PROFILES["small batches"])
    strangers(begin)
    for skip in range(3):
        world = worlds.copy(begin)
        ends(world)[side].system.fail("changes", BUSY, skip=skip)
        with pytest.raises(ConnectorError):
            world.sync()
        assert creates(world) == []
        assert world.links() == []
        world.sync()
        world.settle()
        joined(world)
        worlds.done(world)


def test_i41_a_first_link_that_dies_at_any_step_is_joined_by_the_next_run(worlds: Worlds) -> None:
    begin = worlds.new(PROFILES["small batches"])
    strangers(begin, 4)
    plain = worlds.copy(begin)
    plain.sync()
    for crash in range(1, plain.driver.count + 1, 4):
        world = worlds.copy(begin)
        with pytest.raises(Crash):
            world.sync(crash=crash)
        world.settle()
        for end in ends(world):
            assert set(end.accounts()) == {f"shared {n}" for n in range(4)} | {"only left", "only right"}, crash
        linked_all(world)
        worlds.done(world)


@pytest.mark.parametrize("side", SIDES)
def test_i41_what_people_do_during_the_inventory_creates_nothing_twice(worlds: Worlds, side: Side) -> None:
    """Before any page of the other side is read, the partner of a record appears there, or a record of its own."""
    begin = worlds.new(PROFILES["small batches"])
    strangers(begin, 3)
    ends(begin)[side].add("late partner", tax_id="LATE")
    pages = [
        number
        for number, effect in enumerate(_steps(worlds.copy(begin)))
        if isinstance(effect, Call) and effect.method == "changes" and effect.side is side.other
    ]
    assert len(pages) > 1
    for at in pages:
        world = worlds.copy(begin)

        def people(number: int, effect: Call | Commit, at: int = at, world: World = world) -> None:
            if number == at:
                ends(world)[side.other].add("late partner", tax_id="LATE")
                ends(world)[side.other].add("late and alone")

        run_with(world, people)
        world.settle()
        shared = {f"shared {number}" for number in range(3)} | {"only left", "only right"}
        for end in ends(world):
            assert set(end.accounts()) == shared | {"late partner", "late and alone"}, at
        linked_all(world)
        worlds.done(world)


def _steps(world: World) -> list[Call | Commit]:
    seen: list[Call | Commit] = []
    run_with(world, lambda number, effect: seen.append(effect))
    return seen


def test_i41_what_fits_several_is_neither_linked_nor_created(worlds: Worlds) -> None:
    world = worlds.new()
    left, right = ends(world)
    one = left.add("twin", tax_id="T")
    other = left.add("twin too", tax_id="T")
    there = right.add("image", tax_id="T")
    for _ in range(3):
        world.sync(full=True)
        world.clock.advance(1000)
    assert creates(world) == []
    assert world.links() == []
    assert {key for _, key, _ in world.dead()} == {one, other, there}


# ------------------------------------------------------------------------------------------------------ I42


def trio(world: World, side: Side) -> tuple[End, list[str], list[str]]:
    """Three accounts in step, a child of the first; their keys on that side and on the other."""
    end = ends(world)[side]
    keys = [end.add(f"N{number}", phone=f"{number}", tax_id=f"T{number}") for number in range(3)]
    end.add("child", parent=keys[0])
    world.settle()
    return end, keys, [end.partner(key) for key in keys]


def ended(touches: list[Touch]) -> list[Touch]:
    return [touch for touch in touches if touch.kind == "remove"]


DELETES = ["propagate", "archive", "ask", "ignore"]


@pytest.mark.parametrize("deletes", DELETES)
@pytest.mark.parametrize("side", SIDES)
def test_i42_a_merge_leaves_the_image_of_the_loser_alive_and_untouched(
    worlds: Worlds, deletes: str, side: Side
) -> None:
    world = worlds.new()
    world.set("account", deletes=deletes)
    end, keys, images = trio(world, side)
    touches = end.other.watch()
    before = end.other.system.get(end.other.object, images[0])
    end.system.merge(end.object, keys[0], keys[1])
    for full in (False, True, False):
        world.sync(full=full)
        world.clock.advance(1000)
    world.settle()
    assert ended(touches) == []
    assert end.other.system.get(end.other.object, images[0]) == before
    end.other.edit(images[0], phone="a person goes on using it")  # frozen: it leads nowhere, and is still theirs
    end.edit(keys[1], phone="the survivor")
    world.settle()
    assert end.other.get(images[0])["phone"] == "a person goes on using it"
    assert end.other.get(images[1])["phone"] == "the survivor"
    assert end.get(keys[1])["phone"] == "the survivor"
    assert ended(touches) == []
    assert len(end.accounts()) == 3, "the image makes no new record"
    assert world.plan(full=True) == []


@pytest.mark.parametrize("deletes", DELETES)
@pytest.mark.parametrize("side", SIDES)
def test_i42_when_the_survivor_is_deleted_the_images_of_the_merged_ones_stay(
    worlds: Worlds, deletes: str, side: Side
) -> None:
    """A chain: the first into the second, the second into the third, and the third is deleted."""
    world = worlds.new()
    world.set("account", deletes=deletes)
    end, keys, images = trio(world, side)
    end.system.merge(end.object, keys[0], keys[1])
    world.settle()
    end.system.merge(end.object, keys[1], keys[2])
    world.settle()
    end.remove(keys[2])
    world.settle()
    world.sync(full=True)
    alive = set(end.other.accounts().values())
    assert {images[0], images[1]} <= alive
    assert (images[2] in alive) == (deletes != "propagate")


@pytest.mark.parametrize(("profile", "side"), [*SPREAD[:1], *SPREAD[4:6], *SPREAD[7:8]])
def test_i42_a_merge_before_any_step_of_a_run_deletes_no_image(worlds: Worlds, profile: str, side: Side) -> None:
    begin = worlds.new(PROFILES[profile])
    end, keys, images = trio(begin, side)
    end.edit(keys[0], phone="changed before it was merged")
    end.edit(keys[1], notes="changed, too")
    steps = run_with(worlds.copy(begin), lambda number, effect: None)
    for at in range(0, steps, 3):
        world = worlds.copy(begin)
        touches = ends(world)[side.other].watch()

        def people(number: int, effect: Call | Commit, at: int = at, world: World = world) -> None:
            if number == at:
                mine = ends(world)[side]
                mine.system.merge(mine.object, keys[0], keys[1])

        run_with(world, people)
        world.settle()
        assert ended(touches) == [], at
        assert set(images) <= set(ends(world)[side.other].accounts().values()), at
        assert len(world.links("account", LinkState.LINKED)) == 3
        worlds.done(world)


@pytest.mark.parametrize("side", SIDES)
def test_i42_a_crash_while_a_merge_is_noted_deletes_no_image_and_the_child_follows_the_survivor(
    worlds: Worlds, side: Side
) -> None:
    begin = worlds.new()
    end, keys, images = trio(begin, side)
    end.system.merge(end.object, keys[0], keys[1])
    end.edit(end.accounts()["child"], parent=keys[1], phone="moved")
    plain = worlds.copy(begin)
    plain.sync()
    for crash in range(1, plain.driver.count + 1, 3):
        world = worlds.copy(begin)
        touches = ends(world)[side.other].watch()
        with pytest.raises(Crash):
            world.sync(crash=crash)
        world.settle()
        theirs = ends(world)[side.other]
        assert ended(touches) == [], crash
        assert set(images) <= set(theirs.accounts().values())
        assert theirs.get(theirs.accounts()["child"])["parent"] == images[1]
        worlds.done(world)


@pytest.mark.parametrize("linked", ["neither", "loser", "survivor"])
@pytest.mark.parametrize("side", SIDES)
def test_i42_a_merge_of_records_that_are_not_linked_yet_creates_one_and_deletes_none(
    worlds: Worlds, linked: str, side: Side
) -> None:
    world = worlds.new()
    end = ends(world)[side]
    reject = {"neither": ("loser", "survivor"), "loser": ("survivor",), "survivor": ("loser",)}[linked]
    end.other.system.reject_where(lambda fields: (fields.get("name") or fields.get("title")) in reject)
    loser, survivor = end.add("loser", tax_id="1"), end.add("survivor", tax_id="2")
    world.sync()
    touches = end.other.watch()
    end.system.merge(end.object, loser, survivor)
    world.sync()
    end.other.system.accept_all()
    end.edit(survivor, phone="1")
    world.settle()
    assert ended(touches) == []
    assert "survivor" in end.other.accounts()
    assert ("loser" in end.other.accounts()) == (linked == "loser")
    assert end.other.value("survivor", "phone") == "1"
    in_step(world)


@pytest.mark.parametrize("side", SIDES)
def test_i42_both_sides_merge_the_same_two_the_other_way_round_and_nothing_is_deleted(
    worlds: Worlds, side: Side
) -> None:
    world = worlds.new()
    end, keys, images = trio(world, side)
    left, right = end.watch(), end.other.watch()
    end.system.merge(end.object, keys[0], keys[1])
    end.other.system.merge(end.other.object, images[1], images[0])
    for _ in range(4):
        try_sync(world)
        world.clock.advance(7 * 3600)
    assert ended(left) == []
    assert ended(right) == []
    assert keys[1] in end.accounts().values()
    assert images[0] in end.other.accounts().values()
    run = stepper(world)
    with suppress(ConnectorError):
        run.finish()
    assert set(end.accounts()) >= {"N1", "N2"}
