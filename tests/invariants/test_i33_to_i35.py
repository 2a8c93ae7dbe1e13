"""I33 to I35: one bad record stops no other, any part of a batch may fail, and lost bases cost nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from parts_b import (
    LINE_FIELDS,
    LINES,
    OBJECTS,
    PROFILES,
    SPREAD,
    SYNCS,
    UNITS,
    End,
    Worlds,
    ends,
    in_step,
    linked_all,
    try_sync,
)

from connector.errors import ConnectorError, NotFoundError, RejectedError, StaleError, TransientError, UncertainError
from connector.model.records import Op, Outcome, Write, WriteResult
from connector.model.rows import LinkState
from connector.model.values import SIDES, Side, Sides
from connector.testing.memory import MemorySystem
from connector.testing.world import FULL, World

BATCH = replace(FULL, batch_write=3)
LINE = {"product": None, "description": "one", "quantity": "1", "unit_price": "2.50"}


@pytest.fixture
def worlds(tmp_path: Path) -> Iterator[Worlds]:
    with Worlds(tmp_path) as made:
        yield made


def filled(world: World, side: Side, count: int, **fields: Any) -> tuple[End, list[str]]:
    end = ends(world)[side]
    keys = [end.add(f"N{number}", phone="0", **fields) for number in range(count)]
    world.settle()
    return end, keys


def cursors(world: World) -> list[str | None]:
    kind = world.specs["account"].kind
    return [world.look("cursor", kind, side) for side in SIDES]


# ------------------------------------------------------------------------------------------------------ I33


@pytest.mark.parametrize("place", range(5))
@pytest.mark.parametrize("op", ["create", "update"])
@pytest.mark.parametrize("side", SIDES)
def test_i33_one_refused_record_stops_no_other_and_is_one_dead_letter(
    worlds: Worlds, place: int, op: str, side: Side
) -> None:
    world = worlds.new(replace(BATCH, batch_write=2))
    end, keys = filled(world, side, 5 if op == "update" else 0)
    before = cursors(world)
    end.other.system.reject_where(lambda fields: "poison" in (fields.get("phone"), fields.get("tel")))
    for number in range(5):
        value = "poison" if number == place else "1"
        if op == "update":
            end.edit(keys[number], phone=value)
        else:
            end.add(f"N{number}", phone=value)
    for _ in range(3):
        world.sync()
        world.clock.advance(1000)
    names = end.other.accounts()
    fine = [f"N{number}" for number in range(5) if number != place]
    assert [end.other.get(names[name])["phone"] for name in fine] == ["1"] * 4
    assert [(row[0], row[1]) for row in world.dead()] == [(side, end.accounts()[f"N{place}"])]
    assert all(new is not None and new != old for old, new in zip(before, cursors(world), strict=True))
    sent = [write for write in end.other.system.writes if b"poison" in write.body]
    assert len(sent) == 1, "a refusal for good is not tried again and again"
    end.other.system.accept_all()
    end.edit(end.accounts()[f"N{place}"], phone="cured")
    world.settle()
    assert world.dead() == []
    assert end.other.value(f"N{place}", "phone") == "cured"
    linked_all(world)


@pytest.mark.parametrize("side", SIDES)
def test_i33_a_delete_that_is_refused_stops_no_other(worlds: Worlds, side: Side) -> None:
    world = worlds.new(BATCH)
    end, keys = filled(world, side, 4)
    partners = [end.partner(key) for key in keys]
    write = end.other.system.write

    def refuse(object: str, writes: Sequence[Write]) -> WriteResult:  # noqa: A002
        fine = [one for one in writes if one.op is not Op.DELETE or one.key != partners[1]]
        outcomes = iter(write(object, fine).outcomes) if fine else iter(())
        no = RejectedError("no")
        return WriteResult([next(outcomes) if one in fine else Outcome(one.key, None, no) for one in writes])

    end.other.system.write = refuse  # type: ignore[method-assign]
    for key in keys:
        end.remove(key)
    for _ in range(3):
        world.sync()
        world.clock.advance(1000)
    assert set(end.other.accounts().values()) == {partners[1]}
    assert len(world.dead()) == 1


GARBAGE: list[Any] = [
    {"a": 1},
    [1, "two", None],
    "x" * 100_000,
    "nul \x00 and bell \x07",
    "\ud800 half a pair",
    float("nan"),
    float("inf"),
    10**400,
    -0.0,
    True,
    "",
    "2024-99-99",
    [{"id": None}],
    [[[]]],
]


@pytest.mark.parametrize(("number", "side"), [(n, SIDES[n % 2]) for n in range(len(GARBAGE))])
def test_i33_no_value_a_system_shows_stops_the_other_records(worlds: Worlds, number: int, side: Side) -> None:
    """Every field of a record in turn shows something no adapter should: the others are created and updated."""
    world = worlds.new()
    end, keys = filled(world, side, 2)
    fields = sorted(end.system._table(end.object).spec.fields)
    fine = {name: end.add(f"linked {name}", phone="0") for name in fields}
    world.settle()
    for name in fields:
        end.show(end.object, end.add(f"poison {name}", phone="0"), **{name: GARBAGE[number]})
        end.show(end.object, fine[name], **{name: GARBAGE[number]})  # and where it breaks out on a record in step
    end.edit(keys[1], phone="1")
    late = end.add("Late")
    for _ in range(2):
        world.sync()
        world.clock.advance(1000)
    assert end.other.get(end.partner(keys[1]))["phone"] == "1"
    assert end.other.get(end.partner(late))["name"] == "Late"
    for name in fields:
        end.edit(fine[name], **{"notes" if name in UNITS["phone"] else "phone": "still flows"})
    end.edit(keys[0], phone="2")
    world.sync()
    assert end.other.get(end.partner(keys[0]))["phone"] == "2"


@pytest.mark.parametrize(("number", "side"), [(n, SIDES[n % 2]) for n in range(len(GARBAGE))])
def test_i33_no_value_in_a_line_stops_the_other_orders(worlds: Worlds, number: int, side: Side) -> None:
    world = worlds.new()
    end = ends(world)[side]
    owner = end.add("Owner")
    fine = end.add_order("fine", owner, [LINE])
    name = OBJECTS["order"][side]
    for field in ("product", "description", "quantity", "unit_price"):
        order = end.add_order(f"poison {field}", owner, [LINE])
        (line,) = end.system.get(name, order)[LINES[side]]
        end.show(name, order, **{LINES[side]: [{**line, LINE_FIELDS[field][side]: GARBAGE[number]}]})
    end.show(name, end.add_order("poison whole", owner, [LINE]), **{LINES[side]: GARBAGE[number]})
    for _ in range(2):
        for entity in SYNCS:
            world.sync(entity)
        world.clock.advance(1000)
    end.edit_lines(fine, [{**end.lines(fine)[0], "quantity": "5"}])
    world.sync("order")
    links = world.pairs("order")
    partner = links[fine] if side is Side.LEFT else {right: left for left, right in links.items()}[fine]
    assert [line["quantity"] for line in end.other.lines(partner)] == ["5"]


# ------------------------------------------------------------------------------------------------------ I34

WAYS = ("done", "refused", "busy", "lost after", "lost before", "stale", "gone")
ERRORS: dict[str, Callable[[], ConnectorError]] = {
    "refused": lambda: RejectedError("not valid"),
    "busy": lambda: TransientError("busy", after=5.0),
    "lost before": lambda: UncertainError("no answer for this item"),
    "stale": lambda: StaleError("changed meanwhile"),
    "gone": lambda: NotFoundError("not there just now"),
}


class Mixed:
    """The next batch of this system fails item by item, each in a way of its own; later ones succeed."""

    def __init__(self, system: MemorySystem, ways: Sequence[str], op: Op) -> None:
        self._write = system.write
        self._ways = ways
        self._op = op
        self.met = False
        system.write = self._answer  # type: ignore[method-assign]

    def _answer(self, object: str, writes: Sequence[Write]) -> WriteResult:  # noqa: A002
        if self.met or writes[0].op is not self._op or len(writes) != len(self._ways):
            return self._write(object, writes)
        self.met = True
        let = [write for write, way in zip(writes, self._ways, strict=True) if way in ("done", "lost after")]
        done = iter(self._write(object, let).outcomes if let else ())
        outcomes = []
        for write, way in zip(writes, self._ways, strict=True):
            real = next(done) if way in ("done", "lost after") else None
            if real is not None and way == "done":
                outcomes.append(real)
            else:
                error = ERRORS["lost before" if way == "lost after" else way]()
                outcomes.append(Outcome(write.key, None, error))
        return WriteResult(outcomes, None)


def combinations() -> list[tuple[str, str, str]]:
    """Every way beside two others with one done between them, and every way thrice."""
    number = len(WAYS)
    mixed = [(WAYS[n], "done", WAYS[(n + step) % number]) for n in range(number) for step in (2, 3)]
    return [*mixed, *((way, way, way) for way in WAYS)]


@pytest.mark.parametrize("op", [Op.CREATE, Op.UPDATE])
@pytest.mark.parametrize("side", SIDES)
def test_i34_whatever_part_of_a_batch_fails_the_rest_settles_and_nothing_is_written_twice(
    worlds: Worlds, op: Op, side: Side
) -> None:
    begin = worlds.new(BATCH)
    end, keys = filled(begin, side, 3 if op is Op.UPDATE else 0)
    for number in range(3):
        if op is Op.UPDATE:
            end.edit(keys[number], phone="1")
        else:
            end.add(f"N{number}", phone="1")
    for ways in combinations():
        _mixed(worlds.copy(begin), side, op, ways, worlds)


TRIPLES = (("lost after", "busy", "stale"), ("done", "lost before", "lost after"), ("refused", "gone", "done"))


def _mixed(world: World, side: Side, op: Op, ways: tuple[str, ...], worlds: Worlds) -> None:
    end = ends(world)[side]
    mixed = Mixed(end.other.system, ways, op)
    touches = end.other.watch()
    try_sync(world)
    assert mixed.met, "the batch was not as the check expects it"
    names = end.other.accounts()
    for number, way in enumerate(ways):
        if way == "done":
            assert end.other.get(names[f"N{number}"])["phone"] == "1", ways
    world.settle()
    in_step(world)
    written: dict[str, int] = {}
    for touch in touches:
        assert touch.after is not None
        name = touch.after[UNITS["name"][side.other]]
        written[name] = written.get(name, 0) + 1
    refused = {f"N{number}" for number, way in enumerate(ways) if way == "refused"}
    assert written == {f"N{number}": 1 for number in range(3) if f"N{number}" not in refused}, ways
    assert {key for _, key, _ in world.dead()} == {end.accounts()[name] for name in refused}, ways
    worlds.done(world)


@pytest.mark.parametrize(("profile", "side"), SPREAD[2:6])
def test_i34_part_of_a_batch_failing_is_survived_by_every_profile(worlds: Worlds, profile: str, side: Side) -> None:
    """With an edit of each record before the next run: what failed is planned anew and carries the newer value."""
    for op in (Op.CREATE, Op.UPDATE):
        for ways in TRIPLES:
            world = worlds.new(replace(PROFILES[profile], batch_write=3))
            end, keys = filled(world, side, 3 if op is Op.UPDATE else 0)
            for number in range(3):
                if op is Op.UPDATE:
                    end.edit(keys[number], phone="1")
                else:
                    keys.append(end.add(f"N{number}", phone="1"))
            mixed = Mixed(end.other.system, ways, op)
            try_sync(world)
            assert mixed.met
            for key in keys:
                end.edit(key, phone="2", notes="later")
            world.settle()
            in_step(world)
            linked_all(world)
            assert {end.other.get(key)["phone"] for key in end.other.accounts().values()} == {"2"}
            assert world.conflicts() == []
            worlds.done(world)


# ------------------------------------------------------------------------------------------------------ I35


def wipe(world: World, every: int = 1) -> None:
    """Links are kept, what both sides agreed on is gone, as after a migration of the store or of its key."""
    with world.store.begin() as tx:
        for entity in SYNCS:
            links = [link for link in world_links(tx, world, entity) if link.id % every == 0]
            tx.update_links([replace(link, base=None, layout=0, canon=0, prints=Sides(None, None)) for link in links])


def world_links(tx: Any, world: World, entity: str) -> list[Any]:
    found: list[Any] = tx.page_links(world.specs[entity].kind, 0, 1000, [LinkState.LINKED])
    return found


def rich(world: World) -> None:
    """Accounts with a parent, a product, orders with lines; made on both sides; in step."""
    left, right = ends(world)
    product = world.crm.add("products", {"sku": "A", "name": "Anvil", "price": "2.50", "currency": "EUR"})
    parent = left.add("Parent", phone="1", tax_id="T1")
    left.add("Child", parent=parent, notes="two\nlines")
    right.add("Right", email="r", phone="")
    left.add_order("L", parent, [{**LINE, "product": product}, {**LINE, "description": "two"}])
    world.settle(*SYNCS)
    right.add_order("R", right.accounts()["Right"], [LINE])
    world.settle(*SYNCS)


@pytest.mark.parametrize(("profile", "full"), [(name, n % 2 == 0) for n, name in enumerate(PROFILES)])
def test_i35_with_every_base_lost_nothing_is_written_and_nothing_conflicts(
    worlds: Worlds, profile: str, full: bool
) -> None:
    world = worlds.new(PROFILES[profile])
    rich(world)
    wipe(world)
    before = world.crm.state() + world.erp.state()
    for _ in range(2):
        for entity in SYNCS:
            assert world.plan(entity, full=full) == []
            world.sync(entity, full=full)
        world.clock.advance(1000)
    assert world.crm.state() + world.erp.state() == before
    assert [world.conflicts(entity) for entity in SYNCS] == [[], [], []]
    for end in ends(world):  # and the new base is one: an edit flows as before
        name = "Child" if end.side is Side.LEFT else "Right"
        end.edit(end.accounts()[name], phone=f"after {end.side}")
        world.settle()
        assert end.other.value(name, "phone") == f"after {end.side}"


@pytest.mark.parametrize("profile", ["everything", "unconditional", "opaque overlap"])
@pytest.mark.parametrize("side", SIDES)
def test_i35_what_was_changed_on_one_side_while_the_bases_were_lost_is_put_before_a_person(
    worlds: Worlds, profile: str, side: Side
) -> None:
    """Without a base nobody knows which value is newer: neither is overwritten, and every other field agrees."""
    world = worlds.new(PROFILES[profile])
    rich(world)
    wipe(world)
    end = ends(world)[side]
    end.edit(end.accounts()["Parent"], phone="changed", email="only here")
    world.settle()
    assert world.conflicts() == [("phone", "conflict")]
    assert (end.value("Parent", "phone"), end.other.value("Parent", "phone")) == ("changed", "1")
    assert end.other.value("Parent", "email") == "only here"


@pytest.mark.parametrize("side", SIDES)
def test_i35_some_bases_lost_in_the_middle_of_changes_lose_no_value(worlds: Worlds, side: Side) -> None:
    for every in (1, 2, 3):
        world = worlds.new()
        rich(world)
        end = ends(world)[side]
        for name in ("Parent", "Child", "Right"):
            end.edit(end.accounts()[name], phone=f"{name} changed")
            end.other.edit(end.other.accounts()[name], notes=f"{name} noted")
        wipe(world, every)
        typed = {name: (end.value(name, "phone"), end.other.value(name, "notes")) for name in end.accounts()}
        world.settle()
        for name, (phone, notes) in typed.items():
            assert end.value(name, "phone") == phone
            assert end.other.value(name, "notes") == notes
        in_step(world)
        worlds.done(world)
