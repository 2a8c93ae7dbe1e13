"""I29, I30: own writes end where they arrive, an edit is one write, and no quarrel goes on for ever."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from parts_b import PROFILES, SPREAD, SYNCS, UNITS, End, Worlds, ends

from connector.merge.rules import Policy
from connector.model.values import SIDES, Side, Sides
from connector.testing.tables import Fields, Touch
from connector.testing.world import World

LINE = {"product": None, "description": "one", "quantity": "1", "unit_price": "2.50"}


@pytest.fixture
def worlds(tmp_path: Path) -> Iterator[Worlds]:
    with Worlds(tmp_path) as made:
        yield made


def pair(worlds: Worlds, profile: str, side: Side) -> tuple[World, End, str]:
    """One account in step, made on that side; its key there."""
    world = worlds.new(PROFILES[profile])
    end = ends(world)[side]
    key = end.add("A", phone="p0", email="e0", notes="n0")
    world.settle()
    return world, end, key


def own_writes(world: World) -> Counter[str]:
    """Every change the connector makes from now on, by side."""
    counts: Counter[str] = Counter()
    for end in ends(world):

        def count(touch: Touch, name: str = end.side.value) -> None:
            if touch.by == "connector":
                counts[name] += 1

        end.system.watchers.append(count)
    return counts


def rounds(world: World, number: int, *entities: str, full: bool = False) -> None:
    for _ in range(number):
        for entity in entities or ("account",):
            world.sync(entity, full=full)
        world.clock.advance(1000)


# ------------------------------------------------------------------------------------------------ I29 and I30


@pytest.mark.parametrize(("profile", "side"), SPREAD)
def test_i29_an_own_write_that_comes_back_causes_no_further_write(worlds: Worlds, profile: str, side: Side) -> None:
    world, end, key = pair(worlds, profile, side)
    end.edit(key, phone="p1")
    end.other.edit(end.partner(key), email="e1")
    end.add("B", parent=key)
    world.settle()
    counts = own_writes(world)
    rounds(world, 3)
    rounds(world, 1, full=True)
    kind = world.specs["account"].kind
    with world.store.begin() as tx:  # the feeds are read from the beginning: every own write comes back
        for one in SIDES:
            tx.set_cursor(kind, one, None)
    rounds(world, 2)
    assert counts == {}
    assert world.conflicts() == []


@pytest.mark.parametrize(("profile", "side"), SPREAD)
def test_i30_an_edit_is_one_write_on_the_other_side_and_none_on_its_own(
    worlds: Worlds, profile: str, side: Side
) -> None:
    world, end, key = pair(worlds, profile, side)
    counts = own_writes(world)
    for number in range(3):
        end.edit(key, phone=f"edit {number}")
        rounds(world, 3)
    assert counts == {side.other.value: 3}


@pytest.mark.parametrize("side", SIDES)
def test_i30_an_edit_of_a_line_is_one_write_on_the_other_side(worlds: Worlds, side: Side) -> None:
    world = worlds.new()
    end = ends(world)[side]
    order = end.add_order("O", end.add("A"), [LINE, {**LINE, "description": "two"}])
    world.settle(*SYNCS)
    counts = own_writes(world)
    for number in range(3):
        lines = end.lines(order)
        end.edit_lines(order, [lines[0], {**lines[1], "quantity": f"{number + 5}"}])
        rounds(world, 3, *SYNCS)
    assert counts == {side.other.value: 3}


MANNERS: dict[str, Callable[[str], str]] = {
    "upper case": str.upper,
    "trims": str.strip,
    "cuts": lambda text: text[:4],
    "puts something before it": lambda text: "+" + text,
    "forgets it": lambda text: "",
    "knows only one": lambda text: "the one",
}


def in_manner(end: End, manner: Callable[[str], str]) -> None:
    """This system keeps of a phone number what `manner` makes of it, whoever writes it."""
    name = UNITS["phone"][end.side]

    def keeps(fields: Fields) -> Fields:
        return {**fields, name: manner(fields[name])} if isinstance(fields.get(name), str) else fields

    end.system.rewrites(end.object, keeps)


@pytest.mark.parametrize("profile", ["everything", "opaque overlap"])
@pytest.mark.parametrize(("manner", "side"), [(name, SIDES[n % 2]) for n, name in enumerate(MANNERS)])
def test_i29_a_system_that_rewrites_at_once_gets_one_write_an_edit(
    worlds: Worlds, profile: str, manner: str, side: Side
) -> None:
    world, end, key = pair(worlds, profile, side)
    in_manner(end.other, MANNERS[manner])
    counts = own_writes(world)
    for number in range(2):
        end.edit(key, phone=f" p{number} long ")
        rounds(world, 3)
        rounds(world, 1, full=True)
    assert counts == {side.other.value: 2}
    assert end.get(key)["phone"] == " p1 long ", "what a person typed is not replaced by what became of it"
    assert world.conflicts() == []


@pytest.mark.parametrize("manner", MANNERS)
def test_i29_two_systems_that_rewrite_at_once_come_to_rest(worlds: Worlds, manner: str) -> None:
    world, left, key = pair(worlds, "everything", Side.LEFT)
    in_manner(left, MANNERS[manner])
    in_manner(left.other, str.swapcase)
    counts = own_writes(world)
    left.edit(key, phone=" p1 Long ")
    rounds(world, 5)
    left.other.edit(left.partner(key), phone=" p2 Long ")
    rounds(world, 5)
    assert counts["right"] <= 1
    assert counts["left"] <= 1


def late(end: End, unit: str, manner: Callable[[str], str]) -> Callable[[], None]:
    """What this system's own automation makes of a value, some time after it was written."""

    def go() -> None:
        for key in end.accounts().values():
            value = end.get(key)[unit]
            if isinstance(value, str) and manner(value) != value:
                end.edit(key, by="automation", **{unit: manner(value)})

    return go


