"""I13-I16: webhooks and order change nothing of the end, what ended stays ended, no delete without proof."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from parts_a import OBJECTS, POWERS, PROFILES, Arena, Builder, Desk, arenas, line
from parts_days import morning, noon, picture, rest, run_all, shown

from connector.errors import ConnectorError, DeniedError, RejectedError, TransientError, UncertainError
from connector.merge.records import Status, decide_record
from connector.merge.rules import Policy
from connector.model.records import Key, Page, Record
from connector.model.rows import HintRow, LinkState
from connector.model.values import Side, Sides
from connector.testing.tables import Touch
from connector.testing.world import FULL

NO_FEED = replace(FULL, deletes="none")


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Builder]:
    with arenas(tmp_path) as builder:
        yield builder


# ------------------------------------------------------------------------------------------------------ I13


class Webhooks:
    """What both systems tell of an arena while people work: a webhook for each change, with the version it made."""

    def __init__(self, arena: Arena) -> None:
        self.told: list[HintRow] = []
        self._arena = arena
        for system in (arena.crm, arena.erp):
            system.watchers.append(self._seen)

    def _seen(self, touch: Touch) -> None:
        system, number = (self._arena.crm, 0) if touch.system == "crm" else (self._arena.erp, 1)
        entity = next(name for name, objects in OBJECTS.items() if objects[number] == touch.object)
        table = system._table(touch.object)
        version = system._version(table, table.rows[touch.key])
        kind = self._arena.specs[entity].kind
        self.told.append(HintRow(kind, self._arena.side(number), touch.key, version, "webhook", 0.0))

    def deliver(self, rows: list[HintRow]) -> None:
        """One by one, as they come: a later one of the same record takes the place of an earlier one."""
        for row in rows:
            with self._arena.store.begin() as tx:
                tx.put_hints([row])


# fmt: off
DELIVERED: dict[str, Callable[[list[HintRow]], list[HintRow]]] = {
    "once": lambda told: told,
    "doubled": lambda told: [*told, *told],
    "reversed": lambda told: told[::-1],
    "each twice": lambda told: [row for row in told for _ in (0, 1)],
    "one of a key nobody knows": lambda told: [replace(row, key="nobody") for row in told[:1]] + told,
}
# fmt: on
CHANGES = 11
"""So many changes people make in the day below: each of its webhooks is the one that is lost, once."""


def told_day(build: Builder, profile: str, choose: Callable[[list[HintRow]], list[HintRow]] | None) -> dict[str, Any]:
    """The end of a day whose changes are told so, before the run that reads them and after it. None: not at all."""
    arena = build(POWERS[profile])
    morning(arena)
    webhooks = Webhooks(arena)
    noon(arena)
    people = list(webhooks.told)
    assert len(people) == CHANGES
    for _ in range(2):
        if choose is not None:
            webhooks.deliver(choose(people))
        run_all(arena)
    for _ in range(2):  # without a delete feed only a full read shows what ended
        run_all(arena, full=True)
        arena.clock.advance(1000)
    rest(arena)
    return picture(arena)


@pytest.mark.parametrize("profile", ["everything", "no delete feed", "opaque overlap"])
def test_i13_lost_doubled_and_reordered_webhooks_leave_the_end_as_it_would_have_been(
    build: Builder, profile: str
) -> None:
    wanted = told_day(build, profile, None)
    for name, choose in DELIVERED.items():
        assert told_day(build, profile, choose) == wanted, name


@pytest.mark.parametrize("lost", range(CHANGES))
def test_i13_whichever_single_webhook_is_lost_the_end_is_as_it_would_have_been(build: Builder, lost: int) -> None:
    profile = ["everything", "no delete feed", "opaque overlap"][lost % 3]
    wanted = told_day(build, profile, None)
    assert told_day(build, profile, lambda told: told[:lost] + told[lost + 1 :]) == wanted


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


def test_i13_of_two_webhooks_that_come_the_wrong_way_round_the_newer_counts(build: Builder) -> None:
    """The feed is late, and the copy that answers knows the first of two edits only: it is not planned from."""
    arena = build()
    morning(arena)
    companies, customers = arena.desks()
    webhooks = Webhooks(arena)
    companies.edit("C00001", phone="first")
    old = companies.system.read("companies", ["C00001"])["C00001"]
    companies.edit("C00001", phone="second")
    webhooks.deliver(webhooks.told[::-1])
    feed = companies.system.changes
    companies.system.changes = lambda *where: Page([], where[1], False)  # type: ignore[method-assign]
    companies.system.stale["C00001"] = old
    arena.sync()
    assert customers.get(arena.mates()["C00001"])["phone"] == "p0"
    companies.system.changes = feed  # type: ignore[method-assign]
    rest(arena, "account")
    assert customers.get(arena.mates()["C00001"])["phone"] == "second"


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
def test_i16_looks_before_the_settle_time_put_off_no_delete(build: Builder, system: int) -> None:
    arena = build(NO_FEED)
    key = arena.desks()[system].add(name="Goes")
    arena.desks()[system].add(name="Stays")
    arena.sync()
    mate = arena.mates()[key]
    arena.desks()[system].remove(key)
    for _ in range(3):
        arena.sync(full=True)
        assert mate in arena.desks()[1 - system].live()
        arena.clock.advance(300)
    arena.sync(full=True)
    assert mate not in arena.desks()[1 - system].live()


def test_i16_a_settle_time_that_is_over_while_a_run_is_going_on_is_over(build: Builder) -> None:
    arena = build(NO_FEED)
    key = arena.desks()[0].add(name="Goes")
    arena.desks()[0].add(name="Stays")
    arena.sync()
    mate = arena.mates()[key]
    arena.desks()[0].remove(key)
    arena.sync(full=True)
    (hint,) = arena.hints()
    arena.clock.advance(hint.due - 0.5 - arena.clock.now())
    scan = arena.crm.scan

    def slow(object: str, cursor: str | None) -> Page:  # noqa: A002  (the port's name)
        arena.clock.advance(1)
        return scan(object, cursor)

    arena.crm.scan = slow  # type: ignore[method-assign]
    arena.sync(full=True)
    assert mate not in arena.desks()[1].live()
    assert arena.hints() == []


@pytest.mark.parametrize("system", [0, 1])
def test_i16_a_refused_record_that_was_seen_again_is_not_deleted_by_the_next_404(build: Builder, system: int) -> None:
    arena = build(NO_FEED)
    desk, other = arena.desks()[system], arena.desks()[1 - system]
    key = desk.add(name="Flickers", phone="p0")
    desk.add(name="Stays")
    arena.sync()
    mate = arena.mates()[key]
    desk.edit(key, phone="p1")
    other.system.fail("write", RejectedError("no"))
    arena.sync()
    assert len(arena.dead()) == 1
    read, scan, hidden = desk.system.read, desk.system.scan, set[Key]()

    def found(object: str, keys: Sequence[Key]) -> Mapping[Key, Record]:  # noqa: A002  (the port's name)
        return {key: record for key, record in read(object, keys).items() if key not in hidden}

    def listed(object: str, cursor: str | None) -> Page:  # noqa: A002  (the port's name)
        page = scan(object, cursor)
        return Page([record for record in page.records if record.key not in hidden], page.cursor, page.more)

    desk.system.read, desk.system.scan = found, listed  # type: ignore[method-assign]
    for hide, seconds in ((True, 300), (False, 550), (True, 100), (True, 300)):
        hidden.clear()
        hidden.update({key} if hide else ())
        arena.sync(full=True)
        arena.clock.advance(seconds)
    assert mate in other.live()


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
