"""Refusals, lost answers, busy and denied systems, stale reads: what each leads to, and that nobody else suffers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from connector.engine.work import open_text
from connector.errors import DeniedError, Halted, NotFoundError, RejectedError, TransientError, UncertainError
from connector.merge.guards import Limit, Limits
from connector.model.records import Op, Write, WriteResult
from connector.model.rows import IntentState, LinkState
from connector.model.values import Side
from connector.testing.tables import BUSY, LOST
from connector.testing.world import FULL, World, account, customer, make_world


def test_a_rejected_record_becomes_a_dead_letter_and_blocks_nobody(world: World) -> None:
    world.erp.reject_where(lambda fields: fields.get("title") == "Poison")
    keys = [world.crm.add("companies", account(name)) for name in ("A", "Poison", "B")]
    report = world.sync()
    assert (report.status, report.counts["failed"], report.counts["created"]) == ("partly", 1, 2)
    assert [(side, key) for side, key, _ in world.dead()] == [(Side.LEFT, keys[1])]
    calls = len(world.erp.writes)
    world.sync()
    assert len(world.erp.writes) == calls


def test_a_dead_letter_is_not_tried_again_by_a_full_read_while_its_record_is_unchanged(world: World) -> None:
    world.erp.reject_where(lambda fields: fields.get("title") == "Poison")
    world.crm.add("companies", account("Poison"))
    world.sync()
    calls = len(world.erp.writes)
    world.sync(full=True)
    assert len(world.erp.writes) == calls
    assert len(world.dead()) == 1


def test_a_dead_letter_is_retried_when_its_record_changes_and_ends_when_it_works(world: World) -> None:
    world.erp.reject_where(lambda fields: fields.get("title") == "Poison")
    left = world.crm.add("companies", account("Poison"))
    world.sync()
    world.crm.edit("companies", left, name="Cured")
    report = world.sync()
    assert report.counts["created"] == 1
    assert world.dead() == []
    assert [row["title"] for row in world.erp.live("customers").values()] == ["Cured"]


def test_a_rejected_update_is_retried_when_its_record_changes(world: World) -> None:
    left = world.crm.add("companies", account("Acme"))
    world.sync()
    world.erp.reject_where(lambda fields: fields.get("tel") == "bad")
    world.crm.edit("companies", left, phone="bad", email="good")
    world.sync()
    assert len(world.dead()) == 1
    world.crm.edit("companies", left, phone="fine")
    world.sync()
    found = world.erp.get("customers", world.pairs()[left])
    assert (found["tel"], found["mail"]) == ("fine", "good")
    assert world.dead() == []
    assert world.plan() == []


def test_a_busy_answer_for_one_record_is_tried_again_when_the_system_asked_for(world: World) -> None:
    world.erp.reject_where(lambda fields: fields.get("title") == "Slow", TransientError("busy", after=120.0))
    world.crm.add("companies", account("Slow"))
    world.crm.add("companies", account("Fast"))
    world.sync()
    assert [row["title"] for row in world.erp.live("customers").values()] == ["Fast"]
    world.erp.accept_all()
    world.clock.advance(60)
    world.sync()
    assert len(world.erp.live("customers")) == 1
    world.clock.advance(61)
    world.sync()
    assert len(world.erp.live("customers")) == 2
    assert world.hints() == []


def test_a_busy_system_fails_the_batch_and_the_next_run_finishes_it(world: World) -> None:
    for number in range(30):
        world.crm.add("companies", account(f"A{number}"))
    world.erp.fail("write", BUSY)
    world.sync()
    assert len(world.erp.live("customers")) == 10
    world.clock.advance(31)
    world.sync()
    assert len(world.erp.live("customers")) == 30


def test_a_denied_write_stops_the_run_and_the_next_one_goes_on(world: World) -> None:
    left = world.crm.add("companies", account("A"))
    world.erp.fail("write", DeniedError("no rights"))
    with pytest.raises(DeniedError):
        world.sync()
    assert world.look("runs", "accounts")[0].status == "failed"
    world.sync()
    assert world.pairs() == {left: "K00001"}
    assert world.plan() == []


@pytest.mark.parametrize("after", [False, True])
def test_a_create_whose_answer_was_lost_happens_once(world: World, after: bool) -> None:
    left = world.crm.add("companies", account("A", phone="1"))
    world.erp.fail("write", LOST, after=after)
    report = world.sync()
    assert report.status == "partly"
    assert world.look("count_intents", world.specs["account"].kind)[IntentState.SENT] == 1
    world.settle()
    assert len(world.erp.live("customers")) == 1
    assert list(world.pairs()) == [left]
    assert world.plan() == []


def test_a_record_with_an_open_create_is_not_created_again_when_it_changes(tmp_path: Path) -> None:
    powers = replace(FULL, external_key="none", idempotency=0.0)
    world = make_world(tmp_path, powers, powers)
    left = world.crm.add("companies", account("A", phone="1"))
    world.erp.fail("write", LOST, after=True)
    world.sync()
    world.crm.edit("companies", left, phone="2")
    report = world.sync()
    assert report.counts["held"] >= 1
    assert len(world.erp.live("customers")) == 1
    world.settle()
    assert [row["tel"] for row in world.erp.live("customers").values()] == ["2"]
    assert len(world.crm.live("companies")) == 1
    world.store.close()


def test_a_person_edit_made_after_a_lost_create_survives_its_recovery(world: World) -> None:
    left = world.crm.add("companies", account("A", phone="1"))
    world.erp.fail("write", LOST, after=True)
    world.with_idempotency(0.0)
    world.sync()
    (right,) = world.erp.live("customers")
    world.erp.edit("customers", right, tel="9")
    world.settle()
    assert world.erp.get("customers", right)["tel"] == "9"
    assert world.crm.get("companies", left)["phone"] == "9"
    assert world.conflicts() == []


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("conditional", [False, True])
def test_an_update_whose_answer_was_lost_happens_once_and_keeps_what_a_person_typed_since(
    tmp_path: Path, after: bool, conditional: bool
) -> None:
    powers = replace(FULL, conditional_write=conditional, idempotency=0.0)
    world = make_world(tmp_path, powers, powers)
    left = world.crm.add("companies", account("A", phone="1", email="a"))
    world.sync()
    right = world.pairs()[left]
    world.crm.edit("companies", left, phone="2")
    world.erp.fail("write", LOST, after=after)
    world.sync()
    world.erp.edit("customers", right, mail="typed")
    world.settle()
    found = world.erp.get("customers", right)
    assert (found["tel"], found["mail"]) == ("2", "typed")
    assert world.crm.get("companies", left)["email"] == "typed"
    assert world.conflicts() == []
    assert world.plan() == []
    world.store.close()


@pytest.mark.parametrize("after", [False, True])
def test_an_update_that_is_refused_when_sent_again_may_have_been_done_or_may_still_come(
    world: World, after: bool
) -> None:
    left = world.crm.add("companies", account("A", phone="1"))
    world.sync()
    world.crm.edit("companies", left, phone="2")
    world.erp.fail("write", LOST, after=after)
    world.sync()
    sent = world.clock.now()
    world.clock.advance(60.0)
    world.erp.fail("write", RejectedError("not today"))
    world.sync()
    rows = world.look("open_intents", world.specs["account"].kind, "", 9)
    assert [row.sent for row in rows] == ([] if after else [sent])
    assert world.dead() == []
    world.clock.advance(world.specs["account"].settle - 60.0)
    world.erp.fail("write", RejectedError("not today"))
    world.sync()
    assert len(world.dead()) == (not after)
    assert world.look("open_intents", world.specs["account"].kind, "", 9) == []


@pytest.mark.parametrize("after", [False, True])
def test_a_delete_whose_answer_was_lost_is_finished(world: World, after: bool) -> None:
    left = world.crm.add("companies", account("A"))
    world.sync()
    world.crm.remove("companies", left)
    world.erp.fail("write", LOST, after=after)
    world.sync()
    world.settle()
    assert world.erp.live("customers") == {}
    assert [link.state for link in world.links()] == [LinkState.CLOSED]


def test_an_old_version_read_by_key_plans_nothing_and_is_looked_at_again(world: World) -> None:
    left = world.crm.add("companies", account("A", phone="1"))
    world.sync()
    right = world.pairs()[left]
    old = world.erp.read("customers", [right])[right]
    world.erp.edit("customers", right, tel="2")
    world.sync()
    world.crm.edit("companies", left, email="new")
    world.erp.stale[right] = old
    world.sync()
    assert world.erp.get("customers", right)["tel"] == "2"
    assert world.crm.get("companies", left)["phone"] == "2"
    world.settle()
    assert world.erp.get("customers", right)["mail"] == "new"
    assert world.hints() == []


def test_an_expired_cursor_reads_everything_again_and_writes_nothing(world: World) -> None:
    for number in range(10):
        world.crm.add("companies", account(f"A{number}"))
    world.sync()
    before = world.erp.state()
    world.erp.fail("changes", NotFoundError("expired"))
    report = world.sync()
    assert world.erp.state() == before
    assert report.counts["unchanged"] == 10


def test_a_record_deleted_while_its_cursor_was_lost_is_deleted_on_the_other_side(world: World) -> None:
    keys = [world.crm.add("companies", account(f"A{number}")) for number in range(10)]
    world.sync()
    world.crm.remove("companies", keys[3])
    world.crm.fail("changes", NotFoundError("expired"))
    world.sync()
    assert len(world.erp.live("customers")) == 9
    assert world.plan(full=True) == []


def test_a_read_that_fails_moves_no_cursor_and_loses_nothing(world: World) -> None:
    world.crm.add("companies", account("A"))
    world.sync()
    left = world.crm.add("companies", account("B"))
    world.erp.fail("changes", BUSY)
    with pytest.raises(TransientError):
        world.sync()
    world.sync()
    assert left in world.pairs()


def test_two_runs_at_a_time_are_refused_and_a_dead_ones_lease_ends(world: World) -> None:
    kind = world.specs["account"].kind
    with world.store.begin() as tx:
        assert tx.take_lease(kind, "other", world.clock.now(), 900.0) is not None
    with pytest.raises(TransientError, match="another run is going on"):
        world.sync()
    world.clock.advance(901)
    assert world.sync().status == "done"


def test_counts_always_balance(world: World) -> None:
    world.erp.reject_where(lambda fields: fields.get("title") == "Poison")
    for name in ("A", "Poison", "C"):
        world.crm.add("companies", account(name, tax_id=name))
    world.erp.add("customers", customer("C", vat_number="C", tel="1"))
    world.erp.add("customers", customer("Us", kind="internal"))
    for _ in range(3):
        counts = world.sync(full=True).counts
        parts = ("created", "updated", "unchanged", "skipped", "held", "failed")
        assert counts["read"] == sum(counts[name] for name in parts), counts


def test_a_guard_that_stops_the_first_link_leaves_both_systems_and_the_links_as_they_were(world: World) -> None:
    world.set("account", limits=Limits(creates=Limit(count=3)))
    for number in range(4):
        world.crm.add("companies", account(f"A{number}"))
    before = world.crm.state(), world.erp.state()
    with pytest.raises(Halted, match="would create 4 records in erp, limit 3"):
        world.sync()
    assert (world.crm.state(), world.erp.state()) == before
    assert world.links() == []


def test_the_same_intent_has_the_same_key_and_bytes_when_it_is_sent_again(world: World) -> None:
    world.crm.add("companies", account("A"))
    world.erp.fail("write", LOST)
    world.sync()
    first = world.erp.writes[:]
    assert first == []
    (row,) = world.look("open_intents", world.specs["account"].kind, "", 10)
    world.clock.advance(1000)
    world.sync()
    (sent,) = [write for write in world.erp.writes if write.op is Op.CREATE]
    assert (sent.token, sent.body) == (row.token, world.vault.open(row.body, b"intent"))


def test_another_body_has_another_key(world: World) -> None:
    left = world.crm.add("companies", account("A"))
    world.sync()
    world.crm.edit("companies", left, phone="1")
    world.erp.fail("write", BUSY)
    world.sync()
    world.crm.edit("companies", left, phone="2")
    world.clock.advance(100)
    world.sync()
    world.crm.edit("companies", left, phone="1")
    world.sync()
    tokens = [write.token for write in world.erp.writes]
    assert len(tokens) == len(set(tokens)) == 3
    assert world.erp.get("customers", world.pairs()[left])["tel"] == "1"


def test_an_answer_with_too_few_results_counts_as_lost(world: World) -> None:
    world.crm.add("companies", account("A"))
    world.crm.add("companies", account("B"))
    original = world.erp.write

    def short(name: str, writes: object) -> object:
        world.erp.write = original  # type: ignore[method-assign]
        result = original(name, writes)  # type: ignore[arg-type]
        return replace(result, outcomes=result.outcomes[:1])

    world.erp.write = short  # type: ignore[method-assign,assignment]
    world.sync()
    world.settle()
    assert len(world.erp.live("customers")) == 2
    assert len(world.pairs()) == 2


def test_an_applied_write_that_shows_nothing_is_linked_and_settled_by_a_read(world: World) -> None:
    original = world.erp.write

    def silent(name: str, writes: object) -> object:
        result = original(name, writes)  # type: ignore[arg-type]
        return replace(result, outcomes=[replace(outcome, record=None) for outcome in result.outcomes])

    world.erp.write = silent  # type: ignore[method-assign,assignment]
    left = world.crm.add("companies", account("A", phone="1"))
    world.sync()
    assert len(world.erp.live("customers")) == 1
    world.crm.edit("companies", left, phone="2")
    world.sync()
    world.settle()
    assert [row["tel"] for row in world.erp.live("customers").values()] == ["2"]
    assert world.plan() == []
    assert world.conflicts() == []


def test_errors_that_are_no_answer_of_a_system_end_the_run_as_failed(world: World) -> None:
    world.crm.add("companies", account("A"))
    world.erp.fail("read", UncertainError("x"))
    world.erp.fail("changes", RuntimeError("bug"))
    with pytest.raises(RuntimeError):
        world.sync()
    row = world.look("runs", "accounts")[0]
    assert (row.status, open_text(world.vault, row.detail)) == ("failed", "RuntimeError")
    world.erp.faults.clear()
    assert world.sync().status == "done"


def test_an_edit_in_the_gap_of_an_unconditional_write_is_told_where_versions_count(tmp_path: Path) -> None:
    """What was typed between the last look and the write is gone; that something was, the journal says."""
    world = make_world(tmp_path, FULL, replace(FULL, conditional_write=False))
    key = world.crm.add("companies", account("A", phone="0"))
    world.sync()
    image = world.pairs()[key]
    world.crm.edit("companies", key, phone="1")
    write = world.erp.write

    def late(object: str, writes: Sequence[Write]) -> WriteResult:  # noqa: A002  (the port's name)
        world.erp.edit("customers", image, tel="typed in the gap")
        world.erp.write = write  # type: ignore[method-assign]
        return write(object, writes)

    world.erp.write = late  # type: ignore[method-assign]
    report = world.sync()
    assert world.erp.get("customers", image)["tel"] == "1"
    told = world.look("journal", world.specs["account"].kind, None, None, 100)
    rows = [row for row in told if row.event == "overwritten"]
    assert [(row.side, row.key, row.fields, row.body) for row in rows] == [(Side.RIGHT, image, "phone", None)]
    assert report.counts["overlapped"] == 1
    world.store.close()
