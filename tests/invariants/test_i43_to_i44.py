"""I43, I44: two processes on one store write nothing twice and nothing over a person; whatever is open is listed."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from parts_b import PROFILES, End, Stepper, Worlds, ends, in_step, linked_all, stepper

from connector.app.core import App
from connector.app.people import conflicts, dead_letters
from connector.app.status import status
from connector.cli.main import run
from connector.engine.work import DETAIL
from connector.errors import ConnectorError
from connector.model.plan import Report
from connector.model.rows import ConflictRow, DeadRow, HintRow, IntentRow, IntentState, JournalRow, LinkRow, LinkState
from connector.model.values import SIDES, Side, Sides, maybe
from connector.ports import Store
from connector.state.store import open_store
from connector.state.vault import new_key
from connector.testing.driver import START, HandClock
from connector.testing.world import World

HELD = {name: PROFILES[name] for name in ("everything", "idempotency key", "small batches")}
LOOSE = {name: PROFILES[name] for name in ("unconditional", "searchable key", "created-by filter")}
"""What only `settle` or a second look holds: a process sleeps less than `settle`, and nobody edits meanwhile."""
PATIENT = 90_000.0


@pytest.fixture
def worlds(tmp_path: Path) -> Iterator[Worlds]:
    with Worlds(tmp_path) as made:
        yield made


# ------------------------------------------------------------------------------------------------------ I43


def second(world: World) -> Store:
    """The same store, opened by another process."""
    path = world.store.path if hasattr(world.store, "path") else world.folder / "store.db"
    return open_store(f"sqlite:///{path}", world.vault)


def busy(world: World, side: Side) -> End:
    """Creates with a parent, edits on both sides, a delete: work for two."""
    end = ends(world)[side]
    for number in range(3):
        end.add(f"old {number}", phone="0", notes="0", tax_id=f"O{number}")
    world.settle()
    names = end.accounts()
    end.edit(names["old 0"], phone="1")
    end.other.edit(end.partner(names["old 0"]), notes="1")
    end.other.edit(end.partner(names["old 1"]), phone="1")
    end.remove(names["old 2"])
    parent = end.add("new parent", tax_id="N1")
    end.add("new child", parent=parent, tax_id="N2")
    end.other.add("new there", tax_id="N3")
    return end


def judged(world: World, at: object) -> None:
    """I9: nothing twice, nothing missing. I7: what people typed is there."""
    world.settle(rounds=12)
    wanted = {"old 0", "old 1", "new parent", "new child", "new there"}
    for end in ends(world):
        assert set(end.accounts()) == wanted, (at, end.side)
        shown = (end.value("old 0", "phone"), end.value("old 0", "notes"), end.value("old 1", "phone"))
        assert shown == ("1", "1", "1"), at
        assert end.get(end.accounts()["new child"])["parent"] == end.accounts()["new parent"], at
    linked_all(world)
    in_step(world)
    assert world.dead() == [], at
    assert world.conflicts() == [], at


def ended_well(run: Stepper[Report]) -> None:
    """A run ends, or fails the way runs do: another one is going on."""
    assert run.ended
    assert run.error is None or isinstance(run.error, ConnectorError), run.error


@pytest.mark.parametrize("profile", [*HELD, *LOOSE])
@pytest.mark.parametrize("seed", range(4))
def test_i43_two_runs_whose_steps_mix_in_any_order_write_nothing_twice(worlds: Worlds, profile: str, seed: int) -> None:
    """Time goes on between the steps: now and then a lease ends while its run is still at work."""
    world = worlds.new((HELD | LOOSE)[profile])
    busy(world, SIDES[seed % 2])
    if profile in LOOSE:
        world.set("account", settle=PATIENT)
    chance = random.Random(f"{profile} {seed}")
    other = second(world)
    pair = [stepper(world), stepper(world, store=other)]
    while not all(one.ended for one in pair):
        chance.choice([one for one in pair if not one.ended]).step()
        world.clock.advance(chance.choice([0.0, 1.0, 10.0, 500.0]))
    for one in pair:
        ended_well(one)
    world.clock.advance(world.specs["account"].settle)
    judged(world, seed)
    other.close()


@pytest.mark.parametrize(("profile", "side"), [(name, SIDES[n % 2]) for n, name in enumerate([*HELD, *LOOSE])])
def test_i43_a_run_that_wakes_up_after_another_took_its_lease_and_ended_does_no_harm(
    worlds: Worlds, profile: str, side: Side
) -> None:
    """The first stands still before each of its steps in turn, long enough for its lease to end."""
    begin = worlds.new((HELD | LOOSE)[profile])
    busy(begin, side)
    if profile in LOOSE:
        begin.set("account", settle=PATIENT)
    plain = stepper(worlds.copy(begin))
    plain.finish()
    for at in range(1, plain.count, 2):
        world = worlds.copy(begin)
        zombie = stepper(world)
        while zombie.count < at and zombie.step():
            pass
        world.clock.advance(2000)
        other = second(world)
        living = stepper(world, store=other)
        while living.step():
            pass
        ended_well(living)
        assert living.error is None, at
        while zombie.step():
            pass
        ended_well(zombie)
        world.clock.advance(world.specs["account"].settle)
        judged(world, at)
        other.close()
        worlds.done(world)


@pytest.mark.parametrize("side", SIDES)
def test_i43_a_run_that_wakes_up_writes_nothing_over_what_a_person_typed_meanwhile(worlds: Worlds, side: Side) -> None:
    """The other run settled a newer edit on both sides; the first still holds the older value in its hand."""
    begin = worlds.new()
    end = ends(begin)[side]
    key = end.add("A", phone="0", notes="0")
    begin.settle()
    end.edit(key, phone="old edit")
    plain = stepper(worlds.copy(begin))
    plain.finish()
    for at in range(1, plain.count, 2):
        for there in (False, True):
            world = worlds.copy(begin)
            mine = ends(world)[side]
            zombie = stepper(world)
            while zombie.count < at and zombie.step():
                pass
            world.clock.advance(2000)
            person = mine.other if there else mine
            other = second(world)
            if there:  # first the older edit arrives, then a person corrects it there
                stepper(world, store=other).finish()
                world.clock.advance(10)
            person.edit(key if person is mine else mine.partner(key), phone="newer", notes="newer")
            stepper(world, store=other).finish()
            while zombie.step():
                pass
            ended_well(zombie)
            world.settle(rounds=12)
            shown = {one.value("A", "phone") for one in ends(world)}
            asked = world.conflicts() == [("phone", "conflict")] and "newer" in shown
            assert shown == {"newer"} or asked, (at, there)
            assert {one.value("A", "notes") for one in ends(world)} == {"newer"}, (at, there)
            other.close()
            worlds.done(world)


@pytest.mark.parametrize("side", SIDES)
def test_i43_a_run_that_wakes_up_after_a_merge_or_a_delete_brings_nothing_back(worlds: Worlds, side: Side) -> None:
    begin = worlds.new()
    end = ends(begin)[side]
    keys = [end.add(f"N{number}", phone="0") for number in range(4)]
    begin.settle()
    for key in keys:
        end.edit(key, phone="1")
    plain = stepper(worlds.copy(begin))
    plain.finish()
    for at in range(1, plain.count, 2):
        world = worlds.copy(begin)
        mine = ends(world)[side]
        zombie = stepper(world)
        while zombie.count < at and zombie.step():
            pass
        world.clock.advance(2000)
        mine.remove(keys[0])
        mine.system.merge(mine.object, keys[1], keys[2])
        other = second(world)
        stepper(world, store=other).finish()
        world.clock.advance(1000)
        stepper(world, store=other).finish()
        while zombie.step():
            pass
        ended_well(zombie)
        world.settle(rounds=12)
        assert set(mine.accounts()) == {"N2", "N3"}, at
        left_over = set(mine.other.accounts())
        assert left_over == {"N1", "N2", "N3"} or (left_over == {"N0", "N1", "N2", "N3"} and world.conflicts()), at
        assert len(world.links("account", LinkState.LINKED)) == 2 + ("N0" in left_over), at
        other.close()
        worlds.done(world)


def test_i43_while_one_run_is_going_on_another_is_refused(worlds: Worlds) -> None:
    world = worlds.new()
    busy(world, Side.LEFT)
    first = stepper(world)
    for _ in range(6):
        first.step()
    other = second(world)
    late = stepper(world, store=other)
    while late.step():
        pass
    assert "another run is going on" in str(late.error)
    first.finish()
    judged(world, "refused")
    other.close()


# ------------------------------------------------------------------------------------------------------ I44

HOURS = 3600.0
ACCOUNTS = """
syncs:
  accounts: {entity: account, between: [crm, erp], match: [tax_id]}
