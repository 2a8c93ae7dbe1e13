"""I27, I28: a pass returns every record nobody touched, and nothing old is planned from."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from parts_b import PROFILES, SPREAD, Worlds, ends, in_step, run_with, stepper

from connector.engine.effects import Call, Commit
from connector.errors import ConnectorError
from connector.model.records import Key, Page, Record
from connector.model.rows import HintRow, LinkState
from connector.model.values import SIDES, Side
from connector.testing.memory import MemorySystem
from connector.testing.tables import BUSY
from connector.testing.world import FULL

SMALL = replace(FULL, page=3, batch_read=3, batch_write=2)
LAGGING = replace(SMALL, feed="overlap")


@pytest.fixture
def worlds(tmp_path: Path) -> Iterator[Worlds]:
    with Worlds(tmp_path) as made:
        yield made


# ------------------------------------------------------------------------------------------------------ I27


@pytest.mark.parametrize("full", [False, True], ids=["first read", "full read"])
@pytest.mark.parametrize("seed", range(4))
def test_i27_every_record_nobody_touches_is_returned_by_a_pass_others_are_changed_during(
    worlds: Worlds, full: bool, seed: int
) -> None:
    world = worlds.new(SMALL)
    chance = random.Random(f"{full} {seed}")
    for number in range(9):
        for end in ends(world):
            end.add(f"{end.side} quiet {number}")
            end.add(f"{end.side} busy {number}")
    if full:
        world.settle()
        for end in ends(world):  # a change no feed tells of: only the full read can see it
            for name in [name for name in end.accounts() if name.startswith(f"{end.side} quiet")]:
                row = end.system._table(end.object).rows[end.accounts()[name]]
                row.fields = {**row.fields, "notes" if end.side is Side.LEFT else "remarks": "unannounced"}
                row.version += 1

    def people(number: int, effect: Call | Commit) -> None:
        if not isinstance(effect, Call) or effect.method not in ("changes", "scan"):
            return
        for end in ends(world):
            busy = sorted(name for name in end.accounts() if "busy" in name)
            if busy:
                end.edit(end.accounts()[chance.choice(busy)], phone=f"{number}")
            if busy and chance.random() < 0.3:
                end.remove(end.accounts()[chance.choice(busy)])
            if chance.random() < 0.3:
                end.add(f"{end.side} busy new {number}")

    run_with(world, people, full=full)
    for end in ends(world):
        quiet = {name: key for name, key in end.accounts().items() if name.startswith(f"{end.side} quiet")}
        assert len(quiet) == 9
        links = world.look("links_by_key", world.specs["account"].kind, end.side, list(quiet.values()))
        assert set(links) == set(quiet.values())
        assert {link.state for link in links.values()} == {LinkState.LINKED}
        if full:
            assert {end.other.value(name, "notes") for name in quiet} == {"unannounced"}


# ------------------------------------------------------------------------------------------------------ I28


class Old:
    """One system whose reads by key come from a copy that lags behind, until it is told to catch up."""

    def __init__(self, system: MemorySystem, name: str) -> None:
        self._live = system.read
        self._then = system.read(name, sorted(system._table(name).rows))
        self.asked = 0
        system.read = self._read  # type: ignore[method-assign]
        self._system = system

    def _read(self, object: str, keys: Any) -> dict[Key, Record]:  # noqa: A002
        found = dict(self._live(object, keys))
        self.asked += len(found.keys() & self._then.keys())
        return {key: self._then.get(key, record) for key, record in found.items()}

    def catch_up(self) -> None:
        self._system.read = self._live  # type: ignore[method-assign]


COUNTED = [(name, side) for name, side in SPREAD if PROFILES[name].versions != "opaque"]


@pytest.mark.parametrize(("profile", "side"), COUNTED)
def test_i28_a_read_below_the_highest_version_known_plans_nothing(worlds: Worlds, profile: str, side: Side) -> None:
    """The copy still shows what was before two settled edits: nothing of it comes back, in either direction."""
    world = worlds.new(PROFILES[profile])
    end = ends(world)[side]
    key = end.add("A", phone="old", notes="0", email="0")
    end.add("B")
    world.settle()
    copy = Old(end.system, end.object)
    end.edit(key, phone="new")
    world.sync()
    end.edit(key, notes="newer")
    world.sync()
    for number in range(3):
        end.other.edit(end.partner(key), email=f"{number}")  # the partner is looked up by key: an old copy answers
        for due in (1.0, 1000.0):
            world.clock.advance(due)
            with suppress(ConnectorError):
                world.sync()
        assert (end.value("A", "phone"), end.value("A", "notes")) == ("new", "newer")
        assert end.other.value("A", "phone") in ("old", "new") if number == 0 else True
    assert copy.asked > 0
    assert end.other.value("A", "phone") == "new"
    assert end.other.value("A", "notes") == "newer"
    copy.catch_up()
    world.settle()
    in_step(world)
    assert end.value("A", "email") == "2"
    assert world.conflicts() == []


@pytest.mark.parametrize(("profile", "side"), COUNTED)
def test_i28_a_read_below_an_announced_version_plans_nothing(worlds: Worlds, profile: str, side: Side) -> None:
    """A webhook names a version; the read shows an older one, and the other side was changed meanwhile."""
    world = worlds.new(PROFILES[profile])
    end = ends(world)[side]
    key = end.add("A", phone="old")
    world.settle()
    copy = Old(end.system, end.object)
    end.edit(key, phone="new")
    version = end.system._version(end.system._table(end.object), end.system._table(end.object).rows[key])
    kind = world.specs["account"].kind
    feed = end.system.changes
    end.system.changes = lambda *where: Page([], where[1], False)  # type: ignore[method-assign]  # it lags, too
    with world.store.begin() as tx:
        tx.put_hints([HintRow(kind, side, key, version, "webhook", world.clock.now())])
    touches = end.watch()
    end.other.edit(end.partner(key), phone="other")  # both changed: only who reads what is announced can know
    world.sync()
    assert touches == []
    assert end.get(key)["phone"] == "new"
    assert [hint.key for hint in world.hints() if hint.side is side] == [key], "what was announced is not forgotten"
    copy.catch_up()
    end.system.changes = feed  # type: ignore[method-assign]
    world.clock.advance(1000)
    world.sync()
    assert world.conflicts() == [("phone", "conflict")]
    assert (end.get(key)["phone"], end.other.value("A", "phone")) == ("new", "other")


@pytest.mark.parametrize(("profile", "side"), COUNTED)
def test_i28_a_read_below_what_was_seen_of_a_record_without_partner_plans_nothing(
    worlds: Worlds, profile: str, side: Side
) -> None:
    """Its partner comes up, and an old copy shows it under another tax id: both wait, and belong together.

    Where the feed shows the newer version once more in the same run, they are linked by that at once.
    """
    world = worlds.new(PROFILES[profile])
    world.set("account", creates=frozenset({side}))
    end = ends(world)[side]
    end.other.add("B")
    key = end.add("A", phone="old", tax_id="T-1")
    copy = Old(end.system, end.object)
    end.edit(key, phone="new", tax_id="T-2")
    world.sync()
    touches = [*end.watch(), *end.other.watch()]
    end.other.add("A", phone="other", tax_id="T-2")
    for due in (1.0, 1000.0, 61.0):
        world.sync()
        world.clock.advance(due)
    assert copy.asked > 0
    assert touches == []
    looked_at_again = {hint.side for hint in world.hints()}
    assert looked_at_again == set(SIDES) or world.conflicts() == [("phone", "conflict")]
    copy.catch_up()
    world.set("account", creates=frozenset(SIDES))
    world.sync()  # what an old copy showed comes up alone
    assert touches == []
    world.settle()
    assert world.conflicts() == [("phone", "conflict")]
    assert [one.value("A", "phone") for one in (end, end.other)] == ["new", "other"]


@pytest.mark.parametrize("method", ["changes", "scan"])
@pytest.mark.parametrize("side", SIDES)
def test_i28_an_old_page_of_a_feed_or_a_full_read_plans_nothing(worlds: Worlds, method: str, side: Side) -> None:
    world = worlds.new()
    end = ends(world)[side]
    key = end.add("A", phone="old")
    world.settle()
    old = end.system.read(end.object, [key])[key]
    end.edit(key, phone="new")
    world.settle()
    touches = [*end.watch(), *end.other.watch()]
    shown = getattr(end.system, method)

    def again(object: str, cursor: str | None) -> Page:  # noqa: A002
        page: Page = shown(object, cursor)
        return replace(page, records=[old, *(r for r in page.records if r.key != key)])

    setattr(end.system, method, again)
    for _ in range(3):
        world.sync(full=True)
        world.clock.advance(1000)
    setattr(end.system, method, shown)
    world.settle()
    assert touches == []
    assert [one.value("A", "phone") for one in ends(world)] == ["new", "new"]


@pytest.mark.parametrize("side", SIDES)
def test_i28_a_record_an_old_copy_still_shows_is_not_made_again_after_it_was_deleted(
    worlds: Worlds, side: Side
) -> None:
    world = worlds.new()
    end = ends(world)[side]
    key = end.add("A", phone="old")
    end.add("B")
    world.settle()
    copy = Old(end.system, end.object)
    end.remove(key)
    world.sync()
    end.other.edit(end.other.accounts()["B"], phone="1")
    world.settle()
    copy.catch_up()
    world.settle()
    assert "A" not in end.accounts()
    assert "A" not in end.other.accounts()


@pytest.mark.parametrize("profile", ["everything", "unconditional"])
def test_i28_a_busy_system_between_two_pages_leaves_the_cursor_where_it_was(worlds: Worlds, profile: str) -> None:
    world = worlds.new(replace(PROFILES[profile], page=2))
    for number in range(4):
        ends(world).left.add(f"left {number}", phone="0")
    world.settle()
    kind = world.specs["account"].kind
    before = [world.look("cursor", kind, side) for side in SIDES]
    for number in range(4):
        ends(world).left.edit(ends(world).left.accounts()[f"left {number}"], phone="1")
    world.crm.fail("changes", BUSY, skip=1)
    run = stepper(world)
    while run.step():
        pass
    assert run.error is BUSY
    assert [world.look("cursor", kind, side) for side in SIDES] == before
    world.settle()
    assert {ends(world).right.value(f"left {number}", "phone") for number in range(4)} == {"1"}
