"""I31, I32: bytes and keys outlive the process, and settling a write touches what it carried and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from parts_b import PROFILES, SPREAD, SYNCS, UNITS, End, Worlds, ends, in_step, run_with, try_sync

from connector.engine.effects import Call, Commit
from connector.merge.base import Base, unpack
from connector.model.records import Op, Outcome, Write, WriteResult
from connector.model.values import SIDES, Side
from connector.testing.driver import Crash
from connector.testing.memory import MemorySystem
from connector.testing.tables import LOST, Fields
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


# ------------------------------------------------------------------------------------------------------ I31


def one_body_a_key(system: MemorySystem) -> int:
    """Every key ever sent went with the same bytes; how many keys were sent more than once."""
    sent: dict[str, Write] = {}
    again = 0
    for write in system.writes:
        first = sent.setdefault(write.token, write)
        assert (first.body, first.op, first.key, first.version) == (write.body, write.op, write.key, write.version)
        again += first is not write
    return again


def busy_day(world: World, side: Side) -> None:
    end = ends(world)[side]
    names = end.accounts()
    end.edit(names["A"], phone="p1", notes='ä€ "quoted" \\ \n two')
    end.add("B", parent=names["A"], email="b")
    end.other.edit(end.partner(names["A"]), email="e1")


@pytest.mark.parametrize(("profile", "side"), SPREAD[:5])
def test_i31_what_is_sent_again_after_a_restart_is_the_same_bytes_under_the_same_key(
    worlds: Worlds, profile: str, side: Side
) -> None:
    """Every write's answer is lost in turn, people edit before the restart, and the process starts anew."""
    begin, _, _ = pair(worlds, profile, side)
    busy_day(begin, side)
    again = 0
    for op, skip in ((Op.CREATE, 0), (Op.UPDATE, 0), (Op.UPDATE, 1)):
        for applied in (True, False):
            world = worlds.copy(begin)
            for end in ends(world):
                end.system.fail("write", LOST, after=applied, op=op, skip=skip)
            try_sync(world)
            end = ends(world)[side]
            end.edit(end.accounts()["B"], email="edited before the restart")
            end.edit(end.accounts()["A"], phone="p2")
            for one in ends(world):
                one.system.faults.clear()
            world.settle()
            again += sum(one_body_a_key(one.system) for one in ends(world))
            assert end.other.value("B", "email") == "edited before the restart"
            assert end.other.value("A", "phone") == "p2"
            in_step(world)
            worlds.done(world)
    assert again > 0 or profile == "unconditional", "nothing was ever sent again: this proved nothing"


@pytest.mark.parametrize("side", SIDES)
def test_i31_a_crash_at_any_step_sends_no_other_bytes_under_a_key(worlds: Worlds, side: Side) -> None:
    begin, _, _ = pair(worlds, "idempotency key", side)
    busy_day(begin, side)
    plain = worlds.copy(begin)
    plain.sync()
    again = 0
    for crash in range(1, plain.driver.count + 1, 2):
        world = worlds.copy(begin)
        with pytest.raises(Crash):
            world.sync(crash=crash, when="after")
        end = ends(world)[side]
        end.edit(end.accounts()["B"], email="edited")
        world.settle()
        again += sum(one_body_a_key(one.system) for one in ends(world))
        assert end.other.value("B", "email") == "edited"
        worlds.done(world)
    assert again > 0


def test_i31_other_bytes_go_under_another_key_even_when_an_old_value_comes_back(worlds: Worlds) -> None:
    """A value goes there and back: the second time is another write, never answered with the first."""
    world, end, key = pair(worlds, "idempotency key", Side.LEFT)
    for number in range(6):
        end.edit(key, phone=("on", "off")[number % 2])
        world.sync()
        world.clock.advance(10)
        assert end.other.value("A", "phone") == ("on", "off")[number % 2]
    assert one_body_a_key(world.erp) == 0


# ------------------------------------------------------------------------------------------------------ I32


def base_of(world: World, entity: str = "account") -> Base:
    (link,) = world.links(entity)
    layouts = world.look("layouts", world.specs[entity].kind)
    return unpack(link.base, layouts[link.layout])


def meanwhile(system: MemorySystem, act: Callable[[], None], op: Op = Op.UPDATE) -> None:
    """A person acts right after the next write of that op is in, and the answer already shows what they did."""
    write = system.write

    def slow(object: str, writes: Any) -> WriteResult:  # noqa: A002
        result = write(object, writes)
        if writes[0].op is not op:
            return result
        system.write = write  # type: ignore[method-assign]
        act()
        keys = [str(outcome.key) for outcome in result.outcomes]
        shown = system.read(object, keys)
        return WriteResult([Outcome(key, shown[key]) for key in keys], None)

    system.write = slow  # type: ignore[method-assign]


