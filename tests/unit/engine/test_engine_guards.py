"""Guards tell a mass change from the rest of a first load."""

from __future__ import annotations

import pytest

from connector.errors import Halted
from connector.testing.driver import Crash
from connector.testing.world import World, account, customer


def test_the_rest_of_an_interrupted_first_load_is_no_mass_change(world: World) -> None:
    world.erp.rewrites("customers", lambda body: {**body, "mail": body.get("mail") or "office@default.example"})
    for number in range(60):
        world.crm.add("companies", account(f"Acme {number}"))
    left_open = 0
    for step in range(1, 60):
        copy = world.copy()
        try:
            copy.sync(crash=step)
        except Crash:
            rows = copy.crm.live("companies").values()
            left_open += len(copy.erp.live("customers")) == 60 and all(row["email"] is None for row in rows)
            copy.settle()
        assert {row["email"] for row in copy.crm.live("companies").values()} == {"office@default.example"}, step
        copy.store.close()
    assert left_open >= 2  # it did die between the creates and what flows back


def test_two_full_systems_that_differ_are_linked_without_a_halt(world: World) -> None:
    for number in range(120):
        world.crm.add("companies", account(f"Acme {number}", tax_id=f"T{number}", phone="1"))
        world.erp.add("customers", customer(f"Acme {number}", vat_number=f"T{number}", mail="a@b.example"))
    world.sync()
    assert {row["email"] for row in world.crm.live("companies").values()} == {"a@b.example"}
    assert {row["tel"] for row in world.erp.live("customers").values()} == {"1"}


def test_the_same_edit_of_every_record_halts(world: World) -> None:
    for number in range(120):
        world.crm.add("companies", account(f"Acme {number}"))
    world.sync()
    for key in world.crm.live("companies"):
        world.crm.edit("companies", key, email="wrong@example.org")
    with pytest.raises(Halted, match="would change 120 of 120"):
        world.sync()
    assert all(row["mail"] is None for row in world.erp.live("customers").values())
