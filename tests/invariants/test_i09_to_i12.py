"""I9-I12: one record per identity and one link per key, whatever crashes, fails or stays unanswered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from parts_a import ENTITIES, POWERS, PROFILES, Arena, Builder, arenas, line
from parts_days import morning, noon, picture, rest, run_all

from connector.errors import ConnectorError, DeniedError
from connector.model.records import Op
from connector.model.rows import LinkRow, LinkState
from connector.model.values import Side, Sides
from connector.state.errors import ImpossibleState
from connector.testing.driver import Crash, When
from connector.testing.tables import BUSY, LOST


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Builder]:
    with arenas(tmp_path) as builder:
        yield builder


# ------------------------------------------------------------------------------------------------------- I9


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("lost", ["before", "after"])
def test_i09_a_create_whose_answer_is_lost_again_and_again_makes_one_record(
    build: Builder, profile: str, lost: str
) -> None:
    arena = build(PROFILES[profile])
    for number, desk in enumerate(arena.desks() * 2):
        desk.add(name=f"N{number}", phone="p")
    for system, object_ in ((arena.erp, "customers"), (arena.crm, "companies")):
        system.fail("write", LOST, after=lost == "after", times=3, object=object_, op=Op.CREATE)
    for _ in range(4):
        arena.sync()
        arena.clock.advance(1000)
    rest(arena, "account")
    for desk in arena.desks():
        assert sorted(row["name"] for row in desk.live().values()) == ["N0", "N1", "N2", "N3"]
    assert len(arena.links("account", LinkState.LINKED)) == 4
    assert arena.dead() == []


@pytest.mark.parametrize("profile", POWERS)
def test_i09_an_edit_of_the_new_image_while_its_create_is_unknown_makes_no_second_record(
    build: Builder, profile: str
) -> None:
    arena = build(POWERS[profile])
    arena.desks()[0].add(name="New", phone="p0")
    arena.erp.fail("write", LOST, after=True)
    arena.sync()
    (made,) = arena.desks()[1].live()
    arena.desks()[1].edit(made, email="typed")
    arena.sync()
    rest(arena, "account")
    for desk in arena.desks():
        (row,) = desk.live().values()
        assert (row["name"], row["phone"], row["email"]) == ("New", "p0", "typed")


def test_i09_a_record_of_our_own_without_a_link_is_never_the_source_of_a_create(build: Builder) -> None:
    for number in (0, 1):
        arena = build(swapped=number == 1)
        system, name = ((arena.crm, "companies"), (arena.erp, "customers"))[number]
        key = system.add(name, {("name", "title")[number]: "Twin"}, by="connector")
        for _ in range(3):
            arena.sync(full=True)
            arena.clock.advance(2000)
            system.edit(name, key, **{("phone", "tel")[number]: f"p{arena.clock.now()}"})
        assert arena.desks()[1 - number].live() == {}
        assert arena.links() == []
        assert [row[1] for row in arena.dead()] == [key]


@pytest.mark.parametrize("profile", ["everything", "searchable key", "idempotency key", "created-by filter"])
def test_i09_orders_and_their_lines_are_made_once_when_answers_are_lost(build: Builder, profile: str) -> None:
    arena = build(POWERS[profile])
    morning(arena)
    deals, orders = arena.desks("order")
    deals.add(name="Second", account="C00001", lines=[line("a"), line("a"), line("b")])
    orders.add_line(arena.mates("order")["D00001"], text="new")
    arena.erp.fail("write", LOST, after=True, times=2, object="orders")
    arena.crm.fail("write", LOST, after=True, times=2, object="deals")
    for _ in range(3):
        arena.sync("order")
        arena.clock.advance(1000)
    rest(arena, "order")
    for desk in (deals, orders):
        found = {row["name"]: sorted(item["text"] for item in row["lines"]) for row in desk.live().values()}
        assert found == {"Deal": ["new", "one", "two"], "Second": ["a", "a", "b"]}


# ------------------------------------------------------------------------------------------------------ I10


def test_i10_a_key_belongs_to_one_link_or_alias_and_the_store_refuses_a_second(build: Builder) -> None:
    arena = build()
    first, second = (arena.desks()[0].add(name=name) for name in "AB")
    arena.sync()
    mates, kind = arena.mates(), arena.specs["account"].kind
    layout = arena.links()[0].layout
    loser = arena.desks()[0].add(name="C")
    arena.sync()
    arena.crm.merge("companies", loser, first)
    arena.sync()
    taken: list[Sides[str | None]] = [
        Sides(first, "K-new"),
        Sides("C-new", mates[second]),
        Sides(first, mates[second]),
        Sides(loser, "K-new"),  # an alias by now
    ]
    for keys in taken:
        row = LinkRow(9000, kind, LinkState.LINKED, keys, layout=layout)
        with pytest.raises(ImpossibleState), arena.store.begin() as tx:
            tx.insert_links([row])
    with pytest.raises(ImpossibleState), arena.store.begin() as tx:
        tx.add_aliases(kind, Side.LEFT, {second: arena.links()[0].id})
    assert len({link.id for link in arena.links("account", LinkState.LINKED)}) == 2


@pytest.mark.parametrize("profile", POWERS)
def test_i10_after_a_day_with_merges_every_key_leads_to_one_link(build: Builder, profile: str) -> None:
    arena = build(POWERS[profile])
    morning(arena)
    noon(arena)
    run_all(arena)
    arena.crm.merge("companies", "C00001", "C00002")
    arena.erp.merge("customers", arena.mates()["C00004"], arena.mates()["C00002"])
    rest(arena)
    kind = arena.specs["account"].kind
    owned: Counter[tuple[Side, str]] = Counter()
    for link in arena.links("account"):
        owned.update((side, key) for side in Side if (key := link.keys[side]) is not None)
    for side, key, _ in arena.look("aliases_of", kind, [link.id for link in arena.links()]):
        owned[side, key] += 1
    assert set(owned.values()) == {1}


# ------------------------------------------------------------------------------------------------------ I11


def small(arena: Arena) -> None:
    """One of each: a create either way, an edit, a conflict, a delete."""
    companies, customers = arena.desks()
    mates = arena.mates()
    companies.add(name="New L", parent="C00001")
    customers.add(name="New R")
    companies.edit("C00001", phone="L")
    customers.edit(mates["C00002"], phone="R")
    companies.edit("C00002", phone="L2")
    customers.remove(mates["C00003"])


CRASHED = [(profile, third == 1, 1 + third) for profile in ("everything", "unconditional") for third in range(3)]


@pytest.mark.parametrize(("profile", "swapped", "first"), CRASHED)
def test_i11_a_crash_at_any_step_leads_to_the_same_end(build: Builder, profile: str, swapped: bool, first: int) -> None:
    """Each takes every third step, and the three of a profile together take all."""
    ready = build(PROFILES[profile], swapped=swapped)
    morning(ready)
    small(ready)
    plain = build.clone(ready)
    plain.sync()
    steps = plain.driver.count
    rest(plain, "account")
    wanted = picture(plain)
    moments: list[tuple[int, When]] = [*((n, "before") for n in range(first, steps + 1, 3)), (steps, "after")]
    for crash, when in moments:
        arena = build.clone(ready)
        with pytest.raises(Crash):
            arena.sync(crash=crash, when=when)
        rest(arena, "account")
        assert picture(arena) == wanted, (crash, when)


# ------------------------------------------------------------------------------------------------------ I12

FAULTS: list[tuple[str, Exception, bool]] = [
    ("changes", BUSY, False),
    ("read", BUSY, False),
    ("write", BUSY, False),
    ("write", LOST, False),
    ("write", LOST, True),
    ("write", DeniedError("no rights for now"), False),
    ("read", LOST, False),
]
"""What fails, how, and whether a write was done all the same."""
# Every fault in every profile, in each of the two systems in turn, and with another of the faults in the other system.
PASSING = [
    (profile, number, ("crm", "erp")[(row + number) % 2], (row + number) % 3)
    for row, profile in enumerate(PROFILES)
    for number in range(len(FAULTS))
]


@pytest.mark.parametrize(("profile", "fault", "system", "skip"), PASSING)
def test_i12_faults_that_pass_leave_the_end_as_it_would_have_been(
    build: Builder, profile: str, fault: int, system: str, skip: int
) -> None:
    found = []
    for broken in (False, True):
        arena = build(PROFILES[profile])
        morning(arena)
        noon(arena)
        if broken:
            another = FAULTS[(fault + 1 + skip) % len(FAULTS)]
            systems = (arena.crm, arena.erp) if system == "crm" else (arena.erp, arena.crm)
            for target, (method, error, after) in zip(systems, (FAULTS[fault], another), strict=True):
                target.fail(method, error, after=after, skip=skip, times=2)
        for entity in ENTITIES:
            try:
                arena.sync(entity)
            except ConnectorError:
                if not broken:
                    raise
        arena.crm.faults.clear()
        arena.erp.faults.clear()
        for _ in range(2):  # without a delete feed only a full read shows what ended
            run_all(arena, full=True)
            arena.clock.advance(1000)
        rest(arena)
        found.append(picture(arena))
    assert found[0] == found[1]
