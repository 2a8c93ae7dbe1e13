"""I17 and I18: no delete over what was never agreed on, and every guard holds at its number, on a rolling day."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from parts_a import POWERS, Arena, Builder, arenas
from parts_days import order, rest

from connector.engine.effects import Call, Effect
from connector.errors import Halted
from connector.merge.guards import Limit, Limits
from connector.merge.rules import Policy
from connector.model.records import Op
from connector.model.values import Side
from connector.testing.world import FULL

NO_FEED = replace(FULL, deletes="none")
DAY = 86400.0


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Builder]:
    with arenas(tmp_path) as builder:
        yield builder


def linked(arena: Arena, count: int = 1) -> list[tuple[str, str]]:
    """Companies made in the CRM, synced: (CRM key, ERP key) each."""
    keys = [arena.desks()[0].add(name=f"N{n}", phone="p0", email="e0", notes="n0", street="s0") for n in range(count)]
    arena.sync()
    mates = arena.mates()
    return [(key, mates[key]) for key in keys]


# ------------------------------------------------------------------------------------------------------ I17

CHANGES: dict[str, dict[str, str | None]] = {
    "a new value": {"phone": "typed"},
    "a cleared value": {"phone": None},
    "a cleared part of a group": {"street": None},
    "a value of a group": {"city": "typed"},
}


@pytest.mark.parametrize("deletes", ["propagate", "archive"])
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("gone", [0, 1])
@pytest.mark.parametrize("when", ["before the run", "in an open conflict", "while it runs"])
def test_i17_no_delete_is_sent_over_a_record_that_differs_from_its_base(
    build: Builder, gone: int, change: str, when: str, deletes: str
) -> None:
    """The image shows what the deleted side never agreed to: a person decides."""
    arena = build(swapped=gone == 1)
    arena.set("account", deletes=deletes)
    (keys,) = linked(arena)
    mine, other = arena.desks()[gone], arena.desks()[1 - gone]
    if when == "in an open conflict":
        mine.edit(keys[gone], **dict.fromkeys(CHANGES[change], "against"))
        other.edit(keys[1 - gone], **CHANGES[change])
        arena.sync()
        assert len(arena.conflicts()) == 1
    mine.remove(keys[gone])
    if when == "before the run":
        other.edit(keys[1 - gone], **CHANGES[change])

    def act(_: int, effect: Effect) -> None:
        if isinstance(effect, Call) and effect.method == "write" and when == "while it runs":
            arena.act = None
            arena.driver.act = None  # type: ignore[attr-defined]
            other.edit(keys[1 - gone], **CHANGES[change])

    arena.act = act
    arena.sync()
    arena.act = None
    rest(arena, "account")
    row = other.live().get(keys[1 - gone])
    assert row is not None
    assert {name: row[name] for name in CHANGES[change]} == CHANGES[change]
    assert row["status"] in ("customer", False)
    assert ("*", "deleted and changed") in arena.conflicts()


@pytest.mark.parametrize("gone", [0, 1])
@pytest.mark.parametrize("change", ["quantity", "removed", "all removed", "added"])
@pytest.mark.parametrize("conflict", [False, True])
def test_i17_no_delete_is_sent_over_an_order_whose_lines_differ_from_their_base(
    build: Builder, gone: int, change: str, conflict: bool
) -> None:
    arena = build()
    keys = order(arena)
    mine, other = arena.desks("order")[gone], arena.desks("order")[1 - gone]
    if conflict:
        mine.change_line(keys[gone], 0, quantity="5")
        mine.change_line(keys[gone], 1, quantity="5")
    if change == "quantity":
        other.change_line(keys[1 - gone], 0, quantity="9")
    elif change == "removed":
        other.drop_line(keys[1 - gone], 0)
    elif change == "all removed":
        other.edit(keys[1 - gone], lines=[])
    else:
        other.change_line(keys[1 - gone], 0, quantity="9")
        other.add_line(keys[1 - gone], text="typed")
    if conflict:
        arena.sync("order")
        assert arena.conflicts("order") == [("lines", "conflict")]
    mine.remove(keys[gone])
    arena.sync("order")
    assert keys[1 - gone] in other.live()
    assert ("*", "deleted and changed") in arena.conflicts("order")


@pytest.mark.parametrize("profile", POWERS)
def test_i17_an_untouched_image_is_deleted_although_it_was_written_on_both_sides_before(
    build: Builder, profile: str
) -> None:
    """The other half of the rule: what both agreed on is no reason to ask a person."""
    arena = build(POWERS[profile])
    (keys,) = linked(arena)
    arena.desks()[0].edit(keys[0], phone="L")
    arena.desks()[1].edit(keys[1], email="R")
    arena.sync()
    arena.desks()[0].remove(keys[0])
    arena.desks()[0].add(name="Another")  # so that the system shows something
    arena.sync(full=True)
    arena.clock.advance(1000)
    arena.sync(full=True)
    assert keys[1] not in arena.desks()[1].live()
    assert arena.conflicts() == []


def test_i17_an_untouched_order_whose_lines_were_written_on_both_sides_is_deleted(build: Builder) -> None:
    arena = build()
    keys = order(arena)
    deals, orders = arena.desks("order")
    deals.change_line(keys[0], 0, quantity="7")
    orders.add_line(keys[1], text="R")
    rest(arena, "order")
    deals.remove(keys[0])
    arena.sync("order")
    assert arena.conflicts("order") == []
    assert orders.live() == {}


# ------------------------------------------------------------------------------------------------------ I18


def deletes_sent(arena: Arena) -> int:
    return sum(write.op is Op.DELETE for system in (arena.crm, arena.erp) for write in system.writes)


def halts(arena: Arena, guard: str) -> None:
    """A run that stops at that guard: an error, a status that says so, nothing sent."""
    before = arena.crm.state(), arena.erp.state()
    sent = len(arena.crm.writes) + len(arena.erp.writes)
    with pytest.raises(Halted) as caught:
        arena.sync(full=guard == "shrank")
    assert caught.value.guard == guard
    assert arena.look("runs")[0].status == "halted"
    assert (arena.crm.state(), arena.erp.state()) == before
    assert len(arena.crm.writes) + len(arena.erp.writes) == sent


SIXTY = [(60, None, 25), (60, Limit(count=7), 7), (60, Limit(share=0.10), 6)]


@pytest.mark.parametrize(
    ("gone", "linked_records", "limit", "most"),
    [*((gone, *case) for gone in (0, 1) for case in SIXTY), (0, 2600, None, 26)],
)
def test_i18_deletes_pass_at_the_number_and_one_more_sends_none(
    build: Builder, gone: int, linked_records: int, limit: Limit | None, most: int
) -> None:
    arena = build(replace(FULL, page=500, batch_write=200, batch_read=500))
    arena.set("account", limits=Limits(deletes=limit))
    keys = linked(arena, linked_records)
    copy = build.clone(arena)
    for pair in keys[: most + 1]:
        arena.desks()[gone].remove(pair[gone])
    halts(arena, "deletes")
    halts(arena, "deletes")  # and again: a retry is no way through
    assert deletes_sent(arena) == 0
    assert "deletes" not in {entry.action for entry in arena.plan()}
    for pair in keys[:most]:
        copy.desks()[gone].remove(pair[gone])
    copy.sync()
    assert deletes_sent(copy) == most


def test_i18_deletes_of_both_sides_count_together(build: Builder) -> None:
    """The limit is one per kind: fifteen there and fifteen here are thirty."""
    arena = build()
    keys = linked(arena, 60)
    for number, pair in enumerate(keys[:30]):
        arena.desks()[number % 2].remove(pair[number % 2])
    halts(arena, "deletes")
    assert deletes_sent(arena) == 0


@pytest.mark.parametrize("deletes", ["propagate", "archive"])
def test_i18_deletes_are_counted_over_a_rolling_day(build: Builder, deletes: str) -> None:
    arena = build()
    arena.set("account", deletes=deletes)
    keys = [pair[0] for pair in linked(arena, 70)]
    crm = arena.desks()[0]

    def remove(count: int) -> None:
        for _ in range(count):
            crm.remove(keys.pop())

    remove(15)
    arena.sync()
    arena.clock.advance(DAY / 2)
    remove(10)
    arena.sync()  # twenty-five in all
    remove(1)
    halts(arena, "deletes")
    arena.clock.advance(DAY / 2 + 1)  # the first fifteen are over
    arena.sync()
    remove(14)
    arena.sync()  # ten, one and fourteen
    remove(1)
    halts(arena, "deletes")
    arena.clock.advance(DAY + 1)
    arena.sync()
    assert len(arena.links()) == 70


@pytest.mark.parametrize("system", [0, 1])
def test_i18_a_listing_that_shrank_halts_above_its_number_and_not_at_it(build: Builder, system: int) -> None:
    for missing, stops in ((25, False), (26, True)):
        arena = build(NO_FEED)
        keys = linked(arena, 60)
        for pair in keys[:missing]:
            arena.desks()[system].remove(pair[system])
        if stops:
            halts(arena, "shrank")
        else:
            arena.sync(full=True)
        assert len(arena.desks()[1 - system].live()) == 60
        assert deletes_sent(arena) == 0


@pytest.mark.parametrize("system", [0, 1])
@pytest.mark.parametrize(("limit", "most"), [(None, 50), (Limit(count=9), 9), (Limit(share=0.9), 54)])
def test_i18_a_mass_change_halts_above_its_number_and_not_at_it(
    build: Builder, system: int, limit: Limit | None, most: int
) -> None:
    for count, stops in ((most, False), (most + 1, True)):
        arena = build()
        if limit is not None:
            arena.set("account", limits=Limits(updates=limit))
        for pair in linked(arena, 60)[:count]:
            arena.desks()[system].edit(pair[system], phone="same for all")
        if stops:
            halts(arena, "updates")
        else:
            arena.sync()
        field = [row["phone"] for row in arena.desks()[1 - system].live().values()]
        assert field.count("same for all") == (0 if stops else count)


def test_i18_creates_halt_above_their_number_and_not_at_it(build: Builder) -> None:
    for count, stops in ((5, False), (6, True)):
        arena = build()
        arena.set("account", limits=Limits(creates=Limit(count=5)))
        for number in range(count):
            arena.desks()[0].add(name=f"N{number}")
        if stops:
            halts(arena, "creates")
        else:
            arena.sync()
        assert len(arena.desks()[1].live()) == (0 if stops else 5)


def test_i18_a_guard_that_stops_deletes_stops_the_rest_of_the_run_too_and_all_of_it_follows_when_let_through(
    build: Builder,
) -> None:
    arena = build()
    keys = linked(arena, 60)
    for pair in keys[:26]:
        arena.desks()[0].remove(pair[0])
    arena.desks()[0].edit(keys[40][0], phone="later")
    halts(arena, "deletes")
    arena.sync(allow=frozenset({"deletes"}))
    rest(arena, "account")
    assert len(arena.desks()[1].live()) == 34
    assert arena.desks()[1].get(keys[40][1])["phone"] == "later"


@pytest.mark.parametrize("start", [0, 1])
def test_i18_a_record_with_open_children_is_not_deleted(build: Builder, start: int) -> None:
    """An order of the company is linked: its delete waits for a person instead of leaving the order without one."""
    arena = build()
    order(arena)
    (company,) = arena.desks()[start].live()
    arena.desks()[start].remove(company)
    arena.sync()
    assert len(arena.desks()[1 - start].live()) == 1
    assert deletes_sent(arena) == 0
    assert [unit for unit, _ in arena.conflicts()] == ["*"]


def test_i18_a_kind_that_cannot_be_deleted_gets_no_delete(build: Builder) -> None:
    arena = build()
    keys = linked(arena, 3)
    table = arena.erp._tables["customers"]
    table.spec = replace(table.spec, deletable=False)
    systems = arena.specs["account"].systems
    arena.set("account", systems=systems.with_(Side.RIGHT, replace(systems.right, deletable=False)))
    arena.desks()[0].remove(keys[0][0])
    arena.sync()
    arena.sync(full=True)
    assert len(arena.desks()[1].live()) == 3
    assert deletes_sent(arena) == 0


@pytest.mark.parametrize("side", list(Side))
def test_i18_a_policy_of_the_fields_lets_no_delete_past_a_conflict(build: Builder, side: Side) -> None:
    arena = build()
    (keys,) = linked(arena)
    policy = Policy.LEFT if side is Side.LEFT else Policy.RIGHT
    arena.rule("account", phone={"policy": policy})
    arena.desks()[1].edit(keys[1], phone="typed")
    arena.desks()[0].remove(keys[0])
    arena.sync()
    assert arena.desks()[1].get(keys[1])["phone"] == "typed"
