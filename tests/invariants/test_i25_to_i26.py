"""I25, I26: cursors never pass what is not kept, and every change arrives."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from parts_b import PROFILES, SPREAD, End, Worlds, ends, in_step, linked_all, run_with

from connector.engine.effects import Call, Commit
from connector.model.records import Page
from connector.model.rows import DeadRow, HintRow
from connector.model.values import SIDES, Side
from connector.testing.driver import Crash
from connector.testing.tables import LOOKBACK, alive
from connector.testing.world import FULL, World, account, customer

SMALL = replace(FULL, page=3, batch_read=3, batch_write=2)
LAGGING = replace(SMALL, feed="overlap")


@pytest.fixture
def worlds(tmp_path: Path) -> Iterator[Worlds]:
    with Worlds(tmp_path) as made:
        yield made


def begun(worlds: Worlds, powers: Any, count: int = 4) -> World:
    """Some accounts of either side, in step."""
    world = worlds.new(powers)
    for side in SIDES:
        for number in range(count):
            ends(world)[side].add(f"{side} {number}", phone="0", email="0", notes="0")
    world.settle()
    return world


# ------------------------------------------------------------------------------------------------------ I25


def kept(world: World) -> None:
    """Every record below a side's cursor (less what the feed reads back) is in the store as it is shown, or noted."""
    kind = world.specs["account"].kind
    with world.store.look() as tx:
        for side in SIDES:
            end = ends(world)[side]
            table = end.system._table(end.object)
            cursor = int(tx.cursor(kind, side) or 0)
            assert cursor <= table.position
            low = cursor if table.spec.capabilities.feed == "exact" else cursor - LOOKBACK
            rows = {row.key: row for row in table.rows.values() if row.position <= low and alive(row)}
            links = tx.links_by_key(kind, side, rows)
            noted = {hint.key for hint in tx.hints(kind) if hint.side is side}
            parked = {dead.key for dead in tx.dead(kind) if dead.side is side}
            candidates = {row.key for row in tx.page_candidates(kind, side, "", 1000)}
            # A link that waits for its partner has an intent of its own: the create that recovery settles.
            open_links = {row.link for row in tx.open_intents(kind, "", 1000)}
            for key, row in rows.items():
                link = links.get(key)
                if key in noted | parked | candidates or (link is not None and link.id in open_links):
                    continue
                assert link is not None, f"{key} is below the cursor and nothing knows it"
                if table.spec.capabilities.versions != "opaque":
                    assert (link.seen[side] or "") >= end.system._version(table, row), f"{key} changed below the cursor"


@pytest.mark.parametrize("powers", [SMALL, LAGGING], ids=["exact", "overlap"])
def test_i25_at_every_step_of_every_run_whatever_lies_below_the_cursor_is_kept(worlds: Worlds, powers: Any) -> None:
    world = begun(worlds, powers)
    chance = random.Random(25)
    for number in range(6):
        end = ends(world)[chance.choice(SIDES)]
        end.add(f"new {number}")
        for unit in ("phone", "email"):
            end.edit(chance.choice(sorted(end.accounts().values())), **{unit: f"{number}"})
        if number == 3:
            end.other.system.reject_where(lambda fields: fields.get("phone", fields.get("tel")) == "2")
        run_with(world, lambda _, effect: kept(world), full=number % 3 == 2)
        kept(world)
        world.clock.advance(1000)


@pytest.mark.parametrize("powers", [SMALL, LAGGING], ids=["exact", "overlap"])
def test_i25_a_process_that_dies_at_any_step_leaves_nothing_below_the_cursor_unkept(
    worlds: Worlds, powers: Any
) -> None:
    begin = begun(worlds, powers, 2)
    for side in SIDES:
        end = ends(begin)[side]
        end.add(f"new {side}")
        end.edit(end.accounts()["left 0"], **{"phone" if side is Side.LEFT else "email": "1"})
    plain = worlds.copy(begin)
    plain.sync()
    for crash in range(1, plain.driver.count + 1):
        world = worlds.copy(begin)
        with pytest.raises(Crash):
            world.sync(crash=crash)
        kept(world)
        worlds.done(world)


@pytest.mark.parametrize("side", SIDES)
def test_i25_a_cursor_jumped_over_own_writes_never_jumps_over_a_persons_change_among_them(
    worlds: Worlds, side: Side
) -> None:
    """Own writes move the place in an exact feed; a person's change falls between any two of them."""
    begin = worlds.new(replace(SMALL, batch_write=1))
    for number in range(4):
        ends(begin)[side].add(f"N{number}", phone="0")
    begin.settle()
    for number in range(4):
        ends(begin)[side].edit(ends(begin)[side].accounts()[f"N{number}"], phone="1")
    plain = worlds.copy(begin)
    writes = [
        number
        for number, effect in enumerate(_steps(plain))
        if isinstance(effect, Call) and effect.method == "write" and effect.side is side.other
    ]
    assert len(writes) == 4
    for at in writes:
        world = worlds.copy(begin)
        target = ends(world)[side].other

        def person(number: int, effect: Call | Commit, at: int = at, target: End = target) -> None:
            if number == at:
                target.edit(target.accounts()["N0"], notes="person")
                target.add("Person")

        run_with(world, person)
        kept(world)
        world.settle()
        assert ends(world)[side].value("N0", "notes") == "person"
        assert "Person" in ends(world)[side].accounts()
        worlds.done(world)


