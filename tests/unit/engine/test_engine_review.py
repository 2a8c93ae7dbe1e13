"""Merged records, restored stores, late hints, guards of later rounds: cases where several rules meet."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from connector.engine.work import open_text
from connector.errors import DeniedError, Halted, TransientError, UncertainError
from connector.merge.guards import Limit, Limits
from connector.merge.rules import Flow
from connector.model.records import Write
from connector.model.rows import HintRow
from connector.model.values import Side
from connector.state.store import open_store
from connector.testing.world import FULL, World, account, make_world


def linked(world: World, count: int = 1) -> dict[str, str]:
    for number in range(count):
        world.crm.add("companies", account(f"Acme {number}", phone="1"))
    world.sync()
    return world.pairs()


def test_a_delete_that_was_asked_about_is_forgotten_when_the_record_comes_back(world: World) -> None:
    world.set("account", deletes="ask")
    ((left, right),) = linked(world).items()
    world.crm.remove("companies", left)
    world.sync()
    assert world.conflicts() == [("*", "delete")]
    world.crm.restore("companies", left)
    world.sync()
    assert world.conflicts() == []
    world.crm.remove("companies", left)
    world.sync()
    assert world.conflicts() == [("*", "delete")]
    assert list(world.erp.live("customers")) == [right]


def test_a_hint_that_comes_while_a_run_is_writing_is_looked_at(world: World) -> None:
    """The field was chosen after the run had read it: the hint must outlive the commit of that run."""
    left, right = next(iter(linked(world, 2).items()))
    kind = world.specs["account"].kind
    with world.store.begin() as tx:
        tx.put_hints([HintRow(kind, Side.LEFT, left, None, "old", world.clock.now())])
    world.crm.edit("companies", left, phone="2")
    original = world.erp.read

    def read(name: str, keys: object) -> object:
        world.erp.read = original  # type: ignore[method-assign]
        found = original(name, keys)  # type: ignore[arg-type]
        world.clock.advance(1)
        with world.store.begin() as tx:
            tx.put_hints([HintRow(kind, Side.LEFT, left, None, "resolved", world.clock.now())])
        return found

    world.erp.read = read  # type: ignore[method-assign,assignment]
    reads = world.crm.calls["read", "companies"]
    world.sync()
    assert world.erp.get("customers", right)["tel"] == "2"
    assert world.crm.calls["read", "companies"] - reads == 2
    assert world.hints() == []


def test_deletes_that_hints_tell_of_while_a_run_is_writing_meet_the_guard(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    pairs = linked(world, 40)
    kind = world.specs["account"].kind
    world.crm.edit("companies", next(iter(pairs)), phone="2")
    gone = list(pairs)[1:31]
    original = world.erp.write

    def write(name: str, writes: object) -> object:
        world.erp.write = original  # type: ignore[method-assign]
        for key in gone:
            world.crm.remove("companies", key)
        with world.store.begin() as tx:
            tx.put_hints([HintRow(kind, Side.LEFT, key, None, "webhook", world.clock.now()) for key in gone])
        return original(name, writes)  # type: ignore[arg-type]

    world.erp.write = write  # type: ignore[method-assign,assignment]
    with pytest.raises(Halted, match="30 of 40 records were deleted in crm") as caught:
        world.sync()
    assert "Nothing of this plan was written" not in str(caught.value)
    assert len(world.erp.live("customers")) == 40
    with pytest.raises(Halted):
        world.sync()
    world.sync(allow=frozenset({"deletes"}))
    assert len(world.erp.live("customers")) == 10
    world.store.close()


def test_a_create_nobody_can_tell_the_result_of_is_not_sent_again_because_its_source_changed(tmp_path: Path) -> None:
    world = make_world(tmp_path, FULL, replace(FULL, external_key="none", idempotency=0.0))
    keys = [world.crm.add("companies", account("Acme", phone="1")) for _ in range(2)]
    world.erp.fail("write", UncertainError("lost"), after=True)
    world.sync()
    made = list(world.erp.live("customers"))
    assert len(made) == 2
    for key in made:
        world.erp.edit("customers", key, tel="changed")
    world.clock.advance(1000)
    world.sync()
    assert len(world.dead()) >= 2
    world.crm.edit("companies", keys[0], phone="3")
    world.clock.advance(1000)
    world.sync()
    world.sync(full=True)
    assert len(world.erp.live("customers")) == 2
    world.store.close()


def test_an_old_backup_of_the_store_does_not_bring_back_the_answer_to_an_earlier_write(world: World) -> None:
    world.with_idempotency(86400.0)
    ((left, right),) = linked(world).items()
    old = world.folder / "backup.db"
    world.store.copy_to(str(old))  # type: ignore[attr-defined]
    for phone in ("2", "1"):
        world.crm.edit("companies", left, phone=phone)
        world.sync()
    world.store.close()
    world.store = open_store(f"sqlite:///{old}", world.vault)
    world.sync()
    world.crm.edit("companies", left, phone="2")
    world.sync()
    assert world.erp.get("customers", right)["tel"] == "2"
    assert world.crm.get("companies", left)["phone"] == "2"


def test_a_store_restored_from_a_backup_makes_nothing_twice_and_loses_nothing(world: World) -> None:
    pairs = linked(world, 3)
    first, second, third = pairs
    old = world.folder / "backup.db"
    world.store.copy_to(str(old))  # type: ignore[attr-defined]
    new = world.crm.add("companies", account("New"))
    world.crm.edit("companies", first, phone="2")
    world.erp.edit("customers", pairs[second], tel="3")
    world.crm.remove("companies", third)
    world.sync()
    world.crm.edit("companies", first, notes="late")
    world.store.close()
    world.store = open_store(f"sqlite:///{old}", world.vault)
    world.sync()
    assert len(world.erp.live("customers")) == len(world.crm.live("companies")) == 3
    assert world.erp.get("customers", pairs[first])["remarks"] == "late"
    assert world.crm.get("companies", second)["phone"] == "3"
    assert new in world.pairs()
    assert world.conflicts() == []
    assert world.plan(full=True) == []


def test_a_delete_is_carried_over_after_a_field_was_taken_out_of_the_mapping(world: World) -> None:
    left, right = next(iter(linked(world, 2).items()))
    spec = world.specs["account"]
    world.set("account", units=tuple(unit for unit in spec.units if unit.name != "notes"))
    world.crm.remove("companies", left)
    world.sync()
    assert world.conflicts() == []
    assert right not in world.erp.live("customers")


def test_a_conflict_of_a_field_that_left_the_mapping_is_over(world: World) -> None:
    ((left, right),) = linked(world).items()
    world.crm.edit("companies", left, notes="L")
    world.erp.edit("customers", right, remarks="R")
    world.sync()
    assert world.conflicts() == [("notes", "conflict")]
    spec = world.specs["account"]
    world.set("account", units=tuple(unit for unit in spec.units if unit.name != "notes"))
    world.sync(full=True)
    assert world.conflicts() == []


def test_two_records_that_are_each_others_parent_are_both_created_with_it(world: World) -> None:
    first, second = (world.crm.add("companies", account(name)) for name in ("A", "B"))
    world.crm.edit("companies", first, parent_id=second)
    world.crm.edit("companies", second, parent_id=first)
    world.sync()
    pairs = world.pairs()
    assert world.erp.get("customers", pairs[first])["group_of"] == pairs[second]
    assert world.erp.get("customers", pairs[second])["group_of"] == pairs[first]
    assert world.hints() == []
    assert world.plan(full=True) == []


def test_a_field_that_comes_into_the_mapping_is_agreed_on_without_a_write_where_both_sides_show_it(
    world: World,
) -> None:
    spec = world.specs["account"]
    world.set("account", units=tuple(unit for unit in spec.units if unit.name != "notes"))
    left, right = next(iter(linked(world, 2).items()))
    world.crm.edit("companies", left, notes="same")
    world.erp.edit("customers", right, remarks="same")
    world.sync()
    world.set("account", units=spec.units)
    before = world.erp.state() + world.crm.state()
    world.sync(full=True)
    assert world.conflicts() == []
    assert before == world.erp.state() + world.crm.state()
    world.erp.edit("customers", right, remarks="new")
    world.sync()
    assert world.crm.get("companies", left)["notes"] == "new"


def test_an_edit_made_while_an_earlier_write_is_open_is_not_lost_when_that_write_is_refused(world: World) -> None:
    ((left, right),) = linked(world).items()
    world.crm.edit("companies", left, phone="bad")
    world.erp.fail("write", UncertainError("lost"))
    world.sync()
    world.crm.edit("companies", left, phone="good", notes="new")
    world.erp.fail("write", UncertainError("lost"))
    world.sync()
    world.erp.reject_where(lambda fields: fields.get("tel") == "bad")
    world.clock.advance(1000)
    world.sync()
    shown = world.erp.get("customers", right)
    assert (shown["tel"], shown["remarks"]) == ("good", "new")
    assert world.dead() == []
    assert world.hints() == []


def test_a_run_says_so_when_a_write_that_is_sent_again_has_no_answer_either(world: World) -> None:
    ((left, _),) = linked(world).items()
    world.crm.edit("companies", left, phone="2")
    for _ in range(2):
        world.erp.fail("write", UncertainError("no answer"))
        report = world.sync()
        assert (report.status, report.trouble) == ("partly", ["no answer"])
    assert world.sync().status == "done"


def test_what_an_open_create_made_is_linked_as_soon_as_it_is_read(world: World) -> None:
    left = world.crm.add("companies", account("Acme", phone="1"))
    for _ in range(2):
        world.erp.fail("write", UncertainError("no answer"), after=True)
        world.sync()
    ((_, right),) = world.pairs().items()
    assert world.look("open_intents", "account", "", 9) == []
    world.crm.edit("companies", left, phone="2")
    assert world.sync().counts["updated"] == 1
    assert world.erp.get("customers", right)["tel"] == "2"


def test_what_a_run_ended_with_is_stored_sealed_for_a_system_may_quote_a_value(world: World) -> None:
    ((left, _),) = linked(world).items()
    world.crm.edit("companies", left, phone="2")
    world.erp.fail("write", TransientError("busy with Vellichor"))
    report = world.sync()
    assert report.trouble == ["busy with Vellichor"]
    world.crm.fail("changes", DeniedError("no right to read Vellichor"))
    with pytest.raises(DeniedError):
        world.sync()
    rows = world.look("runs")
    shown = [open_text(world.vault, row.detail) for row in rows]
    assert sorted(shown) == ["", "busy with Vellichor", "no right to read Vellichor"]
    assert not any("Vellichor" in row.detail for row in rows)


def test_a_system_that_words_each_failure_anew_does_not_fill_the_report(world: World) -> None:
    pairs = linked(world, 40)
    for left in pairs:
        world.crm.edit("companies", left, phone="2")

    def refuse(object_: str, write: Write) -> TransientError:
        return TransientError(f"{write.key} is busy", 60.0)

    world.erp.reject = refuse
    report = world.sync()
    assert 1 <= len(report.trouble) <= 5
    assert report.counts["failed"] == 40


def test_a_long_chain_of_parents_is_created_whole_in_one_run(world: World) -> None:
    keys = [world.crm.add("companies", account(f"C{number}")) for number in range(30)]
    for child, parent in pairwise(keys):
        world.crm.edit("companies", child, parent_id=parent)
    world.sync()
    pairs, shown = world.pairs(), world.erp.live("customers")
    assert [shown[pairs[c]]["group_of"] for c in keys[:-1]] == [pairs[p] for p in keys[1:]]
    assert world.hints() == []
    assert world.plan(full=True) == []


def test_a_change_of_direction_keeps_what_was_agreed_and_overwrites_nothing_unseen(world: World) -> None:
    units, creates = world.specs["account"].units, world.specs["account"].creates
    left, right = next(iter(linked(world, 2).items()))
    world.one_way("account", Flow.L2R)
    world.erp.edit("customers", right, tel="R")
    world.sync()
    assert world.erp.get("customers", right)["tel"] == "1"
    world.set("account", units=units, creates=creates)
    world.erp.edit("customers", right, tel="R2")
    world.sync()
    assert world.crm.get("companies", left)["phone"] == "R2"
    assert world.plan(full=True) == []


def test_a_foreign_edit_between_two_batches_of_a_run_is_read_by_the_next_run(world: World) -> None:
    for number in range(900):
        world.crm.add("companies", account(f"N{number}"))
    edited: list[str] = []
    original = world.erp.write

    def write(name: str, writes: object) -> object:
        result = original(name, writes)  # type: ignore[arg-type]
        if world.erp.live("customers") and len(edited) < 5:
            key = next(k for k in reversed(world.erp.live("customers")) if k not in edited)
            world.erp.edit("customers", key, tel=f"E{len(edited)}")
            edited.append(key)
        return result

    world.erp.write = write  # type: ignore[method-assign,assignment]
    world.sync()
    world.erp.write = original  # type: ignore[method-assign]
    world.sync()
    back = {right: left for left, right in world.pairs().items()}
    assert [world.crm.get("companies", back[key])["phone"] for key in edited] == [f"E{n}" for n in range(5)]
    assert world.plan(full=True) == []


def test_records_put_out_of_use_count_for_the_guard_of_the_day(world: World) -> None:
    world.set("account", deletes="archive", limits=Limits(deletes=Limit(count=2)))
    pairs = linked(world, 5)
    for number, left in enumerate(list(pairs)[:3]):
        world.crm.remove("companies", left)
        if number < 2:
            world.sync()
    with pytest.raises(Halted, match="already in 24 hours"):
        world.sync()
    assert sum(row["blocked"] for row in world.erp.live("customers").values()) == 2


def test_a_lost_store_links_again_without_a_write_or_a_conflict(world: World) -> None:
    for number in range(5):
        world.crm.add("companies", account(f"Acme {number}", phone="1", state="former"))
    world.sync()
    before = world.crm.state() + world.erp.state()
    world.lose_store()
    world.sync()
    assert before == world.crm.state() + world.erp.state()
    assert world.conflicts() == []
    assert len(world.pairs()) == 5


def test_a_record_deleted_while_its_create_is_open_is_not_left_behind(world: World) -> None:
    left = world.crm.add("companies", account("Acme"))
    world.erp.fail("write", UncertainError("lost"), after=True)
    world.sync()
    world.crm.remove("companies", left)
    world.settle()
    assert world.erp.live("customers") == {}
    assert world.crm.live("companies") == {}


def test_an_old_answer_to_a_read_by_key_does_not_replace_what_the_feed_showed(world: World) -> None:
    left, right = next(iter(linked(world, 2).items()))
    kind = world.specs["account"].kind
    world.crm.edit("companies", left, phone="2")
    old = world.crm.read("companies", [left])[left]
    world.crm.edit("companies", left, phone="3")
    with world.store.begin() as tx:
        tx.put_hints([HintRow(kind, Side.LEFT, left, None, "webhook", world.clock.now())])
    world.crm.stale[left] = old
    world.sync()
    world.sync()
    assert world.erp.get("customers", right)["tel"] == "3"
    assert world.plan() == []


def test_a_version_that_was_announced_is_waited_for(world: World) -> None:
    left, right = next(iter(linked(world, 2).items()))
    kind = world.specs["account"].kind
    world.crm.edit("companies", left, phone="2")
    old = world.crm.read("companies", [left])[left]
    changes = world.crm.changes("companies", None)
    version = world.crm.edit("companies", left, phone="3")
    with world.store.begin() as tx:
        tx.put_hints([HintRow(kind, Side.LEFT, left, version, "webhook", world.clock.now())])
    world.crm.stale[left] = old
    world.crm.changes = lambda name, cursor: replace(changes, records=[])  # type: ignore[method-assign,assignment]
    world.sync()
    assert world.erp.get("customers", right)["tel"] == "1"
    assert [hint.version for hint in world.hints()] == [version]
    world.clock.advance(1000)
    world.sync()
    assert world.erp.get("customers", right)["tel"] == "3"
    assert world.hints() == []
