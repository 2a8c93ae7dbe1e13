"""Rules of applying and recovering (section 3) that no other test would miss: mutants that survived found them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
from parts_holes import SEARCHED, UNCONDITIONAL, open_intents, pair, with_powers

from connector.engine.effects import Call, Commit, Effects
from connector.errors import TransientError
from connector.model.records import Op, Outcome, WriteResult
from connector.model.rows import IntentState
from connector.model.values import Side, Sides
from connector.ports import Capabilities
from connector.testing.driver import CrashDriver, When
from connector.testing.tables import LOST
from connector.testing.world import CRM_ACCOUNT, FULL, World, account, customer, make_world, parsed

T = TypeVar("T")


class Watching(CrashDriver):
    """Notes which intents a durable commit has marked as sent, and looks at each write whether its own is one."""

    sent: set[str]
    unsafe: list[str]
    kind: str

    def _one(self, effect: Any) -> Any:
        if isinstance(effect, Call) and effect.method == "write":
            self.unsafe += [write.token for write in effect.args[1] if write.token not in self.sent]
        before = self._open()
        answer = CrashDriver._one(self, effect)
        if isinstance(effect, Commit):
            self.sent &= before | (self._open() if effect.durable else set())
            if effect.durable:
                self.sent |= self._open()
        return answer

    def _open(self) -> set[str]:
        with self.store.look() as tx:
            return {row.token for row in tx.open_intents(self.kind, "", 1000) if row.state is IntentState.SENT}


@dataclass(slots=True)
class Watched(World):
    """A world whose writes are watched. unsafe: keys of writes that went out before their note was safe."""

    unsafe: list[str] = field(default_factory=list)

    def drive(self, generator: Effects[T], crash: int | None = None, when: When = "before") -> T:
        driver = Watching(Sides(self.crm, self.erp), self.store, self.clock, self.names, crash, when)
        driver.kind, driver.unsafe = self.specs["account"].kind, self.unsafe
        driver.sent = driver._open()
        self.driver = driver
        return driver.run(generator)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = make_world(tmp_path)
    yield made
    made.store.close()


@pytest.mark.parametrize("powers", [FULL, UNCONDITIONAL, SEARCHED])
def test_no_write_goes_out_before_a_durable_commit_marked_it_as_sent(tmp_path: Path, powers: Capabilities) -> None:
    empty = with_powers(tmp_path / "a", powers)
    world = Watched(empty.store, empty.vault, tmp_path / "a", powers=Sides(powers, powers))
    keys = [world.crm.add("companies", account(f"A{n}", phone="1")) for n in range(3)]
    world.sync()
    world.crm.edit("companies", keys[0], phone="2")
    world.erp.edit("customers", world.pairs()[keys[1]], tel="3")
    world.crm.remove("companies", keys[2])
    world.sync()
    world.crm.edit("companies", keys[0], phone="4")
    world.erp.fail("write", LOST, after=False)
    world.sync()
    world.settle()
    assert {write.op for write in world.erp.writes + world.crm.writes} == set(Op)
    assert world.unsafe == []
    world.store.close()


@pytest.mark.parametrize("how", ["searched", "likeness", "nothing"])
def test_a_create_of_unknown_outcome_is_not_touched_before_the_settle_time(tmp_path: Path, how: str) -> None:
    blind = replace(FULL, external_key="none", created_by=how == "likeness", idempotency=0.0)
    world = with_powers(tmp_path / how, SEARCHED if how == "searched" else blind)
    world.crm.add("companies", account("A", phone="1"))
    world.erp.fail("write", LOST, after=False)
    world.sync()
    for _ in range(2):
        world.clock.advance(world.specs["account"].settle / 3)
        world.sync()
        # The request may still be under way: sent again now, the record could be there twice.
        assert len(world.erp.writes) == 0
        assert open_intents(world) == {IntentState.SENT: 1}
    world.settle()
    assert len(world.erp.live("customers")) == 1
    world.store.close()


def test_an_unconditional_delete_is_sent_again_right_after_its_own_look(tmp_path: Path) -> None:
    """However many there are: what a person types until then keeps its record."""
    world = with_powers(tmp_path / "a", replace(UNCONDITIONAL, batch_write=1, concurrency=1))
    keys = [world.crm.add("companies", account(f"A{n}", phone="1")) for n in range(3)]
    world.sync()
    for key in keys:
        world.crm.remove("companies", key)
        world.erp.fail("write", LOST, after=False)
    world.sync()
    assert len(world.erp.live("customers")) == 3
    world.sync()
    reads_and_writes = [step for step in world.driver.trace if step in ("right read", "right write")]
    assert reads_and_writes[:6] == ["right read", "right write"] * 3
    assert world.erp.live("customers") == {}
    world.store.close()


def test_an_unconditional_update_of_unknown_outcome_is_not_touched_before_the_settle_time(tmp_path: Path) -> None:
    world = with_powers(tmp_path / "a", UNCONDITIONAL)
    left, right = pair(world, phone="1")
    world.crm.edit("companies", left, phone="2")
    world.erp.fail("write", LOST, after=False)
    world.sync()
    sent = len(world.erp.writes)
    world.clock.advance(world.specs["account"].settle / 2)
    world.sync()
    assert (len(world.erp.writes), open_intents(world)) == (sent, {IntentState.SENT: 1})
    world.settle()
    assert world.erp.get("customers", right)["tel"] == "2"
    world.store.close()


def test_a_create_is_found_by_its_live_key_at_once_and_not_after_the_settle_time(tmp_path: Path) -> None:
    world = with_powers(tmp_path / "a", replace(FULL, external_key="none", created_by=False))
    left = world.crm.add("companies", account("A"))
    world.erp.fail("write", LOST, after=True)
    world.sync()
    world.clock.advance(10)
    world.sync()
    assert list(world.pairs()) == [left]
    assert open_intents(world) == {}
    world.store.close()


@pytest.mark.parametrize("hours", [0.5, 30.0])
def test_a_key_the_system_has_forgotten_or_is_about_to_is_not_trusted(tmp_path: Path, hours: float) -> None:
    keys = 2 * 3600.0
    world = with_powers(tmp_path / "a", replace(FULL, external_key="none", idempotency=keys))
    left = world.crm.add("companies", account("A"))
    world.erp.fail("write", LOST, after=True)
    world.sync()
    (made,) = world.erp.live("customers")
    world.clock.advance(hours * 3600)
    world.settle()
    assert world.pairs() == {left: made}
    assert list(world.erp.live("customers")) == [made]
    world.store.close()


def test_a_copy_that_a_person_made_of_the_marker_is_not_taken_for_the_record_we_made(tmp_path: Path) -> None:
    world = with_powers(tmp_path / "a", SEARCHED)
    left = world.crm.add("companies", account("A", phone="1"))
    world.erp.fail("write", LOST, after=False)
    world.sync()
    copy = world.erp.add("customers", customer("A copy", crm_ref=left))
    world.clock.advance(1000)
    world.sync()
    assert world.pairs()[left] != copy
    assert world.erp.get("customers", copy)["title"] == "A copy"
    world.store.close()


def test_where_several_records_of_ours_carry_the_marker_a_person_looks(tmp_path: Path) -> None:
    world = with_powers(tmp_path / "a", SEARCHED)
    left = world.crm.add("companies", account("A", phone="1"))
    world.erp.fail("write", LOST, after=True)
    world.sync()
    world.erp.add("customers", customer("A", crm_ref=left, tel="1"), by="connector")
    world.clock.advance(1000)
    world.sync()
    assert world.pairs() == {}
    assert (Side.LEFT, left) in [(side, key) for side, key, _ in world.dead()]
    assert len(world.erp.live("customers")) == 2
    world.store.close()


def test_a_delete_of_unknown_outcome_is_not_sent_again_over_what_a_person_typed_since(tmp_path: Path) -> None:
    world = with_powers(tmp_path / "a", UNCONDITIONAL)
    left, right = pair(world, phone="1")
    world.crm.remove("companies", left)
    world.erp.fail("write", LOST, after=False)
    world.sync()
    world.erp.edit("customers", right, tel="typed")
    world.settle()
    assert world.erp.get("customers", right)["tel"] == "typed"
    assert [unit for unit, _ in world.conflicts()] == ["*"]
    world.store.close()


@pytest.mark.parametrize("applied", [False, True])
def test_an_update_of_unknown_outcome_is_not_sent_again_over_what_a_person_typed_since(
    tmp_path: Path, applied: bool
) -> None:
    world = with_powers(tmp_path / "a", replace(FULL, idempotency=0.0))
    left, right = pair(world, phone="1")
    world.crm.edit("companies", left, phone="2")
    world.erp.fail("write", LOST, after=applied)
    world.sync()
    world.erp.edit("customers", right, tel="typed")
    world.settle()
    assert world.erp.get("customers", right)["tel"] == "typed"
    world.store.close()


def test_what_a_person_typed_alike_where_an_update_never_arrived_is_no_answer_to_it(world: World) -> None:
    left, right = pair(world, phone="1")
    world.crm.edit("companies", left, phone="2")
    world.erp.fail("write", LOST, after=False)
    world.sync()
    world.crm.edit("companies", left, phone="1")
    world.erp.edit("customers", right, tel="2")
    for _ in range(3):
        world.sync()  # refused each time: had it been done, the live key would have answered as the first time
    assert (world.crm.get("companies", left)["phone"], world.erp.get("customers", right)["tel"]) == ("2", "2")
    assert open_intents(world) == {}


def test_an_old_copy_read_after_a_write_that_showed_nothing_settles_nothing(world: World) -> None:
    left, right = pair(world, phone="1")
    old = world.erp.read("customers", [right])[right]
    world.crm.edit("companies", left, phone="2")
    write = world.erp.write

    def silent(name: str, writes: Any) -> WriteResult:
        result = write(name, writes)
        world.erp.stale[right] = old
        return replace(result, outcomes=[Outcome(outcome.key, None) for outcome in result.outcomes])

    world.erp.write = silent  # type: ignore[method-assign,assignment]
    world.sync()
    assert open_intents(world) == {IntentState.ACKED: 1}
    world.erp.stale[right] = old
    world.clock.advance(1000)
    world.sync()
    assert open_intents(world) == {IntentState.ACKED: 1}
    world.settle()
    assert open_intents(world) == {}
    assert world.plan() == []


def test_an_answer_with_too_few_results_leaves_every_item_of_the_batch_unknown(tmp_path: Path) -> None:
    world = with_powers(tmp_path / "a", SEARCHED)
    for number in range(3):
        world.crm.add("companies", account(f"A{number}"))
    write = world.erp.write

    def short(name: str, writes: Any) -> WriteResult:
        world.erp.write = write  # type: ignore[method-assign]
        result = write(name, writes)
        return replace(result, outcomes=result.outcomes[1:])

    world.erp.write = short  # type: ignore[method-assign,assignment]
    world.sync()
    assert open_intents(world) == {IntentState.SENT: 3}
    world.sync()
    world.settle()
    assert sorted(row["title"] for row in world.erp.live("customers").values()) == ["A0", "A1", "A2"]
    world.store.close()


def test_a_record_that_a_create_found_instead_of_making_it_agrees_on_nothing_it_shows_otherwise(world: World) -> None:
    left = world.crm.add("companies", account("A", phone="1", email="a"))
    write = world.erp.write

    def late(name: str, writes: Any) -> WriteResult:
        world.erp.write = write  # type: ignore[method-assign]
        made = world.erp.add("customers", customer("A", crm_ref=left, mail="a"), by="connector")
        world.erp.edit("customers", made, tel="typed")
        return write(name, writes)

    world.erp.write = late  # type: ignore[method-assign,assignment]
    world.sync()
    world.settle()
    (shown,) = world.erp.live("customers").values()
    assert (world.crm.get("companies", left)["phone"], shown["tel"]) == ("1", "typed")
    assert world.conflicts() == [("phone", "conflict")]


def test_a_write_of_an_older_mapping_settles_nothing_that_is_read_in_another_way_since(world: World) -> None:
    left, right = pair(world, phone="1", second_phone="7", email="a")
    world.crm.edit("companies", left, phone="2", email="b")
    world.erp.fail("write", LOST, after=True)
    world.sync()
    spec = world.specs["account"]
    mapping = parsed(CRM_ACCOUNT.replace("phone: phone", "phone: second_phone"), "moved.yaml")
    world.set("account", systems=Sides(replace(spec.systems.left, mapping=mapping), spec.systems.right))
    world.settle()
    shown = world.erp.get("customers", right)
    assert (shown["tel"], shown["mail"]) == ("2", "b")
    assert world.conflicts() == [("phone", "conflict")]


def test_i31_another_body_has_another_key_even_when_links_are_numbered_again(tmp_path: Path) -> None:
    world = with_powers(tmp_path / "a", replace(FULL, external_key="none", created_by=False))
    left = world.crm.add("companies", account("A", phone="1"))
    world.sync()
    world.lose_store()
    world.crm.edit("companies", left, phone="2")
    world.sync()
    creates = [write for write in world.erp.writes if write.op is Op.CREATE]
    assert len({write.body for write in creates}) == 2
    assert len({write.token for write in creates}) == 2
    world.store.close()


@pytest.mark.parametrize("when", ["before", "in review"])
def test_i09_one_of_two_that_are_alike_may_be_ours_and_none_of_them_is_created(tmp_path: Path, when: str) -> None:
    world = with_powers(tmp_path / "a", replace(FULL, external_key="none", created_by=False, idempotency=0.0))
    left = world.crm.add("companies", account("A", tax_id="T1"))
    world.erp.fail("write", LOST, after=True)
    world.sync()
    (ours,) = world.erp.live("customers")
    theirs = world.erp.add("customers", customer("A", vat_number="T1"))
    if when == "in review":
        world.settle()
        assert len(world.dead()) == 3
    world.crm.remove("companies", left)
    world.settle()
    for key in (theirs, ours):
        world.erp.edit("customers", key, vat_number=f"T-{key}")  # otherwise alike or not: one is ours
        world.settle()
    assert {(side, key) for side, key, _ in world.dead()} == {(Side.RIGHT, ours), (Side.RIGHT, theirs)}
    assert world.crm.live("companies") == {}
    world.erp.remove("customers", ours)
    world.sync()
    world.erp.edit("customers", theirs, tel="1")
    world.settle()
    assert len(world.crm.live("companies")) == len(world.pairs()) == 1
    assert world.dead() == []
    world.store.close()


def test_i43_a_run_that_lost_its_lease_during_a_write_stores_nothing_of_it(world: World) -> None:
    world.crm.add("companies", account("A"))
    kind, write = world.specs["account"].kind, world.erp.write

    def slow(name: str, writes: Any) -> WriteResult:
        result = write(name, writes)
        world.clock.advance(10_000)
        with world.store.begin() as tx:
            assert tx.take_lease(kind, "another", world.clock.now(), 900.0)
        return result

    world.erp.write = slow  # type: ignore[method-assign,assignment]
    with pytest.raises(TransientError):
        world.sync()
    assert open_intents(world) == {IntentState.SENT: 1}
    world.erp.write = write  # type: ignore[method-assign]
    world.settle()
    assert len(world.erp.live("customers")) == 1