"""


@pytest.fixture
def installation(tmp_path: Path) -> Path:
    """A configuration of two systems nobody runs: what is open must be told without asking them."""
    (tmp_path / "key").write_text(new_key() + "\n")
    config = tmp_path / "config.yaml"
    config.write_text(
        f'state: {{url: "sqlite:///{tmp_path}/state.db", key: "${{file:{tmp_path}/key}}"}}\n'
        'systems:\n  crm: {adapter: reference_crm, url: "http://127.0.0.1:9", auth: {token: t}}\n'
        '  erp: {adapter: reference_erp, url: "http://127.0.0.1:9", auth: {token: t}}\n' + ACCOUNTS
    )
    return config


def everything_open(app: App, now: float) -> dict[str, float]:
    """One of each thing that can be open, each since a time of its own; name -> since when."""
    kind = app.kind(app.sync_config("accounts"))
    since: dict[str, float] = {}

    def at(name: str) -> float:
        since[name] = now - (len(since) + 1) * HOURS
        return since[name]

    none: Sides[bytes | None] = Sides(None, None)
    with app.store.begin() as tx:
        ids = list(tx.reserve_ids(8))
        links = [LinkRow(i, kind, LinkState.LINKED, maybe(f"L{i}", f"R{i}")) for i in ids[:6]]
        links.append(replace(links[0], id=ids[6], state=LinkState.HALF, keys=maybe("L-half", None)))
        links.append(replace(links[0], id=ids[7], state=LinkState.CLOSED, keys=maybe("L-closed", "R-closed")))
        tx.insert_links(links)
        body = app.vault.seal(b"{}", b"intent")
        for name, state, link in (
            ("sent", IntentState.SENT, ids[0]),
            ("acked", IntentState.ACKED, ids[1]),
            ("planned", IntentState.PLANNED, ids[6]),
        ):
            sent = at(name) if state is not IntentState.PLANNED else None
            row = IntentRow(name, kind, link, Side.RIGHT, "update", f"R{link}", None, body, b"", "phone", "1", state)
            tx.put_intents([replace(row, first_sent=sent, sent=sent)])
        # What was not sent yet is as old as the line that was stored with it.
        tx.append_journal([JournalRow(at("planned"), "run", kind, ids[6], Side.RIGHT, None, "create", "rule", "phone")])
        for name, link, unit, reason in (
            ("conflict", ids[2], "phone", "conflict"),
            ("hold", ids[3], "status", "held"),
            ("oscillation", ids[4], "email", "oscillation"),
            ("deleted and changed", ids[5], "*", "deleted and changed"),
            ("restored", ids[7], "*", "restored"),
        ):
            detail = app.vault.seal(b"why", DETAIL)
            tx.put_conflicts([ConflictRow(link, unit, kind, reason, none, at(name), None, detail)])
        letters = (("refused", "rejected"), ("uncertain", "uncertain"), ("review", "held"))
        for number, (name, code) in enumerate(letters):
            detail = app.vault.seal(name.encode(), DETAIL)
            tx.put_dead([DeadRow(kind, Side.LEFT, f"D{number}", "create", name, code, at(name), 1, "1", None, detail)])
        tx.put_hints([HintRow(kind, Side.LEFT, "L-wait", None, "waits", now, 0, None, at("hint"))])
    return since


def test_i44_every_conflict_and_hold_is_listed_with_its_age(installation: Path) -> None:
    with App.open(installation, clock=HandClock(START)) as app:
        since = everything_open(app, START)
        listed = {(entry.unit, entry.since) for entry in conflicts(app, live=False)}
    assert {when for _, when in listed} == {since[name] for name in OPEN["conflicts"]}
    assert len(listed) == 5


def test_i44_every_dead_letter_is_listed_with_its_age(installation: Path) -> None:
    with App.open(installation, clock=HandClock(START)) as app:
        since = everything_open(app, START)
        found = {(letter.code, letter.since) for letter in dead_letters(app)}
    assert found == {("rejected", since["refused"]), ("uncertain", since["uncertain"]), ("held", since["review"])}


def test_i44_status_counts_everything_open_and_says_since_when_the_oldest_is(installation: Path) -> None:
    with App.open(installation, clock=HandClock(START)) as app:
        since = everything_open(app, START)
        (shown,) = status(app)
    assert (shown.open_writes, shown.conflicts, shown.dead, shown.hints) == (3, 5, 3, 1)
    assert shown.oldest.open_writes == min(since[name] for name in ("sent", "acked", "planned"))
    assert shown.oldest.conflicts == since["restored"]
    assert shown.oldest.dead == since["review"]
    assert shown.oldest.hints == since["hint"]
    assert {state: count for state, count in shown.links.items() if count} == {"linked": 6, "half": 1, "closed": 1}


OPEN = {
    "conflicts": ("conflict", "hold", "oscillation", "deleted and changed", "restored"),
    "dead-letters": ("refused", "uncertain", "review"),
}


def command(installation: Path, *words: str) -> tuple[int, str]:
    out, said = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(said):
        code = run([*words, "-c", str(installation)])
    assert "Traceback" not in out.getvalue() + said.getvalue()
    return code, out.getvalue()


@pytest.mark.parametrize(("words", "count"), [(("conflicts", "list"), 5), (("dead-letters", "list"), 3)])
def test_i44_the_command_line_lists_each_with_its_age(installation: Path, words: tuple[str, ...], count: int) -> None:
    with App.open(installation, clock=HandClock(START)) as app:
        since = everything_open(app, START)
    code, text = command(installation, *words, "--json")
    assert code in (0, 4), text
    (rows,) = [value for value in json.loads(text).values() if isinstance(value, list)]
    assert len(rows) == count
    names = OPEN[words[0]]
    assert sorted(_since(row) for row in rows) == sorted(since[name] for name in names)
    code, text = command(installation, *words)
    assert code in (0, 4), text
    shown = ["L3", "status", "email"] if words[0] == "conflicts" else ["D0", "D1", "D2"]
    assert [word for word in shown if word not in text] == []


def _since(row: dict[str, Any]) -> float:
    since = row["since"]
    return float(since) if isinstance(since, (int, float)) else datetime.fromisoformat(since).timestamp()


def test_i44_every_open_write_is_listed_with_its_age(installation: Path) -> None:
    """Which record a write went to whose answer never came, and since when: a number alone helps nobody."""
    with App.open(installation, clock=HandClock(START)) as app:
        since = everything_open(app, START)
        kind = app.kind(app.sync_config("accounts"))
        with app.look() as tx:
            targets = {row.state.value: row.target for row in tx.open_intents(kind, "", 10)}
    _, text = command(installation, "status", "--json")
    (sync,) = json.loads(text)["syncs"]
    told = {row["state"]: (row["key"], row["since"]) for row in sync["open"]}
    assert told == {state: (targets[state], since[state]) for state in ("planned", "sent", "acked")}


def test_i44_what_a_run_leaves_open_is_listed_from_the_moment_it_happened(worlds: Worlds) -> None:
    """Conflicts and dead letters keep the time of their first day, however often a run meets them again."""
    world = worlds.new()
    left, right = ends(world)
    for name in ("A", "B", "C"):
        left.add(name, phone="0")
    world.settle()
    start = world.clock.now()
    left.edit(left.accounts()["A"], phone="L")
    right.edit(right.accounts()["A"], phone="R")
    world.erp.reject_where(lambda fields: fields.get("tel") == "poison")
    left.edit(left.accounts()["B"], phone="poison")
    left.system.edit("companies", left.accounts()["C"], state="no such state")
    for _ in range(5):
        world.sync(full=True)
        world.clock.advance(86400)
    kind = world.specs["account"].kind
    rows = world.look("conflicts", kind)
    assert sorted((row.unit, row.reason) for row in rows) == [("phone", "conflict"), ("status", "held")]
    assert {row.since for row in rows} == {start}
    (dead,) = world.look("dead", kind)
    assert (dead.key, dead.since) == (left.accounts()["B"], start)
