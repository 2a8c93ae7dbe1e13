"""The right to run: kept while a run goes on, lost without harm, and never shared."""

from __future__ import annotations

import pytest

from connector.errors import TransientError
from connector.model.records import Page
from connector.model.values import Side
from connector.testing.world import World, account


def test_a_run_keeps_its_lease_however_long_reading_and_writing_take(world: World) -> None:
    for number in range(300):
        world.crm.add("companies", account(f"A{number}"))
    kind = world.specs["account"].kind
    refused: list[bool] = []
    original = world.crm.changes

    def slow(name: str, cursor: str | None) -> Page:
        world.clock.advance(400)
        with world.store.begin() as tx:
            refused.append(tx.take_lease(kind, "thief", world.clock.now(), 900.0) is None)
        return original(name, cursor)

    world.crm.changes = slow  # type: ignore[method-assign]
    world.sync()
    assert len(refused) >= 6
    assert all(refused)
    assert len(world.erp.live("customers")) == 300


def sync_that_is_overtaken(world: World) -> None:
    """A run that stands still while it reads the CRM, until another had its lease and gave it back; it has to end."""
    kind = world.specs["account"].kind
    original = world.crm.changes

    def stalled(name: str, cursor: str | None) -> Page:
        world.clock.advance(2000)
        with world.store.begin() as tx:
            assert tx.take_lease(kind, "thief", world.clock.now(), 900.0) is not None
            tx.drop_lease(kind, "thief")
        return original(name, cursor)

    world.crm.changes = stalled  # type: ignore[method-assign]
    with pytest.raises(TransientError):
        world.sync()
    world.crm.changes = original  # type: ignore[method-assign]


def test_a_run_whose_lease_was_taken_over_stops_before_it_writes(world: World) -> None:
    world.crm.add("companies", account("A"))
    sync_that_is_overtaken(world)
    assert world.erp.live("customers") == {}
    world.sync()
    assert len(world.erp.live("customers")) == 1


def test_what_a_run_read_while_it_lost_its_lease_is_not_stored(world: World) -> None:
    """The run that took over may have read something newer: which version was seen is its affair now."""
    left = world.crm.add("companies", account("A", internal="one"))
    world.sync()
    kind = world.specs["account"].kind
    before = world.look("links_by_key", kind, Side.LEFT, [left])
    world.crm.edit("companies", left, internal="two")
    sync_that_is_overtaken(world)
    assert world.look("links_by_key", kind, Side.LEFT, [left]) == before
    world.sync()
    assert world.look("links_by_key", kind, Side.LEFT, [left]) != before