@pytest.mark.parametrize(("profile", "side"), [*SPREAD[:1], *SPREAD[4:7]])
def test_i30_a_system_that_rewrites_late_is_followed_once(worlds: Worlds, profile: str, side: Side) -> None:
    world, end, key = pair(worlds, profile, side)
    counts = own_writes(world)
    automation = late(end.other, "phone", str.upper)
    end.edit(key, phone="Typed")
    for _ in range(5):
        rounds(world, 1)
        automation()
    rounds(world, 2)
    assert counts == {side.value: 1, side.other.value: 1}
    assert [one.value("A", "phone") for one in ends(world)] == ["TYPED", "TYPED"]


def oscillate(world: World, unit: str, number: int = 12) -> None:
    """Two automations that will never agree, each between two runs."""
    left, right = ends(world)
    up, down = late(right, unit, str.upper), late(left, unit, str.lower)
    for _ in range(number):
        rounds(world, 1)
        up()
        rounds(world, 1)
        down()


@pytest.mark.parametrize(("profile", "side"), [*SPREAD[:1], *SPREAD[4:]])
def test_i30_two_systems_that_rewrite_each_other_end_within_five_writes_and_are_listed(
    worlds: Worlds, profile: str, side: Side
) -> None:
    world, end, key = pair(worlds, profile, side)
    end.add("Quiet", phone="123")
    world.settle()
    counts = own_writes(world)
    end.edit(key, phone="Typed")
    oscillate(world, "phone")
    assert sum(counts.values()) <= 5, counts
    assert world.conflicts() == [("phone", "oscillation")]
    before = sum(counts.values())
    oscillate(world, "phone", 3)
    assert sum(counts.values()) == before, "it stays at rest until a person decides"
    end.edit(key, notes="flows on")
    rounds(world, 1)
    assert end.other.value("A", "notes") == "flows on"
    assert end.other.value("Quiet", "phone") == "123"


@pytest.mark.parametrize("policy", [Policy.LEFT, Policy.RIGHT, Policy.NEWEST])
def test_i30_no_policy_keeps_an_oscillation_going(worlds: Worlds, policy: Policy) -> None:
    world, end, key = pair(worlds, "everything", Side.LEFT)
    world.rule("account", phone={"policy": policy})
    counts = own_writes(world)
    end.edit(key, phone="Typed")
    oscillate(world, "phone")
    assert sum(counts.values()) <= 5, counts
    assert world.conflicts() == [("phone", "oscillation")]


@pytest.mark.parametrize("side", SIDES)
def test_i30_lines_that_two_systems_rewrite_for_ever_end_within_five_writes_too(worlds: Worlds, side: Side) -> None:
    world = worlds.new()
    end = ends(world)[side]
    order = end.add_order("O", end.add("A"), [{**LINE, "description": "Typed"}])
    world.settle(*SYNCS)
    counts = own_writes(world)
    links = world.pairs("order")
    keys = Sides(order, links[order]) if side is Side.LEFT else Sides(next(iter(links)), order)
    for number in range(24):
        rounds(world, 1, "order")
        one = Side.RIGHT if number % 2 else Side.LEFT
        (shown,) = ends(world)[one].lines(keys[one])
        manner = str.upper if one is Side.RIGHT else str.lower
        if manner(shown["description"]) != shown["description"]:
            changed = {**shown, "description": manner(shown["description"])}
            ends(world)[one].edit_lines(keys[one], [changed], by="automation")
    assert sum(counts.values()) <= 5, counts
    assert world.conflicts("order") == [("lines", "oscillation")]


def test_i30_a_person_who_goes_back_and_forth_is_no_oscillation(worlds: Worlds) -> None:
    """The same two values typed again and again, days apart: every edit arrives."""
    world, end, key = pair(worlds, "everything", Side.LEFT)
    for number in range(8):
        end.edit(key, phone=("on", "off")[number % 2])
        rounds(world, 1)
        assert end.other.value("A", "phone") == ("on", "off")[number % 2]
        world.clock.advance(86400 * 2)
    assert world.conflicts() == []
