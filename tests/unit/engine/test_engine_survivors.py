"""Records merged, before they were linked, into one that is not found: absence of information is no information."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connector.model.records import Page
from connector.model.values import Side
from connector.testing.world import World, account


@pytest.mark.parametrize("back", [True, False])
def test_a_survivor_that_is_not_found_is_looked_for_again_until_it_is_back_or_gone(
    world: World, monkeypatch: pytest.MonkeyPatch, back: bool
) -> None:
    world.crm.add("companies", account("Acme"))
    world.sync()
    left, survivor = (world.crm.add("companies", account(name)) for name in ("One", "Two"))
    world.crm.merge("companies", left, survivor)
    with monkeypatch.context() as hidden:
        hide(world, hidden, survivor)
        world.sync()
        assert [(hint.key, hint.reason) for hint in world.hints()] == [(left, "its survivor is missing")]
        world.clock.advance(world.specs["account"].settle - 10)
        assert world.sync(full=True).counts["created"] == 0
        assert [hint.key for hint in world.hints()] == [left]
        if not back:
            world.clock.advance(20)
            world.sync()
    world.sync(full=True)
    found = world.look("partners", world.specs["account"].kind, Side.LEFT, [left])
    assert {key: other for key, (_, other) in found.items()} == ({left: world.pairs()[survivor]} if back else {})
    assert world.hints() == []
    assert world.plan(full=True) == []


def test_a_survivor_that_is_a_tombstone_is_not_waited_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.crm.add("companies", account("Acme"))
    world.sync()
    left, survivor = (world.crm.add("companies", account(name)) for name in ("One", "Two"))
    world.crm.merge("companies", left, survivor)
    with world.store.begin() as tx:
        tx.add_tombstones(world.specs["account"].kind, Side.LEFT, [survivor], world.clock.now())
    hide(world, monkeypatch, survivor)
    world.sync()
    assert world.hints() == []


def hide(world: World, patch: pytest.MonkeyPatch, key: str) -> None:
    """No list shows that company, and to ask for it is in vain."""
    read, changes, scan = world.crm.read, world.crm.changes, world.crm.scan

    def without(page: Page) -> Page:
        return replace(page, records=[record for record in page.records if record.key != key])

    patch.setattr(world.crm, "read", lambda obj, keys: {k: r for k, r in read(obj, keys).items() if k != key})
    patch.setattr(world.crm, "changes", lambda obj, cursor: without(changes(obj, cursor)))
    patch.setattr(world.crm, "scan", lambda obj, cursor: without(scan(obj, cursor)))
