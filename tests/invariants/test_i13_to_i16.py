"""I13-I16: webhooks and order change nothing of the end, what ended stays ended, no delete without proof."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from parts_a import ENTITIES, POWERS, PROFILES, Arena, Builder, Desk, arenas, line
from parts_days import morning, noon, picture, rest, run_all, shown

from connector.errors import ConnectorError, DeniedError, TransientError, UncertainError
from connector.merge.records import Status, decide_record
from connector.merge.rules import Policy
from connector.model.records import Page
from connector.model.rows import HintRow, LinkState
from connector.model.values import Side, Sides
from connector.testing.world import FULL

NO_FEED = replace(FULL, deletes="none")


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Builder]:
    with arenas(tmp_path) as builder:
        yield builder


# ------------------------------------------------------------------------------------------------------ I13


def hints_of(arena: Arena, entity: str) -> list[HintRow]:
    """One webhook for every record there is on either side, live or not, and one for a key nobody knows."""
    found = []
    for number, desk in enumerate(arena.desks(entity)):
        known = {str(link.keys[arena.side(number)]) for link in arena.links(entity)} | set(desk.live())
        keys = [*sorted(known - {"None"}), "nobody"]
        found += [HintRow(arena.specs[entity].kind, arena.side(number), key, None, "webhook", 0.0) for key in keys]
    return found


@pytest.mark.parametrize("profile", ["everything", "no delete feed", "opaque overlap"])
@pytest.mark.parametrize("order", ["none", "once", "doubled", "reversed", "some lost"])
def test_i13_lost_doubled_and_reordered_webhooks_leave_the_end_as_it_would_have_been(
    build: Builder, profile: str, order: str
) -> None:
    ends = []
    for told in (False, True):
        arena = build(POWERS[profile])
        morning(arena)
        noon(arena)
        for entity in ENTITIES:
            rows = hints_of(arena, entity) if told and order != "none" else []
            rows = rows[::-1] if order == "reversed" else rows[::3] if order == "some lost" else rows
            for part in (rows, rows) if order == "doubled" else (rows,):
                with arena.store.begin() as tx:
                    tx.put_hints(part)
                arena.sync(entity)
        for _ in range(2):  # without a delete feed only a full read shows what ended
            run_all(arena, full=True)
            arena.clock.advance(1000)
        rest(arena)
        ends.append(picture(arena))
    assert ends[0] == ends[1]


def test_i13_a_webhook_about_an_old_version_after_a_newer_one_undoes_nothing(build: Builder) -> None:
    arena = build()
    morning(arena)
    companies = arena.desks()[0]
    versions = []
    for phone in ("p1", "p2"):
        companies.edit("C00001", phone=phone)
        versions.append(companies.system.read("companies", ["C00001"])["C00001"].version)
    for version in reversed(versions):
        with arena.store.begin() as tx:
            tx.put_hints([HintRow(arena.specs["account"].kind, Side.LEFT, "C00001", version, "webhook", 0.0)])
        arena.sync()
    rest(arena)
    assert arena.desks()[1].get(arena.mates()["C00001"])["phone"] == "p2"


# ------------------------------------------------------------------------------------------------------ I14


@pytest.mark.parametrize("seed", range(6))
def test_i14_the_order_in_which_records_come_and_the_sides_stand_does_not_change_the_end(
    build: Builder, seed: int
) -> None:
    ends = []
    for turn in range(2):
        chance = random.Random(seed)
        arena = build(PROFILES[sorted(PROFILES)[seed]], swapped=turn == 1)
        people = [(number, f"N{number}{count}") for number in (0, 1) for count in range(4)]
        shared = [f"Both{count}" for count in range(3)]
        adds: list[tuple[int, dict[str, Any]]] = [(n, {"name": name, "phone": name}) for n, name in people]
        adds += [(n, {"name": name, "tax_id": name, "phone": "same"}) for n in (0, 1) for name in shared]
        if turn:
            chance.shuffle(adds)
        keys = {(number, values["name"]): arena.desks()[number].add(**values) for number, values in adds}
        edits = [(0, "N00", "notes"), (1, "N10", "notes"), (0, "Both0", "email"), (1, "Both0", "notes")]
        arena.sync()
        for number, name, field in reversed(edits) if turn else edits:
            arena.desks()[number].edit(keys[number, name], **{field: f"edit {number}"})
        rest(arena, "account")
        ends.append([sorted(_content(desk)) for desk in arena.desks()])
    assert ends[0] == ends[1]
    assert ends[0][0] == ends[0][1]


def _content(desk: Desk) -> list[tuple[str, ...]]:
    return [tuple(str(row[n]) for n in ("name", "tax_id", "phone", "email", "notes")) for row in desk.live().values()]


@pytest.mark.parametrize("permutation", list(itertools.permutations(range(3))))
def test_i14_the_order_of_lines_does_not_change_which_of_them_belong_together(
    build: Builder, permutation: tuple[int, ...]
) -> None:
    """The store is lost: lines find each other by the id they carry first, and by their content only then."""
    arena = build()
    customer = arena.desks()[1].add(name="Buyer")
    arena.sync()
    deals, orders = arena.desks("order")
    key = orders.add(name="Deal", account=customer, lines=[line("x"), line("y"), line("z")])
    arena.sync("order")
    (deal,) = deals.live()
    mine = deals.get(deal)["lines"]
    assert [row["external_id"] for row in arena.crm.get("deals", deal)["lines"]] == ["OL1", "OL2", "OL3"]
    changed = [{**mine[0], "text": "changed"}, mine[1], mine[2]]
    # A person adds a line that looks as one of them did before it was changed.
    deals.edit(deal, lines=[line("x"), *(changed[n] for n in permutation)])
    arena.lose_store()
    arena.sync()
    arena.rule("order", lines={"initial": Policy.LEFT, "policy": Policy.LEFT})
    arena.sync("order")
    found = {row["id"]: row["text"] for row in orders.get(key)["lines"]}
    assert [found.pop(number, None) for number in ("OL1", "OL2", "OL3")] == ["changed", "y", "z"]
    assert list(found.values()) == ["x"]


# ------------------------------------------------------------------------------------------------------ I15


@pytest.mark.parametrize("start", [0, 1])
@pytest.mark.parametrize("deletes", ["propagate", "archive", "ignore"])
@pytest.mark.parametrize("again", ["restored", "restored and edited", "listed", "hinted", "matching record"])
def test_i15_a_key_that_ended_is_never_created_linked_or_restored(
    build: Builder, start: int, deletes: str, again: str
) -> None:
    arena = build(swapped=start == 1)
    arena.set("account", deletes=deletes)
    mine, other = arena.desks()[start], arena.desks()[1 - start]
    key = mine.add(name="Gone", tax_id="T", phone="p0")
    arena.sync()
    mine.remove(key)
    arena.sync()
    mine.restore(key)
    if again == "restored and edited":
        mine.edit(key, phone="typed")
    elif again == "hinted":
        with arena.store.begin() as tx:
            tx.put_hints([HintRow(arena.specs["account"].kind, arena.side(start), key, None, "webhook", 0.0)])
    elif again == "matching record":
        other.add(name="Gone", tax_id="T", phone="another")
    before = set(other.live())
    for _ in range(3):
        arena.sync(full=again == "listed")
        arena.clock.advance(2000)
    assert set(other.live()) == before
    assert [link for link in arena.links("account", LinkState.LINKED) if link.keys[arena.side(start)] == key] == []
    assert arena.look("tombstones", arena.specs["account"].kind, arena.side(start), [key]) == {key}
    assert "typed" not in {row["phone"] for row in other.live().values()}


# ------------------------------------------------------------------------------------------------------ I16

NO_PROOF: list[Exception] = [
    DeniedError("401"),
    DeniedError("403"),
    TransientError("503"),
    UncertainError("timeout"),
]


def test_i16_only_a_proved_delete_is_carried_over_in_every_cell() -> None:
    for left, right in itertools.product(Status, Status):
        target = decide_record(Sides(left, right)).target
        proof = {Side.RIGHT: left, Side.LEFT: right}
        assert target is None or proof[target] is Status.DELETED


@pytest.mark.parametrize("error", range(len(NO_PROOF)))
@pytest.mark.parametrize("method", ["read", "scan", "changes"])
@pytest.mark.parametrize("system", [0, 1])
def test_i16_an_error_while_reading_plans_no_delete(build: Builder, error: int, method: str, system: int) -> None:
    arena = build(NO_FEED)
    morning(arena)
    before = [set(desk.live()) for desk in arena.desks()]
    for turn in range(3):
        arena.desks()[1 - system].edit(sorted(before[1 - system])[0], phone=f"p{turn}")  # its mate is read by key
        arena.desks()[system].system.fail(method, NO_PROOF[error], times=9)
        for run in (lambda: arena.sync(full=True), lambda: arena.plan(full=True)):
            try:
                found = run()
            except ConnectorError:
                continue
            assert not isinstance(found, list) or "delete" not in {entry.action for entry in found}
        arena.desks()[system].system.faults.clear()
        arena.clock.advance(1000)
    rest(arena, "account")
    assert [set(desk.live()) for desk in arena.desks()] == before


@pytest.mark.parametrize("system", [0, 1])
def test_i16_a_record_not_listed_but_there_is_not_deleted(build: Builder, system: int) -> None:
    arena = build(NO_FEED)
    morning(arena)
    before = set(arena.desks()[1 - system].live())
    broken = arena.desks()[system].system
    original = broken.scan

    def scan(object: str, cursor: str | None) -> Page:  # noqa: A002  (the port's name)
        page = original(object, cursor)
        return Page(page.records[1:], page.cursor, page.more)

    broken.scan = scan  # type: ignore[method-assign]
    for _ in range(4):
        assert "delete" not in {entry.action for entry in arena.plan(full=True)}
        arena.sync(full=True)
        arena.clock.advance(1000)
    assert set(arena.desks()[1 - system].live()) == before


@pytest.mark.parametrize("system", [0, 1])
def test_i16_the_first_404_deletes_nothing_nor_does_the_first_after_it_was_seen_again(
    build: Builder, system: int
) -> None:
    arena = build(NO_FEED)
    key = arena.desks()[system].add(name="Flickers")
    arena.desks()[system].add(name="Stays")
    arena.sync()
    mate = arena.mates()[key]
    for _ in range(4):
        arena.desks()[system].remove(key)
        assert "delete" not in {entry.action for entry in arena.plan(full=True)}
        arena.sync(full=True)
        assert mate in arena.desks()[1 - system].live()
        arena.desks()[system].restore(key)  # it was only hidden for a moment
        arena.clock.advance(400)
        arena.sync()
        arena.clock.advance(600)
    rest(arena, "account")
    assert mate in arena.desks()[1 - system].live()
    assert "Flickers" in shown(arena)
