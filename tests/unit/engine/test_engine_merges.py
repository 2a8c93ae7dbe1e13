"""Records merged in one system: their partners, children and open writes go to the survivor."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from connector.errors import UncertainError
from connector.model.values import Side
from connector.testing.world import FULL, World, account, make_world


def linked(world: World, count: int = 1) -> dict[str, str]:
    for number in range(count):
        world.crm.add("companies", account(f"Acme {number}", phone="1"))
    world.sync()
    return world.pairs()


def partners(world: World, keys: list[str]) -> dict[str, str | None]:
    found = world.look("partners", world.specs["account"].kind, Side.LEFT, keys)
    return {key: other for key, (_, other) in found.items()}


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize("together", [False, True])
def test_a_record_merged_into_one_that_is_merged_on_leads_to_the_last_survivor(
    world: World, order: tuple[int, int], together: bool
) -> None:
    keys = list(linked(world, 3))
    kept = world.pairs()[keys[2]]
    chain = [(keys[0], keys[1]), (keys[1], keys[2])]
    if order == (1, 0):
        chain = [(keys[1], keys[0]), (keys[0], keys[2])]
    for loser, survivor in chain:
        world.crm.merge("companies", loser, survivor)
        if not together:
            world.sync()
    world.sync()
    assert partners(world, keys) == dict.fromkeys(keys, kept)
    assert world.plan(full=True) == []


def test_a_record_merged_into_a_new_one_ends_when_that_one_is_linked(world: World) -> None:
    ((loser, _),) = linked(world).items()
    survivor = world.crm.add("companies", account("New"))
    world.crm.merge("companies", loser, survivor)
    world.sync()
    assert world.conflicts() == []
    kept = world.pairs()[survivor]
    assert partners(world, [loser, survivor]) == {loser: kept, survivor: kept}
    assert world.hints() == []
    assert world.plan() == []


@pytest.mark.parametrize("ended", ["one", "both"])
def test_what_merges_across_ended_links_leave_on_both_sides_is_held_as_one_pair(world: World, ended: str) -> None:
    world.set("account", deletes="ignore")
    (one, image), (two, other) = linked(world, 2).items()
    if ended == "one":
        world.crm.merge("companies", one, two)
    else:
        world.crm.remove("companies", one)
    world.crm.remove("companies", two)
    world.sync()
    world.crm.restore("companies", two)
    if ended == "both":
        world.crm.restore("companies", one)
        world.crm.merge("companies", one, two)
    world.erp.merge("customers", other, image)
    world.sync()
    assert world.conflicts() == [("*", "restored")]
    found = world.look("links_by_key", world.specs["account"].kind, Side.LEFT, [one, two])
    assert {key: (link.id, link.keys.right) for key, link in found.items()} == dict.fromkeys(
        [one, two], (found[two].id, image)
    )
    assert sorted(world.erp.live("customers")) == [image]
    assert world.plan() == []


def test_a_survivor_whose_ended_partner_stays_away_is_asked_about_by_nobody(world: World) -> None:
    world.set("account", deletes="ignore")
    (one, image), (two, other) = linked(world, 2).items()
    world.crm.merge("companies", one, two)
    world.crm.remove("companies", two)
    world.sync()
    world.erp.merge("customers", other, image)
    world.sync()
    assert world.conflicts() == []
    assert world.hints() == []
    assert world.plan() == []


def test_orders_of_merged_customers_stay_apart_and_new_ones_go_to_the_survivor(world: World) -> None:
    loser, survivor = linked(world, 2)
    kept = world.pairs()[survivor]
    deals = [
        world.crm.add("deals", {"name": name, "company_id": key, "currency": "EUR", "lines": []})
        for name, key in (("D1", loser), ("D2", survivor))
    ]
    world.sync("order")
    world.crm.merge("companies", loser, survivor)
    world.sync()
    world.crm.edit("deals", deals[0], notes="late")
    world.sync("order")
    orders = world.erp.live("orders")
    assert len(orders) == 2
    shown = orders[world.pairs("order")[deals[0]]]
    assert shown["remarks"] == "late"
    world.crm.edit("deals", deals[0], company_id=survivor)
    world.sync("order")
    new = world.crm.add("deals", {"name": "D3", "company_id": loser, "currency": "EUR", "lines": []})
    world.sync("order")
    assert world.erp.live("orders")[world.pairs("order")[new]]["customer"] == kept
    assert world.conflicts("order") == []
    assert world.plan("order", full=True) == []


def test_a_record_merged_while_its_create_is_open_leads_to_the_survivor(world: World) -> None:
    survivor = next(iter(linked(world)))
    left = world.crm.add("companies", account("New"))
    world.erp.fail("write", UncertainError("lost"), after=True)
    world.sync()
    world.crm.merge("companies", left, survivor)
    world.settle()
    assert partners(world, [left]) == {left: world.pairs()[survivor]}
    assert world.conflicts() == []


def test_a_half_linked_record_that_is_merged_away_leads_to_the_survivor(world: World) -> None:
    survivor = next(iter(linked(world)))
    world.erp.reject_where(lambda fields: fields.get("title") == "Bad")
    left = world.crm.add("companies", account("Bad"))
    world.sync()
    world.crm.merge("companies", left, survivor)
    world.sync()
    assert world.dead() == []
    assert partners(world, [left]) == {left: world.pairs()[survivor]}


def test_an_unlinked_record_that_waits_and_is_merged_away_lets_its_children_find_the_survivor(world: World) -> None:
    survivor = next(iter(linked(world)))
    left = world.crm.add("companies", account("New"))
    deal = world.crm.add("deals", {"name": "D", "company_id": left, "currency": "EUR", "lines": []})
    world.sync("order")
    world.crm.merge("companies", left, survivor)
    world.sync()
    world.clock.advance(7 * 3600)
    world.sync("order")
    assert deal in world.pairs("order")


def test_a_record_that_the_look_for_a_survivor_shows_merged_is_not_made_of_an_old_copy(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    survivor = next(iter(linked(world)))
    first, second = (world.crm.add("companies", account(name)) for name in ("One", "Two"))
    world.crm.merge("companies", first, second)
    old = world.crm.changes("companies", world.look("cursor", world.specs["account"].kind, Side.LEFT))
    world.crm.merge("companies", second, survivor)
    with monkeypatch.context() as lagging:
        lagging.setattr(world.crm, "changes", lambda *_: old)
        report = world.sync()
    assert report.counts["created"] == 0
    assert partners(world, [first, second]) == dict.fromkeys((first, second), world.pairs()[survivor])
    world.sync()
    assert world.plan(full=True) == []


def test_what_was_told_of_a_record_merged_on_both_sides_stays_told_as_long_as_it_is_so(world: World) -> None:
    (left, right), (gone, other) = linked(world, 2).items()
    survivor = world.crm.add("companies", account("New"))
    world.crm.remove("companies", gone)
    world.erp.merge("customers", right, other)
    world.crm.merge("companies", left, survivor)
    world.sync()
    told = world.conflicts()
    assert told == [("*", f"merged into {other}, which is not linked")]
    world.crm.remove("companies", survivor)
    world.sync()
    world.sync(full=True)
    assert world.conflicts() == told


@pytest.mark.parametrize("expired", [False, True])
def test_a_full_run_sees_that_the_survivors_partner_is_gone_though_the_image_of_the_merged_one_is_listed(
    tmp_path: Path, expired: bool
) -> None:
    world = make_world(tmp_path, FULL, replace(FULL, deletes="none"))
    (loser, image), (survivor, kept), *_ = linked(world, 3).items()
    world.crm.merge("companies", loser, survivor)
    world.sync()
    world.erp.remove("customers", kept)
    if expired:
        kind = world.specs["account"].kind
        with world.store.begin() as tx:
            tx.set_cursor(kind, Side.RIGHT, None)
    world.sync(full=not expired)
    world.clock.advance(1000)
    world.sync()
    assert survivor not in world.crm.live("companies")
    assert image in world.erp.live("customers")
    assert world.hints() == []
    assert world.plan(full=True) == []
    world.store.close()