def _steps(world: World) -> list[Call | Commit]:
    seen: list[Call | Commit] = []
    run_with(world, lambda _, effect: seen.append(effect))
    return seen


@pytest.mark.parametrize("side", SIDES)
def test_i25_a_future_timestamp_never_moves_the_cursor_past_now(worlds: Worlds, side: Side) -> None:
    """A record dated a year ahead: what is changed after it, at a time before that date, still arrives."""
    world = begun(worlds, FULL, 2)
    end = ends(world)[side]
    names = end.accounts()
    end.edit(names["left 0"], phone="from the future")
    table = end.system._table(end.object)
    table.rows[names["left 0"]].modified += timedelta(days=365).total_seconds()
    world.sync()
    kept(world)
    end.edit(names["left 1"], phone="after")
    end.add("after")
    world.settle()
    assert end.other.value("left 0", "phone") == "from the future"
    assert end.other.value("left 1", "phone") == "after"
    linked_all(world)


# ------------------------------------------------------------------------------------------------------ I26


@dataclass
class Lag:
    """Hides the newest changes of one system from its feed for one pass, as far as the feed promises to read back."""

    end: End
    chance: random.Random
    hidden: int = 0
    _inner: Any = field(init=False)
    _base: int = 0

    def __post_init__(self) -> None:
        self._inner = self.end.system.changes
        self.end.system.changes = self._changes  # type: ignore[method-assign]

    def _changes(self, object: str, cursor: str | None) -> Page:  # noqa: A002
        page: Page = self._inner(object, cursor)
        table = self.end.system._table(object)
        rows = {row.key: row.position for row in table.rows.values()}
        floor = table.position - LOOKBACK
        shown = [r for r in page.records if rows[r.key] <= floor or self.chance.random() < 0.4]
        self.hidden += len(page.records) - len(shown)
        end = page.cursor if not page.more else str(min(int(page.cursor or 0), floor))
        if page.more and int(end or 0) <= int(cursor or 0):
            end = page.cursor  # nothing hidden on the way: the newest changes are not on this page
            shown = list(page.records)
        return Page(shown, end, page.more)


@pytest.mark.parametrize("page", [50, 3, 2])
@pytest.mark.parametrize("seed", range(4))
def test_i26_where_the_lag_stays_below_the_overlap_every_change_arrives(worlds: Worlds, seed: int, page: int) -> None:
    """On one page, and over the borders of pages of three and of two."""
    world = begun(worlds, replace(LAGGING, page=page))
    chance = random.Random(f"lag {seed}")
    lags = [Lag(end, chance) for end in ends(world)]
    wanted: dict[tuple[str, str], str] = {}
    for number in range(8):
        for _ in range(chance.randrange(1, 4)):
            side = chance.choice(SIDES)
            end, unit = ends(world)[side], "phone" if side is Side.LEFT else "email"
            name = chance.choice(sorted(end.accounts()))
            end.edit(end.accounts()[name], **{unit: f"v{number}"})
            wanted[name, unit] = f"v{number}"
        if chance.random() < 0.4:
            ends(world)[chance.choice(SIDES)].add(f"new {number}")
        world.sync()
        world.clock.advance(60)
    for lag in lags:
        lag.end.system.changes = lag._inner  # type: ignore[method-assign]
    assert sum(lag.hidden for lag in lags) > 0
    world.settle()
    for (name, unit), value in wanted.items():
        assert [end.value(name, unit) for end in ends(world)] == [value, value], (name, unit)
    linked_all(world)
    in_step(world)
    assert world.conflicts() == []


@pytest.mark.parametrize(("profile", "side"), [*SPREAD[:1], *SPREAD[4:6], *SPREAD[7:8]])
def test_i26_a_change_made_before_any_step_of_a_run_arrives(worlds: Worlds, profile: str, side: Side) -> None:
    """No webhooks, no full read: the run that was under way, or the next, carries it over."""
    begin = worlds.new(PROFILES[profile])
    for number in range(3):
        ends(begin)[side].add(f"N{number}", phone="0", notes="0")
    begin.settle()
    ends(begin)[side].edit(ends(begin)[side].accounts()["N0"], phone="1")
    ends(begin)[side].add("Fresh")
    steps = len(_steps(worlds.copy(begin)))
    for at in range(0, steps, 2):
        world = worlds.copy(begin)

        def people(number: int, effect: Call | Commit, at: int = at, world: World = world) -> None:
            if number != at:
                return
            mine, theirs = ends(world)[side], ends(world)[side.other]
            mine.edit(mine.accounts()["N0"], phone="2")  # the record that is being written
            mine.edit(mine.accounts()["Fresh"], email="late")
            theirs.edit(theirs.accounts()["N0"], notes="late")
            theirs.edit(theirs.accounts()["N1"], phone="late")
            mine.add("Late")

        run_with(world, people)
        world.settle()
        for end in ends(world):
            shown = (end.value("N0", "phone"), end.value("N0", "notes"), end.value("N1", "phone"))
            assert shown == ("2", "late", "late"), (at, end.side)
            assert end.value("Fresh", "email") == "late", (at, end.side)
        linked_all(world)
        assert world.conflicts() == [], at
        worlds.done(world)


