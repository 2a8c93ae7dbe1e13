"""Rules that no other test would miss: each was found by a mutant that survived. See tests/mutants."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest

from connector.engine.effects import Call, Commit, Effects
from connector.engine.shape import Shape, person
from connector.engine.work import MISSING
from connector.merge.base import unpack
from connector.merge.functions import union
from connector.merge.rules import Policy
from connector.model.records import Op, Outcome, WriteResult
from connector.model.rows import HintRow, IntentState
from connector.model.values import Side, Sides
from connector.ports import Capabilities
from connector.testing.driver import CrashDriver, When
from connector.testing.tables import LOST
from connector.testing.world import ERP_ACCOUNT, FULL, World, account, customer, make_world, parsed

T = TypeVar("T")

UNCONDITIONAL = replace(FULL, conditional_write=False, idempotency=0.0)
SEARCHED = replace(FULL, external_key="search", idempotency=0.0)


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


def with_powers(folder: Path, powers: Capabilities) -> World:
    folder.mkdir(exist_ok=True)
    return make_world(folder, powers, powers)


def open_intents(world: World) -> dict[IntentState, int]:
    counts: dict[IntentState, int] = world.look("count_intents", world.specs["account"].kind)
    return {state: count for state, count in counts.items() if count}


def pair(world: World, **fields: Any) -> tuple[str, str]:
    """One account in step: its keys."""
    left = world.crm.add("companies", account("A", **fields))
    world.settle()
    return left, world.pairs()[left]


# ----------------------------------------------------------------------------------- section 3: T1, T2, recovery


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


# ------------------------------------------------------------------------------------------- sections 1 and 2.3


def test_equal_values_of_both_sides_have_different_prints(world: World) -> None:
    pair(world, phone="1", email="1")
    (link,) = world.links()
    base = unpack(link.base, Shape(world.specs["account"], world.vault).layout)
    prints = [print_ for name in ("phone", "email") for print_ in base.prints[name]]
    assert len(set(prints)) == 4
    assert person("phone", Side.LEFT) != person("phone", Side.RIGHT)


def test_the_journal_holds_the_image_of_what_every_update_replaced(world: World) -> None:
    left, right = pair(world, phone="1", email="a")
    world.crm.edit("companies", left, phone="2")
    world.erp.edit("customers", right, mail="b")
    world.settle()
    rows = world.look("journal", world.specs["account"].kind)
    replaced = {
        (row.side, name): value
        for row in rows
        if row.event == "update" and row.body is not None
        for name, value in msgspec.json.decode(world.vault.open(row.body, b"journal")).items()
    }
    assert replaced == {(Side.RIGHT, "phone"): "1", (Side.LEFT, "email"): "a"}


@pytest.mark.parametrize(("policy", "winner", "loser"), [(Policy.LEFT, "2", "3"), (Policy.RIGHT, "3", "2")])
def test_the_loser_of_a_policy_is_named_as_such_beside_the_write(
    world: World, policy: Policy, winner: str, loser: str
) -> None:
    left, right = pair(world, phone="1")
    world.rule("account", phone={"policy": policy})
    world.crm.edit("companies", left, phone="2")
    world.erp.edit("customers", right, tel="3")
    world.settle()
    assert (world.crm.get("companies", left)["phone"], world.erp.get("customers", right)["tel"]) == (winner, winner)
    (row,) = [row for row in world.look("journal", world.specs["account"].kind) if row.event == "overwritten"]
    assert row.fields == "phone"
    assert msgspec.json.decode(world.vault.open(row.body, b"journal")) == {"phone": loser}


# ---------------------------------------------------------------------------------------- I15, merge functions


@pytest.mark.parametrize("side", list(Side))
def test_i15_a_key_that_is_only_known_as_ended_is_not_created(world: World, side: Side) -> None:
    kind = world.specs["account"].kind
    with world.store.begin() as tx:
        tx.add_tombstones(kind, side, ["X1"], world.clock.now())
    if side is Side.LEFT:
        world.crm.add("companies", account("Back"), key="X1")
    else:
        world.erp.add("customers", customer("Back"), key="X1")
    world.sync()
    world.sync(full=True)
    assert len(world.crm.live("companies")) + len(world.erp.live("customers")) == 1
    assert world.links() == []


@pytest.mark.parametrize("lost", [False, True])
@pytest.mark.parametrize("both", [False, True])
def test_i15_every_key_that_ended_is_remembered_as_ended(world: World, lost: bool, both: bool) -> None:
    left, right = pair(world)
    world.crm.remove("companies", left)
    if both:
        world.erp.remove("customers", right)
    elif lost:
        world.erp.fail("write", LOST, after=True)
    world.sync()
    world.settle()
    kind = world.specs["account"].kind
    assert world.look("tombstones", kind, Side.LEFT, [left, "other"]) == {left}
    assert world.look("tombstones", kind, Side.RIGHT, [right, "other"]) == {right}


def test_what_either_side_took_out_of_a_set_is_gone_from_the_union_of_both() -> None:
    assert union("a, b, c", "a, b", "b, c, d") == "b, d"
    assert union("a", "b", "c") == "b, c"
    assert union("a, b", "a", "b") is None


# ------------------------------------------------------------------------------- I16, and whose hand wrote it last


@pytest.mark.parametrize("side", list(Side))
def test_i16_a_second_miss_before_the_settle_time_is_over_is_no_proof(tmp_path: Path, side: Side) -> None:
    world = with_powers(tmp_path / "a", replace(FULL, deletes="none"))
    keys = Sides(*pair(world))
    world.crm.add("companies", account("Other"))
    world.settle()
    system, name = ((world.crm, "companies"), (world.erp, "customers"))[side is Side.RIGHT]
    system.remove(name, str(keys[side]))
    kind, at, wait = world.specs["account"].kind, world.clock.now(), world.specs["account"].settle
    hint = HintRow(kind, side, str(keys[side]), None, MISSING, at, 1, None, at - wait / 2)
    with world.store.begin() as tx:
        tx.put_hints([hint])
    world.sync()
    assert len(world.crm.live("companies")) + len(world.erp.live("customers")) == 3
    with world.store.begin() as tx:
        tx.put_hints([replace(hint, first=at - wait)])
    world.sync()
    assert len(world.crm.live("companies")) + len(world.erp.live("customers")) == 2
    world.store.close()


@pytest.mark.parametrize("side", list(Side))
def test_a_change_under_our_own_name_is_a_change_like_any_other(world: World, side: Side) -> None:
    left, right = pair(world, phone="1")
    if side is Side.LEFT:
        world.crm.edit("companies", left, by="connector", phone="2")
    else:
        world.erp.edit("customers", right, by="connector", tel="2")
    world.settle()
    assert (world.crm.get("companies", left)["phone"], world.erp.get("customers", right)["tel"]) == ("2", "2")


@pytest.mark.parametrize("side", list(Side))
def test_a_stamp_that_we_caused_ourselves_makes_no_side_the_newer_one(world: World, side: Side) -> None:
    left, right = pair(world, phone="1")
    world.rule("account", phone={"policy": Policy.NEWEST})
    names = Sides("user", "user").with_(side, "connector")
    world.crm.edit("companies", left, by=names.left, phone="2")
    world.clock.advance(10_000)
    world.erp.edit("customers", right, by=names.right, tel="3")
    world.settle()
    assert (world.crm.get("companies", left)["phone"], world.erp.get("customers", right)["tel"]) == ("2", "3")
    assert world.conflicts() == [("phone", "conflict")]


# --------------------------------------------------------------------------------------- section 2.3: agreement


@pytest.mark.parametrize("base", ["first link", "bases wiped"])
def test_what_a_system_cuts_off_by_its_mapping_is_no_difference_where_nothing_was_agreed(
    world: World, base: str
) -> None:
    spec = world.specs["account"]
    text = ERP_ACCOUNT.replace("phone: tel", "phone: {field: tel, max_length: 5, truncate: true}")
    right = replace(spec.systems.right, mapping=parsed(text, "cut.yaml"))
    world.set("account", systems=Sides(spec.systems.left, right))
    world.crm.add("companies", account("A", tax_id="1", phone="1234567"))
    if base == "first link":
        world.erp.add("customers", customer("A", vat_number="1", tel="12345"))
    else:
        world.settle()
        with world.store.begin() as tx:
            tx.update_links([replace(link, base=None, prints=Sides(None, None)) for link in world.links()])
    before = len(world.crm.writes) + len(world.erp.writes)
    world.sync(full=True)
    assert (len(world.crm.writes) + len(world.erp.writes), world.conflicts()) == (before, [])
    assert len(world.pairs()) == 1
    assert world.plan() == []