@pytest.mark.parametrize("profile", ["everything", "unconditional", "opaque overlap"])
@pytest.mark.parametrize("side", SIDES)
def test_i32_settling_a_write_changes_the_base_of_what_was_written_and_of_nothing_else(
    worlds: Worlds, profile: str, side: Side
) -> None:
    """While the phone is written, a person changes the notes there; the answer shows both."""
    world, end, key = pair(worlds, profile, side)
    before = base_of(world).prints
    theirs = end.partner(key)
    meanwhile(end.other.system, lambda: end.other.edit(theirs, notes="typed meanwhile"))
    end.edit(key, phone="p1")
    seen: list[dict[str, Any]] = []
    run_with(world, lambda number, effect: seen.append(base_of(world).prints))
    changed = {unit for prints in seen for unit in prints if prints[unit] != before[unit]}
    assert changed - {"notes"} == {"phone"}
    if "notes" in changed:  # only by a further write that carried it
        assert end.get(key)["notes"] == "typed meanwhile"
    world.settle()
    assert [one.value("A", "notes") for one in ends(world)] == ["typed meanwhile"] * 2
    assert [one.value("A", "phone") for one in ends(world)] == ["p1"] * 2
    assert world.conflicts() == []


@pytest.mark.parametrize("profile", ["everything", "opaque overlap", "unconditional"])
@pytest.mark.parametrize("side", SIDES)
def test_i32_what_a_person_types_into_the_written_field_meanwhile_is_not_taken_for_agreed(
    worlds: Worlds, profile: str, side: Side
) -> None:
    world, end, key = pair(worlds, profile, side)
    theirs = end.partner(key)
    write = end.other.system.write
    end.other.system.fail("write", LOST, after=True, op=Op.UPDATE)
    end.edit(key, phone="p1")
    world.sync()
    assert write is not None
    end.other.edit(theirs, phone="typed after it", notes="typed after it")
    world.settle()
    waits = [unit for unit, _ in world.conflicts()]
    assert end.other.value("A", "phone") == "typed after it"
    assert end.value("A", "phone") == "typed after it" or waits == ["phone"]
    assert end.value("A", "notes") == "typed after it"


@pytest.mark.parametrize("side", SIDES)
def test_i32_settling_one_line_leaves_the_base_of_every_other_line_and_field(worlds: Worlds, side: Side) -> None:
    world = worlds.new()
    end = ends(world)[side]
    order = end.add_order("O", end.add("A"), [LINE, {**LINE, "description": "two", "quantity": "2"}])
    world.settle(*SYNCS)
    (made,) = end.other.system.live("deals" if side is Side.RIGHT else "orders")

    def person() -> None:
        one, two = end.other.lines(made)
        end.other.edit_lines(made, [{**one, "description": "typed"}, {**two, "unit_price": "9.00"}])

    meanwhile(end.other.system, person)
    one, two = end.lines(order)
    end.edit_lines(order, [{**one, "quantity": "7"}, two])
    world.settle(*SYNCS)
    for lines in (end.lines(order), end.other.lines(made)):
        shown = [(line["description"], line["quantity"], line["unit_price"]) for line in lines]
        assert shown == [("typed", "7", "2.50"), ("two", "2", "9.00")]
    assert world.conflicts("order") == []


@pytest.mark.parametrize("side", SIDES)
def test_i32_a_recovered_write_settles_what_it_carried_and_nothing_else(worlds: Worlds, side: Side) -> None:
    """The answer is lost, a person changes another field on each side, and recovery settles from what it reads."""
    for profile in ("everything", "unconditional", "created-by filter"):
        world, end, key = pair(worlds, profile, side)
        theirs = end.partner(key)
        end.other.system.fail("write", LOST, after=True, op=Op.UPDATE)
        end.edit(key, phone="p1")
        world.sync()
        end.other.edit(theirs, notes="there")
        end.edit(key, email="here")
        world.settle()
        for one in ends(world):
            assert [one.value("A", unit) for unit in ("phone", "notes", "email")] == ["p1", "there", "here"]
        assert world.conflicts() == []


def _default(name: str, fields: Fields) -> Fields:
    return {**fields, name: fields.get(name) or "default"}


def test_i32_a_create_settles_no_field_the_target_filled_by_itself(worlds: Worlds) -> None:
    """The system sets a default where the source was empty: that is news for the source."""
    for side in SIDES:
        world = worlds.new(replace(PROFILES["everything"], batch_write=1))
        end = ends(world)[side]
        name = UNITS["notes"][side.other]
        end.other.system.rewrites(end.other.object, partial(_default, name))
        end.add("A", phone="1")
        world.settle()
        assert [one.value("A", "notes") for one in ends(world)] == ["default", "default"]


def test_i31_a_body_is_json_of_the_targets_own_fields(worlds: Worlds) -> None:
    """Frozen bytes are what arrives: what the intent keeps can be read without the engine."""
    world, end, key = pair(worlds, "everything", Side.LEFT)
    end.edit(key, phone="p1")
    seen: list[bytes] = []

    def before(number: int, effect: Call | Commit) -> None:
        if isinstance(effect, Call) and effect.method == "write":
            (row,) = world.look("open_intents", world.specs["account"].kind, "", 10)
            seen.append(world.vault.open(row.body, b"intent"))
            assert [write.body for write in effect.args[1]] == seen[-1:]
            assert [write.token for write in effect.args[1]] == [row.token]

    run_with(world, before)
    assert [msgspec.json.decode(body) for body in seen] == [{"tel": "p1"}]