@pytest.mark.parametrize("versions", ["counter", "sortable", "opaque"])
@pytest.mark.parametrize("change", ["deleted", "deleted and alike", "out of scope"])
def test_i26_what_a_later_page_shows_as_over_is_not_made_of_what_an_earlier_page_showed(
    worlds: Worlds, change: str, versions: Any
) -> None:
    world = worlds.new(replace(SMALL, versions=versions))
    keys = [world.erp.add("customers", customer(f"Globex {number}", vat_number=str(number))) for number in range(5)]
    if change == "deleted and alike":
        world.crm.add("companies", account("Globex 1", tax_id="1"))
    pages = 0

    def people(_: int, effect: Call | Commit) -> None:
        nonlocal pages
        pages += isinstance(effect, Call) and effect.method == "changes" and effect.side is Side.RIGHT
        if pages == 2:
            if change == "out of scope":
                world.erp.edit("customers", keys[1], kind="internal")
            else:
                world.erp.remove("customers", keys[1])
            pages += 1

    run_with(world, people)
    assert pages > 2
    assert keys[1] not in world.pairs().values()
    assert len(world.crm.live("companies")) == 4 + (change == "deleted and alike")
    world.settle()
    assert {key for key in keys if key not in world.pairs().values()} == {keys[1]}


@pytest.mark.parametrize("versions", ["counter", "sortable", "opaque"])
@pytest.mark.parametrize("change", ["edited back", "brought back"])
def test_i26_what_a_later_page_shows_as_agreed_is_not_decided_by_an_earlier_page(
    worlds: Worlds, change: str, versions: Any
) -> None:
    world = worlds.new(replace(SMALL, versions=versions))
    keys = [world.erp.add("customers", customer(f"Globex {number}", tel="0")) for number in range(5)]
    world.settle()
    before = world.pairs()
    if change == "brought back":
        world.erp.remove("customers", keys[0])
    for key in keys[change == "brought back" :]:
        world.erp.edit("customers", key, tel="1")
    pages = 0

    def people(_: int, effect: Call | Commit) -> None:
        nonlocal pages
        pages += isinstance(effect, Call) and effect.method == "changes" and effect.side is Side.RIGHT
        if pages == 2:
            if change == "brought back":
                world.erp.restore("customers", keys[0])
            else:
                world.erp.edit("customers", keys[0], tel="0")
            pages += 1

    run_with(world, people)
    assert pages > 2
    world.settle()
    shown = {right: world.crm.live("companies")[left]["phone"] for left, right in world.pairs().items()}
    assert shown == {key: "0" if key == keys[0] else "1" for key in keys}
    assert world.pairs() == before


@pytest.mark.parametrize("seen", ["as both last agreed", "before what was seen"])
@pytest.mark.parametrize("looked", [1, 2], ids=["once", "once more before its time"])
@pytest.mark.parametrize("side", SIDES)
def test_i26_what_a_full_list_left_out_is_found_ended_although_an_old_copy_showed_it(
    worlds: Worlds, side: Side, looked: int, seen: str
) -> None:
    world = worlds.new(replace(SMALL, deletes="none"))
    end = ends(world)[side]
    key = end.add("A", phone="old")
    end.add("B")
    world.settle()
    old = end.system.read(end.object, [key])[key]
    if seen == "before what was seen":
        end.edit(key, phone="new")
        world.settle()
    end.remove(key)
    for number in range(looked):
        if number:
            beside = HintRow(world.specs["account"].kind, side.other, end.other.accounts()["A"], None, "webhook", 0.0)
            with world.store.begin() as tx:
                tx.put_hints([beside])
        end.system.stale[key] = old
        world.sync(full=not number)
        assert "A" in end.other.accounts()
        assert end.system.stale == {}
    for _ in range(4):
        world.clock.advance(1000)
        world.sync()
    assert "A" not in end.other.accounts()
    assert world.conflicts() == []


@pytest.mark.parametrize("side", SIDES)
def test_i26_a_second_look_at_what_a_list_left_out_keeps_no_dead_letter(worlds: Worlds, side: Side) -> None:
    world = worlds.new()
    end = ends(world)[side]
    key = end.add("A")
    world.settle()
    kind, version = world.specs["account"].kind, end.system.read(end.object, [key])[key].version
    with world.store.begin() as tx:
        tx.put_dead([DeadRow(kind, side, key, "update", "refused", "rejected", 0.0, 1, version)])
    shown = end.system.scan
    end.system.scan = lambda *where: Page([], None, False)  # type: ignore[method-assign]
    world.sync(full=True)
    end.system.scan = shown  # type: ignore[method-assign]
    assert [(hint.side, hint.key) for hint in world.hints()] == [(side, key)]
    assert world.dead() == []
    world.settle()
    assert world.hints() == []
