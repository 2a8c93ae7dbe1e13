"""A saved plan is carried out, and what follows from it; nothing else that happens to be due."""

from __future__ import annotations

import pytest
from moments import at_the_first_write

from connector.engine import sync as sync_module
from connector.engine.saved import Wanted
from connector.errors import Halted
from connector.merge.guards import Limit, Limits
from connector.model.records import Key
from connector.model.rows import HintRow
from connector.model.values import Side
from connector.testing.world import World, account


def saved(world: World) -> Wanted:
    """The plan of now, as a file would hold it."""
    wanted: dict[tuple[Key | None, Key | None], set[str]] = {}
    for line in world.plan():
        if line.digest:
            wanted.setdefault((line.keys.left, line.keys.right), set()).add(line.digest)
    return wanted


def hint(world: World, *keys: Key) -> None:
    """Somebody tells that these companies are to be looked at."""
    kind, at = world.specs["account"].kind, world.clock.now()
    with world.store.begin() as tx:
        tx.put_hints([HintRow(kind, Side.LEFT, key, None, "webhook", at, first=at) for key in keys])


def phones(world: World) -> list[str]:
    return sorted(row["tel"] for row in world.erp.live("customers").values())


def test_what_else_is_due_is_left_and_due_when_a_saved_plan_is_done(world: World) -> None:
    world.set("account", limits=Limits(updates=Limit(count=2)))
    keys = [world.crm.add("companies", account(f"Acme {number}", phone="1")) for number in range(6)]
    world.sync()
    world.crm.edit("companies", keys[0], phone="9")
    wanted = saved(world)
    for key in keys[1:]:
        world.crm.edit("companies", key, phone="2")
    hint(world, *keys)
    report = world.sync(only=wanted)
    assert (report.status, report.counts["updated"], report.drifted) == ("done", 1, [])
    assert phones(world) == ["1", "1", "1", "1", "1", "9"]
    assert {row.key for row in world.hints()} == set(keys[1:])
    with pytest.raises(Halted, match="would change 5 of 6 records in erp, at most 2"):
        world.sync()
    world.sync(allow=frozenset({"updates"}))
    assert phones(world) == ["2", "2", "2", "2", "2", "9"]


def test_a_record_that_is_not_as_planned_is_left_although_it_is_due(world: World) -> None:
    keys = [world.crm.add("companies", account(f"Acme {number}", phone="1")) for number in range(2)]
    world.sync()
    for key in keys:
        world.crm.edit("companies", key, phone="9")
    wanted = saved(world)
    world.crm.edit("companies", keys[0], phone="8")
    hint(world, *keys)
    report = world.sync(only=wanted)
    assert [line.keys.left for line in report.drifted] == [keys[0]]
    assert phones(world) == ["1", "9"]
    assert [row.key for row in world.hints()] == [keys[0]]


def test_a_reference_that_waited_for_what_a_saved_plan_creates_follows(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody else's: what waits for the same record, and is not in the plan, goes on waiting for the next run."""
    monkeypatch.setattr(sync_module, "BATCH", 1)  # the child is done with before its parent comes up
    other = world.crm.add("companies", account("Other"))
    world.sync()
    children = [world.crm.add("companies", account(f"Child {n}", parent_id="C00005")) for n in range(3)]
    parent = world.crm.add("companies", account("Parent"))
    assert parent == "C00005"
    wanted = saved(world)
    assert {key for key, _ in wanted} == {*children, parent}
    world.crm.edit("companies", other, parent_id=parent)
    hint(world, other)
    world.sync(only=wanted)
    pairs = world.pairs()
    shown = {key: world.erp.get("customers", pairs[key])["group_of"] for key in [*children, other]}
    assert shown == {**dict.fromkeys(children, pairs[parent]), other: None}
    assert [row.key for row in world.hints()] == [other]
    world.sync()
    assert world.erp.get("customers", pairs[other])["group_of"] == pairs[parent]


def test_what_moved_while_a_saved_plan_was_done_is_left_with_what_was_typed_since(world: World) -> None:
    key = world.crm.add("companies", account("Acme", phone="1"))
    world.sync()
    world.crm.edit("companies", key, phone="9")
    wanted, (mate,) = saved(world), world.erp.live("customers")
    at_the_first_write(world, lambda: world.erp.edit("customers", mate, mail="a@b.example"))
    report = world.sync(only=wanted)
    assert report.status == "partly"
    assert {line.keys for line in report.drifted} == {world.links()[0].keys}
    assert (world.crm.get("companies", key)["email"], phones(world)) == (None, ["1"])
    assert [row.key for row in world.hints()] == [key]
    world.sync()
    assert (world.crm.get("companies", key)["email"], phones(world)) == ("a@b.example", ["9"])


def test_what_both_sides_changed_while_a_saved_plan_was_done_is_a_conflict(world: World) -> None:
    key = world.crm.add("companies", account("Acme", phone="1"))
    world.sync()
    world.crm.edit("companies", key, phone="9")
    wanted, (mate,) = saved(world), world.erp.live("customers")
    at_the_first_write(world, lambda: world.erp.edit("customers", mate, tel="8"))
    assert world.sync(only=wanted).status == "partly"
    assert (phones(world), world.conflicts(), world.hints()) == (["8"], [("phone", "conflict")], [])


def test_what_moved_and_still_is_as_planned_is_done(world: World) -> None:
    key = world.crm.add("companies", account("Acme", phone="1"))
    world.sync()
    world.crm.edit("companies", key, phone="9")
    wanted, (mate,) = saved(world), world.erp.live("customers")

    def act() -> None:
        world.erp.edit("customers", mate, mail="typed")
        world.erp.edit("customers", mate, mail=None)

    at_the_first_write(world, act)
    report = world.sync(only=wanted)
    assert (phones(world), report.drifted, world.hints()) == (["9"], [], [])
