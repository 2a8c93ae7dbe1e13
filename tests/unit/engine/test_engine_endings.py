"""Deletes, guards, missing records, merges, tombstones and twins."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from connector.errors import Halted
from connector.merge.guards import Limit, Limits
from connector.model.rows import LinkState
from connector.model.values import Side
from connector.testing.world import FULL, World, account, customer, make_world


def linked(world: World, count: int = 1) -> dict[str, str]:
    for number in range(count):
        world.crm.add("companies", account(f"Acme {number}", phone="1"))
    world.sync()
    return world.pairs()


def test_a_deleted_record_is_deleted_on_the_other_side_when_the_policy_says_propagate(world: World) -> None:
    ((left, right),) = linked(world).items()
    world.crm.remove("companies", left)
    assert [line.action for line in world.plan()] == ["delete"]
    report = world.sync()
    assert world.erp.live("customers") == {}
    assert report.counts["deleted"] == 1
    assert [link.state for link in world.links()] == [LinkState.CLOSED]
    assert world.look("tombstones", world.specs["account"].kind, Side.RIGHT, [right]) == {right}
    assert world.plan() == []
    assert world.hints() == []


def test_a_deleted_record_leaves_the_other_side_alone_when_the_policy_says_ignore(world: World) -> None:
    world.set("account", deletes="ignore")
    ((left, right),) = linked(world).items()
    world.crm.remove("companies", left)
    world.sync()
    assert list(world.erp.live("customers")) == [right]
    world.erp.edit("customers", right, tel="9")
    world.sync()
    assert world.crm.live("companies") == {}
    assert world.plan() == []


def test_a_deleted_record_puts_its_image_out_of_use_when_the_policy_says_so(world: World) -> None:
    world.set("account", deletes="archive")
    ((left, right),) = linked(world).items()
    world.crm.remove("companies", left)
    assert [line.action for line in world.plan()] == ["retire"]
    world.sync()
    assert world.erp.get("customers", right)["blocked"] is True
    assert world.plan() == []
    world.erp.edit("customers", right, tel="9")
    world.sync()
    assert world.crm.live("companies") == {}


@pytest.mark.parametrize("choice", list(Side))
def test_a_deleted_record_waits_for_a_person_when_the_policy_says_ask(world: World, choice: Side) -> None:
    world.set("account", deletes="ask")
    ((left, right),) = linked(world).items()
    world.crm.remove("companies", left)
    report = world.sync()
    assert (report.status, world.conflicts()) == ("partly", [("*", "delete")])
    assert list(world.erp.live("customers")) == [right]
    world.choose("account", "*", choice)
    world.sync()
    assert list(world.erp.live("customers")) == ([] if choice is Side.LEFT else [right])
    assert world.conflicts() == []
    assert world.plan() == []


def test_deletes_above_the_guard_stop_the_run_with_nothing_written_and_a_way_through(world: World) -> None:
    world.set("account", limits=Limits(deletes=Limit(count=2)))
    pairs = linked(world, 5)
    for left in list(pairs)[:3]:
        world.crm.remove("companies", left)
    world.crm.edit("companies", list(pairs)[4], phone="new")
    before = world.erp.state()
    with pytest.raises(Halted) as caught:
        world.sync()
    assert str(caught.value) == (
        "accounts: 3 of 5 records were deleted in crm; carrying that over would remove 3 in erp "
        "(0 already in 24 hours), at most 2. Nothing of this plan was written. "
        "Look with `connector plan accounts`; if it is right, run `connector sync accounts --allow deletes`, "
        "or raise `deletes` in the configuration."
    )
    assert world.erp.state() == before
    with pytest.raises(Halted):
        world.sync()
    world.sync(allow=frozenset({"deletes"}))
    assert len(world.erp.live("customers")) == 2


def test_deletes_of_earlier_runs_of_the_day_count_for_the_guard(world: World) -> None:
    world.set("account", limits=Limits(deletes=Limit(count=2)))
    pairs = linked(world, 5)
    for number, left in enumerate(list(pairs)[:3]):
        world.crm.remove("companies", left)
        if number < 2:
            world.sync()
    with pytest.raises(Halted):
        world.sync()
    world.clock.advance(86401)
    world.sync()
    assert len(world.erp.live("customers")) == 2


def test_too_many_changed_records_stop_the_run(world: World) -> None:
    pairs = linked(world, 60)
    for left in pairs:
        world.crm.edit("companies", left, phone="new")
    with pytest.raises(Halted, match="would change 60 of 60 records in erp, at most 50"):
        world.sync()
    assert {row["tel"] for row in world.erp.live("customers").values()} == {"1"}


@pytest.mark.parametrize("gone", list(Side))
def test_a_record_deleted_here_and_changed_there_is_held(world: World, gone: Side) -> None:
    ((left, right),) = linked(world).items()
    if gone is Side.LEFT:
        world.crm.remove("companies", left)
        world.erp.edit("customers", right, tel="new")
    else:
        world.erp.remove("customers", right)
        world.crm.edit("companies", left, phone="new")
    report = world.sync()
    assert report.status == "partly"
    assert world.conflicts() == [("*", "deleted and changed")]
    assert len(world.crm.live("companies")) + len(world.erp.live("customers")) == 1
    world.choose("account", "*", gone)
    world.sync()
    assert len(world.crm.live("companies")) + len(world.erp.live("customers")) == 0
    assert world.conflicts() == []


@pytest.mark.parametrize("gone", list(Side))
@pytest.mark.parametrize("policy", ["propagate", "ask"])
def test_a_record_that_changes_after_a_person_chose_to_delete_it_is_asked_about_again(
    world: World, gone: Side, policy: str
) -> None:
    world.specs["account"] = replace(world.specs["account"], deletes=policy)
    ((left, right),) = linked(world).items()

    def edit(value: str) -> None:
        if gone is Side.LEFT:
            world.erp.edit("customers", right, tel=value)
        else:
            world.crm.edit("companies", left, phone=value)

    if gone is Side.LEFT:
        world.crm.remove("companies", left)
    else:
        world.erp.remove("customers", right)
    if policy == "propagate":
        edit("before")
    world.sync()
    world.choose("account", "*", gone)
    edit("after")
    world.sync()
    assert world.conflicts() == [("*", "deleted, and changed after a decision")]
    world.sync()
    assert len(world.crm.live("companies")) + len(world.erp.live("customers")) == 1
    world.choose("account", "*", gone)
    world.sync()
    assert len(world.crm.live("companies")) + len(world.erp.live("customers")) == 0
    assert world.conflicts() == []


def test_a_record_that_changes_just_before_its_delete_is_not_deleted(world: World) -> None:
    ((left, right),) = linked(world).items()
    world.crm.remove("companies", left)
    original = world.erp.write

    def write(name: str, writes: object) -> object:
        world.erp.write = original  # type: ignore[method-assign]
        world.erp.edit("customers", right, tel="late")
        return original(name, writes)  # type: ignore[arg-type]

    world.erp.write = write  # type: ignore[method-assign,assignment]
    world.sync()
    assert world.erp.get("customers", right)["tel"] == "late"
    assert world.conflicts() == [("*", "deleted and changed")]


NO_FEED = replace(FULL, deletes="none")


def test_a_record_not_found_once_is_not_deleted_and_one_not_found_after_the_settle_time_is(tmp_path: Path) -> None:
    world = make_world(tmp_path, NO_FEED, FULL)
    pairs = linked(world, 3)
    left, right = next(iter(pairs.items()))
    world.crm.remove("companies", left)
    report = world.sync(full=True)
    assert right in world.erp.live("customers")
    assert report.counts["held"] == 1
    world.clock.advance(60)
    world.sync()
    assert right in world.erp.live("customers")
    world.clock.advance(1000)
    world.sync()
    assert right not in world.erp.live("customers")
    assert len(world.erp.live("customers")) == 2
    assert world.hints() == []
    assert world.plan(full=True) == []
    world.store.close()


def test_a_record_that_is_back_after_it_was_missing_is_left_alone(tmp_path: Path) -> None:
    world = make_world(tmp_path, NO_FEED, FULL)
    left, right = next(iter(linked(world, 3).items()))
    world.crm.remove("companies", left)
    world.sync(full=True)
    world.crm.restore("companies", left)
    world.clock.advance(1000)
    world.sync()
    assert right in world.erp.live("customers")
    assert world.hints() == []
    assert world.plan(full=True) == []
    world.store.close()


def test_nothing_is_deleted_when_a_system_shows_no_record_at_all(tmp_path: Path) -> None:
    world = make_world(tmp_path, NO_FEED, FULL)
    pairs = linked(world, 3)
    world.set("account", limits=Limits(shrank=None))
    for left in pairs:
        world.crm.remove("companies", left)
    world.sync(full=True)
    world.clock.advance(1000)
    world.sync()
    assert len(world.erp.live("customers")) == 3
    world.store.close()


def test_a_merge_on_one_side_leads_both_keys_to_the_survivor_and_deletes_nothing(world: World) -> None:
    pairs = linked(world, 2)
    (loser, image), (survivor, kept) = pairs.items()
    world.crm.merge("companies", loser, survivor)
    world.sync()
    assert sorted(world.erp.live("customers")) == sorted([image, kept])
    partners = world.look("partners", world.specs["account"].kind, Side.LEFT, [loser, survivor])
    assert {key: other for key, (_, other) in partners.items()} == {loser: kept, survivor: kept}
    world.erp.edit("customers", image, tel="frozen")
    world.crm.edit("companies", survivor, phone="5")
    world.sync()
    assert world.erp.get("customers", kept)["tel"] == "5"
    assert world.plan() == []
    assert world.hints() == []


def test_a_merge_into_a_record_that_was_merged_on_before_it_was_linked_leads_to_the_last_one(world: World) -> None:
    ((loser, _),) = linked(world).items()
    middle, last = (world.crm.add("companies", account(name)) for name in ("Middle", "Last"))
    world.crm.merge("companies", loser, middle)
    world.crm.merge("companies", middle, last)
    world.sync()
    partners = world.look("partners", world.specs["account"].kind, Side.LEFT, [loser, middle, last])
    assert {key: other for key, (_, other) in partners.items()} == dict.fromkeys([loser, middle, last], "K00002")
    assert world.conflicts() == []
    assert world.hints() == []


def test_children_of_a_merged_record_resolve_to_the_survivor(world: World) -> None:
    pairs = linked(world, 2)
    (loser, _), (survivor, kept) = pairs.items()
    world.crm.merge("companies", loser, survivor)
    world.crm.add("deals", {"name": "D", "company_id": loser, "currency": "EUR", "lines": []})
    world.sync()
    world.sync("order")
    (found,) = world.erp.live("orders").values()
    assert found["customer"] == kept


def test_a_key_that_ended_is_never_created_again(world: World) -> None:
    ((left, _),) = linked(world).items()
    world.crm.remove("companies", left)
    world.sync()
    world.crm.restore("companies", left)
    report = world.sync()
    assert world.erp.live("customers") == {}
    assert report.status == "partly"
    assert world.conflicts() == [("*", "restored")]
    world.sync(full=True)
    assert world.erp.live("customers") == {}


@pytest.mark.parametrize("by", ["connector", "user"])
def test_a_record_brought_back_is_held_when_the_store_forgot_that_we_deleted_its_partner(world: World, by: str) -> None:
    ((left, right),) = linked(world).items()
    backup = world.copy()
    world.crm.remove("companies", left)
    if by == "connector":
        world.sync()
    else:
        world.erp.remove("customers", right)
    world.crm.restore("companies", left)
    world.store.close()
    world.store, world.folder = backup.store, backup.folder
    world.sync()
    assert (left in world.crm.live("companies")) is (by == "connector")
    assert world.conflicts() == ([("*", "restored")] if by == "connector" else [])
    assert world.plan() == []
    if by == "connector":
        world.choose("account", "*", Side.LEFT)
        world.sync()
        assert left in world.crm.live("companies")
        assert [link.state for link in world.links()] == [LinkState.CLOSED]
        assert world.plan() == world.conflicts() == []


def test_a_copy_that_lags_behind_shows_nothing_older_than_what_a_person_was_asked_about(world: World) -> None:
    ((left, right),) = linked(world).items()
    old = world.erp.read("customers", [right])[right]
    world.crm.edit("companies", left, phone="2")
    world.erp.remove("customers", right)
    world.sync()
    assert world.conflicts() == [("*", "deleted and changed")]
    world.crm.edit("companies", left, phone="3")
    world.erp.stale[right] = old
    sent = len(world.erp.writes)
    world.sync()
    assert len(world.erp.writes) == sent
    world.settle()
    assert world.conflicts() == [("*", "deleted and changed")]


def test_a_record_of_our_own_without_a_link_is_a_twin_and_is_quarantined(world: World) -> None:
    world.erp.add("customers", customer("Twin"), by="connector")
    report = world.sync()
    assert world.crm.live("companies") == {}
    assert report.counts["failed"] == 1
    assert [key for _, key, _ in world.dead()] == ["K00001"]


@pytest.mark.parametrize("external", ["unique", "search"])
def test_a_record_with_two_twins_is_not_created_a_third_time(tmp_path: Path, external: str) -> None:
    powers = replace(FULL, external_key=external)  # type: ignore[arg-type]
    world = make_world(tmp_path, powers, powers)
    left = world.crm.add("companies", account("Acme"))
    for _ in range(2):
        world.erp.add("customers", customer("Acme", crm_ref=left), by="connector")
    world.sync()
    assert len(world.erp.live("customers")) == 2
    assert len(world.crm.live("companies")) == 1
    assert world.links() == []
    world.store.close()


def test_a_copy_made_by_a_person_does_not_steal_the_link(world: World) -> None:
    ((left, right),) = linked(world).items()
    clone = world.erp.add("customers", world.erp.get("customers", right))
    world.sync()
    assert world.pairs()[left] == right
    assert clone in world.pairs().values()
    assert len(world.crm.live("companies")) == 2


def test_a_half_linked_record_that_is_deleted_before_its_create_worked_is_forgotten(world: World) -> None:
    world.erp.reject_where(lambda fields: True)
    left = world.crm.add("companies", account("Acme"))
    world.sync()
    world.crm.remove("companies", left)
    world.sync()
    world.erp.accept_all()
    world.sync(full=True)
    assert world.erp.live("customers") == {}
    assert world.dead() == []
    assert world.plan(full=True) == []


@pytest.mark.parametrize("choice", list(Side))
def test_a_delete_over_a_value_that_was_never_settled_is_held_and_its_end_leaves_no_conflict(
    world: World, choice: Side
) -> None:
    ((left, right),) = linked(world).items()
    world.crm.edit("companies", left, phone="L")
    world.erp.edit("customers", right, tel="R")
    world.sync()
    world.crm.remove("companies", left)
    world.sync()
    assert sorted(world.conflicts()) == [("*", "deleted and changed"), ("phone", "conflict")]
    assert world.erp.get("customers", right)["tel"] == "R"
    world.choose("account", "*", choice)
    world.sync()
    assert world.conflicts() == []
    assert len(world.erp.live("customers")) == (0 if choice is Side.LEFT else 1)


def test_a_delete_over_a_value_that_was_held_is_held(world: World) -> None:
    ((left, right),) = linked(world).items()
    world.crm.edit("companies", left, state="prospect")
    world.sync()
    world.erp.remove("customers", right)
    world.sync()
    assert left in world.crm.live("companies")
    assert ("*", "deleted and changed") in world.conflicts()
